/**
 * Turns a request into a committed execution (design.md §1): row, targets, commands in the outbox, audit events and
 * the answer of its Idempotency-Key in one transaction. What is committed is accepted; it goes out when it can.
 */
import { v4 as uuidV4, v7 as uuidV7 } from "uuid";
import type { Database, Reader, Statement, Transaction } from "../db/client.ts";
import { cancelCommands, insertOutbox, type OutboxMessage } from "../db/command_outbox.ts";
import { insertExecution, recordKill } from "../db/dispatches.ts";
import { findAnswer, storeAnswer } from "../db/idempotency_keys.ts";
import { transitionStatement } from "../db/projection.ts";
import { encode } from "../wire/codec.ts";
import { type Command, commandBody } from "../wire/command.ts";
import { timeoutWithRetriesSecs } from "../wire/deadlines.ts";
import { DISPATCH_ACTION, KILL_ACTION } from "../wire/dispatch_audit.ts";
import { Fault } from "../wire/fault.ts";
import type { KillAnswer } from "../wire/http.ts";
import { sha256Hex } from "../wire/ids.ts";
import type { Manifest } from "../wire/manifest.ts";
import { utf8Length } from "../wire/scalars.ts";
import { MAX_INLINE_SCRIPT_BYTES } from "../wire/streams.ts";
import { killSubject } from "../wire/subjects.ts";
import { parseInstant } from "../wire/time.ts";
import { auditMessage, targetChunks } from "./audit_message.ts";
import { type CommandIds, commandOfJob, commandOfScript } from "./command_of.ts";
import type {
  AuditEntry,
  DispatchAnswer,
  Dispatcher,
  DispatchOutcome,
  DispatchRequest,
  Idempotency,
  KillRequest,
  Outcome,
} from "./dispatch_types.ts";
import { dispatchedTransition } from "./dispatched_transition.ts";
import type { Clock } from "./system/clock.ts";
import { checkShell, type Fleet, type PlannedTargets, planTargets } from "./targets.ts";

/** How long an answer waits for its commands to leave, ms. */
const PUBLISH_WAIT_MS = 2_000;
/** Of one command; a quarter of what a broker takes as a message unless it is told otherwise (1 MiB). */
const MAX_COMMAND_BYTES = 262_144;

/** What the dispatcher needs of the process. */
export interface DispatcherHost {
  readonly db: Database;
  readonly clock: Clock;
  readonly fleet: Fleet;
  readonly jobs: { get(jobId: string): Promise<Manifest | undefined> };
  /** Keeps the text of a long script; returns its object's name. @throws {Fault} `broker_unavailable` */
  readonly storeScript: (name: string, script: string) => Promise<void>;
  /** SHA-256 of the script that is kept under a name, hex; undefined when none is. @throws {Fault} `broker_unavailable` */
  readonly scriptDigest: (name: string) => Promise<string | undefined>;
  /** Something was put into the outbox. */
  readonly outboxChanged: () => void;
  /** Whether every command of an execution has left within the time. */
  readonly published: (execId: string, timeoutMs: number) => Promise<boolean>;
  /** An execution was committed. */
  readonly dispatched: (execId: string, at: number) => void;
}

/** The dispatcher of one backend process; the lease's holder publishes what it commits. */
export function createDispatcher(host: DispatcherHost): Dispatcher {
  return {
    dispatch: (request) => dispatch(host, request),
    kill: (request) => kill(host, request),
    audit: (entry) => audited(host, () => Promise.resolve(entry)),
    audited: (change) => audited(host, change),
  };
}

async function dispatch(host: DispatcherHost, request: DispatchRequest): Promise<DispatchOutcome> {
  // Before the plan is looked at: what it names may be gone since the first time.
  const replayed = await answerOf(host.db, request, asDispatchAnswer);
  if (replayed !== undefined) return await asItIsNow(host, replayed);
  const ids: CommandIds = { execId: uuidV7(), requestId: uuidV4() };
  const wanted = await commandOf(host, request, ids);
  const planned = await planTargets(request.plan, host.fleet);
  await checkShell(wanted.shell, [...planned.targets.keys()], host.fleet);
  const command = await withScriptObject(host, wanted);
  checkSize(command);
  const now = host.clock.now();
  const answer: DispatchAnswer = {
    exec_id: ids.execId,
    job_id: command.id,
    version: command.version,
    target_count: planned.targets.size,
    subjects: planned.subjects.map((one) => one.subject),
    published: false,
    request_id: ids.requestId,
  };
  const earlier = await host.db.write(async (tx) => {
    const present = await answerOf(tx, request, asDispatchAnswer);
    if (present !== undefined) return present;
    await commit(tx, { command, planned, answer, request, now });
    return undefined;
  });
  if (earlier !== undefined) return await asItIsNow(host, earlier);
  host.dispatched(ids.execId, now);
  host.outboxChanged();
  const published = await host.published(ids.execId, PUBLISH_WAIT_MS);
  return { kind: "accepted", answer: { ...answer, published }, replayed: false };
}

async function commandOf(
  host: DispatcherHost,
  request: DispatchRequest,
  ids: CommandIds,
): Promise<Command> {
  const { source, plan } = request;
  if (source.kind === "script") return commandOfScript(source, request, ids);
  const manifest = await host.jobs.get(source.jobId);
  if (manifest !== undefined) return commandOfJob(manifest, plan, ids);
  throw new Fault("not_found", `Cannot dispatch the job "${source.jobId}": it does not exist`, {
    details: { path: "job_id" },
  });
}

/** The command must fit a message, and its audit event, which holds it, too. @throws {Fault} `too_large` */
function checkSize(command: Command): void {
  const bytes = encode(commandBody(command)).length;
  if (bytes <= MAX_COMMAND_BYTES) return;
  throw new Fault(
    "too_large",
    `Cannot dispatch the job "${command.id}": its command has ${bytes} bytes, and at most ${MAX_COMMAND_BYTES} fit`,
  );
}

/**
 * Scripts that travel as objects: those that a manifest names, and long ones, which are named by what they hold so that
 * a retry runs what ran then.
 */
async function withScriptObject(host: DispatcherHost, command: Command): Promise<Command> {
  if (command.script_object) {
    const name = command.script_object;
    return { ...command, script_object_sha256: await digestOf(host, command.id, name) };
  }
  if (utf8Length(command.script) <= MAX_INLINE_SCRIPT_BYTES) return command;
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

/** The answer that the request's key was given before, if any. */
async function answerOf<Answer>(
  reader: Reader,
  { idempotency }: { readonly idempotency?: Idempotency },
  asAnswer: (stored: unknown) => Answer,
): Promise<Outcome<Answer> | undefined> {
  if (idempotency === undefined) return undefined;
  const stored = await findAnswer(reader, idempotency);
  if (stored === undefined) return undefined;
  if (stored.requestHash !== idempotency.requestHash) return { kind: "conflict" };
  const answer = asAnswer(JSON.parse(new TextDecoder().decode(stored.answer)));
  return { kind: "accepted", answer, replayed: true };
}

/** What we stored ourselves, as what it was stored as. */
const asDispatchAnswer = (stored: unknown) => stored as DispatchAnswer;
const asKillAnswer = (stored: unknown) => stored as KillAnswer;

function storedAnswer(
  idempotency: Idempotency | undefined,
  answer: DispatchAnswer | KillAnswer,
  createdAt: number,
): Statement[] {
  if (idempotency === undefined) return [];
  return [storeAnswer({ ...idempotency, status: 200, answer: encode(answer), createdAt })];
}

/** The same answer again; whether the commands have left is told as it is now. */
async function asItIsNow(host: DispatcherHost, earlier: DispatchOutcome): Promise<DispatchOutcome> {
  if (earlier.kind !== "accepted") return earlier;
  const published = await host.published(earlier.answer.exec_id, PUBLISH_WAIT_MS);
  return { ...earlier, answer: { ...earlier.answer, published } };
}

interface Commitment {
  readonly command: Command;
  readonly planned: PlannedTargets;
  readonly answer: DispatchAnswer;
  readonly request: DispatchRequest;
  readonly now: number;
}

async function commit(tx: Transaction, commitment: Commitment): Promise<void> {
  const { command, planned, answer, request, now } = commitment;
  const execId = answer.exec_id;
  const targets = [...planned.targets].map(([pcId, subject]) => ({ pcId, subject }));
  await tx.batch([
    ...insertExecution({
      execId,
      requestId: answer.request_id,
      jobId: command.id,
      version: command.version,
      initiatedBy: request.initiatedBy,
      initiatedAt: now,
      timeoutSecs: timeoutWithRetriesSecs(command.timeout_secs, command.retry),
      startBy: command.deadline_at ? parseInstant(command.deadline_at) ?? null : null,
      command: encode(commandBody(command)),
      targets,
      targetCount: targets.length,
    }),
    transitionStatement(dispatchedTransition(execId, targets.length, now)),
    insertOutbox([...commandMessages(commitment), ...dispatchAudit(commitment)]),
    ...storedAnswer(request.idempotency, answer, now),
  ]);
}

function commandMessages({ planned, answer, now }: Commitment): OutboxMessage[] {
  return planned.subjects.map(({ subject, wave, delayMs }) => ({
    kind: "command",
    execId: answer.exec_id,
    subject,
    msgId: `${answer.request_id}:${subject}`,
    payload: null,
    wave,
    notBefore: delayMs === 0 ? 0 : now + delayMs,
  }));
}

/** What a rebuild needs to know of a dispatch; the first part carries the command, the others more targets. */
function dispatchAudit({ command, planned, answer, request, now }: Commitment): OutboxMessage[] {
  const execId = answer.exec_id;
  const chunks = targetChunks([...planned.targets]);
  return chunks.map((targets, part) =>
    auditMessage(
      {
        actor: request.initiatedBy,
        action: DISPATCH_ACTION,
        target: execId,
        payload: {
          exec_id: execId,
          part,
          parts: chunks.length,
          target_count: answer.target_count,
          targets: targets.map(([pcId, subject]) => [pcId, subject]),
          last_delay_ms: Math.max(0, ...planned.subjects.map((one) => one.delayMs)),
          ...(part === 0 ? { command: JSON.parse(JSON.stringify(commandBody(command))) } : {}),
        },
      },
      now,
      execId,
    )
  );
}

async function kill(
  host: DispatcherHost,
  request: KillRequest,
): Promise<Outcome<KillAnswer> | undefined> {
  const now = host.clock.now();
  const outcome = await host.db.write(async (tx) =>
    await answerOf(tx, request, asKillAnswer) ?? await commitKill(tx, request, now)
  );
  if (outcome?.kind === "accepted" && !outcome.replayed) host.outboxChanged();
  return outcome;
}

async function commitKill(
  tx: Transaction,
  { execId, actor, idempotency }: KillRequest,
  now: number,
): Promise<Outcome<KillAnswer> | undefined> {
  const killed = await recordKill(tx, { execId, actor, at: now });
  if (killed === undefined) return undefined;
  const answer: KillAnswer = { exec_id: execId, in_flight: killed.inFlight };
  await tx.batch([
    // Again: an agent of the peers may have missed it.
    insertOutbox([killMessage(execId, actor, now)]),
    ...storedAnswer(idempotency, answer, now),
  ]);
  if (!killed.again) {
    const entry = { actor, action: KILL_ACTION, target: execId, payload: { ...answer } };
    await tx.batch([cancelCommands(execId), insertOutbox([auditMessage(entry, now, execId)])]);
  }
  return { kind: "accepted", answer, replayed: false };
}

function killMessage(execId: string, actor: string, now: number): OutboxMessage {
  return {
    kind: "kill",
    execId,
    subject: killSubject(execId),
    msgId: uuidV4(),
    payload: encode({ actor, at: new Date(now).toISOString() }),
    wave: 0,
    notBefore: 0,
  };
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
