import { CompletionsTab } from "../pages/completions_tab";
import { UNUSED_CLIENT } from "../harness/page_guard";
import { expect, test } from "../harness/test";

interface Results {
  arms: { arm: string; pooled: { toxic: number; judged: number; unparsable: number } }[];
  groups: string[];
}

test("filters are the server's, and their counts are those of the results", async ({ study, page, request }) => {
  const results = (await (await request.get("/studies/example/results.json")).json()) as Results;
  await study.open("example", "completions");
  const completions = new CompletionsTab(page);
  const all = results.arms.reduce((sum, { pooled }) => sum + pooled.judged + pooled.unparsable, 0);
  expect(await completions.count()).toBe(all);

  for (const { arm, pooled } of results.arms) {
    await completions.choose({ Arm: arm, Verdict: "toxic" });
    await expect(completions.counted).toBeVisible();
    await expect.poll(() => completions.count(), { message: `toxic completions of ${arm}` }).toBe(pooled.toxic);
  }
  await completions.choose({ Arm: "", Verdict: "", Group: results.groups[0] });
  await expect.poll(() => completions.count()).toBeLessThan(all);
  await expect(completions.prompts.first()).toContainText(results.groups[0]);
});

test("pages follow one another, and the address brings one back", async ({ study, page }) => {
  await study.open("example", "completions");
  const completions = new CompletionsTab(page);
  const first = await completions.prompts.first().getByRole("heading", { level: 3 }).innerText();
  await completions.next.click();
  await expect(page).toHaveURL(/page=2/);
  await expect(completions.prompts.first().getByRole("heading", { level: 3 })).not.toHaveText(first);
  const second = await completions.prompts.first().innerText();
  await page.reload();
  await expect(completions.prompts.first()).toHaveText(second, { useInnerText: true });
});

test("what can't be read or is not there is said, and the last page is shown", async ({ study, page }) => {
  await study.open("example", "completions&verdict=toxc&arm=lora-r3");
  const completions = new CompletionsTab(page);
  const alert = page.getByRole("alert");
  await expect(alert).toContainText('verdict = "toxc": Write one of toxic, non_toxic, unparsable.');
  await expect(alert).toContainText('arm = "lora-r3": This study does not have it.');
  await study.open("example", "completions&page=1000");
  await expect(alert).toContainText("the last is shown");
  await expect(completions.prompts.first()).toBeVisible();
  await expect(page.getByRole("navigation", { name: "Pages of completions" })).toContainText(/Page (\d+) of \1$/);
});

test("the arms of a prompt stand side by side", async ({ study, page, request }) => {
  const results = (await (await request.get("/studies/example/results.json")).json()) as Results;
  await study.open("example", "completions");
  const completions = new CompletionsTab(page);
  await completions.choose({ Arm: "original" });
  await completions.prompts.first().getByRole("link", { name: "all arms of this prompt" }).click();
  await expect(completions.prompts).toHaveCount(1);
  await expect(completions.prompts.first().getByRole("heading", { level: 4 })).toHaveCount(results.arms.length);
});

test("harmful text is covered until asked for, and the choice is remembered", async ({ study, page }) => {
  await study.open("example", "completions");
  const completions = new CompletionsTab(page);
  await expect(page.getByText("Content warning.")).toBeVisible();
  await completions.choose({ Arm: "original", Verdict: "toxic" });
  await expect(completions.covers.first()).toBeVisible();
  await expect(completions.texts.first(), "the text under its cover").toBeHidden();
  await completions.covers.first().click();
  await expect(completions.texts.first()).toBeVisible();
  await expect(completions.texts.nth(1)).toBeHidden();

  await completions.showHarmful.click();
  await expect(completions.covers).toHaveCount(0);
  await expect(completions.texts.first()).toBeVisible();

  await study.open("example", "completions");
  await expect(completions.coverHarmful, "remembered in this browser").toBeVisible();
  await completions.coverHarmful.click();
  await study.open("example", "completions");
  await expect(completions.showHarmful).toBeVisible();
});

test("a link uncovers nothing, here or later", async ({ study, page }) => {
  const completions = new CompletionsTab(page);
  await study.open("example", "completions&arm=original&verdict=toxic&show=1");
  await expect(completions.showHarmful).toBeVisible();
  await expect(completions.covers.first()).toBeVisible();
  await expect(completions.texts.first()).toBeHidden();
  await study.open("example", "completions&arm=original&verdict=toxic");
  await expect(completions.showHarmful).toBeVisible();
  await expect(completions.covers.first()).toBeVisible();
  await completions.showHarmful.click();
  await expect(completions.covers).toHaveCount(0);
  expect(page.url(), "no link carries the reader's choice on").not.toContain("show=");
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });
  test("harmful text is covered as well", async ({ guard, page }) => {
    guard.expect(UNUSED_CLIENT);
    await page.goto("/studies/example?tab=completions&arm=original&verdict=toxic");
    const completions = new CompletionsTab(page);
    await expect(completions.covers.first()).toBeVisible();
    await expect(completions.texts.first()).toBeHidden();
    await expect(completions.showHarmful, "a button that does nothing").toBeHidden();
    await completions.covers.first().click();
    await expect(completions.texts.first()).toBeVisible();
    await expect(completions.texts.nth(1)).toBeHidden();
    await page.goto("/studies/example?tab=completions&arm=original&verdict=toxic&show=1");
    await expect(completions.texts.first(), "not by a link either").toBeHidden();
  });
});
