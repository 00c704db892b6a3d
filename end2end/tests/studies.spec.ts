import { expect, test } from "../harness/test";

test("a fresh start shows a finished example, and how to run one like it", async ({ studies, study, page }) => {
  await studies.open();
  await expect(studies.quickLook).toBeVisible();
  const example = studies.rows.filter({ hasText: "example" });
  await expect(example).toHaveCount(1);
  await expect(example).toContainText("finished");
  await expect(example).toContainText("original");
  await expect(example).toContainText(/\d\s%/);

  await example.getByRole("link").first().click();
  await expect(page).toHaveURL(/\/studies\/example$/);
  await study.expectStatus("finished");
  const bars = page.getByRole("region", { name: "Toxic and non-toxic completions" });
  await expect(bars.locator("svg:visible")).toHaveCount(1);
  for (const arm of ["original", "r = 2", "full"]) await expect(bars.locator("svg:visible")).toContainText(arm);
});

test("the figure's numbers are those of its table, and both can be taken away", async ({ study, page, request }) => {
  await study.open("example", "toxicity");
  const results = await (await request.get("/studies/example/results.json")).json();
  const original = results.arms[0].pooled;
  const row = page.getByRole("region", { name: "Toxic and non-toxic completions" }).getByRole("row").filter({ has: page.getByRole("rowheader", { name: "original" }) });
  await expect(row.first()).toContainText(String(original.toxic));
  const figure = await request.get("/studies/example/figures/toxicity.svg");
  expect(figure.headers()["content-type"]).toContain("image/svg+xml");
  expect(await figure.text()).toContain("<svg");
});

test("the recipe of the example can be read, and leads to a form that holds it", async ({ study, newStudy, page, request }) => {
  await study.open("example", "recipe");
  const recipe = await (await request.get("/studies/example/recipe.toml")).text();
  const name = recipe.match(/^name = "(.*)"$/m)![1];
  await expect(page.locator("main")).toContainText("lora_r");
  await study.runAgain.click();
  await expect(newStudy.input("name")).toHaveValue(name);
});

test("an address that is no study says so", async ({ guard, page }) => {
  guard.expect(/404/);
  for (const address of ["/studies/nowhere", "/studies/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/no/such/page"]) {
    const response = await page.goto(address);
    expect(response?.status(), address).toBe(404);
    await expect(page.getByRole("heading", { level: 1 })).toContainText(/not found/i);
    await expect(page.getByRole("link", { name: /studies/i }).first()).toBeVisible();
  }
});
