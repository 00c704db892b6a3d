import { type Locator, type Page, expect } from "@playwright/test";

export type CompletionFilter = "Arm" | "Seed" | "Group" | "Verdict";

/** The completions of a study, filtered and paged. */
export class CompletionsTab {
  readonly filters: Locator;
  readonly counted: Locator;
  readonly prompts: Locator;
  readonly covers: Locator;
  readonly texts: Locator;
  readonly next: Locator;
  readonly showHarmful: Locator;
  readonly coverHarmful: Locator;

  constructor(readonly page: Page) {
    this.filters = page.getByRole("form", { name: "Choose completions" });
    this.counted = page.getByRole("status").filter({ hasText: "meet this choice" });
    this.prompts = page.getByRole("article");
    this.covers = page.getByText(/^covered \(/);
    this.texts = page.locator(".completion");
    this.next = page.getByRole("link", { name: "Next" });
    this.showHarmful = page.getByRole("button", { name: "Show harmful text" });
    this.coverHarmful = page.getByRole("button", { name: "Cover harmful text" });
  }

  async choose(choice: Partial<Record<CompletionFilter, string>>): Promise<void> {
    for (const [label, value] of Object.entries(choice)) await this.filters.getByLabel(label).selectOption(value);
    await this.filters.getByRole("button", { name: "Show" }).click();
    for (const [label, value] of Object.entries(choice)) {
      await expect.poll(() => new URL(this.page.url()).searchParams.get(label.toLowerCase())).toBe(value);
    }
  }

  /** The number of completions that the page says meet the choice. */
  async count(): Promise<number> {
    const text = await this.counted.innerText();
    return Number(text.slice(0, text.indexOf(" completion")).replace(/\D/g, ""));
  }
}
