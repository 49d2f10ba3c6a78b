/** The yardstick of `project`: the product's own reads and bulk statements with plain arithmetic in place of machines. */
import { readBatch } from "../../db/projection_reads.ts";
import type { ExecutionRow, ExecutionWrite, TargetWrite } from "../../db/projection_rows.ts";
import { writeBatch } from "../../db/projection_writes.ts";
import type { Database } from "../../db/client.ts";
import type { RunMessage } from "../../actors/run_messages.ts";
import { endRun } from "../../machines/run.ts";

type Counts = { -readonly [K in keyof ExecutionRow]: ExecutionRow[K] };

export class PlainLoop {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Writes a batch of results in one transaction. */
  async write(messages: readonly RunMessage[]): Promise<void> {
    const ends = messages.flatMap((message) => message.kind === "result" ? [message] : []);
    await this.#db.write(async (tx) => {
      const { read } = await readBatch(tx, {
        resultIds: ends.map(({ end }) => end.resultId),
        execIds: [...new Set(ends.map(({ end }) => end.execId ?? ""))],
        targets: ends.map(({ end }) => [end.execId ?? "", end.pcId]),
      });
      const executions = new Map<string, Counts>(
        read.executions.map((row) => [row.execId, { ...row }]),
      );
      const revs = new Map(read.executions.map((row) => [row.execId, row.rev]));
      const targets: TargetWrite[] = [];
      const runs = ends.flatMap(({ end, outputs }) => {
        const run = endRun(undefined, end);
        if (run === null) return [];
        const counts = executions.get(end.execId ?? "");
        if (counts !== undefined) {
          if (run.outcome === "succeeded") counts.succeeded += 1;
          else counts.failed += 1;
          counts.settled += 1;
          counts.rev += 1;
        }
        targets.push({ execId: end.execId ?? "", pcId: end.pcId, state: "settled" });
        return [{ run, outputs, onlyEnds: false }];
      });
      const writes: ExecutionWrite[] = [...executions.values()].map((counts) => ({
        ...counts,
        status: counts.settled >= counts.targetCount ? "completed" : "running",
        fromRev: revs.get(counts.execId) ?? 0,
        endedAt: null,
        deadlinePassedAt: null,
      }));
      await writeBatch(tx, { runs, targets, executions: writes, transitions: [], further: [] });
    });
  }
}
