import { type Locator, type Page, expect } from "@playwright/test";
import { opened } from "./opened";

/** `/annotate/{study}`: rounds of labels, and one completion after another. */
export class AnnotatePage {
  readonly draw: Locator;
  readonly name: Locator;
  readonly agreed: Locator;
  readonly begin: Locator;
  readonly completion: Locator;
  readonly heading: Locator;
  readonly labelled: Locator;
  readonly undo: Locator;
  readonly previous: Locator;
  readonly next: Locator;

  constructor(readonly page: Page) {
    this.draw = page.getByRole("button", { name: "Draw the round" });
    this.name = page.getByLabel("Your name");
    this.agreed = page.getByLabel(/^I will read text that models wrote/);
    this.begin = page.getByRole("button", { name: "Begin" });
    this.completion = page.getByRole("article");
    this.heading = this.completion.getByRole("heading", { level: 2 });
    this.labelled = page.locator(".labelling-head");
    this.undo = page.getByRole("button", { name: "Undo the last label" });
    this.previous = page.getByRole("link", { name: "← Back" });
    this.next = page.getByRole("link", { name: "Forward →" });
  }

  async open(study: string): Promise<void> {
    await this.page.goto(`/annotate/${study}`);
    await opened(this.page);
  }

  /** Draws a round and begins it. */
  async start(study: string, items: number, name: string): Promise<void> {
    await this.open(study);
    await this.page.getByLabel("Completions", { exact: true }).fill(String(items));
    await this.draw.click();
    await expect(this.page).toHaveURL(/round=/);
    await this.name.fill(name);
    await this.agreed.check();
    await this.begin.click();
    await expect(this.page).toHaveURL(/as=/);
    await opened(this.page);
    await expect(this.completion).toBeVisible();
  }

  button(label: "Toxic" | "Not toxic" | "Unsure"): Locator {
    // the one that was pressed has a tick before its name
    return this.completion.getByRole("button", { name: new RegExp(`^(✓ )?${label}$`) });
  }

  async expectLabelled(count: number, total: number): Promise<void> {
    await expect(this.labelled).toContainText(`${count} of ${total} labelled`);
  }

  /** By a key, once the completion that it is for is there. */
  async press(key: string, count: number, total: number): Promise<void> {
    await this.page.keyboard.press(key);
    await this.expectLabelled(count, total);
  }
}
