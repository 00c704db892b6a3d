import { type Page, expect } from "@playwright/test";

/** Waits until the page answers: the client has taken over what the server sent. */
export async function opened(page: Page): Promise<void> {
  await expect(page.locator("html[data-hydrated]"), "the client takes the page over").toHaveCount(1);
}
