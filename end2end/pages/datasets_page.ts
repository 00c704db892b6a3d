import { type Locator, type Page, expect } from "@playwright/test";
import { opened } from "./opened";

/** `/datasets`: the sets there are and the forms to add one; and the page of one. */
export class DatasetsPage {
  readonly rows: Locator;
  readonly upload: Locator;
  readonly path: Locator;
  readonly refusal: Locator;

  constructor(readonly page: Page) {
    this.rows = page.getByRole("table", { name: "Sets of labelled texts" }).getByRole("row").filter({ has: page.getByRole("rowheader") });
    this.upload = page.getByRole("region", { name: "Upload a set" });
    this.path = page.getByRole("region", { name: "Add a set by its path" });
    this.refusal = page.locator("#refused");
  }

  async open(): Promise<void> {
    await this.page.goto("/datasets");
    await opened(this.page);
  }

  async send(fileName: string, content: string, name = ""): Promise<void> {
    await this.upload.getByLabel("File").setInputFiles({ name: fileName, mimeType: "text/plain", buffer: Buffer.from(content) });
    await this.upload.getByLabel("Name (optional)", { exact: true }).fill(name);
    await this.upload.getByRole("button", { name: "Upload and check" }).click();
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
    await this.page.getByRole("button", { name: "Remove this set" }).click();
    await expect(this.page).toHaveURL(/\/datasets$/);
  }
}
