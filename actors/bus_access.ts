/** The broker for one actor: only the subjects that it declared (ARCHITECTURE.md, "Actors"). */
import type { Msg } from "nats";
import type { Bus } from "./bus.ts";
import type { PublishAck, PublishOptions } from "./bus_acks.ts";

/** Subjects that an actor may use, with the broker's wildcards. */
export interface BusAsk {
  readonly publish?: readonly string[];
  readonly subscribe?: readonly string[];
}

export class BusAccess {
  readonly #bus: Bus;
  readonly #ask: BusAsk;

  constructor(bus: Bus, ask: BusAsk) {
    this.#bus = bus;
    this.#ask = ask;
  }

  get connected(): boolean {
    return this.#bus.connected;
  }

  /** Ends as soon as the broker is connected. @throws the signal's reason */
  async whenConnected(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#bus.connected) return;
    await new Promise<void>((resolve, reject) => {
      const stop = this.#bus.onStatus((connected) => {
        if (connected) settle(resolve);
      });
      const onAbort = () => settle(() => reject(signal.reason as Error));
      const settle = (how: () => void) => {
        stop();
        signal.removeEventListener("abort", onAbort);
        how();
      };
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** See `Bus.publish`. @throws {TypeError} for a subject that was not declared */
  publish(subject: string, body: Uint8Array): void {
    this.#assert(this.#ask.publish, subject);
    this.#bus.publish(subject, body);
  }

  /** See `Bus.publishAcked`. @throws {TypeError} for a subject that was not declared */
  async publishAcked(
    subject: string,
    body: Uint8Array,
    options: PublishOptions,
  ): Promise<PublishAck> {
    this.#assert(this.#ask.publish, subject);
    return await this.#bus.publishAcked(subject, body, options);
  }

  async flush(): Promise<void> {
    await this.#bus.flush();
  }

  /** Calls with every message until the signal aborts. @throws {TypeError} for a subject that was not declared */
  subscribe(subject: string, signal: AbortSignal, listener: (message: Msg) => void): void {
    this.#assert(this.#ask.subscribe, subject);
    const subscription = this.#bus.connection.subscribe(subject, {
      callback: (error, message) => {
        // A subscription that is refused is logged by the bus, which is told of it, too.
        if (error === null) listener(message);
      },
    });
    signal.addEventListener("abort", () => subscription.unsubscribe(), { once: true });
  }

  #assert(declared: readonly string[] | undefined, subject: string): void {
    if (declared?.some((pattern) => subjectMatches(pattern, subject))) return;
    throw new TypeError(`Cannot use the subject ${subject}: it was not declared`);
  }
}

/** Whether a subject, or a narrower pattern, lies within a pattern: `*` is one token, `>` the rest. */
export function subjectMatches(pattern: string, subject: string): boolean {
  const wanted = pattern.split(".");
  const tokens = subject.split(".");
  for (const [index, token] of wanted.entries()) {
    if (token === ">") return tokens.length > index;
    if (tokens[index] === undefined || (token !== "*" && token !== tokens[index])) return false;
  }
  return wanted.length === tokens.length;
}
