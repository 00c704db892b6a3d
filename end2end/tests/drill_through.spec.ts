import { expect, test } from "../harness/test";

interface Results {
  arms: { arm: string; groups: { group: string; toxic: number; judged: number; unparsable: number }[] }[];
  groups: string[];
}

test("a bar leads to its groups, a group to its completions, a completion to its divergence, and back", async ({ study, page, request }) => {
  const results = (await (await request.get("/studies/example/results.json")).json()) as Results;
  const arm = results.arms.find(({ arm }) => arm === "lora-r8");
  if (!arm) throw new Error("the example has no r = 8");
  await study.open("example", "toxicity");
  await page.locator("#toxicity").getByRole("link", { name: "r = 8 by group" }).filter({ visible: true }).click();
  await expect(page).toHaveURL(/tab=toxicity&arm=lora-r8/);

  const group = arm.groups[0];
  const groups = page.locator("#arm_groups");
  await groups.getByRole("link", { name: `completions of r = 8, ${group.group}` }).filter({ visible: true }).click();
  await expect(page).toHaveURL(/tab=completions&arm=lora-r8&group=/);
  const count = group.judged + group.unparsable;
  await expect(page.getByRole("status").filter({ hasText: "meet this choice" })).toContainText(`${count} completions`);

  await page.getByRole("link", { name: "its divergence and lens" }).first().click();
  await expect(page).toHaveURL(/prompt=\d+.*sample=0|sample=0.*prompt=\d+/);
  const inside = page.getByRole("region", { name: "How far from the original here" });
  await expect(inside.getByRole("row")).toHaveCount(results.arms.length);
  await expect(page.locator("article .strip svg")).toHaveCount(1);
  await page.reload();
  await expect(inside, "the view is its address").toBeVisible();

  const trail = page.getByRole("navigation", { name: "The way here" });
  await trail.getByRole("link", { name: "r = 8 by group" }).click();
  await expect(groups).toBeVisible();
});

test("a bar is reached and followed by keyboard", async ({ study, page }) => {
  await study.open("example", "toxicity");
  const bar = page.locator("#toxicity").getByRole("link", { name: "full by group" }).filter({ visible: true });
  await bar.focus();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/arm=full/);
  await expect(page.locator("#arm_groups")).toContainText("Completions of full");
});

test("an arm that the study has not is said", async ({ study, page }) => {
  await study.open("example", "toxicity&arm=lora-r3");
  await expect(page.getByText("arm = lora-r3: this study does not have it.")).toBeVisible();
});
