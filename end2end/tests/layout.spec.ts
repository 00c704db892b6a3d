import { opened } from "../pages/opened";
import { expect, expectAccessible, expectNoSidewaysScroll, test } from "../harness/test";

const PAGES: [string, string][] = [
  ["the list of studies", "/"],
  ["the form", "/studies/new"],
  ["the form with errors", "/studies/new?checked=1&name=&seeds=one"],
  ["the form of a classification study", "/studies/new?preset=classification-quick"],
  ["the form of a classification study with errors", "/studies/new?preset=classification-quick&checked=1&groups.minority_fractions=0&groups.by=terms"],
  ["the models", "/models"],
  ["the default model", "/models/default"],
  ["the example's progress", "/studies/example?tab=progress"],
  ["the example's figures", "/studies/example?tab=toxicity"],
  ["the example's figures with an arm's groups", "/studies/example?tab=toxicity&arm=lora-r2"],
  ["the example's lens", "/studies/example?tab=lens"],
  ["the example's divergence", "/studies/example?tab=divergence"],
  ["a prompt of the example with its divergence", "/studies/example?tab=completions&prompt=3"],
  ["the example's completions", "/studies/example?tab=completions"],
  ["the example's completions, uncovered", "/studies/example?tab=completions&verdict=toxic"],
  ["the example's judge", "/studies/example?tab=judge"],
  ["the rounds of labels", "/annotate/example"],
  ["the example's recipe", "/studies/example?tab=recipe"],
  ["a page that is not there", "/studies/nowhere"],
];

for (const colorScheme of ["light", "dark"] as const) {
  for (const width of [360, 1400]) {
    test.describe(`${colorScheme}, ${width} px`, () => {
      test.use({ colorScheme, viewport: { width, height: 900 } });
      for (const [what, address] of PAGES) {
        test(`${what}: nothing sticks out, axe-core finds nothing grave`, async ({ guard, page }) => {
          if (address.endsWith("nowhere")) guard.expect(/404/);
          await page.goto(address);
          await opened(page);
          await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
          if (what.endsWith("uncovered")) await page.getByRole("button", { name: "Show harmful text" }).click();
          await expectNoSidewaysScroll(page);
          await expectAccessible(page);
        });
      }
    });
  }
}

test("dark is dark", async ({ page }) => {
  const brightness = () =>
    page.evaluate(() => {
      const [red, green, blue] = getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g)!.map(Number);
      return (red + green + blue) / 3;
    });
  await page.emulateMedia({ colorScheme: "light" });
  await page.goto("/");
  expect(await brightness()).toBeGreaterThan(200);
  await page.emulateMedia({ colorScheme: "dark" });
  expect(await brightness()).toBeLessThan(60);
});
