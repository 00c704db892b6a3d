import { type Locator, type Page, expect } from "@playwright/test";
import { opened } from "./opened";

/** `/lens`: a prompt of one's own, read by chosen arms. */
export class LensPage {
  readonly form: Locator;
  readonly prompt: Locator;
  readonly study: Locator;
  readonly topK: Locator;
  readonly read: Locator;
  readonly stop: Locator;
  readonly alert: Locator;
  readonly panels: Locator;
  readonly cell: Locator;

  constructor(readonly page: Page) {
    this.form = page.getByRole("form", { name: "Ask the lens" });
    this.prompt = this.form.getByLabel("Prompt", { exact: true });
    this.study = this.form.getByLabel("Study");
    this.topK = this.form.getByLabel(/^Tokens a cell lists/);
    this.read = this.form.getByRole("button", { name: "Read the prompt" });
    this.stop = page.getByRole("button", { name: "Stop" });
    this.alert = page.getByRole("alert");
    this.panels = page.locator(".lens-grid");
    this.cell = page.getByLabel("The cell", { exact: true });
  }

  async open(query: Record<string, string> = {}): Promise<void> {
    await this.page.goto(`/lens?${new URLSearchParams(query)}`);
    await opened(this.page);
  }

  arm(name: string): Locator {
    return this.form.getByRole("checkbox", { name, exact: true });
  }

  panel(title: string): Locator {
    return this.page.getByRole("application", { name: new RegExp(`^${title}:`) });
  }

  async ask(prompt: string): Promise<void> {
    await this.prompt.fill(prompt);
    await this.read.click();
  }

  async expectPanels(count: number, patienceMs = 60_000): Promise<void> {
    await expect(this.panels).toHaveCount(count, { timeout: patienceMs });
    await opened(this.page);
  }
}
