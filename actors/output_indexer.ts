/**
 * Builds the index of outputs behind the projection, so that a result costs nothing more when it comes in.
 *
 * 1. Only the holder of the writer lease does; each batch asserts its term.
 * 2. Whoever else writes goes first: a batch is short, and the less time others leave, the longer it waits for the next.
 * 3. What goes wrong here is said in health and tried again; nothing else stands still for it.
 */
import type { Database, Transaction } from "../db/client.ts";
import {
  clearDroppedPlaces,
  type IndexedUpTo,
  type IndexEntry,
  readChangedOutputs,
  readIndexWork,
  readNewOutputs,
  type WaitingOutput,
  writeIndexEntries,
} from "../db/output_index.ts";
import { readStoredOutputs } from "../db/outputs.ts";
import { messageOf } from "../wire/fault.ts";
import { defineActor } from "./backend.ts";
import { digestOf } from "./output_digest.ts";
import { assertHeld, inEachTenure, type Tenure } from "./writer_lease.ts";
import { pause } from "./system/clock.ts";

/** How often an index that is up to date is looked at, ms: how old the news of a search's index may be. */
const LOOK_AGAIN_MS = 1_000;
const RETRY_MS = 5_000;
/** How long a batch may keep others from writing, about, ms. */
const WRITE_MS = 10;
/** Rows of one batch. */
const MIN_ROWS = 20;
const MAX_ROWS = 500;
/** Output that is read at once: never more than this, but always at least one run's, bytes. */
const READ_BYTES = 1_048_576;
/** Of the time in which nobody else writes, so much is ours. */
const SHARE_OF_IDLE = 0.75;
/** Of all time, so much is ours at least: a database that is always busy must not keep the index from growing. */
const LEAST_SHARE = 0.05;

export const outputIndexer = defineActor({
  name: "output_indexer",
  permissions: { db: "write", lease: true, health: true },
  handles: "outputs",
  run: async ({ db, lease, health, log, signal, ready, handled }) => {
    ready();
    const batches = new Batches(db, handled);
    await inEachTenure(lease, signal, async (tenure, held) => {
      while (!held.aborted) {
        try {
          const worked = await batches.next(tenure, held);
          health(null);
          if (!worked) await pause(LOOK_AGAIN_MS, held);
        } catch (thrown) {
          if (held.aborted) throw thrown;
          log.warn("outputs not indexed", { error: messageOf(thrown) });
          health(`outputs are not indexed: ${messageOf(thrown)}`);
          await pause(RETRY_MS, held);
        }
      }
    });
  },
});

/** One batch after the other, as large as can be written quickly. */
class Batches {
  readonly #db: Database;
  readonly #handled: (outputs: number) => void;
  #rows = MIN_ROWS;
  /** When the last batch ended, and how long all writes together had taken by then. */
  #last: { readonly at: number; readonly writingMs: number };

  constructor(db: Database, handled: (outputs: number) => void) {
    this.#db = db;
    this.#handled = handled;
    this.#last = { at: performance.now(), writingMs: db.writingMs };
  }

  /** @returns whether there was anything to do @throws {Fault} of the database or the lease; the signal's reason */
  async next(tenure: Tenure, signal: AbortSignal): Promise<boolean> {
    const work = await readIndexWork(this.#db.aside);
    if (work.changed) await this.#index(tenure, "changed", signal);
    else if (work.written) await this.#index(tenure, "new", signal);
    else if (work.dropped) await this.#clear(tenure, signal);
    return work.changed || work.written || work.dropped;
  }

  /** What was read at once is written batch by batch. */
  async #index(tenure: Tenure, kind: IndexedUpTo["kind"], signal: AbortSignal): Promise<void> {
    const read = kind === "new" ? readNewOutputs : readChangedOutputs;
    const waiting = atOnce(await read(this.#db.aside, MAX_ROWS));
    const entries = await entriesOf(this.#db, waiting);
    for (let from = 0; from < waiting.length;) {
      const batch = waiting.slice(from, from + this.#rows);
      // An output may have changed more than once.
      const resultIds = [...new Set(batch.map(({ resultId }) => resultId))];
      const written = resultIds.flatMap((resultId) => entries.get(resultId) ?? []);
      const upTo = { kind, id: batch.at(-1)?.id ?? 0 };
      await this.#write(tenure, signal, (tx) => writeIndexEntries(tx, written, upTo));
      this.#handled(batch.length);
      from += batch.length;
    }
  }

  async #clear(tenure: Tenure, signal: AbortSignal): Promise<void> {
    await this.#write(tenure, signal, (tx) => clearDroppedPlaces(tx, this.#rows));
  }

  /** One batch, and the rest after it. */
  async #write(
    tenure: Tenure,
    signal: AbortSignal,
    body: (tx: Transaction) => Promise<unknown>,
  ): Promise<void> {
    const idle = this.#idleShare();
    let startedAt = 0;
    await this.#db.write(async (tx) => {
      startedAt = performance.now();
      await assertHeld(tx, tenure);
      await body(tx);
    });
    const now = performance.now();
    const tookMs = now - startedAt;
    this.#last = { at: now, writingMs: this.#db.writingMs };
    const fitting = this.#rows * WRITE_MS / Math.max(tookMs, 1);
    this.#rows = Math.round(Math.min(Math.max(fitting, this.#rows / 2, MIN_ROWS), MAX_ROWS));
    await pause(tookMs * (1 / Math.max(LEAST_SHARE, SHARE_OF_IDLE * idle) - 1), signal);
  }

  /** The share of the time since the last batch in which nobody wrote. */
  #idleShare(): number {
    const { at, writingMs } = this.#last;
    const passedMs = Math.max(performance.now() - at, 1);
    return Math.max(0, 1 - (this.#db.writingMs - writingMs) / passedMs);
  }
}

/** As many as may be held at once. */
function atOnce(waiting: readonly WaitingOutput[]): readonly WaitingOutput[] {
  let bytes = 0;
  const end = waiting.findIndex((one) => (bytes += one.bytes) > READ_BYTES);
  return end === -1 ? waiting : waiting.slice(0, Math.max(end, 1));
}

/** What is to be known of each output that is still there, by `result_id`. */
async function entriesOf(
  db: Database,
  waiting: readonly WaitingOutput[],
): Promise<ReadonlyMap<string, IndexEntry>> {
  const outputs = await readStoredOutputs(db.aside, waiting.map(({ resultId }) => resultId));
  const entries = new Map<string, IndexEntry>();
  for (const { resultId, startedAt } of waiting) {
    const stored = outputs.get(resultId);
    if (stored === undefined || startedAt === null) continue;
    entries.set(resultId, { resultId, startedAt, ...await digestOf(stored) });
  }
  return entries;
}
