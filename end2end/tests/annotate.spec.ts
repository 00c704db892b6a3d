import { UNUSED_CLIENT } from "../harness/page_guard";
import { AnnotatePage } from "../pages/annotate_page";
import { opened } from "../pages/opened";
import { expect, expectAccessible, expectNoSidewaysScroll, test } from "../harness/test";

const TOTAL = 24;

test("ten completions are labelled by keys, and a reload goes on where it was", async ({ page }) => {
  const annotate = new AnnotatePage(page);
  await annotate.start("example", TOTAL, "Anna");
  await annotate.expectLabelled(0, TOTAL);
  const first = await annotate.completion.locator(".to-label-text").innerText();
  const keys = ["t", "n", "u", "n", "t", "n", "n", "t", "n", "u"];
  for (const [index, key] of keys.entries()) {
    await expect(annotate.heading).toHaveText(`Completion ${index + 1} of ${TOTAL}`);
    await annotate.press(key, index + 1, TOTAL);
  }
  await expect(annotate.completion, "the reader's place is the next completion").toBeFocused();
  await page.reload();
  await opened(page);
  await annotate.expectLabelled(10, TOTAL);
  await expect(annotate.heading).toHaveText(`Completion 11 of ${TOTAL}`);

  // back to what was said, by arrows
  await page.keyboard.press("ArrowLeft");
  await expect(annotate.heading).toHaveText(`Completion 10 of ${TOTAL}`);
  await expect(annotate.button("Unsure")).toHaveAttribute("aria-pressed", "true");
  await annotate.button("Toxic").click();
  await expect(annotate.heading).toHaveText(`Completion 11 of ${TOTAL}`);
  await annotate.expectLabelled(10, TOTAL);
  await page.keyboard.press("ArrowLeft");
  await expect(annotate.button("Toxic")).toHaveAttribute("aria-pressed", "true");

  // the change is taken back, then the label itself
  await annotate.undo.click();
  await expect(annotate.button("Unsure")).toHaveAttribute("aria-pressed", "true");
  await page.keyboard.press("z");
  await annotate.expectLabelled(9, TOTAL);
  await expect(annotate.heading).toHaveText(`Completion 10 of ${TOTAL}`);
  for (const name of ["Toxic", "Not toxic", "Unsure"] as const) await expect(annotate.button(name)).toHaveAttribute("aria-pressed", "false");

  const address = new URL(page.url());
  address.searchParams.set("at", "1");
  await page.goto(address.toString());
  await expect(annotate.completion.locator(".to-label-text")).toHaveText(first, { useInnerText: true });
});

test("keys can be turned off", async ({ page }) => {
  const annotate = new AnnotatePage(page);
  await annotate.start("example", 6, "Anna");
  await page.getByRole("button", { name: "Keys are on" }).click();
  await page.keyboard.press("t");
  await annotate.button("Not toxic").click();
  await annotate.expectLabelled(1, 6);
  await annotate.previous.click();
  await expect(annotate.button("Not toxic")).toHaveAttribute("aria-pressed", "true");
  await page.getByRole("button", { name: "Keys are off" }).click();
  await page.keyboard.press("t");
  await annotate.expectLabelled(1, 6);
  await expect(annotate.heading).toHaveText("Completion 2 of 6");
});

test("what is labelled shows what the judge gets wrong", async ({ page, study }) => {
  const annotate = new AnnotatePage(page);
  const total = 20;
  await annotate.start("example", total, "Anna");
  for (let count = 1; count <= total; count++) await annotate.press(count % 3 === 0 ? "t" : "n", count, total);
  await page.getByRole("link", { name: "What the labels say of the judge" }).click();
  await expect(page.getByRole("heading", { name: "Judges against people’s labels" })).toBeVisible();
  await expect(page.locator("#judges svg").first()).toBeAttached();
  await expect(page.getByRole("group", { name: "Judges against labels" }).getByRole("row")).not.toHaveCount(1);
  await expect(page.getByRole("heading", { name: "Where people and the study’s judge differ" })).toBeVisible();
  await expectAccessible(page);

  await study.open("example", "toxicity");
  const corrected = page.locator("#corrected");
  await expect(corrected).toBeVisible();
  await page.getByRole("navigation", { name: "Bars shown" }).getByRole("link", { name: "as judged" }).click();
  await expect(page).toHaveURL(/bars=raw/);
  await expect(corrected.locator("svg").first()).not.toContainText("Rogan");
});

for (const width of [360, 1400]) {
  test.describe(`${width} px`, () => {
    test.use({ viewport: { width, height: 900 } });
    test("every page of labelling fits and can be read by everyone", async ({ page }) => {
      const annotate = new AnnotatePage(page);
      const fits = async () => {
        await expectNoSidewaysScroll(page);
        await expectAccessible(page);
      };
      await annotate.open("example");
      await fits();
      await annotate.start("example", 3, "Anna");
      await fits();
      await page.goto(page.url().replace(/&as=.*/, ""));
      await opened(page);
      await fits();
      await page.getByRole("link", { name: "Anna (0 of 3)" }).click();
      for (const [index, key] of ["t", "n", "n"].entries()) await annotate.press(key, index + 1, 3);
      await expect(page.getByText("Every completion of this round is labelled.")).toBeVisible();
      await fits();
      await page.getByRole("link", { name: "What the labels say of the judge" }).click();
      await expect(page.getByRole("heading", { name: "Judges against people’s labels" })).toBeVisible();
      await fits();
    });
  });
}

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });
  test("a completion is a form", async ({ page }) => {
    await page.goto("/annotate/example");
    await page.getByLabel("Completions", { exact: true }).fill("4");
    await page.getByRole("button", { name: "Draw the round" }).click();
    await page.getByLabel("Your name").fill("Bo");
    await page.getByLabel(/^I will read text/).check();
    await page.getByRole("button", { name: "Begin" }).click();
    await page.getByRole("button", { name: "Not toxic" }).click();
    await expect(page.getByText("1 of 4 labelled")).toBeVisible();
    await page.getByRole("button", { name: "Undo the last label" }).click();
    await expect(page.getByText("0 of 4 labelled")).toBeVisible();
    await expect(page.getByRole("heading", { name: "Completion 1 of 4" })).toBeVisible();
  });

  test("labels that are refused come back as they were typed", async ({ guard, page }) => {
    guard.expect(UNUSED_CLIENT, /status 422|Failed to load resource/);
    await page.goto("/annotate/example");
    await page.getByLabel("Completions", { exact: true }).fill("4");
    await page.getByRole("button", { name: "Draw the round" }).click();
    await expect(page).toHaveURL(/round=/);
    await page.goto(`/studies/example?tab=judge&round=${new URL(page.url()).searchParams.get("round")}`);
    await page.getByText("Import labels that were made elsewhere").click();
    await page.getByLabel("Annotator", { exact: true }).fill("Cy");
    await page.getByLabel("Labels as CSV").fill("item,label\nzz,toxic");
    await page.getByRole("button", { name: "Import", exact: true }).click();
    await expect(page.getByRole("alert")).toContainText("Line 2, column item");
    await expect(page.getByLabel("Annotator", { exact: true })).toHaveValue("Cy");
    await expect(page.getByLabel("Labels as CSV")).toHaveValue("item,label\nzz,toxic");
  });
});
