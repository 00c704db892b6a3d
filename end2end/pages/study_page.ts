import { type Locator, type Page, expect } from "@playwright/test";
import { opened } from "./opened";

export type StudyTab =
  | "Progress"
  | "Toxicity"
  | "Completions"
  | "Judge and labels"
  | "Accuracy"
  | "Margins and calibration"
  | "Examples"
  | "Logit lens"
  | "Divergence"
  | "Recipe and provenance";

/** `/studies/{id}`: one study, with its tabs. */
export class StudyPage {
  readonly heading: Locator;
  readonly status: Locator;
  readonly wholeProgress: Locator;
  readonly announcement: Locator;
  readonly cancel: Locator;
  readonly resume: Locator;
  readonly runAgain: Locator;

  constructor(readonly page: Page) {
    this.heading = page.getByRole("heading", { level: 1 });
    this.status = page.locator(".status").first();
    this.wholeProgress = page.getByRole("progressbar", { name: "Whole study" });
    this.announcement = page.locator("main").getByRole("status").first();
    this.cancel = page.getByRole("button", { name: "Cancel", exact: true });
    this.resume = page.getByRole("button", { name: "Resume", exact: true });
    this.runAgain = page.getByRole("link", { name: "Run again with changes" });
  }

  async open(id: string, tab?: string): Promise<void> {
    await this.page.goto(`/studies/${id}${tab ? `?tab=${tab}` : ""}`);
    await opened(this.page);
  }

  /** From the address. */
  id(): string {
    const found = new URL(this.page.url()).pathname.match(/^\/studies\/([^/]+)$/);
    if (!found) throw new Error(`${this.page.url()} is no study's page`);
    return found[1];
  }

  tab(name: StudyTab): Locator {
    return this.page.getByRole("navigation", { name: "Parts of the study" }).getByRole("link", { name });
  }

  async show(tab: StudyTab): Promise<void> {
    await this.tab(tab).click();
    await expect(this.tab(tab)).toHaveAttribute("aria-current", "page");
  }

  /** 0 to 1, as the page's own bar says. */
  async progressed(): Promise<number> {
    return Number(await this.wholeProgress.getAttribute("value"));
  }

  /** Live: waits until the bar has moved past `share` without the page being loaded again. */
  async expectProgressPast(share: number, patienceMs = 120_000): Promise<void> {
    await expect.poll(() => this.progressed(), { timeout: patienceMs }).toBeGreaterThan(share);
  }

  async expectStatus(status: string, patienceMs = 15_000): Promise<void> {
    await expect(this.status).toContainText(status, { timeout: patienceMs });
  }

  /** What can be taken away of the whole study. */
  async openExport(): Promise<void> {
    await this.page.getByText("Export …").click();
  }

  async deleteForGood(): Promise<void> {
    await this.page.getByText("Delete …").click();
    await this.page.getByRole("button", { name: "Delete this study" }).click();
  }
}
