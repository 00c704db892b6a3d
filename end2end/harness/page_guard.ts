// Fails a test on anything that a page should not have said: a console error or warning (a panic and a hydration
// mismatch are such), a script that threw, a request to another host, a file of ours that was not there.
import type { BrowserContext } from "@playwright/test";

export class PageGuard {
  readonly problems: string[] = [];
  private readonly expected: RegExp[] = [];

  constructor(context: BrowserContext, private readonly origin: () => string) {
    context.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.note(`console ${message.type()}: ${message.text()} (${message.location().url})`);
    });
    context.on("weberror", (error) => this.note(`script error: ${error.error().stack ?? error.error()}`));
    context.on("request", (request) => {
      const url = new URL(request.url());
      if (!["data:", "blob:"].includes(url.protocol) && url.origin !== this.origin()) this.note(`request to elsewhere: ${request.url()}`);
    });
    context.on("response", (response) => {
      if (response.status() >= 400) this.note(`status ${response.status()}: ${response.url()}`);
    });
  }

  /** What a test brings about on purpose: a page that is not there, a server that is away. */
  expect(...patterns: RegExp[]): void {
    this.expected.push(...patterns);
  }

  unexpected(): string[] {
    return this.problems.filter((problem) => !this.expected.some((pattern) => pattern.test(problem)));
  }

  private note(problem: string): void {
    this.problems.push(problem);
  }
}

/** A live stream or a request that was cut off because the server went away for a moment. */
export const SERVER_AWAY = /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/;

/** Chromium finds that a page without JavaScript does not use the client that the page offers. */
export const UNUSED_CLIENT = /rankscope\.wasm was preloaded using link preload but not used/;
