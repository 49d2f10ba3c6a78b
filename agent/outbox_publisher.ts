import type { Bus } from "../actors/bus.ts";
import type { Log } from "../actors/log.ts";
import type { Clock, Time } from "../actors/system/clock.ts";
import { encode } from "../wire/codec.ts";
import { Fault, messageOf } from "../wire/fault.ts";
import { formatInstant } from "../wire/time.ts";
import { resultSubject, sharedResultSubject } from "../wire/subjects.ts";
import { isMissing } from "./files.ts";
import type { Link } from "./link.ts";
import type { Entry, Outbox } from "./outbox.ts";
import { fitIntoMessage } from "./overflow.ts";
import { Turns } from "./turns.ts";
import { whenAborted } from "./when_aborted.ts";

/** Messages on their way at a time, and how long each may wait for its ack (agent.md §2). */
const WINDOW = 32;
const ACK_TIMEOUT_MS = 30_000;
/** How often the directories are looked at for what was brought back by hand. */
const SCAN_EVERY_MS = 30_000;
/** After a failure that is no message's fault. */
const PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
const DEFAULT_MAX_PAYLOAD_BYTES = 1_048_576;

export interface PublisherOptions {
  readonly pcId: string;
  /** Whether the credential is this agent's own, so that results carry its pc_id in the subject. */
  readonly ownCredential: boolean;
  readonly outbox: Outbox;
  readonly link: Link;
  readonly clock: Clock;
  /** By which it waits: nobody can set it back. */
  readonly time: Time;
  /** Called with each message that the broker has stored. */
  readonly stored: () => void;
  readonly log: Log;
}

type Outcome =
  | { readonly kind: "acked" }
  | { readonly kind: "gone" }
  | { readonly kind: "lost"; readonly why: string }
  | { readonly kind: "rejected" | "unreadable"; readonly why: string };

/**
 * Empties the outbox into the broker: oldest first, at most `WINDOW` in flight, nothing while
 * disconnected, each file removed after its own ack (agent.md §2).
 */
export class OutboxPublisher {
  readonly #options: PublisherOptions;
  readonly #sending = new Set<Entry>();
  readonly #large = new Turns();
  #pausedUntil = 0;
  #pauseMs = PAUSE_MS;
  #callOffWake: () => void = () => undefined;
  #callOffScan: () => void = () => undefined;
  #stopped = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Runs until the signal aborts; what is in flight then is finished or left for the next start. */
  async run(signal: AbortSignal): Promise<void> {
    const { outbox, link } = this.#options;
    const unsubscribe = [outbox.onChange(() => this.#pump()), link.onStatus(() => this.#resume())];
    try {
      await this.#scan();
      this.#pump();
      await whenAborted(signal);
    } finally {
      this.#stopped = true;
      this.#callOffScan();
      this.#callOffWake();
      for (const stop of unsubscribe) stop();
    }
  }

  async #scan(): Promise<void> {
    const { outbox, time, log } = this.#options;
    try {
      await outbox.scan();
    } catch (error) {
      log.error("cannot read the outbox", { error });
    }
    if (!this.#stopped) this.#callOffScan = time.after(SCAN_EVERY_MS, () => void this.#scan());
  }

  #resume(): void {
    this.#pausedUntil = 0;
    this.#pauseMs = PAUSE_MS;
    this.#pump();
  }

  #pump(): void {
    const { outbox, link, time } = this.#options;
    if (this.#stopped) return;
    this.#callOffWake();
    const bus = link.bus;
    if (bus === undefined) return;
    const now = time.now();
    let nextAt = this.#pausedUntil > now ? this.#pausedUntil : Infinity;
    if (nextAt === Infinity) {
      for (const entry of outbox.waiting()) {
        if (this.#sending.size >= WINDOW) return;
        const readyAt = this.#readyAt(entry);
        if (readyAt <= now) this.#send(bus, entry);
        else nextAt = Math.min(nextAt, readyAt);
      }
    }
    if (nextAt !== Infinity) this.#callOffWake = time.after(nextAt - now, () => this.#pump());
  }

  /** When an entry may go: Infinity while something else must happen first. */
  #readyAt(entry: Entry): number {
    if (this.#sending.has(entry)) return Infinity;
    if (entry.kind === "result" && this.#waitsForItsStart(entry)) return Infinity;
    return entry.state.getSnapshot().context.retryAt ?? 0;
  }

  /** A result goes after the started event of its run, but not after one that is refused. */
  #waitsForItsStart({ id }: Entry): boolean {
    const started = this.#options.outbox.get("event", id)?.state.getSnapshot();
    return started !== undefined && (started.matches("waiting") || started.matches("sending"));
  }

  #send(bus: Bus, entry: Entry): void {
    entry.state.send({ type: "SEND" });
    this.#sending.add(entry);
    void this.#attempt(bus, entry)
      .then((outcome) => this.#settle(entry, outcome))
      .catch((error: unknown) =>
        this.#options.log.error("cannot settle an outbox entry", { id: entry.id, error })
      )
      .finally(() => {
        this.#sending.delete(entry);
        this.#pump();
      });
  }

  async #attempt(bus: Bus, entry: Entry): Promise<Outcome> {
    let message: Message;
    try {
      message = entry.kind === "event" ? await this.#event(entry) : await this.#result(bus, entry);
    } catch (thrown) {
      return outcomeOfReading(thrown);
    }
    try {
      await bus.publishAcked(message.subject, message.body, {
        msgId: message.msgId,
        timeoutMs: ACK_TIMEOUT_MS,
      });
      return { kind: "acked" };
    } catch (thrown) {
      return outcomeOfSending(thrown);
    }
  }

  async #event(entry: Entry): Promise<Message> {
    const event = await this.#options.outbox.readEvent(entry.id);
    return { subject: event.subject, msgId: event.msg_id, body: encode(event.body) };
  }

  async #result(bus: Bus, { id }: Entry): Promise<Message> {
    const { pcId, ownCredential, outbox } = this.#options;
    const waiting = await outbox.readResult(id);
    const maxPayloadBytes = bus.connection.info?.max_payload ?? DEFAULT_MAX_PAYLOAD_BYTES;
    const fit = () =>
      outbox.withTexts(id, waiting, (whole) => fitIntoMessage(bus, whole, maxPayloadBytes));
    const { request_id, result_id } = waiting.result;
    return {
      subject: ownCredential ? resultSubject(pcId, request_id) : sharedResultSubject(request_id),
      msgId: result_id ?? id,
      // What has files of its own is large: of that there is one in memory.
      body: await (waiting.attached.length === 0 ? fit() : this.#large.take("", fit)),
    };
  }

  async #settle(entry: Entry, outcome: Outcome): Promise<void> {
    const { outbox, time, log } = this.#options;
    switch (outcome.kind) {
      case "acked":
        this.#pauseMs = PAUSE_MS;
        this.#options.stored();
        entry.state.send({ type: "ACKED" });
        return outbox.remove(entry);
      case "gone":
        return outbox.forget(entry);
      case "lost":
        entry.state.send({ type: "LOST" });
        return this.#pause(outcome.why);
      case "rejected":
        entry.state.send({ type: "REJECTED", at: time.now(), why: outcome.why });
        log.warn("outbox entry refused", { kind: entry.kind, id: entry.id, why: outcome.why });
        break;
      case "unreadable":
        entry.state.send({ type: "UNREADABLE", why: outcome.why });
    }
    if (entry.state.getSnapshot().matches("stuck")) await this.#stick(entry, outcome.why);
  }

  /** Nothing is wrong with the message: everybody waits a little. */
  #pause(why: string): void {
    const { link, time, log } = this.#options;
    const now = time.now();
    if (link.bus === undefined || this.#pausedUntil > now) return;
    log.warn("outbox paused", { why, pauseMs: this.#pauseMs });
    this.#pausedUntil = now + this.#pauseMs;
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, this.#pauseMs * 2);
  }

  async #stick(entry: Entry, why: string): Promise<void> {
    const { pcId, outbox, clock, log } = this.#options;
    log.error("outbox entry stuck", { kind: entry.kind, id: entry.id, why });
    await outbox.stick(entry);
    // What tells of stuck entries is not told of: it would never end.
    if (entry.id.startsWith(STUCK_PREFIX)) return;
    await outbox.putObservation(`${STUCK_PREFIX}${entry.id}`, {
      pc_id: pcId,
      at: formatInstant(clock.now()),
      kind: "outbox_stuck",
      source: "agent",
      event_record_id: null,
      payload: { kind: entry.kind, id: entry.id, why },
    });
  }
}

const STUCK_PREFIX = "stuck-";

interface Message {
  readonly subject: string;
  readonly msgId: string;
  readonly body: Uint8Array;
}

/** A file that is gone was taken by somebody; one that cannot be parsed never will be. */
function outcomeOfReading(thrown: unknown): Outcome {
  if (isMissing(thrown)) return { kind: "gone" };
  if (thrown instanceof Fault && thrown.code === "invalid_input") {
    return { kind: "unreadable", why: thrown.message };
  }
  return { kind: "lost", why: messageOf(thrown) };
}

/** Faults that may pass say nothing about the message; the rest refuse it. */
function outcomeOfSending(thrown: unknown): Outcome {
  const refused = thrown instanceof Fault && !thrown.retryable;
  return { kind: refused ? "rejected" : "lost", why: messageOf(thrown) };
}
