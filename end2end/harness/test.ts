// What every test starts from: a server, a guarded page, and the pages as objects.
import AxeBuilder from "@axe-core/playwright";
import { type Page, test as base, expect } from "@playwright/test";
import { NewStudyPage } from "../pages/new_study_page";
import { StudiesPage } from "../pages/studies_page";
import { StudyPage } from "../pages/study_page";
import { PageGuard } from "./page_guard";
import { RankscopeServer } from "./server";

interface Fixtures {
  guard: PageGuard;
  studies: StudiesPage;
  newStudy: NewStudyPage;
  study: StudyPage;
}

export const test = base.extend<Fixtures, { server: RankscopeServer }>({
  server: [
    async ({}, use) => {
      const server = await RankscopeServer.start();
      await use(server);
      await server.remove();
    },
    { scope: "worker" },
  ],
  baseURL: async ({ server }, use) => use(server.url),
  guard: [
    async ({ context, server }, use, info) => {
      const guard = new PageGuard(context, () => server.url);
      const before = server.log.length;
      await use(guard);
      if (info.status !== info.expectedStatus) await info.attach("server.log", { body: server.log.slice(before) });
      expect(guard.unexpected(), "what the pages complained of").toEqual([]);
      expect(server.log.slice(before), "the server's log").not.toMatch(/ERROR|panicked/);
    },
    { auto: true },
  ],
  studies: async ({ page }, use) => use(new StudiesPage(page)),
  newStudy: async ({ page }, use) => use(new NewStudyPage(page)),
  study: async ({ page }, use) => use(new StudyPage(page)),
});

export { expect };

/** axe-core's findings that keep people out; the lesser ones are matters of taste. */
export async function expectAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  expect(grave.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(" | ")}`), "axe-core's findings").toEqual([]);
}

/** Nothing sticks out of the page to the right; wide tables scroll in a frame of their own. */
export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  expect(content, "the page's width in a window of this width").toBeLessThanOrEqual(window);
}
