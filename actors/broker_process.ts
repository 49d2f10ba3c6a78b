import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Fault } from "../wire/fault.ts";
import type { Log } from "./log.ts";
import { systemEnvironment } from "./system_environment.ts";

/** One run of nats-server as our child. */
export interface BrokerProcess {
  readonly pid: number;
  /** Resolves when it takes connections. @throws {Fault} `broker_unavailable` when it ends before */
  readonly ready: Promise<void>;
  /** Resolves with why it ended; never rejects. */
  readonly ended: Promise<string>;
  /** Has it read its configuration again. @throws {Fault} `broker_unavailable` when it does not take it */
  reload(): Promise<void>;
  /** SIGTERM, and SIGKILL if it is still there after 10 s. Resolves when it has ended. */
  stop(): Promise<void>;
}

const STOP_WITHIN_MS = 10_000;
const RELOAD_WITHIN_MS = 5_000;
const LINE = /^\[\d+\] \[(\w+)\] (.*)$/;

/** Starts nats-server on a configuration file. */
export function startBrokerProcess(options: {
  readonly binary: string;
  readonly configFile: string;
  readonly log: Log;
}): BrokerProcess {
  const child = spawn(options.binary, ["-c", options.configFile], {
    // A group of its own: Ctrl-C in a terminal is for us, and we stop it when all others have stopped.
    detached: process.platform !== "win32",
    windowsHide: true,
    stdio: ["ignore", "ignore", "pipe"],
    env: systemEnvironment(),
  });
  return new ChildBroker(child, options.log);
}

class ChildBroker implements BrokerProcess {
  readonly ready: Promise<void>;
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #log: Log;
  readonly #heard = new Set<(line: string) => void>();
  /** The newest complaint, to say why it ended. */
  #complaint = "";

  constructor(child: ChildProcess, log: Log) {
    this.#child = child;
    this.#log = log.child({ pid: child.pid });
    this.ended = this.#untilEnded();
    this.ready = this.#untilSaid("Server is ready");
    // Who does not wait for it hears of the end by `ended`.
    this.ready.catch(() => {});
    if (child.stderr !== null) {
      createInterface({ input: child.stderr }).on("line", (line) => this.#said(line));
    }
    this.#endWithUs();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async reload(): Promise<void> {
    const reloaded = this.#untilSaid("Reloaded server configuration", "Failed to reload");
    this.#signal("SIGHUP");
    await reloaded;
  }

  async stop(): Promise<void> {
    this.#signal("SIGTERM");
    const kill = setTimeout(() => this.#signal("SIGKILL"), STOP_WITHIN_MS);
    await this.ended;
    clearTimeout(kill);
  }

  #untilEnded(): Promise<string> {
    return new Promise((resolve) => {
      this.#child.once("error", (error) => resolve(error.message));
      this.#child.once("exit", (code, signal) => {
        const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
        resolve(this.#complaint === "" ? how : `${how}, ${this.#complaint}`);
      });
    });
  }

  /** A process that exits without stopping its actors still takes the broker along; only SIGKILL leaves it. */
  #endWithUs(): void {
    const end = () => this.#signal("SIGTERM");
    process.once("exit", end);
    void this.ended.then(() => process.off("exit", end));
  }

  /** Not by the child's own kill: Deno's sends one signal in a life. */
  #signal(name: NodeJS.Signals): void {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    try {
      process.kill(pid, name);
    } catch (thrown) {
      // It ended, and its exit is not told yet.
      if ((thrown as NodeJS.ErrnoException).code !== "ESRCH") throw thrown;
    }
  }

  #said(text: string): void {
    const [, level = "ERR", line = text] = LINE.exec(text) ?? [];
    if (level === "FTL" || level === "ERR") this.#complaint = line;
    if (level === "FTL") this.#log.error("the broker fails", { line });
    else if (level === "ERR") this.#log.warn("the broker complains", { line });
    else this.#log.debug("the broker says", { line });
    for (const listener of this.#heard) listener(line);
  }

  #untilSaid(wanted: string, refused?: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (why: string) => {
        settle();
        reject(new Fault("broker_unavailable", `Cannot use nats-server: ${why}`));
      };
      const listen = (line: string) => {
        if (refused !== undefined && line.startsWith(refused)) fail(line);
        if (!line.startsWith(wanted)) return;
        settle();
        resolve();
      };
      // Starting may take long, as a large store is checked; being told to reload may not.
      const timer = refused === undefined
        ? undefined
        : setTimeout(() => fail("it does not answer to a reload"), RELOAD_WITHIN_MS);
      const settle = () => {
        clearTimeout(timer);
        this.#heard.delete(listen);
      };
      this.#heard.add(listen);
      void this.ended.then((why) => fail(`it ended with ${why}`));
    });
  }
}
