import type { Log } from "../actors/log.ts";
import { Fault } from "../wire/fault.ts";

/** Between attempts to write what must be on disk before anything else happens. */
const WRITE_RETRY_MS = 1_000;

export interface PatientWrite {
  readonly write: () => Promise<void>;
  /** Whether nobody waits for it any more. */
  readonly isAbandoned: () => boolean;
  /** What it is about, for the log. */
  readonly ids: () => Readonly<Record<string, unknown>>;
}

/** Writes that are repeated until the disk takes them: nothing may happen before they are there (agent.md §2). */
export class PatientDisk {
  readonly #log: Log;
  #blockedWrites = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Whether there are writes that the disk has not taken; while there are, no new command is taken. */
  get isBlocked(): boolean {
    return this.#blockedWrites > 0;
  }

  /**
   * Whether it is written; else it was abandoned before.
   *
   * @throws what `write` does when that is our own mistake: the disk would not take it tomorrow either
   */
  async untilWritten({ write, isAbandoned, ids }: PatientWrite): Promise<boolean> {
    let isBlocked = false;
    try {
      while (!isAbandoned()) {
        try {
          await write();
          if (isBlocked) this.#log.info("the disk takes writes again", ids());
          return !isAbandoned();
        } catch (error) {
          if (isOurMistake(error)) throw error;
          this.#log[isBlocked ? "debug" : "error"]("cannot write", { ...ids(), error });
        }
        if (!isBlocked) this.#blockedWrites += 1;
        isBlocked = true;
        await new Promise((resolve) => setTimeout(resolve, WRITE_RETRY_MS));
      }
      return false;
    } finally {
      if (isBlocked) this.#blockedWrites -= 1;
    }
  }
}

function isOurMistake(thrown: unknown): boolean {
  return thrown instanceof Fault || thrown instanceof TypeError || thrown instanceof RangeError;
}
