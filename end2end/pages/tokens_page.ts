import { type Locator, type Page, expect } from "@playwright/test";
import { opened } from "./opened";

/** `/tokens`: the form for a token, the one that was just made, and the list. */
export class TokensPage {
  readonly rows: Locator;
  readonly form: Locator;
  readonly secret: Locator;
  readonly copy: Locator;
  readonly refusal: Locator;

  constructor(readonly page: Page) {
    this.rows = page.getByRole("table", { name: "Tokens" }).getByRole("row").filter({ has: page.getByRole("rowheader") });
    this.form = page.getByRole("region", { name: "Make a token" });
    this.secret = page.getByRole("region", { name: /^The token/ }).getByRole("code");
    this.copy = page.getByRole("button", { name: "Copy the token" });
    this.refusal = page.getByRole("alert");
  }

  async open(): Promise<void> {
    await this.page.goto("/tokens");
    await opened(this.page);
  }

  async make(name: string, may: "read" | "read and change", holds = "90 days"): Promise<void> {
    await this.form.getByLabel("Name").fill(name);
    await this.form.getByLabel("May").selectOption({ label: may });
    await this.form.getByLabel("Holds for").selectOption({ label: holds });
    await this.form.getByRole("button", { name: "Make it" }).click();
  }

  row(name: string): Locator {
    return this.rows.filter({ has: this.page.getByRole("rowheader", { name, exact: true }) });
  }

  async revoke(name: string): Promise<void> {
    await this.page.getByRole("button", { name: `Revoke ${name}`, exact: true }).click();
    await expect(this.row(name)).toContainText("revoked");
  }
}
