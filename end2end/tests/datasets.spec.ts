import { UNUSED_CLIENT } from "../harness/page_guard";
import { test as base, expect, expectAccessible, expectNoSidewaysScroll } from "../harness/test";
import { DatasetsPage } from "../pages/datasets_page";

const test = base.extend<{ datasets: DatasetsPage }>({
  datasets: async ({ page }, use) => use(new DatasetsPage(page)),
});

const TABLE = "text,label,place\nfine <i>words</i>,good,north\nno,bad,south\nyes,good,south\nnever again,bad,north\n";

test("the built-in set shows its rows, its topics, its lengths and some of its texts", async ({ datasets, page }) => {
  await datasets.open();
  await expect(datasets.row("builtin")).toContainText("train 240, test 80");
  await datasets.follow("builtin");
  await expect(page.getByRole("region", { name: "Rows and labels" }).getByRole("row", { name: /^train/ })).toContainText("120");
  await expect(page.getByRole("region", { name: "Other columns" })).toContainText("topic");
  await expect(page.getByRole("img", { name: /Texts by their length/ }).filter({ visible: true })).toHaveCount(1);
  await expect(page.getByRole("region", { name: "A few rows" }).getByRole("listitem").first()).toContainText("train, row");
  await expect(page.getByText("Remove …")).toHaveCount(0);
});

test("a set is uploaded, its texts are covered until asked for, it is used in a study and removed", async ({ datasets, newStudy, page }) => {
  await datasets.open();
  await datasets.send("Mine.csv", TABLE, "mine");
  await expect(page).toHaveURL(/\/datasets\/mine$/);
  const rows = page.getByRole("region", { name: "A few rows" });
  await expect(rows.getByText("fine <i>words</i>")).toBeHidden();
  await rows.getByRole("button", { name: "Show the texts" }).click();
  await expect(rows.getByText("fine <i>words</i>")).toBeVisible();
  await page.getByRole("link", { name: "Use in a study" }).click();
  await expect(newStudy.input("data.source")).toHaveValue("dataset:mine");
  await datasets.open();
  await datasets.follow("mine");
  await datasets.removeIt();
  await expect(datasets.row("mine")).toHaveCount(0);
});

test("a wrong row is named", async ({ datasets, page, guard }) => {
  guard.expect(/status 422|Failed to load resource/);
  await datasets.open();
  await datasets.send("wrong.csv", "text,label\nfine,1\n,0\n");
  await expect(datasets.refusal).toContainText("Line 3, column text: the text is empty");
  await expect(datasets.row("wrong")).toHaveCount(0);
  await datasets.path.getByLabel("Path", { exact: true }).fill("/none/at/all.csv");
  await datasets.path.getByRole("button", { name: "Add and check" }).click();
  await expect(page.getByText("There is no such file or directory").first()).toBeVisible();
});

for (const width of [360, 1400]) {
  test(`at ${width} px nothing sticks out, axe-core finds nothing grave`, async ({ datasets, page }) => {
    await page.setViewportSize({ width, height: 900 });
    await datasets.open();
    await expectNoSidewaysScroll(page);
    await expectAccessible(page);
    await datasets.follow("builtin");
    await expectNoSidewaysScroll(page);
    await expectAccessible(page);
  });
}

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });
  test("a set is uploaded and removed", async ({ datasets, guard, page }) => {
    guard.expect(UNUSED_CLIENT);
    await page.goto("/datasets");
    await datasets.send("wrong.csv", "text,label\nfine,1\n,0\n", "kept");
    await expect(datasets.refusal).toContainText("Line 3, column text");
    await expect(datasets.upload.getByLabel("Name (optional)", { exact: true })).toHaveValue("kept");
    await expect(datasets.path.getByLabel("Name (optional)", { exact: true })).toHaveValue("");
    await datasets.path.getByLabel("Path", { exact: true }).fill("/none/at/all.csv");
    await datasets.path.getByLabel("Labels’ names (optional)").fill("no, yes");
    await datasets.path.getByRole("button", { name: "Add and check" }).click();
    await expect(datasets.path.getByLabel("Path", { exact: true })).toHaveValue("/none/at/all.csv");
    await expect(datasets.path.getByLabel("Labels’ names (optional)")).toHaveValue("no, yes");
    await datasets.send("plain.csv", TABLE, "plain");
    await expect(page.getByRole("heading", { level: 1, name: "plain" })).toBeVisible();
    await datasets.removeIt();
    await expect(datasets.row("plain")).toHaveCount(0);
  });
});
