import { type Locator, type Page, expect } from "@playwright/test";
import { opened } from "./opened";

/** `/`: the list of studies. */
export class StudiesPage {
  readonly quickLook: Locator;
  readonly rows: Locator;

  constructor(readonly page: Page) {
    this.quickLook = page.getByRole("button", { name: /quick look/i });
    this.rows = page.getByRole("table").getByRole("row").filter({ has: page.getByRole("rowheader") });
  }

  async open(): Promise<void> {
    await this.page.goto("/");
    await opened(this.page);
    await expect(this.page.getByRole("heading", { level: 1, name: "Studies" })).toBeVisible();
  }

  /** Sends an archive of a study. */
  async import(file: Parameters<Locator["setInputFiles"]>[0]): Promise<void> {
    await this.page.getByText("Import a study").click();
    await this.page.getByLabel("Archive").setInputFiles(file);
    await this.page.getByRole("button", { name: "Import and check" }).click();
  }

  row(name: string): Locator {
    return this.rows.filter({ has: this.page.getByRole("link", { name, exact: true }) });
  }

  /** Opens the (first) study of this name. */
  async follow(name: string): Promise<void> {
    await this.row(name).first().getByRole("link", { name, exact: true }).click();
    await expect(this.page).toHaveURL(/\/studies\/(example|[0-9A-Z]{26})$/);
  }
}
