import { recipeToml, TINY } from "../harness/recipes";
import { UNUSED_CLIENT } from "../harness/page_guard";
import { expect, test } from "../harness/test";

test.use({ javaScriptEnabled: false });
test.describe.configure({ timeout: 240_000 });
test.beforeEach(({ guard }) => guard.expect(UNUSED_CLIENT));

test("studies, figures and completions can be read", async ({ page }) => {
  await page.goto("/");
  await page.getByRole("row").filter({ hasText: "example" }).getByRole("link").click();
  await expect(page.getByRole("region", { name: "Toxic and non-toxic completions" }).locator("svg").first()).toBeVisible();
  await page.getByRole("link", { name: "Completions", exact: true }).click();
  await expect(page.getByRole("article").first()).toBeVisible();
  await page.getByLabel("Verdict").selectOption("non_toxic");
  await page.getByRole("form", { name: "Choose completions" }).getByRole("button", { name: "Show" }).click();
  await expect(page).toHaveURL(/verdict=non_toxic/);
  await expect(page.getByRole("status")).toContainText("meet this choice");
});

test("a wrong form comes back as it was typed, with what is wrong", async ({ newStudy, page }) => {
  await page.goto("/studies/new");
  await newStudy.fill({ notes: "kept as typed", "arms.0.learning_rate": "fast" });
  await newStudy.start.click();
  await newStudy.expectRefused("arms.0.learning_rate", /above 0/);
  await expect(newStudy.input("arms.0.learning_rate")).toHaveValue("fast");
  await expect(newStudy.input("notes")).toHaveValue("kept as typed");
});

test("the kind is switched by a button, and nothing typed is lost", async ({ newStudy, page }) => {
  await page.goto("/studies/new");
  await newStudy.fill({ "prompts.limit": "7" });
  await newStudy.kind("Classification").check();
  await newStudy.showKind.click();
  await expect(newStudy.kind("Classification")).toBeChecked();
  await expect(newStudy.input("prompts.limit")).toBeHidden();
  await newStudy.fill({ "groups.minority_fractions": "1, 0" });
  await newStudy.start.click();
  await newStudy.expectRefused("groups.minority_fractions", /above 0, at most 1/);
  await newStudy.kind("Toxicity").check();
  await newStudy.showKind.click();
  await expect(newStudy.input("prompts.limit")).toHaveValue("7");
  await expect(newStudy.input("data.source")).toBeHidden();
});

test("a study is checked, started and deleted", async ({ newStudy, study, page }) => {
  await page.goto(`/studies/new?${new URLSearchParams({ toml: recipeToml({ ...TINY, name: "Without scripts" }) })}`);
  await newStudy.check.click();
  await expect(newStudy.estimate).toContainText(/about \d/);
  await newStudy.start.click();
  await expect(page).toHaveURL(/\/studies\/[0-9A-Z]{26}$/);
  await expect(study.heading).toContainText("Without scripts");
  await expect(async () => {
    await page.reload();
    await study.expectStatus("finished", 1_000);
  }).toPass({ timeout: 200_000, intervals: [2_000] });
  await study.deleteForGood();
  await expect(page).toHaveURL(/\/$/);
  await expect(page.getByText("Without scripts")).toHaveCount(0);
});
