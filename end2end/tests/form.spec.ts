import { recipeToml, TINY } from "../harness/recipes";
import { expect, test } from "../harness/test";

// [what is typed where, what must be said beside the field]
const WRONG: [Record<string, string>, RegExp][] = [
  [{ name: "" }, /name/i],
  [{ seeds: "0, one" }, /whole number/i],
  [{ "prompts.limit": "0" }, /./],
  [{ "generation.max_new_tokens": "0" }, /./],
  [{ "generation.temperature": "-1" }, /./],
  [{ "generation.top_p": "1.5" }, /./],
  [{ "training.per_device_train_batch_size": "0" }, /./],
  [{ "arms.0.lora_r": "0" }, /./],
  [{ "arms.0.learning_rate": "0" }, /above 0/i],
  [{ "arms.0.learning_rate": "-0.1" }, /above 0/i],
  [{ "arms.0.learning_rate": "NaN" }, /./],
  [{ "arms.1.lora_r": "2" }, /twice|already|duplicate|once/i],
];

for (const [typed, remedy] of WRONG) {
  const [[name, value]] = Object.entries(typed);
  test(`${name} = "${value}" is refused beside the field, and nothing typed is lost`, async ({ newStudy, page }) => {
    await newStudy.open();
    await newStudy.fill({ notes: "kept as typed", ...typed });
    await newStudy.start.click();
    await newStudy.expectRefused(name, remedy);
    await expect(newStudy.errorSummary).toBeFocused();
    await expect(newStudy.input(name)).toHaveValue(value);
    await expect(newStudy.input("notes")).toHaveValue("kept as typed");
    expect(new URL(page.url()).pathname).toBe("/studies/new");
  });
}

/** The estimate of a form whose files or model are not on this machine. */
const NOT_HERE = /status 422|Failed to load resource/;

const WRONG_IN_CLASSIFICATION: [Record<string, string>, RegExp][] = [
  [{ "groups.minority_fractions": "1, 0" }, /above 0, at most 1/],
  [{ "groups.minority_fractions": "0.5, 0.5" }, /twice/],
  [{ "groups.by": "terms", "groups.terms": "women" }, /no colon/],
  [{ "groups.by": "terms", "groups.terms": "women: she; men: she" }, /stands twice/],
  [{ "data.label_names": "positive" }, /two labels/],
  [{ "classifier.options": "good, good" }, /twice/],
];

for (const [typed, remedy] of WRONG_IN_CLASSIFICATION) {
  const [name, value] = Object.entries(typed).at(-1)!;
  test(`${name} = "${value}" is refused beside the field of a classification study`, async ({ newStudy }) => {
    await newStudy.open({ preset: "classification-quick" });
    await newStudy.fill(typed);
    await newStudy.start.click();
    await newStudy.expectRefused(name, remedy);
    await expect(newStudy.input(name)).toBeVisible();
    await expect(newStudy.input(name)).toHaveValue(value);
  });
}

test("a wrong field that is folded away is unfolded", async ({ newStudy, page }) => {
  await newStudy.open({ preset: "classification-quick", "data.test_share": "0.25" });
  await expect(newStudy.input("data.test_share")).toBeHidden();
  await page.getByText("More about data").click();
  await newStudy.fill({ "data.test_share": "1" });
  await page.getByText("More about data").click();
  await expect(newStudy.input("data.test_share")).toBeHidden();
  await newStudy.start.click();
  await newStudy.expectRefused("data.test_share", /below 1/);
  await newStudy.errorSummary.getByRole("link").click();
  await expect(newStudy.input("data.test_share")).toBeVisible();
  await expect(newStudy.input("data.test_share")).toBeFocused();
});

test("another kind has its own fields, and switching back loses nothing", async ({ guard, newStudy }) => {
  guard.expect(NOT_HERE);
  await newStudy.open();
  await expect(newStudy.kind("Toxicity")).toBeChecked();
  await expect(newStudy.input("data.source")).toBeHidden();
  await newStudy.fill({ "prompts.limit": "7" });

  await newStudy.kind("Classification").check();
  await expect(newStudy.input("prompts.limit")).toBeHidden();
  await expect(newStudy.input("data.source")).toBeVisible();
  await expect(newStudy.input("training.keep_full_weights")).toBeVisible();
  await newStudy.fill({ "data.source": "reviews.csv", "groups.by": "terms" });
  await newStudy.fill({ "groups.terms": "women: she, her; men: he, his" });
  await expect(newStudy.toml).toContainText('kind = "classification"');
  await expect(newStudy.toml).toContainText('name = "women"');
  await expect(newStudy.toml).not.toContainText("[judge]");

  await newStudy.kind("Toxicity").check();
  await expect(newStudy.input("training.keep_full_weights")).toBeHidden();
  await expect(newStudy.toml).toContainText("limit = 7");
  await expect(newStudy.toml).not.toContainText("[data]");

  await newStudy.kind("Classification").check();
  await expect(newStudy.input("data.source")).toHaveValue("reviews.csv");
  await expect(newStudy.input("groups.terms")).toHaveValue("women: she, her; men: he, his");
});

test("what only the server can know is refused beside its field too", async ({ guard, newStudy }) => {
  guard.expect(/status 4\d\d|Failed to load resource/);
  await newStudy.open({ toml: recipeToml(TINY) });
  await newStudy.fill({ "arms.0.lora_r": "100000" });
  await newStudy.start.click();
  await newStudy.expectRefused("arms.0.lora_r", /576|width/);
  await expect(newStudy.input("name")).toHaveValue(TINY.name);

  await newStudy.fill({ "arms.0.lora_r": "2", "model.source": "/no/such/model.gguf" });
  await newStudy.start.click();
  await newStudy.expectRefused("model.source", /./);
  await expect(newStudy.errorSummary).toContainText("/no/such/model.gguf");
});

test("the estimate follows the form", async ({ newStudy }) => {
  await newStudy.open({ toml: recipeToml(TINY) });
  await expect(newStudy.estimate).toContainText(/about \d/, { timeout: 30_000 });
  await expect(newStudy.estimate).toContainText("Memory");
  const completions = newStudy.estimate.locator("dt", { hasText: "Completions" }).locator("+ dd");
  await expect(completions).toHaveText("8"); // 4 prompts, original and one rank
  await newStudy.fill({ "prompts.limit": "8" });
  await expect(completions).toHaveText("16", { timeout: 30_000 });
});

test("the estimate of a classification study counts its examples", async ({ newStudy }) => {
  await newStudy.open({ preset: "classification-quick" });
  await expect(newStudy.estimate).toContainText("Minority", { timeout: 30_000 });
  await expect(newStudy.estimate).not.toContainText("Completions");
  const left = newStudy.estimate.getByRole("table", { name: "Training examples at each minority fraction." }).getByRole("row");
  await expect(left).toHaveCount(3);
  await newStudy.fill({ "groups.minority_fractions": "1, 0.5, 0.1" });
  await expect(left).toHaveCount(4, { timeout: 30_000 });
});

test("presets fill the form", async ({ guard, newStudy }) => {
  guard.expect(NOT_HERE);
  await newStudy.open();
  await expect(newStudy.input("name")).toHaveValue("Quick look");
  await expect(newStudy.arms).toHaveCount(4);
  await newStudy.presets.getByRole("link", { name: "Paper: toxicity" }).click();
  await expect(newStudy.input("name")).toHaveValue(/Paper/);
  await expect(newStudy.input("training.gradient_accumulation_steps")).toHaveValue("32");
  await expect(newStudy.input("prompts.set")).toHaveValue("honest_binary");
  await newStudy.presets.getByRole("link", { name: "Paper: SST-2, BERT" }).click();
  await expect(newStudy.input("name")).toHaveValue("Paper: SST-2, BERT");
  await expect(newStudy.kind("Classification")).toBeChecked();
  await expect(newStudy.input("classifier.head")).toHaveValue("class_head");
  await expect(newStudy.input("data.test_split")).toHaveValue("validation");
  await expect(newStudy.presets.getByRole("link", { name: "Paper: SST-2, BERT" })).toHaveAttribute("aria-current", "true");
});

test("presets stand by kind, with a link for each model", async ({ newStudy }) => {
  await newStudy.open();
  await expect(newStudy.presets.getByRole("heading")).toHaveText(["Toxicity", "Classification"]);
  const links = newStudy.presets.getByRole("list", { name: "Classification" }).getByRole("link");
  await expect(links).toHaveCount(7);
  await expect(links.nth(1)).toHaveAccessibleName("Paper: IMDb, GPT-2");
});

test("a field beside a preset in the address changes that field alone", async ({ guard, newStudy }) => {
  guard.expect(NOT_HERE);
  await newStudy.open({ preset: "classification-quick", "data.source": "dataset:mine" });
  await expect(newStudy.input("data.source")).toHaveValue("dataset:mine");
  await expect(newStudy.input("name")).toHaveValue("Quick classification");
  await expect(newStudy.input("groups.minority_fractions")).toHaveValue("1, 0.25");
});

test("the recipe as TOML is the form, and a recipe fills the form", async ({ newStudy, page }) => {
  await newStudy.open();
  await newStudy.fill({ name: "Mine & yours", "generation.max_new_tokens": "9", "arms.1.lora_r": "16" });
  await expect(newStudy.toml).toContainText('name = "Mine & yours"');
  const toml = await newStudy.toml.innerText();
  expect(toml).toContain("max_new_tokens = 9");

  await newStudy.open();
  await page.getByText("Start from a recipe file").click();
  await page.getByLabel("recipe.toml from this machine").setInputFiles({ name: "recipe.toml", mimeType: "text/plain", buffer: Buffer.from(toml) });
  await expect(newStudy.input("name")).toHaveValue("Mine & yours");
  await expect(newStudy.input("arms.1.lora_r")).toHaveValue("16");
  await expect(newStudy.toml).toHaveText(toml);
});

test("a recipe with a key that nobody knows is refused by its name", async ({ newStudy, page }) => {
  await newStudy.open();
  await page.getByText("Start from a recipe file").click();
  await page.getByLabel("or its text").fill('name = "A"\nrank = 8\n');
  await page.getByRole("button", { name: "Fill the form with it" }).click();
  await expect(newStudy.errorSummary).toContainText("rank");
});

test("arms are added and removed", async ({ newStudy }) => {
  await newStudy.open();
  await newStudy.addArm.click();
  await expect(newStudy.arms).toHaveCount(5);
  await expect(newStudy.input("arms.4.lora_r")).toHaveValue("128");
  await newStudy.removeArm(1);
  await expect(newStudy.input("arms.0.lora_r")).toHaveValue("8");
  await expect(newStudy.toml).not.toContainText("lora_r = 2\n");
});
