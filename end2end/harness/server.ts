// A Rankscope server of the tests' own: the real program, on a free port, with a data directory that goes away.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const START_PATIENCE_MS = 30_000;
const END_PATIENCE_MS = 15_000;

function required(name: string): string {
  const value = process.env[name];
  if (!value || !existsSync(value)) {
    throw new Error(`${name} = ${value ?? "(not set)"} is not there. "make browser" builds what the tests need and sets it.`);
  }
  return value;
}

export class RankscopeServer {
  /** Everything that the server said, for the report of a test that failed. */
  log = "";
  url = "";
  private process?: ChildProcess;

  private constructor(readonly dataDir: string, private readonly environment: Record<string, string>) {}

  static async start(environment: Record<string, string> = {}): Promise<RankscopeServer> {
    const server = new RankscopeServer(mkdtempSync(join(tmpdir(), "rankscope-data-")), environment);
    await server.launch("127.0.0.1:0");
    return server;
  }

  /** Ends the server and starts it again at the same address, over the same data. Studies go on meanwhile. */
  async restart(whileAway: () => Promise<void> = async () => {}): Promise<void> {
    const address = new URL(this.url).host;
    await this.end();
    await whileAway();
    await this.launch(address);
  }

  /** Ends everything and removes the data. */
  async remove(): Promise<void> {
    await this.end();
    for (const pid of this.workers()) process.kill(pid, "SIGKILL");
    rmSync(this.dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  /** Process ids of the workers of our studies, which outlive the server on purpose. */
  workers(): number[] {
    const isOurs = (pid: string) => {
      try {
        const [, verb, directory] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        return verb === "worker" && directory.startsWith(this.dataDir);
      } catch {
        return false; // it ended while we looked
      }
    };
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isOurs(name)).map(Number);
  }

  /** Kills a worker, and waits until nothing is left of it: its threads hold its files open for a moment. */
  async killWorker(): Promise<void> {
    const [pid, ...others] = this.workers();
    if (!pid || others.length > 0) throw new Error(`one worker was expected, not ${JSON.stringify([pid, ...others])}`);
    process.kill(pid, "SIGKILL");
    const threads = () => (existsSync(`/proc/${pid}/task`) ? readdirSync(`/proc/${pid}/task`).length : 0);
    const isRunning = () => threads() > 1 || (threads() === 1 && !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8")));
    while (isRunning()) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  private async launch(address: string): Promise<void> {
    const child = spawn(
      required("RANKSCOPE_PROGRAM"),
      ["serve", "--address", address, "--data-dir", this.dataDir, "--site-dir", required("RANKSCOPE_SITE_DIR"), "--default-model", required("RANKSCOPE_DEFAULT_MODEL")],
      { cwd: this.dataDir, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, NO_COLOR: "1", ...this.environment } },
    );
    this.process = child;
    child.stderr.on("data", (bytes: Buffer) => (this.log += bytes.toString()));
    let said = "";
    this.url = await new Promise<string>((resolve, reject) => {
      const refuse = (why: string) => reject(new Error(`the server ${why}\n${said}${this.log}`));
      const patience = setTimeout(() => refuse(`did not say its address in ${START_PATIENCE_MS / 1000} s`), START_PATIENCE_MS);
      child.once("error", (error) => refuse(`could not be started: ${error.message}`));
      child.once("exit", (code) => refuse(`ended with code ${code}`));
      child.stdout.on("data", (bytes: Buffer) => {
        said += bytes.toString();
        const found = said.match(/http:\/\/127\.0\.0\.1:\d+/);
        if (!found) return;
        clearTimeout(patience);
        resolve(found[0]);
      });
    });
  }

  private async end(): Promise<void> {
    const child = this.process;
    this.process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const patience = setTimeout(() => child.kill("SIGKILL"), END_PATIENCE_MS);
    await ended;
    clearTimeout(patience);
  }
}
