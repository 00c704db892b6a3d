import { opened } from "../pages/opened";
import { expect, expectAccessible, test } from "../harness/test";

const RECIPE = "/studies/example?tab=recipe";

test("a copied text is on the clipboard", async ({ context, page, request }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.goto(RECIPE);
  await opened(page);
  await page.getByRole("button", { name: "Copy", exact: true }).click();
  await expect(page.getByText("Copied.", { exact: true })).toBeVisible();
  const recipe = await (await request.get("/studies/example/recipe.toml")).text();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(recipe);
  await expect(page.getByLabel("The text to copy")).toHaveCount(0);
});

// Over plain http from another machine there is no clipboard; elsewhere a browser may refuse to use it.
const WITHOUT: [string, () => void][] = [
  [
    "without a clipboard",
    () => {
      Object.defineProperty(window, "isSecureContext", { value: false });
      Object.defineProperty(navigator, "clipboard", { value: undefined });
    },
  ],
  [
    "with a clipboard that refuses",
    () => {
      navigator.clipboard.writeText = () => Promise.reject(new DOMException("refused", "NotAllowedError"));
    },
  ],
];

for (const [what, script] of WITHOUT) {
  test(`${what} the text is selected, and nothing is said to be copied`, async ({ page, request }) => {
    await page.addInitScript(script);
    await page.goto(RECIPE);
    await opened(page);
    const copy = page.getByRole("button", { name: "Copy", exact: true });
    const area = page.getByLabel("The text to copy");
    for (let turn = 0; turn < 2; turn++) {
      await copy.click();
      await expect(page.getByText(/Not copied.*Ctrl\+C/)).toBeVisible();
      await expect(area).toBeFocused();
      const selected = await area.evaluate((field: HTMLTextAreaElement) => field.value.slice(field.selectionStart, field.selectionEnd));
      expect(selected.trim()).toBe((await (await request.get("/studies/example/recipe.toml")).text()).trim());
    }
    await expect(page.getByText("Copied.", { exact: true })).toHaveCount(0);
    await expectAccessible(page);
  });
}
