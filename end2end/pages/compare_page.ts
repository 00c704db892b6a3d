import { type Locator, type Page, expect } from "@playwright/test";
import { opened } from "./opened";

export type CompareView = "Toxicity" | "Accuracy" | "Divergence" | "Logit lens" | "Completions" | "Recipe and provenance";

/** `/compare?studies=…`: studies side by side. */
export class ComparePage {
  readonly studies: Locator;
  readonly contrasts: Locator;
  readonly against: Locator;
  readonly complaint: Locator;
  readonly chooser: Locator;
  readonly prompts: Locator;
  readonly covers: Locator;

  constructor(readonly page: Page) {
    this.studies = page.getByRole("list", { name: "Studies that are compared" }).locator("> li");
    this.contrasts = page.getByRole("group", { name: "Contrasts between studies" }).getByRole("row").filter({ has: page.getByRole("rowheader") });
    this.against = page.getByLabel("Contrasted with", { exact: true });
    this.complaint = page.getByRole("alert");
    this.chooser = page.getByRole("form", { name: "Choose studies" });
    this.prompts = page.getByRole("article");
    this.covers = page.locator("details.cover summary");
  }

  async open(ids: string[], query = ""): Promise<void> {
    await this.page.goto(`/compare?studies=${ids.join(",")}${query}`);
    await opened(this.page);
  }

  tab(view: CompareView): Locator {
    return this.page.getByRole("navigation", { name: "Parts of the comparison" }).getByRole("link", { name: view });
  }

  async show(view: CompareView): Promise<void> {
    await this.tab(view).click();
    await expect(this.tab(view)).toHaveAttribute("aria-current", "page");
    await expect(this.page.getByRole("heading", { level: 2, name: view })).toBeVisible();
  }

  /** A link that shows or hides an arm; `place` counts studies from 0. */
  arm(place: number, name: string): Locator {
    return this.studies.nth(place).getByRole("navigation", { name: "Arms" }).getByRole("link", { name: new RegExp(`^(✓ )?${name}$`) });
  }

  choice(row: string, name: string | RegExp): Locator {
    return this.page.getByRole("navigation", { name: row, exact: true }).getByRole("link", { name });
  }

  figure(title: string): Locator {
    return this.page.getByRole("region", { name: title }).locator("svg:visible");
  }
}
