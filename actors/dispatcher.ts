/**
 * Turns a request into a committed execution (ARCHITECTURE.md, "The way of the data"): row, targets, commands in
 * the outbox, audit events and the answer of its Idempotency-Key in one transaction. What is committed is accepted;
 * it goes out when it can.
 */
import { v4 as uuidV4, v7 as uuidV7 } from "uuid";
import type { Transaction } from "../db/client.ts";
import { insertOutbox } from "../db/command_outbox.ts";
import type { Command } from "../wire/command.ts";
import { Fault } from "../wire/fault.ts";
import { sha256Hex } from "../wire/ids.ts";
import type { Plan } from "../wire/plan.ts";
import { utf8Length } from "../wire/scalars.ts";
import { MAX_INLINE_SCRIPT_BYTES } from "../wire/streams.ts";
import { parseInstant } from "../wire/time.ts";
import { acceptDispatch, replayedDispatch } from "./accept_dispatch.ts";
import { auditMessage } from "./audit_message.ts";
import { commandOfJob, commandOfScript } from "./command_of.ts";
import type {
  AuditEntry,
  CommandIds,
  Dispatcher,
  DispatchOutcome,
  DispatchRequest,
} from "./dispatch_types.ts";
import type { DispatcherHost } from "./dispatcher_host.ts";
import { kill } from "./kills.ts";
import { killJob, killPc, killRun } from "./partial_kills.ts";
import { retryRest } from "./retry_rest.ts";
import { steerRollout } from "./steer_rollout.ts";
import {
  checkShell,
  type PlannedTargets,
  planTargets,
  spreadOut,
  withEnvelopes,
} from "./targets.ts";

/**
 * Of the scripts in all commands of one dispatch. A subject keeps its newest command, and the stream at most 64 MiB: one
 * dispatch to ten thousand PCs by name would drive out what others keep there for who is away.
 */
const MAX_INLINE_COPIES_BYTES = 4 * 1_048_576;

/** The dispatcher of one backend process; the lease's holder publishes what it commits. */
export function createDispatcher(host: DispatcherHost): Dispatcher {
  return {
    dispatch: (request) => dispatch(host, request),
    retry: (request) => retryRest(host, request),
    kill: (request) => kill(host, request),
    killJob: (request) => killJob(host, request),
    killPc: (request) => killPc(host, request),
    killRun: (request) => killRun(host, request),
    steer: (request) => steerRollout(host, request),
    audit: (entry) => audited(host, () => Promise.resolve(entry)),
    audited: (change) => audited(host, change),
  };
}

async function dispatch(host: DispatcherHost, request: DispatchRequest): Promise<DispatchOutcome> {
  // Before the plan is looked at: what it names may be gone since the first time.
  const replayed = await replayedDispatch(host, request);
  if (replayed !== undefined) return replayed;
  checkDeadline(request.plan, host.clock.now());
  const ids = request.ids ?? { execId: uuidV7(), requestId: uuidV4() };
  const wanted = await commandOf(host, request, ids);
  const planned = await plannedTargets(host, request, wanted.id);
  await checkShell(wanted.shell, [...planned.targets.keys()], host.fleet);
  const command = await withScriptObject(host, wanted, planned.subjects.length);
  return await acceptDispatch(host, { command, planned, ids, request });
}

/** A command past its own deadline would never leave. @throws {Fault} `invalid_input` */
function checkDeadline({ deadline_at: deadline }: Plan, now: number): void {
  const deadlineAt = deadline ? parseInstant(deadline) : undefined;
  if (deadlineAt === undefined || deadlineAt >= now) return;
  throw new Fault("invalid_input", `Cannot dispatch: its deadline ${deadline} has passed`, {
    details: { path: "deadline_at" },
  });
}

async function plannedTargets(
  { fleet, announcingOurKey }: DispatcherHost,
  request: DispatchRequest,
  jobId: string,
): Promise<PlannedTargets> {
  const planned = await spreadOut(await planTargets(request.plan, fleet, jobId), request);
  return announcingOurKey === undefined ? planned : await withEnvelopes(planned, announcingOurKey);
}

async function commandOf(
  host: DispatcherHost,
  request: DispatchRequest,
  ids: CommandIds,
): Promise<Command> {
  const { source } = request;
  if (source.kind === "script") return commandOfScript(source, request, ids);
  const manifest = await host.jobs.get(source.jobId);
  if (manifest !== undefined) return commandOfJob(manifest, request, ids);
  throw new Fault("not_found", `Cannot dispatch the job "${source.jobId}": it does not exist`, {
    details: { path: "job_id" },
  });
}

/**
 * Scripts that travel as objects: those that a manifest names, and those that are long or go out in many commands.
 * The latter are named by what they hold, so that a retry runs what ran then.
 */
async function withScriptObject(
  host: DispatcherHost,
  command: Command,
  copies: number,
): Promise<Command> {
  if (command.script_object) {
    const name = command.script_object;
    return { ...command, script_object_sha256: await digestOf(host, command.id, name) };
  }
  const bytes = utf8Length(command.script);
  const fitsAll = bytes * copies <= MAX_INLINE_COPIES_BYTES;
  if (bytes <= MAX_INLINE_SCRIPT_BYTES && fitsAll) return command;
  const digest = sha256Hex(command.script);
  const name = `${command.id}/${digest}`;
  await host.storeScript(name, command.script);
  return { ...command, script: "", script_object: name, script_object_sha256: digest };
}

/** An agent refuses an object that is not the one which was dispatched. */
async function digestOf(host: DispatcherHost, jobId: string, name: string): Promise<string> {
  const digest = await host.scriptDigest(name);
  if (digest !== undefined) return digest;
  throw new Fault(
    "not_found",
    `Cannot dispatch the job "${jobId}": its script "${name}" is not in the object store "scripts"`,
    { details: { path: "execute.script_object" } },
  );
}

async function audited(
  host: DispatcherHost,
  change: (tx: Transaction) => Promise<AuditEntry>,
): Promise<void> {
  await host.db.write(async (tx) => {
    const entry = await change(tx);
    await tx.batch([insertOutbox([auditMessage(entry, host.clock.now())])]);
  });
  host.outboxChanged();
}
