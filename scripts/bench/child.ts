/** A process of the product as a person starts it, and what the system says of it (Linux: from /proc). */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { eventually, within } from "../../test/harness/wait.ts";

const TOKEN = "bench";
const READY_MS = 60_000;
const STOP_MS = 60_000;
/** Clock ticks of /proc/<pid>/stat per second, the same on every Linux. */
const TICKS_PER_SECOND = 100;

const PROGRAMS = {
  start: "../start.ts",
  backend: "../backend.ts",
  agent: "../agent.ts",
  fleetHost: "./fleet_host.ts",
} as const;

export interface ChildOptions {
  readonly program: keyof typeof PROGRAMS;
  readonly dataDir: string;
  readonly args?: readonly string[];
  /** A module that is run in place of the program's sources, without a loader. */
  readonly bundle?: string;
  readonly env?: Readonly<Record<string, string>>;
}

interface FleetHostOptions {
  readonly agents: number;
  readonly server: string;
  readonly dataDir: string;
}

/** A child that runs. Disposing of it stops it as Ctrl-C does. */
export class BenchChild implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #dataDir: string;
  #stderr = "";
  #url = "";

  private constructor(options: ChildOptions) {
    const { program, dataDir, bundle, args = [], env = {} } = options;
    const sources = fileURLToPath(new URL(PROGRAMS[program], import.meta.url));
    const run = bundle === undefined ? ["--import", "tsx", sources] : [bundle];
    this.#dataDir = dataDir;
    this.#process = spawn(process.execPath, [...nodeFlags(), ...run, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        KANADE_DATA_DIR: dataDir,
        KANADE_BIND: "127.0.0.1:0",
        KANADE_AUTH_STATIC_TOKEN: TOKEN,
        KANADE_LOG: "warn",
        ...env,
      },
    });
    this.#process.stdout?.resume();
    this.#process.stderr?.on("data", (chunk: Buffer) => this.#stderr += chunk.toString());
  }

  /** Ends when the process is there; nobody knows yet whether it serves. */
  static async spawn(options: ChildOptions): Promise<BenchChild> {
    // What a killed one left behind would tell the wrong address.
    await rm(join(options.dataDir, "runtime.json"), { force: true });
    return new BenchChild(options);
  }

  /** Ends when the API answers. */
  static async serving(options: ChildOptions): Promise<BenchChild> {
    const child = await BenchChild.spawn(options);
    await child.served();
    return child;
  }

  /** Ends when every agent of a process full of them is at work. */
  static async fleetHost(options: FleetHostOptions): Promise<BenchChild> {
    const { dataDir } = options;
    const args = [JSON.stringify(options)];
    const child = await BenchChild.spawn({ program: "fleetHost", dataDir, args });
    const said = once(child.#process.stdout ?? child.#process, "data");
    await within("the agents to start", Promise.race([said, child.#ended()]), READY_MS);
    return child;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Where the broker is that the process uses. */
  async natsUrl(): Promise<string> {
    return (await this.#runtime())?.nats ?? "";
  }

  /** Ends when /health answers. */
  async served(): Promise<void> {
    await within(
      "the child to serve",
      Promise.race([
        eventually("/health", () => this.#isServing(), READY_MS),
        this.#ended(),
      ]),
      READY_MS,
    );
  }

  /** One call of the API. @throws when the status is not 2xx */
  async api<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(this.#url + path, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (response.headers.get("content-type")?.includes("json") ? JSON.parse(text) : text) as T;
  }

  /** How many rows a page of a list has, and where the list goes on. */
  async page(
    path: string,
    cursor: string | undefined,
  ): Promise<{ readonly rows: number; readonly nextCursor: string | undefined }> {
    const response = await fetch(
      `${this.#url}${path}${cursor === undefined ? "" : `&cursor=${cursor}`}`,
      {
        headers: { authorization: `Bearer ${TOKEN}` },
      },
    );
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
    const rows = await response.json() as readonly unknown[];
    return { rows: rows.length, nextCursor: response.headers.get("x-next-cursor") ?? undefined };
  }

  /** Resident memory, MiB. */
  async residentMiB(): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? NaN) / 1_024;
  }

  /** Processor time used so far, seconds, all threads. */
  async cpuSeconds(): Promise<number> {
    const stat = await readFile(`/proc/${this.pid}/stat`, "utf8");
    // The name, in brackets, may hold spaces.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGTERM");
    await within("the child to stop", exited, STOP_MS);
  }

  async #ended(): Promise<never> {
    await once(this.#process, "exit");
    throw new Error(`Cannot measure: the process ended\n${this.#stderr}`);
  }

  async #isServing(): Promise<boolean> {
    const runtime = await this.#runtime();
    if (runtime === undefined) return false;
    this.#url = runtime.http;
    return (await fetch(`${runtime.http}/health`)).ok;
  }

  async #runtime(): Promise<{ readonly http: string; readonly nats: string } | undefined> {
    try {
      return JSON.parse(await readFile(join(this.#dataDir, "runtime.json"), "utf8"));
    } catch {
      // Not written yet, or only half.
      return undefined;
    }
  }
}

/** For looking into a child: `BENCH_NODE_FLAGS="--cpu-prof --cpu-prof-dir=/tmp/profiles" npm run bench …`. */
function nodeFlags(): readonly string[] {
  return (process.env["BENCH_NODE_FLAGS"] ?? "").split(" ").filter((flag) => flag !== "");
}
