import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { PageGuard, UNUSED_CLIENT } from "../harness/page_guard";
import { RankscopeServer } from "../harness/server";
import { test as base, expect, expectAccessible, expectNoSidewaysScroll } from "../harness/test";
import { recipeToml, TINY } from "../harness/recipes";
import { AnnotatePage } from "../pages/annotate_page";
import { ComparePage } from "../pages/compare_page";
import { CompletionsTab } from "../pages/completions_tab";
import { LoginPage } from "../pages/login_page";
import { opened } from "../pages/opened";
import { SharesPage } from "../pages/shares_page";
import { StudyPage } from "../pages/study_page";

const PASSWORD = "correct horse battery";

interface Reviewer {
  page: Page;
  guard: PageGuard;
}

// the owner has a password; the reviewer is another browser, which knows nothing but a link
const test = base.extend<{ shares: SharesPage; reviewer: Reviewer }, { server: RankscopeServer }>({
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
  shares: async ({ page }, use) => {
    await page.goto("/login");
    await new LoginPage(page).logIn(PASSWORD);
    await expect(page).toHaveURL(/\/$/);
    await use(new SharesPage(page));
  },
  reviewer: async ({ browser, server }, use) => {
    const context = await browser.newContext({ baseURL: server.url });
    const guard = new PageGuard(context, () => server.url);
    await use({ page: await context.newPage(), guard });
    expect(guard.unexpected(), "what the shared pages complained of").toEqual([]);
    await context.close();
  },
});

test("the owner shares, a reviewer sees the copy and nothing else, the owner revokes", async ({ page, shares, reviewer, server }) => {
  const study = new StudyPage(page);
  await study.open("example");
  await page.getByRole("link", { name: "Share", exact: true }).click();
  await expect(page).toHaveURL(/\/shares\?study=example$/);
  const address = await shares.makeLink("reviewer 2");
  expect(address).toMatch(new RegExp(`^${server.url}/s/[A-Za-z0-9_-]{43}$`));
  expect(page.url(), "the token is in no address of the owner's").not.toContain("/s/");
  await page.reload();
  await expect(page.getByText("This link was shown already")).toBeVisible();

  const { page: other, guard } = reviewer;
  guard.expect(/status (401|404): /, /the server responded with a status of 40[14]/);
  const answer = await other.goto(address);
  expect(answer?.headers()).toMatchObject({ "x-robots-tag": "noindex, nofollow, noarchive", "referrer-policy": "no-referrer", "cache-control": "private, no-store" });
  await opened(other);
  await expect(other.getByRole("heading", { level: 1, name: "Quick look" })).toBeVisible();
  await expect(other.getByText("Shared by link, frozen on")).toBeVisible();
  await expect(other.getByRole("region", { name: "Toxic and non-toxic completions" }).locator("svg").first()).toBeVisible();
  await expect(other.getByRole("navigation", { name: "Site" })).toHaveCount(0);
  for (const link of await other.getByRole("link").all()) {
    expect(await link.getAttribute("href"), "a link leads to nothing but the copy").toMatch(/^(#main|\/s\/)/);
  }

  // every tab is there, and is fetched with the token alone
  const shared = new StudyPage(other);
  for (const tab of ["Completions", "Logit lens", "Divergence", "Recipe and provenance", "Toxicity"] as const) await shared.show(tab);
  await shared.show("Completions");
  const completions = new CompletionsTab(other);
  await completions.choose({ Arm: "original", Verdict: "toxic" });
  await expect(completions.covers.first(), "harmful text is covered").toBeVisible();
  await expect(completions.texts.first()).toBeHidden();
  await completions.covers.first().click();
  await expect(completions.texts.first()).toBeVisible();

  // who has the file can check the hash
  const download = other.waitForEvent("download");
  await other.getByRole("link", { name: "snapshot.json" }).click();
  const stream = await (await download).createReadStream();
  const hash = createHash("sha256");
  for await (const piece of stream) hash.update(piece);
  await expect(other.locator(".shared-note code.hash")).toHaveText(hash.digest("hex"));

  // a token is no session
  for (const path of ["/", "/studies/example", "/shares", "/models"]) {
    await other.goto(path);
    await new LoginPage(other).expectHere();
  }

  await shares.revoke("reviewer 2");
  const refused = await other.goto(address);
  expect(refused?.status()).toBe(404);
  await expect(other.getByRole("heading", { level: 1, name: "Not found" })).toBeVisible();
  expect(await refused?.text()).toBe(await (await other.request.get(`/s/${"A".repeat(43)}`)).text());
});

test("from a run to a reviewer's labels: two browsers, one study", async ({ newStudy, page, reviewer, shares, study }) => {
  test.setTimeout(300_000);
  const total = 6;
  await newStudy.open({ toml: recipeToml({ ...TINY, name: "To be reviewed" }) });
  await newStudy.startIt();
  const id = study.id();
  await study.expectStatus("finished", 240_000);
  await shares.open(id);
  await shares.option("May annotate").check();
  const address = await shares.makeLink("the reviewer");
  await shares.row("the reviewer").getByRole("link", { name: "draw a round" }).click();
  await opened(page);
  await page.getByLabel("Completions", { exact: true }).fill(String(total));
  await new AnnotatePage(page).draw.click();
  await expect(page).toHaveURL(/round=/);

  const { page: other, guard } = reviewer;
  guard.expect(/status 404: /, /the server responded with a status of 404/);
  await other.goto(address);
  await opened(other);
  await expect(other.getByRole("heading", { level: 1, name: "To be reviewed" })).toBeVisible();
  await other.getByRole("link", { name: "Label completions" }).click();
  await other.getByRole("link", { name: "Label", exact: true }).click();
  const desk = new AnnotatePage(other);
  await desk.name.fill("Rita");
  await desk.agreed.check();
  await desk.begin.click();
  await opened(other);
  for (const [index, key] of ["t", "n", "u"].entries()) {
    await expect(desk.heading).toHaveText(`Completion ${index + 1} of ${total}`);
    for (const told of ["r = 2", "original", "lexicon", "seed"]) await expect(other.locator("main"), "labels are given blind").not.toContainText(told);
    await desk.press(key, index + 1, total);
  }
  await other.reload();
  await opened(other);
  await desk.expectLabelled(3, total);
  for (const [index, key] of ["n", "t"].entries()) await desk.press(key, index + 4, total);

  // the owner sees whose labels they are, and what they say
  await study.open(id);
  await study.show("Judge and labels");
  const row = page.getByRole("group", { name: "Labels by annotator" }).getByRole("row").filter({ hasText: "Rita" });
  await expect(row.getByRole("cell")).toHaveText(["2", "2", "1"]);

  // a label that is given when the link was revoked meanwhile is not kept
  await shares.open(id);
  await shares.revoke("the reviewer");
  await other.keyboard.press("t");
  await expect(other.getByRole("alert")).toContainText("There is nothing behind this link");
  for (const path of ["", "/annotate", "/snapshot.json"]) expect((await other.goto(address + path))?.status()).toBe(404);
  await study.open(id, "judge");
  await expect(row.getByRole("cell")).toHaveText(["2", "2", "1"]);
});

test("for blind review and without completions, names and texts are left out", async ({ shares, reviewer }) => {
  await shares.open("example");
  await shares.expires.selectOption("never");
  await shares.option("For blind review").check();
  await shares.option("With completions").uncheck();
  const address = await shares.makeLink("blind");
  await expect(shares.row("blind")).toContainText("never");
  await expect(shares.row("blind")).toContainText("for blind review, without completions");
  const { page: other } = reviewer;
  await other.goto(address);
  await opened(other);
  await expect(other.getByRole("heading", { level: 1, name: "Study A" })).toBeVisible();
  const shared = new StudyPage(other);
  await expect(shared.tab("Completions")).toHaveCount(0);
  await shared.show("Recipe and provenance");
  await expect(other.getByText("Quick look")).toHaveCount(0);
  await expect(other.getByText("Machine", { exact: true })).toHaveCount(0);
});

for (const width of [360, 1400]) {
  test(`at ${width} px nothing sticks out, axe-core finds nothing grave`, async ({ page, shares, reviewer }) => {
    await page.setViewportSize({ width, height: 900 });
    await shares.open("example");
    const address = await shares.makeLink(`at ${width}`);
    await expectNoSidewaysScroll(page);
    await expectAccessible(page);
    const { page: other } = reviewer;
    await other.setViewportSize({ width, height: 900 });
    for (const tab of ["", "?tab=completions", "?tab=recipe"]) {
      await other.goto(address + tab);
      await opened(other);
      await expectNoSidewaysScroll(other);
      await expectAccessible(other);
    }
  });
}

test("the owner shares a comparison, a reviewer switches its views, and nothing leads out of the copy", async ({ page, shares, reviewer }) => {
  await page.goto("/compare?studies=example&arms=A:original,A:full&view=divergence");
  await opened(page);
  await page.getByRole("link", { name: "Share this comparison" }).click();
  await expect(page).toHaveURL(/\/shares\?studies=example&arms=A:original,A:full$/);
  await expect(page.getByRole("heading", { level: 2, name: "Share the comparison of the arms of Quick look" })).toBeVisible();
  await expect(page.getByRole("checkbox", { name: "May annotate" })).toHaveCount(0);
  await expectAccessible(page);
  const address = await shares.makeLink("side by side");
  await expect(shares.row("side by side")).toContainText("Comparison of the arms of Quick look");

  const { page: other, guard } = reviewer;
  await other.goto(address);
  await opened(other);
  await expect(other.getByRole("heading", { level: 1, name: "Comparison of the arms of Quick look" })).toBeVisible();
  const compare = new ComparePage(other);
  await expect(compare.figure("Share of toxic completions").first()).toBeVisible();
  await expect(compare.contrasts).toHaveCount(1);
  await compare.choice("Contrasts within", "female").click();
  await expect(other).toHaveURL(/group=female/);
  await expect(compare.choice("Contrasts within", "female")).toHaveAttribute("aria-current", "true");
  for (const width of [360, 1400]) {
    await other.setViewportSize({ width, height: 900 });
    for (const view of ["Divergence", "Logit lens", "Completions", "Recipe and provenance", "Toxicity"] as const) {
      await compare.show(view);
      await expect(other).toHaveURL(/\/s\/[A-Za-z0-9_-]{43}\?view=/);
      await expect(compare.complaint).toHaveCount(0);
      await expectNoSidewaysScroll(other);
      await expectAccessible(other);
      for (const link of await other.getByRole("link").all()) {
        expect(await link.getAttribute("href"), "a link leads to nothing but the copy").toMatch(/^(#main|\/s\/)/);
      }
    }
  }
  await expect(compare.tab("Accuracy"), "a view that is not in the copy").toHaveCount(0);
  await compare.show("Completions");
  await compare.choice("Prompts", /toxic in one arm/).click();
  await expect(compare.covers.first(), "harmful text is covered").toBeVisible();

  await shares.revoke("side by side");
  guard.expect(/status 404: /, /the server responded with a status of 404/);
  expect((await other.goto(address))?.status()).toBe(404);
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });
  test("a link is made, opened and revoked", async ({ guard, page, shares, browser, server }) => {
    guard.expect(UNUSED_CLIENT);
    await page.goto("/shares?study=example");
    await shares.label.fill("plain");
    await page.getByLabel("or after this day (UTC)").fill("2020-01-01");
    await shares.make.click();
    await expect(page.getByRole("alert")).toContainText("This day is over");
    await expect(shares.label).toHaveValue("plain");
    await page.getByLabel("or after this day (UTC)").fill("");
    await shares.make.click();
    const address = await shares.link.inputValue();
    const context = await browser.newContext({ javaScriptEnabled: false, baseURL: server.url });
    const other = await context.newPage();
    await other.goto(address);
    await expect(other.locator("svg").first()).toBeVisible();
    await other.getByRole("link", { name: "Recipe and provenance" }).click();
    await expect(other.getByRole("heading", { name: "Provenance" })).toBeVisible();
    await shares.revoke("plain");
    expect((await other.goto(address))?.status()).toBe(404);
    await context.close();
  });
});
