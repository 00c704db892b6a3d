import { expect, test } from "../harness/test";

test("by keyboard alone: past the header, to the form, a mistake found and mended", async ({ newStudy, page }) => {
  await page.goto("/");
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to the content" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.locator("#main")).toBeFocused();

  const newStudyLink = page.getByRole("navigation", { name: "Site" }).getByRole("link", { name: "New study" });
  await newStudyLink.focus();
  await page.keyboard.press("Enter");
  await expect(newStudy.input("name")).toBeVisible();

  await newStudy.input("name").focus();
  await page.keyboard.press("Control+A");
  await page.keyboard.press("Delete");
  await page.keyboard.press("Enter");
  await expect(newStudy.errorSummary).toBeFocused();
  await page.keyboard.press("Tab"); // to the first link of the summary
  await page.keyboard.press("Enter");
  await expect(newStudy.input("name"), "the summary's link leads to the field").toBeFocused();
  await page.keyboard.type("Typed by hand");
  await expect(newStudy.toml).toContainText("Typed by hand");
});

test("everything that can be pressed shows that it has the focus", async ({ page }) => {
  for (const address of ["/", "/studies/new", "/studies/example?tab=completions"]) {
    await page.goto(address);
    for (let presses = 0; presses < 12; presses++) {
      await page.keyboard.press("Tab");
      const [tag, isShown] = await page.evaluate(() => {
        const element = document.activeElement!;
        if (element === document.body) return ["the end of the page", true];
        const style = getComputedStyle(element);
        return [element.outerHTML.slice(0, 120), style.outlineStyle !== "none" || style.boxShadow !== "none"];
      });
      expect(isShown, `${address}: ${tag}`).toBe(true);
    }
  }
});
