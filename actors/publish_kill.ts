/** How a kill leaves: remembered for those who are away before it is told, so that nobody starts in between. */
import type { Reader } from "../db/client.ts";
import { type DueMessage, readCommands } from "../db/command_outbox.ts";
import { encode } from "../wire/codec.ts";
import { Fault } from "../wire/fault.ts";
import { key } from "../wire/ids.ts";
import { killedPcs, type KillRunsRequest } from "../wire/kills.ts";
import { type BusAccess, subjectMatches } from "./bus_access.ts";
import type { ExecMessages } from "./exec_messages.ts";
import type { KvAccess } from "./kv_access.ts";
import type { Kv, KvRead } from "./kv_types.ts";

/** Commands of a killed execution that are looked for at the same time. */
const REMOVE_WINDOW = 100;

export interface KillContext {
  readonly db: Reader;
  readonly bus: BusAccess;
  readonly kv: KvAccess;
  readonly execMessages: ExecMessages;
}

/** A kill in its order: remembered for those who are away, then no longer to be found, then told. */
export async function publishKill(
  { bus, db, kv, execMessages }: KillContext,
  message: DueMessage,
): Promise<null> {
  const execId = message.execId ?? "";
  if (isForOnePc(message)) {
    await markKilled(kv.bucket("kills"), execId, message.payload);
    bus.publish(message.subject, encode({ exec_id: execId } satisfies KillRunsRequest));
    await bus.flush();
    return null;
  }
  await kv.bucket("kills").put(key(execId), message.payload);
  const commands = await readCommands(db, execId);
  for (let from = 0; from < commands.length; from += REMOVE_WINDOW) {
    const window = commands.slice(from, from + REMOVE_WINDOW);
    await Promise.all(window.map(({ subject, msgId }) => execMessages.remove(subject, msgId)));
  }
  bus.publish(message.subject, new Uint8Array());
  await bus.flush();
  return null;
}

/** Whether a kill goes to one agent, rather than to all. */
function isForOnePc({ subject }: DueMessage): boolean {
  return subjectMatches("agents.*.kill", subject);
}

/** Adds a PC to those that may not run an execution, unless nobody may. @throws {Fault} of the bus */
async function markKilled(kills: Kv, execId: string, payload: Uint8Array): Promise<void> {
  const present = await kills.read(key(execId));
  const before = present.kind === "value" ? textOf(present.entry.value) : undefined;
  const pcs = before === undefined ? [] : killedPcs(before);
  if (pcs === undefined) return;
  const mark = JSON.parse(textOf(payload)) as { readonly pcs: readonly string[] };
  const merged = encode({ ...mark, pcs: [...new Set([...pcs, ...mark.pcs])] });
  try {
    await kills.update(key(execId), merged, revisionOf(present));
  } catch (thrown) {
    if (!(thrown instanceof Fault) || thrown.code !== "conflict") throw thrown;
    // A holder that was frozen until now has written meanwhile: its PCs belong in there, too.
    await markKilled(kills, execId, payload);
  }
}

function revisionOf(read: KvRead): number {
  if (read.kind === "absent") return 0;
  return read.kind === "value" ? read.entry.revision : read.revision;
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
