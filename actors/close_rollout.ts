/** What an execution learns of the end of its rollout, in one transaction: who will not be reached, and its deadline. */
import type { Transaction } from "../db/client.ts";
import { setDeadlines } from "../db/dispatches.ts";
import { readBatch } from "../db/projection_reads.ts";
import { dropUnsentTargets } from "../db/rollout_waves.ts";
import { closeRollout } from "../db/rollouts.ts";
import type { Projection } from "./projection.ts";
import type { Tenure } from "./writer_lease.ts";

export interface Closing {
  readonly execId: string;
  /** By the broker's clock, ms since the epoch: deadlines count from there. */
  readonly brokerNow: number;
}

/**
 * Closes a rollout that has ended.
 *
 * @returns why its execution cannot be told: no machine can be in its row; undefined when it was
 * @throws {Fault} of the database or the lease: nothing was written
 */
export async function closeEnded(
  projection: Projection,
  tenure: Tenure,
  { execId, brokerNow }: Closing,
): Promise<string | undefined> {
  return await dropUnsent(projection, tenure, execId, async (tx) => {
    await tx.batch([closeRollout(execId, brokerNow)]);
    await setDeadlines(tx, [execId], brokerNow);
  });
}

/**
 * The targets whose wave will not come are missing. `further` writes what belongs to the same transaction.
 *
 * @returns why the execution cannot be told; then nothing was written
 */
export async function dropUnsent(
  projection: Projection,
  tenure: Tenure,
  execId: string,
  further: (tx: Transaction) => Promise<void>,
): Promise<string | undefined> {
  const decisions = await projection.exclusively(tenure, async function* (tx, batchOf) {
    const { read } = await readBatch(tx, { resultIds: [], execIds: [execId], targets: [] });
    const batch = batchOf(read);
    if (!batch.quarantined.has(execId)) {
      batch.dropTargets(execId, await dropUnsentTargets(tx, execId));
      await further(tx);
    }
    yield batch.decision();
  });
  return decisions.map(({ quarantined }) => quarantined.get(execId)).find((why) => why);
}
