/**
 * Where the projection notes the runs that the inventory is made of. It costs the write path nothing but a look into a
 * set, unless a run is of a job with an `inventory:` hint.
 *
 * A job joins the set within a write of the database, before any run that is committed later; runs that were committed
 * earlier are looked for afterwards. So none is missed.
 */
import type { Statement, Transaction } from "../db/client.ts";
import { readInventoryJobs } from "../db/inventory.ts";
import { type DueKey, insertDue } from "../db/inventory_due.ts";
import type { RunWrite } from "../db/projection_rows.ts";
import { Bell } from "./bell.ts";
import type { Tenure } from "./writer_lease.ts";

export class InventoryIntake {
  #jobs = new Set<string>();
  /** The term for which the set was read: another holder may have changed the rows since. */
  #term: number | undefined;
  /** Something was noted since the last commit. */
  #noted = false;
  readonly #changed = new Bell();

  /** What is to be written with these runs, in the same transaction. */
  async noted(
    tx: Transaction,
    tenure: Tenure,
    runs: readonly RunWrite[],
  ): Promise<readonly Statement[]> {
    if (this.#term !== tenure.term) {
      this.#jobs = new Set((await readInventoryJobs(tx)).map(({ jobId }) => jobId));
      this.#term = tenure.term;
    }
    if (this.#jobs.size === 0) return [];
    const keys: DueKey[] = [];
    for (const { run: { jobId, resultId, finishedAt } } of runs) {
      if (jobId === null || finishedAt === null || !this.#jobs.has(jobId)) continue;
      keys.push({ finishedAt, resultId });
    }
    if (keys.length === 0) return [];
    this.#noted = true;
    return [insertDue(keys)];
  }

  /** What was written last is committed. */
  committed(): void {
    if (this.#noted) this.wake();
    this.#noted = false;
  }

  /** Of the writes that follow, runs of this job are noted. To be called within the write that notes the job. */
  add(jobId: string): void {
    this.#jobs.add(jobId);
  }

  remove(jobId: string): void {
    this.#jobs.delete(jobId);
  }

  /** There is something to look at. */
  wake(): void {
    this.#changed.ring();
  }

  /** Waits for that, the time given, ms, or the abort, whichever is first. */
  async changed(signal: AbortSignal, waitMs: number): Promise<void> {
    await this.#changed.heard(waitMs, signal);
  }
}
