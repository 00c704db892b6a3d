import { readFileSync, readdirSync } from "node:fs";
import { recipeToml, TINY } from "../harness/recipes";
import { UNUSED_CLIENT } from "../harness/page_guard";
import { expect, expectAccessible, expectNoSidewaysScroll, test } from "../harness/test";
import { LensPage } from "../pages/lens_page";
import { opened } from "../pages/opened";

// A real model reads behind these pages; the first answer waits until it is loaded.
test.describe.configure({ timeout: 240_000 });

/** The lens's workers of the server over a data directory: its children, by what they were started as. */
function lensWorkers(dataDir: string): number[] {
  const commandOf = (pid: string) => readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  const isOurs = (pid: string) => {
    try {
      if (commandOf(pid)[1] !== "lens-worker") return false;
      const parent = readFileSync(`/proc/${pid}/status`, "utf8").match(/^PPid:\s*(\d+)/m)![1];
      return commandOf(parent).includes(dataDir);
    } catch {
      return false; // it ended while we looked
    }
  };
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isOurs(name)).map(Number);
}

test("a prompt on the example: from the navigation to a panel, and the link opens again", async ({ page, context }) => {
  await page.goto("/");
  await page.getByRole("navigation", { name: "Site" }).getByRole("link", { name: "Lens" }).click();
  const lens = new LensPage(page);
  await expect(lens.form).toBeVisible();
  await opened(page);
  await lens.study.selectOption("example");
  await expect(lens.arm("original")).toBeChecked();
  await expect(lens.arm("r = 2"), "the example comes without weights").toBeDisabled();
  await lens.ask("She works as a");
  await lens.expectPanels(1);
  await expect(page).toHaveURL(/\/lens\?.*prompt_text=She\+works\+as\+a/);
  await expect(lens.prompt).toHaveValue("She works as a");

  // by keyboard: one stop of the Tab key, then cell by cell
  await lens.panel("original").focus();
  await expect(lens.cell).toContainText("layer 30");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowRight");
  await expect(lens.cell).toContainText("layer 29");
  await expect(lens.cell).toContainText("position 2");

  await page.getByRole("navigation", { name: "Colours" }).getByRole("link", { name: /safe/ }).click();
  await expect(page).toHaveURL(/palette=safe/);
  await expect(page).toHaveURL(/prompt_text=/);
  const address = page.url();
  const other = await context.newPage();
  await other.goto(address);
  await expect(other.locator(".lens-grid"), "it was kept").toHaveCount(1, { timeout: 5_000 });
  await other.close();
  const files = { "Figure lens as SVG": "<?xml", "Figure lens, column width, as PNG": "\x89PNG", "Figure lens as PDF": "%PDF", "Table lens as LaTeX": "% Logit lens" };
  for (const [file, begins] of Object.entries(files)) {
    const download = await page.request.get((await page.getByRole("link", { name: file }).getAttribute("href"))!);
    expect(download.status(), file).toBe(200);
    const text = (await download.body()).toString("latin1");
    expect(text.startsWith(begins), `${file}: ${text.slice(0, 40)}`).toBe(true);
  }
});

test("the arms of a study that was just run, from its own tab", async ({ newStudy, study, page }) => {
  await newStudy.open({ toml: recipeToml({ ...TINY, name: "Looked into by hand" }) });
  await newStudy.startIt();
  await study.expectStatus("finished", 240_000);
  await page.goto(`/studies/${study.id()}?tab=lens`);
  const lens = new LensPage(page);
  const own = page.getByRole("link", { name: "Try your own prompt" });
  await own.click();
  await opened(page);
  await expect(lens.study.locator("option:checked")).toContainText("Looked into by hand");
  await lens.ask("The nurse said that");
  await lens.expectPanels(2);
  await expect(lens.panel("r = 2")).toBeVisible();
  await page.getByRole("navigation", { name: "Cells show" }).getByRole("link", { name: "difference of two arms" }).click();
  await expect(lens.panels).toHaveCount(1);
});

test("leaving the page and stopping take the question back", async ({ guard, page, server }) => {
  guard.expect(/409/);
  const lens = new LensPage(page);
  await lens.open({ study: "example" });
  await lens.ask("Warm");
  await lens.expectPanels(1);
  const workers = lensWorkers(server.dataDir);
  expect(workers).toHaveLength(1);
  for (const pid of workers) process.kill(pid, "SIGSTOP");
  try {
    await lens.ask("Never to be answered");
    await opened(page);
    await expect(lens.stop).toBeVisible();
    await expect(page.getByRole("status").first()).toContainText(/Loading|Reading|queue/);
    // as a link to it: the form's own address asks anew
    const address = new URL(page.url());
    address.searchParams.delete("again");
    await page.goto("/");
    await page.waitForTimeout(2_500);
    // taken back meanwhile: the page says so, once the worker has heard of it
    for (const pid of workers) process.kill(pid, "SIGCONT");
    await page.waitForTimeout(1_000);
    await page.goto(address.href);
    await expect(lens.alert).toContainText("stopped");
    await expect(lens.prompt).toHaveValue("Never to be answered");

    for (const pid of workers) process.kill(pid, "SIGSTOP");
    await lens.ask("Stopped by hand");
    await opened(page);
    await lens.stop.click();
    await expect(page).toHaveURL(/only=form/);
    await expect(lens.stop).toHaveCount(0);
    await expect(lens.prompt).toHaveValue("Stopped by hand");
  } finally {
    for (const pid of workers) process.kill(pid, "SIGCONT");
  }
  await lens.read.click();
  await lens.expectPanels(1);
  await expect(lens.prompt, "the same question, right after it was stopped").toHaveValue("Stopped by hand");
});

test("a wrong question comes back as it was typed", async ({ guard, page }) => {
  guard.expect(/status 422/, /422/);
  const lens = new LensPage(page);
  await lens.open({ study: "example", prompt_text: "kept", top_k: "many" });
  await expect(lens.alert).toContainText("top_k");
  await expect(lens.prompt).toHaveValue("kept");
  await lens.topK.fill("5");
  await lens.ask("word ".repeat(80));
  await expect(lens.alert).toContainText("At most 64 tokens", { timeout: 60_000 });
});

for (const width of [360, 1400]) {
  test.describe(`${width} px`, () => {
    test.use({ viewport: { width, height: 900 } });
    test("nothing sticks out, axe-core finds nothing grave", async ({ page }) => {
      const lens = new LensPage(page);
      await lens.open({ study: "example" });
      await expectNoSidewaysScroll(page);
      await expectAccessible(page);
      await lens.ask("She works as a doctor in the largest hospital of the city");
      await lens.expectPanels(1);
      await expectNoSidewaysScroll(page);
      await expectAccessible(page);
    });
  });
}

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });
  test("the page looks again by itself until there is an answer", async ({ guard, page }) => {
    guard.expect(UNUSED_CLIENT);
    await page.goto("/lens?study=example");
    const lens = new LensPage(page);
    await lens.ask("Without any script");
    await expect(lens.panels).toHaveCount(1, { timeout: 60_000 });
    await expect(lens.prompt).toHaveValue("Without any script");
  });
});
