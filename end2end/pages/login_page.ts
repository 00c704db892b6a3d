import { type Locator, type Page, expect } from "@playwright/test";

/** `/login`: one field. The page is the server's alone, so there is no client to wait for. */
export class LoginPage {
  readonly password: Locator;
  readonly submit: Locator;
  readonly refusal: Locator;
  readonly logOut: Locator;

  constructor(readonly page: Page) {
    this.password = page.getByLabel("Password");
    this.submit = page.getByRole("button", { name: "Log in" });
    this.refusal = page.getByRole("alert");
    this.logOut = page.getByRole("button", { name: "Log out" });
  }

  async expectHere(): Promise<void> {
    await expect(this.page).toHaveURL(/\/login(\?|$)/);
    await expect(this.page.getByRole("heading", { level: 1, name: "Log in" })).toBeVisible();
  }

  async logIn(password: string): Promise<void> {
    await this.password.fill(password);
    await this.submit.click();
  }
}
