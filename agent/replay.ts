import type { Bus } from "../actors/bus.ts";
import { busFault } from "../actors/bus_faults.ts";
import type { Log } from "../actors/log.ts";
import { ensureReplayConsumers } from "../actors/provision_consumers.ts";
import { encode } from "../wire/codec.ts";
import { Fault, messageOf } from "../wire/fault.ts";
import { replayConsumers } from "../wire/streams.ts";
import type { Commands } from "./commands.ts";

/** Live subscriptions bring commands at once; this only catches what they lost. */
const READ_EVERY_MS = 60_000;
/** While the backend has not made the consumers yet. */
const RETRY_MS = 2_000;
const PULL_TIMEOUT_MS = 5_000;
/** One message, or the answer that there is none. */
const PULL = encode({ batch: 1, no_wait: true });
/** An empty answer acks (JetStream). */
const ACK = new Uint8Array(0);

export interface ReplayOptions {
  readonly bus: Bus;
  readonly pcId: string;
  readonly commands: Commands;
  readonly log: Log;
}

/**
 * Reads the newest retained command of each of the agent's subjects through its durable consumers:
 * what was sent while it was away (agent.md §3). A command is acked after it was admitted.
 */
export class Replay {
  readonly #options: ReplayOptions;
  #groups: readonly string[] = [];
  /** Whether this credential may make consumers; if not, the backend does. */
  #mayCreate = true;
  /** Asked to read again while it was reading. */
  #isDue = false;
  #wake: () => void = () => undefined;

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  setGroups(groups: readonly string[]): void {
    this.#groups = groups;
    this.readSoon();
  }

  /** Reads once more as soon as it can: after a reconnect, or with new groups. */
  readSoon(): void {
    this.#isDue = true;
    this.#wake();
  }

  /** Reads until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#isDue = false;
      const isComplete = await this.#readAll();
      if (!this.#isDue) await this.#sleep(isComplete ? READ_EVERY_MS : RETRY_MS, signal);
    }
  }

  /** Whether every consumer was there and was read to its end. */
  async #readAll(): Promise<boolean> {
    const { bus, pcId, log } = this.#options;
    let isComplete = bus.connected;
    for (const { name, filter } of replayConsumers(pcId, this.#groups)) {
      try {
        isComplete = await this.#read(name) && isComplete;
      } catch (thrown) {
        isComplete = false;
        log.debug("cannot read retained commands", { filter, why: messageOf(thrown) });
      }
    }
    return isComplete;
  }

  /** @throws {Fault} of the bus */
  async #read(consumer: string): Promise<boolean> {
    const { bus, commands } = this.#options;
    while (bus.connected) {
      const message = await this.#next(consumer);
      if (message === "none") return true;
      if (message === "no consumer") return await this.#create();
      if (!(await commands.take(message.data))) return false;
      bus.publish(message.reply, ACK);
    }
    return false;
  }

  async #next(consumer: string): Promise<Pulled | "none" | "no consumer"> {
    const subject = `$JS.API.CONSUMER.MSG.NEXT.EXEC.${consumer}`;
    const { connection } = this.#options.bus;
    try {
      const answer = await connection.request(subject, PULL, { timeout: PULL_TIMEOUT_MS });
      const status = answer.headers?.code ?? 0;
      if (status !== 0 || answer.reply === undefined) return "none";
      return { data: answer.data, reply: answer.reply };
    } catch (thrown) {
      const fault = busFault("read retained commands", thrown);
      if (fault.details["noResponders"] === true) return "no consumer";
      throw fault;
    }
  }

  /** Makes the consumers where that is allowed; they are read in the next round. */
  async #create(): Promise<false> {
    const { bus, pcId, log } = this.#options;
    if (!this.#mayCreate) return false;
    try {
      await ensureReplayConsumers(bus, pcId, this.#groups, { log });
      this.readSoon();
    } catch (thrown) {
      this.#mayCreate = !(thrown instanceof Fault && thrown.code === "forbidden");
      throw thrown;
    }
    return false;
  }

  /** Ends after so many milliseconds, when woken, or when the signal aborts. */
  #sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, delayMs);
      this.#wake = wake;
      signal.addEventListener("abort", wake, { once: true });
      if (signal.aborted) wake();
    });
  }
}

interface Pulled {
  readonly data: Uint8Array;
  readonly reply: string;
}
