import { join } from "node:path";
import { Fault, messageOf } from "../wire/fault.ts";
import { exists } from "./files.ts";
import type { EntryKind } from "./outbox.ts";
import { OUTPUT_FILES, Spool } from "./spool.ts";

/** What is in the outbox of a data directory, whether its agent runs or not. */
export interface OutboxContent {
  readonly waiting: number;
  /** Refused too often by the broker, or damaged. */
  readonly stuck: readonly { readonly kind: EntryKind; readonly id: string }[];
}

/** @throws {Fault} `not_found` when no agent was ever there, `not_writable` when this user may not look */
export async function readOutbox(dataDir: string): Promise<OutboxContent> {
  return await inOutbox(dataDir, async (spools) => {
    let waiting = 0;
    const stuck: OutboxContent["stuck"][number][] = [];
    for (const [kind, spool] of spools) {
      waiting += (await spool.list()).length;
      for (const id of (await spool.stuckIds()).toSorted()) stuck.push({ kind, id });
    }
    return { waiting, stuck };
  });
}

/**
 * Has everything sent once more that is stuck. A running agent sees it within half a minute, another one when it starts.
 *
 * @returns how many there were
 * @throws {Fault} as `readOutbox`
 */
export async function restoreStuck(dataDir: string): Promise<number> {
  return await inOutbox(dataDir, async (spools) => {
    let restored = 0;
    for (const [, spool] of spools) restored += await spool.restoreStuck();
    return restored;
  });
}

async function inOutbox<T>(
  dataDir: string,
  work: (spools: readonly (readonly [EntryKind, Spool])[]) => Promise<T>,
): Promise<T> {
  try {
    if (await exists(join(dataDir, "outbox"))) {
      return await work([
        ["event", Spool.at(join(dataDir, "events-outbox"))],
        ["result", Spool.at(join(dataDir, "outbox"), OUTPUT_FILES)],
      ]);
    }
  } catch (cause) {
    const message = `Cannot use the outbox in ${JSON.stringify(dataDir)}: ${messageOf(cause)}`;
    throw new Fault("not_writable", message, { cause });
  }
  throw new Fault(
    "not_found",
    `Cannot find the outbox of an agent in ${
      JSON.stringify(dataDir)
    }: name its directory with --data-dir`,
  );
}
