import type { Bus } from "../actors/bus.ts";
import { busFault } from "../actors/bus_faults.ts";
import type { Log } from "../actors/log.ts";
import { ensureReplayConsumers } from "../actors/provision_consumers.ts";
import { encode } from "../wire/codec.ts";
import { Fault, messageOf } from "../wire/fault.ts";
import type { SignatureHeaders } from "../wire/signing.ts";
import { replayConsumers } from "../wire/streams.ts";
import type { Commands } from "./commands.ts";
import { headersOf } from "./signature_gate.ts";

/**
 * Live subscriptions bring commands at once; this catches what they lost, and what an earlier life took and did not
 * ack: that is delivered again after 30 s.
 */
const READ_EVERY_MS = 30_000;
/** While the backend has not made the consumers yet. */
const RETRY_MS = 2_000;
const PULL_TIMEOUT_MS = 2_000;
/** One message, or the answer that there is none. */
const PULL = encode({ batch: 1, no_wait: true });
/** An empty answer acks (JetStream). */
const ACK = new Uint8Array(0);

export interface ReplayOptions {
  readonly bus: Bus;
  readonly pcId: string;
  /** Whether the credential may make consumers; where it is the agent's own, the backend makes them. */
  readonly mayMake: boolean;
  readonly take: Commands["take"];
  readonly log: Log;
}

/**
 * Reads the newest retained command of each of the agent's subjects through its durable consumers:
 * what was sent while it was away (agent.md §3). A command is acked after it was admitted.
 */
export class Replay {
  readonly #options: ReplayOptions;
  #groups: readonly string[] = [];
  /** Until it is refused, that is tried. */
  #mayMake: boolean;
  /** The groups whose consumers were made, with those of the PC and of all. */
  #madeFor: readonly string[] | undefined;
  /** Asked to read again while it was reading. */
  #isDue = false;
  #wake: () => void = () => undefined;

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#mayMake = options.mayMake;
  }

  setGroups(groups: readonly string[]): void {
    if (groups.join() !== this.#groups.join()) this.#groups = groups;
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
    const { bus, pcId } = this.#options;
    if (!bus.connected) return false;
    await this.#makeConsumers();
    const consumers = replayConsumers(pcId, this.#groups);
    const complete = await Promise.all(consumers.map(({ name }) => this.#read(name)));
    return complete.every(Boolean);
  }

  /** Makes the consumers where that is allowed; elsewhere the backend does, sooner or later. */
  async #makeConsumers(): Promise<void> {
    const { bus, pcId, log } = this.#options;
    const groups = this.#groups;
    if (this.#madeFor === groups || !this.#mayMake) return;
    try {
      await ensureReplayConsumers(bus, pcId, groups, { log });
      this.#madeFor = groups;
    } catch (thrown) {
      this.#mayMake = !(thrown instanceof Fault && thrown.code === "forbidden");
      log.debug("cannot make consumers", { why: messageOf(thrown) });
    }
  }

  async #read(consumer: string): Promise<boolean> {
    const { bus, take, log } = this.#options;
    try {
      for (;;) {
        const message = await this.#next(consumer);
        if (message === undefined) return true;
        if (!(await take(message.data, message.headers))) return false;
        bus.publish(message.reply, ACK);
      }
    } catch (thrown) {
      log.debug("cannot read retained commands", { consumer, why: messageOf(thrown) });
      // The broker does not tell a consumer that is not there from one that is slow.
      this.#madeFor = undefined;
      return false;
    }
  }

  /** @throws {Fault} `timed_out` when there is no such consumer; else as the bus does */
  async #next(consumer: string): Promise<Pulled | undefined> {
    const subject = `$JS.API.CONSUMER.MSG.NEXT.EXEC.${consumer}`;
    try {
      const { connection } = this.#options.bus;
      // What is pulled keeps its own subject, by which the client's shared inbox cannot tell it.
      const options = { timeout: PULL_TIMEOUT_MS, noMux: true };
      const answer = await connection.request(subject, PULL, options);
      const status = answer.headers?.code ?? 0;
      if (status !== 0 || answer.reply === undefined) return undefined;
      return { data: answer.data, reply: answer.reply, headers: headersOf(answer) };
    } catch (thrown) {
      throw busFault("read retained commands", thrown);
    }
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
  readonly headers: SignatureHeaders;
}
