/** Tells whoever listens what was committed, and only then. A listener that throws is logged and stays. */
import type { Announcement } from "../wire/announcement.ts";
import { messageOf } from "../wire/fault.ts";
import { formatInstant } from "../wire/time.ts";
import type { Decision } from "./decide.ts";
import type { Log } from "./log.ts";
import type { Origin } from "./run_messages.ts";

/** What is heard: an announcement, or that some of other backends were missed. */
export type Heard = Announcement | { readonly type: "lagged" };

/** Called with what was committed; `isElsewhere`: by another backend of the same database. */
export type AnnouncementListener = (heard: Heard, isElsewhere: boolean) => void;

/** Where committed changes can be listened to. */
export interface Announcements {
  /** Calls the listener, synchronously, after each commit. It must not throw or block. Returns the unsubscribe. */
  subscribe(listener: AnnouncementListener): () => void;
}

export class Announcer implements Announcements {
  readonly #listeners = new Set<AnnouncementListener>();
  readonly #relays = new Set<(announcement: Announcement) => void>();
  readonly #interested = new Set<(isListened: boolean) => void>();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Whether anybody in this process listens. */
  get isListened(): boolean {
    return this.#listeners.size > 0;
  }

  subscribe(listener: AnnouncementListener): () => void {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#tellInterest();
    return () => {
      if (this.#listeners.delete(listener) && !this.isListened) this.#tellInterest();
    };
  }

  /** Calls with what this process itself has committed, for who tells it elsewhere. Returns the unsubscribe. */
  subscribeOwn(relay: (announcement: Announcement) => void): () => void {
    this.#relays.add(relay);
    return () => void this.#relays.delete(relay);
  }

  /** Calls when the first one begins to listen, and when the last one has gone. Returns the unsubscribe. */
  onInterest(listener: (isListened: boolean) => void): () => void {
    this.#interested.add(listener);
    return () => void this.#interested.delete(listener);
  }

  announce(announcement: Announcement): void {
    this.#tell(announcement, false);
    for (const relay of this.#relays) {
      try {
        relay(announcement);
      } catch (thrown) {
        this.#failed(thrown);
      }
    }
  }

  /** Tells of what another backend has committed, or that nobody knows. */
  announceElsewhere(heard: Heard): void {
    this.#tell(heard, true);
  }

  /** The runs and transitions of a committed decision. */
  committed(decision: Decision): void {
    if (!this.isListened && this.#relays.size === 0) return;
    for (const { run } of decision.runs) {
      this.announce({
        type: "run",
        result_id: run.resultId,
        exec_id: run.execId,
        pc_id: run.pcId,
        outcome: run.outcome,
        outcome_reason: run.outcomeReason,
        exit_code: run.exitCode,
      });
    }
    for (const { execId, from, to, event, at, resultId } of decision.transitions) {
      this.announce({
        type: "transition",
        exec_id: execId,
        from,
        to,
        event,
        at: formatInstant(at),
        result_id: resultId,
      });
    }
  }

  deadLetters(origins: readonly Origin[]): void {
    for (const { stream, sequence } of origins) {
      this.announce({ type: "dead_letter", stream, sequence });
    }
  }

  #tell(heard: Heard, isElsewhere: boolean): void {
    for (const listener of this.#listeners) {
      try {
        listener(heard, isElsewhere);
      } catch (thrown) {
        this.#failed(thrown);
      }
    }
  }

  #tellInterest(): void {
    for (const listener of this.#interested) {
      try {
        listener(this.isListened);
      } catch (thrown) {
        this.#failed(thrown);
      }
    }
  }

  #failed(thrown: unknown): void {
    this.#log.error("listener failed", { error: messageOf(thrown) });
  }
}
