import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UNUSED_CLIENT } from "../harness/page_guard";
import { RankscopeServer } from "../harness/server";
import { test as base, expect, expectAccessible, expectNoSidewaysScroll } from "../harness/test";
import { LoginPage } from "../pages/login_page";
import { opened } from "../pages/opened";

const PASSWORD = "correct horse battery";

// a server of these tests' own, with a password
const test = base.extend<{ login: LoginPage }, { server: RankscopeServer }>({
  server: [
    async ({}, use) => {
      const folder = mkdtempSync(join(tmpdir(), "rankscope-password-"));
      const file = join(folder, "password");
      writeFileSync(file, PASSWORD);
      const server = await RankscopeServer.start({ RANKSCOPE_ADMIN_PASSWORD_FILE: file });
      await use(server);
      await server.remove();
      rmSync(folder, { recursive: true, force: true });
    },
    { scope: "worker" },
  ],
  login: async ({ page }, use) => use(new LoginPage(page)),
});

test("one is asked once, led on, stays logged in, and logs out", async ({ context, guard, login, page }) => {
  guard.expect(/status 401: .*\/login$/, /the server responded with a status of 401/);
  await page.goto("/studies/example?tab=recipe");
  await login.expectHere();
  await expect(login.logOut).toHaveCount(0);
  await expect(login.password).toBeFocused();
  await login.logIn("not the password");
  await login.expectHere();
  await expect(login.refusal).toContainText("That is not the password");
  await login.logIn(PASSWORD);
  await expect(page).toHaveURL(/\/studies\/example\?tab=recipe$/);
  await opened(page);

  // the client runs, asks the server, and shows the same header
  await page.getByRole("navigation", { name: "Site" }).getByRole("link", { name: "Models" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Models" })).toBeVisible();
  await page.reload();
  await opened(page);
  await expect(login.logOut).toBeVisible();
  const [cookie] = await context.cookies();
  expect(cookie).toMatchObject({ name: "rankscope-session", httpOnly: true, sameSite: "Lax", path: "/" });
  expect(await page.evaluate(() => document.cookie), "no script can read it").toBe("");

  await login.logOut.click();
  await login.expectHere();
  expect(await context.cookies()).toEqual([]);
  await page.goBack();
  await login.expectHere();
});

test("a page that outlives its session says so, and goes on after another log-in", async ({ context, guard, login, page }) => {
  guard.expect(/status 401: .*\/api\//, /the server responded with a status of 401/);
  await page.goto("/login");
  await login.logIn(PASSWORD);
  await expect(page).toHaveURL(/\/$/);
  await opened(page);
  await context.clearCookies();
  await page.getByRole("navigation", { name: "Site" }).getByRole("link", { name: "Models" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Models" })).toBeVisible();
  await expect(page.getByRole("alert").filter({ hasText: "Log in again" })).toBeVisible();
  const opening = context.waitForEvent("page");
  await page.getByRole("link", { name: "Log in" }).click();
  const tab = await opening;
  await new LoginPage(tab).logIn(PASSWORD);
  await expect(tab).toHaveURL(/\/$/);
  await tab.close();
  await page.reload();
  await expect(page.getByRole("rowheader").first()).toBeVisible();
});

for (const width of [360, 1400]) {
  test(`at ${width} px nothing sticks out, axe-core finds nothing grave`, async ({ login, page }) => {
    await page.setViewportSize({ width, height: 900 });
    await page.goto("/login");
    await expectNoSidewaysScroll(page);
    await expectAccessible(page);
    await login.logIn(PASSWORD);
    await expect(login.logOut).toBeVisible();
    await expectNoSidewaysScroll(page);
    await expectAccessible(page);
  });
}

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });
  test("one logs in and out", async ({ guard, login, page }) => {
    guard.expect(UNUSED_CLIENT);
    await page.goto("/models");
    await login.logIn(PASSWORD);
    await expect(page.getByRole("heading", { level: 1, name: "Models" })).toBeVisible();
    await login.logOut.click();
    await login.expectHere();
  });
});
