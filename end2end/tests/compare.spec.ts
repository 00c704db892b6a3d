import { ComparePage } from "../pages/compare_page";
import { UNUSED_CLIENT } from "../harness/page_guard";
import { recipeToml, TINY } from "../harness/recipes";
import { expect, expectAccessible, expectNoSidewaysScroll, test } from "../harness/test";

test.describe.configure({ mode: "serial", timeout: 300_000 });

let own = "";

test("from the list: two studies ticked, by keyboard, stand side by side", async ({ studies, newStudy, study, page }) => {
  await page.goto(`/studies/new?${new URLSearchParams({ toml: recipeToml({ ...TINY, name: "To compare", full: true }) })}`);
  await newStudy.start.click();
  await expect(page).toHaveURL(/\/studies\/[0-9A-Z]{26}$/);
  own = study.id();
  await study.expectStatus("finished", 240_000);

  await studies.open();
  for (const id of [own, "example"]) {
    await page.locator(`input[name="studies"][value="${id}"]`).focus();
    await page.keyboard.press("Space");
    await expect(page.locator(`input[name="studies"][value="${id}"]`)).toBeChecked();
  }
  await page.getByRole("button", { name: "Compare", exact: true }).focus();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/compare\?studies=/);
  const compare = new ComparePage(page);
  await expect(compare.studies).toHaveCount(2);
  await expect(compare.studies.first()).toContainText("To compare");
  await expect(compare.figure("Share of toxic completions")).toContainText("To compare");
  await expect(compare.contrasts.first()).toContainText("B · original − A · original");
});

test("arms are shown and hidden, contrasts follow, and the address brings it back", async ({ page }) => {
  const compare = new ComparePage(page);
  await compare.open([own, "example"]);
  const rows = await compare.contrasts.count();
  expect(rows).toBe(3);
  await compare.arm(0, "r = 2").click();
  await expect(compare.arm(0, "r = 2")).not.toHaveAttribute("aria-current", "true");
  await expect(page).toHaveURL(/arms=A:original,A:full/);
  await expect(compare.contrasts).toHaveCount(2);
  await compare.against.selectOption("A:full");
  await page.getByRole("form", { name: "Choose what arms are contrasted with" }).getByRole("button", { name: "Show" }).click();
  await expect(page).toHaveURL(/against=A(:|%3A)full/);
  await expect(compare.contrasts.first()).toContainText("A · original − A · full");
  const shown = await compare.contrasts.allInnerTexts();
  await page.reload();
  expect(await compare.contrasts.allInnerTexts()).toEqual(shown);
  await page.getByRole("link", { name: "Leave out A" }).click();
  await expect(compare.studies).toHaveCount(1);
  await page.goBack();
  await expect(compare.studies).toHaveCount(2);
});

test("every view is there, can be read, and nothing sticks out", async ({ page }) => {
  const compare = new ComparePage(page);
  for (const width of [1400, 360]) {
    await page.setViewportSize({ width, height: 900 });
    await compare.open([own, "example"]);
    for (const view of ["Accuracy", "Divergence", "Logit lens", "Completions", "Recipe and provenance", "Toxicity"] as const) {
      await compare.show(view);
      await expect(page).toHaveURL(/view=/);
      await expectNoSidewaysScroll(page);
      await expectAccessible(page);
    }
  }
});

test("the same prompts are side by side, covered, and in pages", async ({ page }) => {
  const compare = new ComparePage(page);
  await compare.open(["example", own], "&view=completions&prompts=all");
  await expect(compare.prompts).toHaveCount(10);
  const first = await compare.prompts.first().getByRole("heading", { level: 3 }).innerText();
  await page.getByRole("link", { name: "Next" }).click();
  await expect(page).toHaveURL(/page=2/);
  await expect(compare.prompts.first().getByRole("heading", { level: 3 })).not.toHaveText(first);
  await compare.open(["example"], "&view=completions&prompts=differing");
  await expect(compare.covers.first()).toBeVisible();
  await page.getByRole("button", { name: "Show harmful text" }).click();
  await expect(compare.covers).toHaveCount(0);
  await page.getByRole("button", { name: "Cover harmful text" }).click();
  await expect(compare.covers.first()).toBeVisible();
});

test("recipes show what differs, and all on request", async ({ page }) => {
  const compare = new ComparePage(page);
  await compare.open([own, "example"], "&view=recipe");
  const fields = page.getByRole("rowheader");
  await expect(fields.filter({ hasText: "prompts.limit" })).toHaveCount(1);
  await expect(fields.filter({ hasText: "prompts.set" })).toHaveCount(0);
  await compare.choice("Fields", /^all/).click();
  await expect(fields.filter({ hasText: "prompts.set" })).toHaveCount(1);
});

test("what is wrong in the address is said, and the rest is shown", async ({ page }) => {
  const compare = new ComparePage(page);
  await compare.open([own, "example"], "&view=pie&arms=A:best");
  await expect(compare.complaint).toContainText('view = "pie"');
  await expect(compare.complaint).toContainText('arms = "A:best"');
  await expect(compare.contrasts.first()).toBeVisible();
});

test("a figure can be taken away as it is shown", async ({ page, request }) => {
  const compare = new ComparePage(page);
  await compare.open([own, "example"], "&arms=A:full,B:full");
  const address = await page.getByRole("region", { name: "Share of toxic completions" }).getByRole("link", { name: /^Figure .* as SVG$/ }).first().getAttribute("href");
  const file = await request.get(address!);
  expect(file.headers()["content-type"]).toContain("image/svg+xml");
  const svg = await file.text();
  expect(svg).toContain("To compare");
  expect(svg).not.toContain("r = 2");
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });
  test("studies are chosen by a form, and views are links", async ({ guard, page }) => {
    guard.expect(UNUSED_CLIENT);
    await page.goto(`/studies/${own}`);
    await page.getByRole("link", { name: "Compare with" }).click();
    const compare = new ComparePage(page);
    await expect(compare.studies).toHaveCount(1);
    await compare.chooser.getByRole("checkbox").last().check();
    await compare.chooser.getByRole("button", { name: "Compare" }).click();
    await expect(compare.studies).toHaveCount(2);
    await compare.show("Completions");
    await expect(page.getByRole("status")).toContainText("meet this choice");
    await compare.show("Recipe and provenance");
    await expect(page.getByRole("rowheader").filter({ hasText: "prompts.limit" })).toHaveCount(1);
  });
});
