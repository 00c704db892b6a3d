// A hub of the tests' own on loopback: one tiny model, as the Hugging Face hub serves it, as slowly as a test wants.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const MODEL = fileURLToPath(new URL("../../tests/reference/llama_tiny", import.meta.url));
const FILES = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];
export const COMMIT = "5b1c8a4ee4b3e7f0d0a6c2f7f7f0a1b2c3d4e5f6";

export class TinyHub {
  endpoint = "";
  /** Bytes a second of the weights; 0: as fast as it goes. */
  rate = 0;
  private readonly server: Server = createServer((request, response) => this.answer(request, response));

  static async start(): Promise<TinyHub> {
    const hub = new TinyHub();
    await new Promise<void>((resolve) => hub.server.listen(0, "127.0.0.1", resolve));
    hub.endpoint = `http://127.0.0.1:${(hub.server.address() as AddressInfo).port}`;
    return hub;
  }

  async end(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const path = new URL(request.url ?? "/", this.endpoint).pathname;
    if (path === "/api/models/org/tiny/revision/main") {
      const siblings = FILES.map((rfilename) => ({ rfilename }));
      response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify({ sha: COMMIT, siblings }));
      return;
    }
    const name = FILES.find((file) => path === `/org/tiny/resolve/${COMMIT}/${file}`);
    if (!name) {
      response.writeHead(404, { "X-Error-Code": "RepoNotFound" }).end();
      return;
    }
    const content = readFileSync(join(MODEL, name));
    const hash = createHash("sha256").update(content).digest("hex");
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const headers: Record<string, string | number> = { ETag: `"${name.endsWith(".safetensors") ? hash : hash.slice(0, 40)}"`, "Content-Length": content.length - from };
    if (from > 0) headers["Content-Range"] = `bytes ${from}-${content.length - 1}/${content.length}`;
    response.writeHead(from > 0 ? 206 : 200, headers);
    if (request.method === "HEAD") response.end();
    else if (this.rate === 0 || !name.endsWith(".safetensors")) response.end(content.subarray(from));
    else this.trickle(content.subarray(from), response);
  }

  /** Twenty pieces a second, until all is sent or the other side goes away. */
  private trickle(content: Buffer, response: ServerResponse): void {
    let sent = 0;
    const timer = setInterval(() => {
      const end = this.rate === 0 ? content.length : Math.min(content.length, sent + this.rate / 20);
      response.write(content.subarray(sent, end));
      sent = end;
      if (sent >= content.length) {
        clearInterval(timer);
        response.end();
      }
    }, 50);
    response.on("close", () => clearInterval(timer));
  }
}
