import type { ActorStatus } from "../actors/system/node.ts";
import { startSystem, type System } from "../actors/system/supervisor.ts";
import type { Watchable } from "../actors/system/watchable.ts";
import { checkName } from "../wire/ids.ts";
import { answers } from "./answers.ts";
import { connection } from "./connection.ts";
import { factFollower } from "./fact_follower.ts";
import { Handlers } from "./handlers.ts";
import { heartbeats } from "./heartbeats.ts";
import { intake } from "./intake.ts";
import { ledgerKeeper } from "./ledger_keeper.ts";
import type { AgentOptions } from "./options.ts";
import { grantorsOf, openDirectory, type Parts } from "./parts.ts";
import { publishing } from "./publishing.ts";
import { slotLimit } from "./slot_limit.ts";

export type { Command } from "../wire/command.ts";
export type { AgentOptions } from "./options.ts";
export type { HandlerOutput, HandlerTools, JobHandler, JobHandlers } from "./handlers.ts";

const DEFAULT_STOP_GRACE_MS = 20_000;
/** How long the outbox may go on emptying itself after the last script ended (agent.md §5). */
const FLUSH_MS = 5_000;
/** SIGTERM, 5 s, SIGKILL, and the writing of the results. */
const ENDING_MS = 15_000;

/** What can be watched of an agent. */
export interface AgentInspection {
  readonly system: System;
  /** Of each command that is not reported, under its `request_id`. */
  readonly commands: Watchable;
  /** What waits for an actor, by its name. */
  readonly queues: Readonly<Record<string, () => number>>;
}

/** An agent inside this process. It keeps nothing outside of itself and its data directory. */
export interface Agent extends AsyncDisposable {
  readonly pcId: string;
  /** Whether it has a connection to the broker now. */
  readonly connected: boolean;
  /** Commands that are admitted and not reported. */
  readonly activeCommands: number;
  /** Results that the broker has not stored yet. */
  readonly waitingResults: number;
  /** Resolves when the agent is at work, with or without a broker. @throws {Fault} `not_writable`, `conflict`, `bad_setting` */
  start(): Promise<void>;
  /**
   * Stops in order (agent.md §5); harmless twice. Aborting the signal ends the waiting at once: what runs is ended and not
   * reported, as in a crash, and the next start on the data directory says so.
   */
  stop(signal?: AbortSignal): Promise<void>;
  /** Resolves with what went wrong when the agent gives itself up. */
  readonly failed: Promise<Error>;
  /** The state of each of its actors. */
  tree(): readonly ActorStatus[];
  /** Its actors and the machines of its commands, for who watches them; undefined before it starts. */
  readonly inspection: AgentInspection | undefined;
}

/**
 * An agent that runs the scripts it is sent, at most once each, and reports every one.
 *
 * @throws {Fault} `invalid_input` when `pcId` cannot be a part of a subject
 */
export function createAgent(options: AgentOptions): Agent {
  checkName("pc_id", options.pcId);
  return new EmbeddedAgent(options);
}

class EmbeddedAgent implements Agent {
  readonly pcId: string;
  readonly failed: Promise<Error>;
  readonly #options: AgentOptions;
  readonly #handlers: Handlers;
  #fail: (error: Error) => void = () => undefined;
  #parts: Parts | undefined;
  #system: System | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: AgentOptions) {
    this.pcId = options.pcId;
    this.#options = options;
    this.#handlers = new Handlers(options.handlers);
    this.failed = new Promise((resolve) => this.#fail = resolve);
  }

  get connected(): boolean {
    return this.#parts?.link.bus !== undefined;
  }

  get activeCommands(): number {
    return this.#parts?.commands.count ?? 0;
  }

  get waitingResults(): number {
    return this.#parts?.outbox.waitingResults ?? 0;
  }

  async start(): Promise<void> {
    if (this.#starting !== undefined) throw new TypeError("The agent was started before");
    if (this.#stopping !== undefined) throw new TypeError("The agent was stopped before");
    this.#starting = this.#start();
    try {
      await this.#starting;
    } catch (thrown) {
      // What could not have its directory may ask again.
      if (this.#parts === undefined) this.#starting = undefined;
      throw thrown;
    }
  }

  async #start(): Promise<void> {
    const parts = await openDirectory(this.#options, this.#handlers);
    this.#parts = parts;
    await parts.outbox.scan();
    await parts.commands.recover();
    this.#system = startSystem({
      name: `agent ${this.pcId}`,
      actors: [
        connection,
        ledgerKeeper,
        slotLimit,
        publishing,
        factFollower,
        heartbeats,
        answers,
        intake,
      ],
      grantors: grantorsOf(this.#options, parts),
      log: parts.log,
      clock: parts.clock,
    });
    void this.#system.failed.then(this.#fail);
    parts.log.info("agent started");
  }

  get inspection(): AgentInspection | undefined {
    if (this.#system === undefined || this.#parts === undefined) return undefined;
    const { outbox, slots, commands } = this.#parts;
    return {
      system: this.#system,
      commands: commands.machines,
      queues: { publishing: () => outbox.size, slot_limit: () => slots.inLine },
    };
  }

  tree(): readonly ActorStatus[] {
    return this.#system?.tree() ?? [];
  }

  stop(signal?: AbortSignal): Promise<void> {
    this.#stopping ??= this.#stop(signal);
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(signal?: AbortSignal): Promise<void> {
    // What it had taken before it failed is given back, too.
    await this.#starting?.catch(() => undefined);
    const parts = this.#parts;
    if (parts === undefined) return;
    const graceMs = this.#options.stopGraceMs ?? DEFAULT_STOP_GRACE_MS;
    parts.log.info("agent stops", { running: parts.commands.count, graceMs });
    await endOrAbort(parts.commands.stop(graceMs), graceMs + ENDING_MS, signal);
    await parts.commands.abandon();
    if (parts.link.bus !== undefined) await endOrAbort(parts.outbox.empty(), FLUSH_MS, signal);
    await this.#system?.stop();
    await parts.facts.flush();
    parts.live.clear();
    await parts.lock.release();
    parts.log.info("agent stopped", { waitingResults: parts.outbox.waitingResults });
  }
}

/** Waits for what may take too long, or is not waited for any more; what it does goes on by itself. */
async function endOrAbort(
  ending: Promise<unknown>,
  withinMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const over = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    if (signal?.aborted) return resolve();
    // Nothing may stay with a signal of the host; and a timer of AbortSignal that is listened to keeps Deno alive.
    signal?.addEventListener("abort", () => resolve(), { once: true, signal: over.signal });
    timer = setTimeout(resolve, withinMs);
  });
  try {
    await Promise.race([ending, patience]);
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}
