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

test("presets fill the form", async ({ newStudy, page }) => {
  await newStudy.open();
  await expect(newStudy.input("name")).toHaveValue("Quick look");
  await expect(newStudy.arms).toHaveCount(4);
  await page.getByRole("navigation", { name: "Presets" }).getByRole("link", { name: "Paper: toxicity" }).click();
  await expect(newStudy.input("name")).toHaveValue(/Paper/);
  await expect(newStudy.input("training.gradient_accumulation_steps")).toHaveValue("32");
  await expect(newStudy.input("prompts.set")).toHaveValue("honest_binary");
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
