import { type Locator, type Page, expect } from "@playwright/test";
import { opened } from "./opened";

/** `/shares?study=ID`: the form that makes a link, and the links that were made. */
export class SharesPage {
  readonly make: Locator;
  readonly link: Locator;
  readonly rows: Locator;
  readonly expires: Locator;
  readonly label: Locator;

  constructor(readonly page: Page) {
    this.make = page.getByRole("button", { name: "Make a link" });
    this.link = page.getByRole("textbox", { name: "The link" });
    this.rows = page.getByRole("table").getByRole("row").filter({ has: page.getByRole("rowheader") });
    this.expires = page.getByLabel("It expires");
    this.label = page.getByLabel("Label, for your own list");
  }

  async open(study: string): Promise<void> {
    await this.page.goto(`/shares?study=${study}`);
    await opened(this.page);
    await expect(this.page.getByRole("heading", { level: 1, name: "Share links" })).toBeVisible();
  }

  option(name: "For blind review" | "With completions" | "May annotate"): Locator {
    return this.page.getByRole("checkbox", { name });
  }

  /** Makes a link and gives its address, which is shown this once. */
  async makeLink(label: string): Promise<string> {
    await this.label.fill(label);
    await this.make.click();
    await expect(this.row(label)).toHaveCount(1);
    await expect(this.link).toBeVisible();
    return this.link.inputValue();
  }

  row(label: string): Locator {
    return this.rows.filter({ has: this.page.getByRole("rowheader", { name: label }) });
  }

  async revoke(label: string): Promise<void> {
    await this.row(label).getByText("Revoke …").click();
    await this.row(label).getByRole("button", { name: "Revoke this link" }).click();
    await expect(this.row(label)).toContainText("revoked");
  }
}
