import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COMMIT, TinyHub } from "../harness/hub";
import { UNUSED_CLIENT } from "../harness/page_guard";
import { RankscopeServer } from "../harness/server";
import { test as base, expect, expectAccessible, expectNoSidewaysScroll } from "../harness/test";
import { ModelsPage } from "../pages/models_page";

// a server of these tests' own: its models folder and its hub's cache are empty, and its hub is on this machine
const test = base.extend<{ models: ModelsPage }, { hub: TinyHub }>({
  hub: [
    async ({}, use) => {
      const hub = await TinyHub.start();
      await use(hub);
      await hub.end();
    },
    { scope: "worker" },
  ],
  server: [
    async ({ hub }, use) => {
      const folder = mkdtempSync(join(tmpdir(), "rankscope-models-"));
      const below = (name: string) => join(folder, name);
      const server = await RankscopeServer.start({
        HF_ENDPOINT: hub.endpoint,
        HF_HUB_CACHE: below("hub"),
        HF_HOME: below("hf"),
        HF_HUB_OFFLINE: "",
        TRANSFORMERS_OFFLINE: "",
        RANKSCOPE_MODELS_DIR: below("models"),
      });
      await use(server);
      await server.remove();
      rmSync(folder, { recursive: true, force: true });
    },
    { scope: "worker" },
  ],
  models: async ({ page }, use) => use(new ModelsPage(page)),
});

test("the default model is there, with what it takes to train it", async ({ models }) => {
  await models.open();
  await expect(models.row("default")).toContainText("134.5");
  await models.follow("default");
  for (const arm of ["r = 2", "r = 8", "r = 64", "full"]) {
    await expect(models.training.getByRole("row").filter({ has: models.page.getByRole("rowheader", { name: arm, exact: true }) })).toContainText(/\d+ MiB|GiB/);
  }
  await expect(models.facts).toContainText("b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53");
  await expect(models.page.getByText("Remove …")).toHaveCount(0);
});

test("a model is fetched, seen again after a reload, cancelled, fetched to its end, used and removed", async ({ hub, models, newStudy, page }) => {
  hub.rate = 20_000;
  await models.open();
  await models.addIt("org/tiny");
  await expect(models.jobs.getByRole("progressbar")).toBeVisible();
  await expect(models.jobs).toContainText("model.safetensors");
  await page.reload();
  await expect(models.jobs.getByRole("progressbar")).toBeVisible();
  await models.jobs.getByRole("button", { name: "Cancel org/tiny" }).click();
  await expect(models.jobs).toContainText("What came is kept");

  hub.rate = 0;
  await models.addIt("org/tiny");
  await expect(models.row("org/tiny@main")).toBeVisible();
  await expect(models.jobs).toContainText("added");
  await models.jobs.getByRole("button", { name: "Dismiss org/tiny" }).click();
  await expect(models.jobs).toHaveCount(0);

  await models.follow("org/tiny@main");
  await expect(models.facts).toContainText(COMMIT);
  await expect(models.training).toContainText("lora_r = 64 is above the width");
  await page.getByRole("link", { name: "New study with it" }).click();
  await expect(newStudy.input("model.source")).toHaveValue("hf:org/tiny@main");

  await models.open();
  await models.follow("org/tiny@main");
  await models.removeIt();
  await expect(models.row("default")).toBeVisible();
  await expect(models.row("org/tiny@main")).toHaveCount(0);
});

test("what can't be added says why, beside the form and in its row", async ({ models }) => {
  await models.open();
  await models.addIt("org/nothing");
  const job = models.jobs.filter({ hasText: "org/nothing" });
  await expect(job).toContainText("failed");
  await expect(job).toContainText("no such model");
  await job.getByRole("button", { name: "Dismiss org/nothing" }).click();
  await expect(models.jobs).toHaveCount(0);
});

for (const width of [360, 1400]) {
  test(`at ${width} px nothing sticks out, axe-core finds nothing grave`, async ({ models, page }) => {
    await page.setViewportSize({ width, height: 900 });
    await models.open();
    await models.addIt("org/nothing");
    await expect(models.jobs).toContainText("failed");
    await expectNoSidewaysScroll(page);
    await expectAccessible(page);
    await models.follow("default");
    await expectNoSidewaysScroll(page);
    await expectAccessible(page);
  });
}

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });
  test("a model is added and removed", async ({ guard, models, page }) => {
    guard.expect(UNUSED_CLIENT);
    await page.goto("/models");
    await models.addIt("   ");
    await expect(page.getByRole("alert")).toContainText("ORG/NAME@REVISION");
    await models.addIt("org/tiny");
    await expect(async () => {
      await page.reload();
      await expect(models.row("org/tiny@main")).toBeVisible({ timeout: 1_000 });
    }).toPass();
    await models.follow("org/tiny@main");
    await models.removeIt();
    await expect(models.row("org/tiny@main")).toHaveCount(0);
  });
});
