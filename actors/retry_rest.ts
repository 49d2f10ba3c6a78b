/**
 * Runs again where it did not succeed: a new execution for exactly those PCs, with the very command that ran then. It
 * is pinned, so that a newer version of its job does not keep it out; a revocation still does.
 */
import { v4 as uuidV4, v7 as uuidV7 } from "uuid";
import { readCommandBytes, readFates } from "../db/executions.ts";
import { decode } from "../wire/codec.ts";
import { Command } from "../wire/command.ts";
import { Fault } from "../wire/fault.ts";
import { acceptDispatch, replayedDispatch } from "./accept_dispatch.ts";
import type { CommandIds, DispatchOutcome, RetryRequest } from "./dispatch_types.ts";
import type { DispatcherHost } from "./dispatcher_host.ts";
import { checkShell, type PlannedTargets, planPcs, withEnvelopes } from "./targets.ts";

/** Undefined when there is no such execution. @throws {Fault} `no_targets`, `conflict`, `not_found`, `broker_unavailable` */
export async function retryRest(
  host: DispatcherHost,
  request: RetryRequest,
): Promise<DispatchOutcome | undefined> {
  const replayed = await replayedDispatch(host, request);
  if (replayed !== undefined) return replayed;
  const { execId } = request;
  const bytes = await readCommandBytes(host.db, execId);
  if (bytes === undefined) return undefined;
  const pcIds = await restOf(host, request);
  const ids: CommandIds = { execId: uuidV7(), requestId: uuidV4() };
  const command = commandAgain(execId, bytes, ids);
  await checkShell(command.shell, pcIds, host.fleet);
  await checkScript(host, command);
  return await acceptDispatch(host, {
    command,
    planned: await planRest(host, pcIds),
    ids,
    request: { ...request, retryOf: execId },
  });
}

async function planRest(
  { announcingOurKey }: DispatcherHost,
  pcIds: readonly string[],
): Promise<PlannedTargets> {
  const planned = planPcs(pcIds);
  return announcingOurKey === undefined ? planned : await withEnvelopes(planned, announcingOurKey);
}

async function restOf(
  { db }: DispatcherHost,
  { execId, only }: RetryRequest,
): Promise<readonly string[]> {
  const fates = await readFates(db, execId);
  const pcIds = fates.filter(({ fate }) => only.some((one) => one === fate)).map(({ pcId }) =>
    pcId
  );
  if (pcIds.length > 0) return pcIds;
  throw new Fault(
    "no_targets",
    `Cannot retry the execution ${execId}: no PC of it is ${only.join(" or ")}`,
    { details: { path: "only" } },
  );
}

/** Its own deadline is over or belongs to the first time; a retry starts when it can. */
function commandAgain(execId: string, bytes: Uint8Array | null, ids: CommandIds): Command {
  if (bytes === null) {
    throw new Fault(
      "conflict",
      `Cannot retry the execution ${execId}: somebody else dispatched it, and its command is not known`,
    );
  }
  return {
    ...decode(Command, "command of the execution", bytes),
    exec_id: ids.execId,
    request_id: ids.requestId,
    deadline_at: null,
    pinned: true,
  };
}

/** An object may have been replaced since; the agents would refuse it. */
async function checkScript(host: DispatcherHost, command: Command): Promise<void> {
  const { id, script_object: name, script_object_sha256: wanted } = command;
  if (!name) return;
  const present = await host.scriptDigest(name);
  if (present === wanted) return;
  const what = present === undefined ? "not there any more" : "not what ran then";
  throw new Fault("conflict", `Cannot retry the job "${id}": its script "${name}" is ${what}`);
}
