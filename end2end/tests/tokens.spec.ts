import { UNUSED_CLIENT } from "../harness/page_guard";
import { test as base, expect, expectAccessible, expectNoSidewaysScroll } from "../harness/test";
import { opened } from "../pages/opened";
import { TokensPage } from "../pages/tokens_page";

const test = base.extend<{ tokens: TokensPage }>({
  tokens: async ({ page }, use) => use(new TokensPage(page)),
});

test("a token is shown once, opens what it says, and is revoked", async ({ page, playwright, server, tokens }) => {
  await page.goto("/");
  await page.getByRole("contentinfo").getByRole("link", { name: "Tokens for scripts" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Tokens" })).toBeVisible();
  await tokens.open();
  await tokens.make("nightly <i>run</i>", "read");
  await opened(page);
  const secret = (await tokens.secret.innerText()).trim();
  expect(secret).toMatch(/^rankscope_[0-9a-f]{64}$/);
  await expect(tokens.copy).toBeVisible();
  expect(page.url(), "no address has it").not.toContain(secret);
  await expect(tokens.row("nightly <i>run</i>")).toContainText("never");

  const script = await playwright.request.newContext({ baseURL: server.url, extraHTTPHeaders: { authorization: `Bearer ${secret}` } });
  expect((await script.get("/api/v1/studies")).status()).toBe(200);
  expect((await script.post("/api/v1/studies/example/cancel")).status(), "it may only read").toBe(403);

  await tokens.open();
  await expect(tokens.secret).toHaveCount(0);
  expect(await page.content()).not.toContain(secret);
  await expect(tokens.row("nightly <i>run</i>")).toContainText("UTC");
  await tokens.revoke("nightly <i>run</i>");
  expect((await script.get("/api/v1/studies")).status()).toBe(401);
  await script.dispose();
});

test("a name that is taken is refused, with what was typed", async ({ guard, page, tokens }) => {
  guard.expect(/status 422/, /the server responded with a status of 422/);
  await tokens.open();
  await tokens.make("twice", "read and change", "no end");
  await opened(page);
  await expect(tokens.row("twice")).toContainText("no end");
  await tokens.make("twice", "read");
  await opened(page);
  await expect(tokens.refusal).toContainText("There is a token of this name already");
  await expect(tokens.form.getByLabel("Name")).toHaveValue("twice");
  await expect(tokens.rows.filter({ hasText: "twice" })).toHaveCount(1);
});

for (const width of [360, 1400]) {
  test(`at ${width} px nothing sticks out, axe-core finds nothing grave`, async ({ page, tokens }) => {
    await page.setViewportSize({ width, height: 900 });
    await tokens.open();
    await tokens.make(`of ${width} pixels`, "read");
    await opened(page);
    await expectNoSidewaysScroll(page);
    await expectAccessible(page);
  });
}

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });
  test("a token is made, shown and revoked", async ({ guard, page, tokens }) => {
    guard.expect(UNUSED_CLIENT);
    await page.goto("/tokens");
    await tokens.make("plain", "read and change");
    await expect(tokens.secret).toHaveText(/^rankscope_[0-9a-f]{64}$/);
    await expect(tokens.copy).toBeHidden();
    await tokens.revoke("plain");
    await expect(page).toHaveURL(/\/tokens$/);
  });
});
