import { type Locator, type Page, expect } from "@playwright/test";
import { opened } from "./opened";

/** `/models`: the models there are and those on their way; and the page of one. */
export class ModelsPage {
  readonly source: Locator;
  readonly add: Locator;
  readonly rows: Locator;
  readonly jobs: Locator;
  readonly training: Locator;
  readonly facts: Locator;

  constructor(readonly page: Page) {
    this.source = page.getByLabel("Model of the hub, or path");
    this.add = page.getByRole("button", { name: "Add", exact: true });
    this.rows = page.getByRole("table").getByRole("row").filter({ has: page.getByRole("rowheader") });
    this.jobs = page.getByRole("region", { name: "On their way" }).getByRole("listitem");
    this.training = page.getByRole("region", { name: "Training it on this machine" });
    this.facts = page.getByRole("region", { name: "What its files say" });
  }

  async open(): Promise<void> {
    await this.page.goto("/models");
    await opened(this.page);
    await expect(this.page.getByRole("heading", { level: 1, name: "Models" })).toBeVisible();
  }

  async addIt(source: string): Promise<void> {
    await this.source.fill(source);
    await this.add.click();
  }

  row(name: string): Locator {
    return this.rows.filter({ has: this.page.getByRole("link", { name, exact: true }) });
  }

  async follow(name: string): Promise<void> {
    await this.row(name).getByRole("link", { name, exact: true }).click();
    await expect(this.page.getByRole("heading", { level: 1, name })).toBeVisible();
  }

  async removeIt(): Promise<void> {
    await this.page.getByText("Remove …").click();
    await this.page.getByRole("button", { name: "Remove this model" }).click();
    await expect(this.page).toHaveURL(/\/models$/);
  }
}
