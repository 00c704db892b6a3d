import { writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { UNUSED_CLIENT } from "../harness/page_guard";
import { expect, expectAccessible, expectNoSidewaysScroll, test } from "../harness/test";

const KINDS: Record<string, string> = {
  SVG: "image/svg+xml",
  PNG: "image/png",
  PDF: "application/pdf",
  CSV: "text/csv",
  JSON: "application/json",
  LaTeX: "application/x-tex",
};

test("under every figure and table are its files", async ({ study, page, request }) => {
  await study.open("example", "toxicity");
  const figure = page.getByRole("region", { name: "Toxic and non-toxic completions" });
  for (const [label, kind] of Object.entries(KINDS)) {
    const links = figure.getByRole("link", { name: new RegExp(`^(Figure|Table) toxicity.* as ${label}$`) });
    await expect(links, label).toHaveCount(["CSV", "JSON", "LaTeX"].includes(label) ? 1 : 2);
    for (const link of await links.all()) {
      await expect(link).toHaveText(label);
      const answer = await request.get((await link.getAttribute("href"))!);
      expect(answer.status(), label).toBe(200);
      expect(answer.headers()["content-type"]).toContain(kind);
    }
  }
  for (const link of await page.locator(".take-away a").all()) {
    const address = (await link.getAttribute("href"))!;
    expect((await request.get(address)).status(), address).toBe(200);
  }
  const download = page.waitForEvent("download");
  await figure.getByRole("link", { name: "Figure toxicity, column width, as PNG" }).click();
  expect((await download).suggestedFilename()).toBe("quick-look-toxicity-column.png");
  await expectAccessible(page);
});

test("a study is exported, imported, the same, and deleted", async ({ studies, study, page, request }) => {
  await study.open("example", "toxicity");
  await study.openExport();
  const coming = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download the archive" }).click();
  const archive = await coming;
  expect(archive.suggestedFilename()).toBe("rankscope-example.zip");
  await studies.open();
  await studies.import(await archive.path());
  await expect(page).toHaveURL(/\/studies\/[0-9A-Z]{26}$/);
  await expect(study.heading).toContainText("imported");
  await study.expectStatus("finished");
  const [theirs, mine] = [await request.get(`/studies/${study.id()}/results.json`), await request.get("/studies/example/results.json")];
  expect(await theirs.text()).toBe(await mine.text());
  await study.show("Recipe and provenance");
  await expect(page.getByRole("region", { name: "Provenance" })).toContainText("Imported");
  await study.deleteForGood();
  await expect(page).toHaveURL(/\/$/);
});

test("an archive that is none is refused where it was sent", async ({ studies, page }) => {
  await studies.open();
  await studies.import({ name: "study.zip", mimeType: "application/zip", buffer: Buffer.from("no archive") });
  await expect(page.getByRole("alert")).toContainText("no archive of a study");
  await expect(page.getByLabel("Archive")).toBeVisible();
  await expectAccessible(page);
});

test("a study is imported without JavaScript", async ({ browser, server, request, guard }, info) => {
  guard.expect(UNUSED_CLIENT);
  const file = info.outputPath("study.zip");
  await writeFile(file, await (await request.get("/studies/example/export.zip")).body());
  const context = await browser.newContext({ javaScriptEnabled: false, baseURL: server.url });
  const page = await context.newPage();
  await page.goto("/");
  await page.getByText("Import a study").click();
  await page.getByLabel("Archive").setInputFiles(file);
  await page.getByRole("button", { name: "Import and check" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("imported");
  await context.close();
});

test("the report opens from a disk, with no network, on any screen and on paper", async ({ browser, request }, info) => {
  const file = info.outputPath("report.html");
  await writeFile(file, await (await request.get("/studies/example/report.html")).body());
  const context = await browser.newContext({ offline: true, viewport: { width: 1400, height: 900 } });
  const page = await context.newPage();
  const said: string[] = [];
  page.on("console", (message) => said.push(message.text()));
  page.on("requestfailed", (failed) => said.push(failed.url()));
  page.on("request", (sent) => {
    if (!sent.url().startsWith("file:")) said.push(sent.url());
  });
  await page.goto(pathToFileURL(file).href);
  await expect(page.getByRole("heading", { level: 2, name: "What the paper claims, and what this study says" })).toBeVisible();
  await expect(page.getByRole("img", { name: "Toxic and non-toxic completions by arm" }).filter({ visible: true })).toHaveCount(1);
  await expect(page.getByRole("table").first()).toBeVisible();
  await page.getByRole("link", { name: "Its numbers" }).first().click();
  await expect(page).toHaveURL(/#table-toxicity$/);
  await expectAccessible(page);
  await page.setViewportSize({ width: 360, height: 800 });
  await expectNoSidewaysScroll(page);
  await expect(page.getByRole("img", { name: "Toxic and non-toxic completions by arm" }).filter({ visible: true })).toHaveCount(1);
  expect((await page.pdf()).length).toBeGreaterThan(20_000);
  expect(said).toEqual([]);
  await context.close();
});
