import { expect, expectAccessible, expectNoSidewaysScroll, test } from "../harness/test";

// A study trains, classifies and is looked into for real.
test.describe.configure({ timeout: 420_000 });

test("a classification study from the form to curves, table, verdict, margins, lens and divergence", async ({ newStudy, study, studies, page }) => {
  await newStudy.open({ preset: "classification-quick" });
  await newStudy.fill({
    name: "Small classification",
    "data.train_limit": "16",
    "data.test_limit": "8",
    "groups.minority_fractions": "1, 0.5",
    "training.num_train_epochs": "1",
    "classifier.max_new_tokens": "3",
    "inspection.divergence_limit": "4",
    "inspection.lens_new_tokens": "3",
  });
  await newStudy.removeArm(3);
  await newStudy.startIt();
  await study.expectStatus("finished", 360_000);

  await study.show("Accuracy");
  await expect(page.getByRole("heading", { name: "What the paper claims, and what this study says" })).toBeVisible();
  const curves = page.getByRole("region", { name: "Accuracy by minority fraction" });
  for (const text of ["full", "r = 2", "r = 8", "positive", "negative"]) await expect(curves.locator("svg:visible")).toContainText(text);
  await expect(curves.getByRole("table")).toContainText("n = 8");
  await expect(page.getByRole("region", { name: /Table 1/ }).getByRole("table").first()).toContainText("HBG");
  await page.getByRole("link", { name: /r = 8/ }).first().click();
  await expect(page).toHaveURL(/arms=/);
  await expect(curves.locator("svg:visible")).not.toContainText("r = 8");
  await page.getByRole("link", { name: "generated text" }).click();
  await expect(page).toHaveURL(/reading=generated_text/);
  await expect(curves.locator("svg:visible")).toContainText("full");

  await study.show("Margins and calibration");
  await expect(page.getByRole("region", { name: "Decision margins" }).locator("svg:visible")).toContainText("full");
  await expect(page.getByRole("region", { name: "Reliability" }).locator("svg:visible")).toContainText("ECE");
  await expectAccessible(page);

  await study.show("Accuracy");
  await curves.getByRole("link", { name: /examples of negative/ }).first().click();
  await expect(page).toHaveURL(/tab=examples.*group=negative/);
  await expect(page.getByRole("status").filter({ hasText: "this choice" })).toContainText("4 examples");
  await page.getByRole("link", { name: "this example alone" }).first().click();
  await expect(page).toHaveURL(/example=\d/);
  await expect(page.getByRole("table").first()).toContainText("negative");
  await expect(page.getByRole("heading", { name: "How far from the original here" })).toBeVisible();
  await expectAccessible(page);

  await study.show("Logit lens");
  await expect(page.locator("main svg").first()).toBeVisible();
  await expect(page.locator("main")).toContainText("nats");
  await expectAccessible(page);

  await study.show("Divergence");
  await expect(page.locator("main svg:visible").first()).toContainText("r = 2");
  await expectAccessible(page);
  await page.setViewportSize({ width: 360, height: 900 });
  await expectNoSidewaysScroll(page);
  for (const tab of ["Accuracy", "Margins and calibration", "Examples", "Logit lens"] as const) {
    await study.show(tab);
    await expectNoSidewaysScroll(page);
  }

  await studies.open();
  await expect(page.getByRole("row", { name: /Small classification/ })).toContainText("accuracy");
});
