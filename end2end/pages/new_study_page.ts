import { type Locator, type Page, expect } from "@playwright/test";
import { opened } from "./opened";

/** `/studies/new`: the recipe as a form. Inputs are named as the recipe's fields: `training.max_steps`, `arms.0.lora_r`. */
export class NewStudyPage {
  readonly start: Locator;
  readonly check: Locator;
  readonly errorSummary: Locator;
  readonly estimate: Locator;
  readonly toml: Locator;
  readonly arms: Locator;
  readonly addArm: Locator;
  readonly presets: Locator;
  readonly showKind: Locator;

  constructor(readonly page: Page) {
    this.start = page.getByRole("button", { name: "Start the study" });
    this.check = page.getByRole("button", { name: "Check and estimate" });
    this.errorSummary = page.getByRole("alert").filter({ hasText: "must be mended first" });
    this.estimate = page.getByRole("region", { name: "Estimate" });
    this.toml = page.getByRole("region", { name: "Recipe as TOML" }).locator("code");
    this.arms = page.getByRole("group", { name: /^Arm \d+$/ });
    this.addArm = page.getByRole("button", { name: "Add an arm" });
    this.presets = page.getByRole("navigation", { name: "Presets" });
    this.showKind = page.getByRole("button", { name: "Show the fields of this kind" });
  }

  /** `query`: `preset=…` or `from=…`, single fields beside these, `kind=…`, or `toml=…`, a whole recipe. */
  async open(query: Record<string, string> = {}): Promise<void> {
    const search = new URLSearchParams(query).toString();
    await this.page.goto(`/studies/new${search && `?${search}`}`);
    await opened(this.page);
    await expect(this.page.getByRole("heading", { level: 1, name: "New study" })).toBeVisible();
  }

  input(name: string): Locator {
    return this.page.locator(`main [name="${name}"]:not([type=hidden])`);
  }

  async fill(values: Record<string, string>): Promise<void> {
    for (const [name, value] of Object.entries(values)) {
      const input = this.input(name);
      if ((await input.evaluate((element) => element.tagName)) === "SELECT") await input.selectOption(value);
      else await input.fill(value);
    }
  }

  kind(name: "Toxicity" | "Classification"): Locator {
    return this.page.getByRole("group", { name: "What do you want to know?" }).getByRole("radio", { name });
  }

  async removeArm(number: number): Promise<void> {
    const before = await this.arms.count();
    await this.page.getByRole("button", { name: `Remove arm ${number}` }).click();
    await expect(this.arms).toHaveCount(before - 1);
  }

  /** The field is marked wrong, its message is tied to it, and the message says `remedy`. */
  async expectRefused(name: string, remedy: RegExp): Promise<void> {
    const input = this.input(name);
    await expect(input).toHaveAttribute("aria-invalid", "true");
    const described = (await input.getAttribute("aria-describedby"))?.split(" ") ?? [];
    const messages = await Promise.all(described.map((id) => this.page.locator(`[id="${id}"]`).innerText()));
    expect(messages.join(" "), `what is said beside ${name}`).toMatch(remedy);
  }

  /** Starts what the form says, and waits for the study's page. */
  async startIt(): Promise<void> {
    await this.start.click();
    await expect(this.page).toHaveURL(/\/studies\/[0-9A-Z]{26}$/, { timeout: 30_000 });
  }
}
