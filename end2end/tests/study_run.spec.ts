import { LONGER, pairsFile, recipeToml, TINY } from "../harness/recipes";
import { SERVER_AWAY } from "../harness/page_guard";
import { expect, test } from "../harness/test";

// A study trains and completes for real behind each of these.
test.describe.configure({ timeout: 300_000 });

test("from the form, followed live, to bars", async ({ newStudy, study, studies, page }) => {
  await newStudy.open();
  await newStudy.fill({
    name: "From the form",
    "prompts.limit": "4",
    "generation.num_return_sequences": "1",
    "generation.max_new_tokens": "6",
    "counterfactuals.source": "file",
    "training.max_steps": "2",
    "training.per_device_train_batch_size": "4",
  });
  await newStudy.fill({ "counterfactuals.path": pairsFile() });
  await newStudy.removeArm(3);
  await newStudy.startIt();

  await expect(study.heading).toContainText("From the form");
  await expect(page.getByRole("heading", { name: "Training loss" })).toBeVisible({ timeout: 120_000 });
  await study.expectStatus("finished", 240_000);
  await study.show("Toxicity");
  const bars = page.getByRole("region", { name: "Toxic and non-toxic completions" });
  for (const arm of ["original", "r = 2", "r = 8", "full"]) await expect(bars.locator("svg:visible")).toContainText(arm);

  await studies.open();
  await expect(studies.row("From the form")).toContainText("finished");
});

test("a refresh and a closed tab lose nothing", async ({ newStudy, study, page, context }) => {
  await newStudy.open({ toml: recipeToml({ ...LONGER, name: "Looked away" }) });
  await newStudy.startIt();
  const id = study.id();
  await study.expectProgressPast(0.1);
  await page.reload();
  const reached = await study.progressed();
  expect(reached, "the page as the server sends it knows how far the study is").toBeGreaterThan(0.1);
  await study.expectProgressPast(reached);

  const address = page.url();
  await page.goto("about:blank");
  const other = await context.newPage();
  await other.goto(address);
  await expect(other.locator(".status").first()).toContainText(/running|finished/);
  await other.close();
  await study.open(id);
  await study.expectStatus("finished", 240_000);
});

test("a server that is restarted in the middle loses nothing", async ({ guard, newStudy, study, server, page }) => {
  guard.expect(SERVER_AWAY);
  await newStudy.open({ toml: recipeToml({ ...LONGER, name: "Restarted" }) });
  await newStudy.startIt();
  await study.expectProgressPast(0.1);
  await server.restart();
  // the page finds the server again by itself
  await study.expectStatus("finished", 240_000);
  await study.show("Toxicity");
  await expect(page.getByRole("region", { name: "Toxic and non-toxic completions" }).locator("svg:visible")).toHaveCount(1);
});

test("a worker that is killed while the server is away goes on where it was", async ({ guard, newStudy, study, server }) => {
  guard.expect(SERVER_AWAY);
  await newStudy.open({ toml: recipeToml({ ...LONGER, name: "Killed" }) });
  await newStudy.startIt();
  await study.expectProgressPast(0.1);
  await server.restart(() => server.killWorker());
  await study.expectStatus("finished", 240_000);
});

test("cancelled, resumed, run again with changes, deleted", async ({ newStudy, study, studies, page }) => {
  await newStudy.open({ toml: recipeToml({ ...LONGER, name: "Stopped" }) });
  await newStudy.startIt();
  await study.expectProgressPast(0.05);
  await study.cancel.click();
  await study.expectStatus("cancelled", 60_000);
  const reached = await study.progressed();
  expect(reached).toBeLessThan(1);

  await study.resume.click();
  await study.expectStatus("finished", 240_000);

  await study.runAgain.click();
  await expect(newStudy.input("name")).toHaveValue("Stopped");
  await expect(newStudy.input("prompts.limit")).toHaveValue(String(LONGER.prompts));
  await newStudy.fill({ name: "Changed", "prompts.limit": String(TINY.prompts), "training.max_steps": "1" });
  await newStudy.startIt();
  await study.expectStatus("finished", 240_000);
  await study.deleteForGood();
  await expect(page).toHaveURL(/\/$/);
  await expect(studies.row("Stopped")).toHaveCount(1);
  await expect(studies.row("Changed")).toHaveCount(0);
});

test("the form sent twice starts one study", async ({ newStudy, studies, page }) => {
  await newStudy.open({ toml: recipeToml({ ...TINY, name: "Sent twice" }) });
  await newStudy.start.dblclick();
  await expect(page).toHaveURL(/\/studies\/[0-9A-Z]{26}$/, { timeout: 30_000 });
  await studies.open();
  await expect(studies.row("Sent twice")).toHaveCount(1);
});
