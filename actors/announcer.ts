/** Tells whoever listens what was committed, and only then. A listener that throws is logged and stays. */
import type { Announcement } from "../wire/announcement.ts";
import { messageOf } from "../wire/fault.ts";
import { formatInstant } from "../wire/time.ts";
import type { Decision } from "./decide.ts";
import type { Log } from "./log.ts";
import type { Origin } from "./run_messages.ts";

/** Where committed changes can be listened to. */
export interface Announcements {
  /** Calls the listener, synchronously, after each commit. It must not throw or block. Returns the unsubscribe. */
  subscribe(listener: (announcement: Announcement) => void): () => void;
}

export class Announcer implements Announcements {
  readonly #listeners = new Set<(announcement: Announcement) => void>();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  subscribe(listener: (announcement: Announcement) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  announce(announcement: Announcement): void {
    for (const listener of this.#listeners) {
      try {
        listener(announcement);
      } catch (thrown) {
        this.#log.error("listener failed", { error: messageOf(thrown) });
      }
    }
  }

  /** The runs and transitions of a committed decision. */
  committed(decision: Decision): void {
    if (this.#listeners.size === 0) return;
    for (const { run } of decision.runs) {
      this.announce({
        type: "run",
        result_id: run.resultId,
        exec_id: run.execId,
        pc_id: run.pcId,
        outcome: run.outcome,
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
}
