/**
 * Long lists, a part at a time: between two parts the event loop gets its turn, so that who asks the API does not feel
 * what is done for ten thousand PCs.
 */
import { setImmediate as breathe } from "node:timers/promises";
import type { Bulk, Statement, Transaction } from "../db/client.ts";

/** Rows that are made and handed over at once: a few milliseconds of work. */
export const PART = 1_000;

/** A list in parts; a short one is one part, and nobody waits for it. */
export async function* inParts<T>(list: readonly T[]): AsyncGenerator<readonly T[], void> {
  for (let from = 0; from < list.length; from += PART) {
    if (from > 0) await breathe();
    yield list.slice(from, from + PART);
  }
}

/** One step for each part of a list, made when it is asked for. */
export function* stepsOf<T, Step>(
  list: readonly T[],
  stepOf: (part: readonly T[]) => Step,
): Generator<Step, void> {
  for (let from = 0; from < list.length; from += PART) yield stepOf(list.slice(from, from + PART));
}

/**
 * Runs steps in order: few rows in one message to the database, many in several, each of them made when the ones before
 * are written.
 */
export async function batchInParts(
  tx: Transaction,
  steps: Iterable<Statement | Bulk>,
): Promise<void> {
  let gathered: (Statement | Bulk)[] = [];
  let rows = 0;
  for (const step of steps) {
    gathered.push(step);
    rows += "rows" in step ? step.rows.length : 1;
    if (rows < PART) continue;
    await tx.batch(gathered);
    gathered = [];
    rows = 0;
  }
  if (gathered.length > 0) await tx.batch(gathered);
}
