/** Kills by job, PC and run: each recorded in one transaction, with every execution that it ends and its audit event. */
import { v4 as uuidV4 } from "uuid";
import type { Transaction } from "../db/client.ts";
import { insertOutbox, type OutboxMessage } from "../db/command_outbox.ts";
import {
  countInFlightOn,
  findKillableRun,
  type KillableExecution,
  readOpenOfJob,
  readOpenOfPc,
} from "../db/kills.ts";
import { encode } from "../wire/codec.ts";
import { Fault } from "../wire/fault.ts";
import type { JobKillAnswer, RecordedPcKill, RecordedRunKill } from "../wire/http_kills.ts";
import { whyNotAName } from "../wire/ids.ts";
import { killRunsSubject } from "../wire/subjects.ts";
import { auditMessage } from "./audit_message.ts";
import type { KillerRequest, Outcome } from "./dispatch_types.ts";
import type { DispatcherHost } from "./dispatcher_host.ts";
import { killExecution } from "./kills.ts";
import type { RolloutChange } from "./rollout_decisions.ts";
import { answerOf, storedAnswer } from "./stored_answers.ts";

/** Every execution of a job that has not ended. Undefined when the job never had any. */
export async function killJob(
  host: DispatcherHost,
  request: KillerRequest & { readonly jobId: string },
): Promise<Outcome<JobKillAnswer> | undefined> {
  const { jobId, actor } = request;
  return await recorded<JobKillAnswer>(host, request, async (tx, kill) => {
    const execIds = await readOpenOfJob(tx, jobId);
    if (execIds === undefined) return undefined;
    const executions = [];
    for (const execId of execIds) {
      executions.push({ exec_id: execId, in_flight: await kill.whole(execId) });
    }
    const answer = { job_id: jobId, executions };
    await kill.audit({ actor, action: "job_kill", target: jobId, payload: answer });
    return answer;
  });
}

/** Everything that one PC runs or is to run. */
export async function killPc(
  host: DispatcherHost,
  request: KillerRequest & { readonly pcId: string },
): Promise<Outcome<RecordedPcKill>> {
  const { pcId, actor } = request;
  const outcome = await recorded<RecordedPcKill>(host, request, async (tx, kill) => {
    const inFlight = await countInFlightOn(tx, pcId);
    const executions = await killOn(kill, pcId, await readOpenOfPc(tx, pcId));
    const answer = { pc_id: pcId, executions, in_flight: inFlight };
    await kill.audit({ actor, action: "agent_kill", target: pcId, payload: answer });
    return answer;
  });
  return outcome ?? missing();
}

/** One run. Undefined when there is no such. @throws {Fault} `conflict` when it has ended */
export async function killRun(
  host: DispatcherHost,
  request: KillerRequest & { readonly resultId: string },
): Promise<Outcome<RecordedRunKill> | undefined> {
  const { resultId, actor } = request;
  return await recorded<RecordedRunKill>(host, request, async (tx, kill) => {
    const run = await findKillableRun(tx, resultId);
    if (run === undefined) return undefined;
    if (run.outcome !== null) {
      throw new Fault("conflict", `Cannot kill the run ${resultId}: it has ${run.outcome}`);
    }
    const executions = await killOn(kill, run.pcId, run.execution ? [run.execution] : []);
    const answer = { result_id: resultId, pc_id: run.pcId, executions };
    await kill.audit({ actor, action: "run_kill", target: resultId, payload: answer });
    return answer;
  });
}

async function killOn(
  kill: Recorder,
  pcId: string,
  executions: readonly KillableExecution[],
): Promise<RecordedPcKill["executions"]> {
  for (const { execId, isForOnePc } of executions) {
    if (isForOnePc) await kill.whole(execId);
    else await kill.onOnePc(execId, pcId);
  }
  return executions.map(({ execId, isForOnePc }) => ({ exec_id: execId, whole: isForOnePc }));
}

/** How a transaction records kills. */
interface Recorder {
  /** Answers how many runs were in flight. */
  whole(execId: string): Promise<number>;
  onOnePc(execId: string, pcId: string): Promise<void>;
  audit(entry: Parameters<typeof auditMessage>[0]): Promise<void>;
}

/** Undefined when the body finds nothing to kill; then nothing is written. */
async function recorded<Answer extends object>(
  host: DispatcherHost,
  request: KillerRequest,
  body: (tx: Transaction, kill: Recorder) => Promise<Answer | undefined>,
): Promise<Outcome<Answer> | undefined> {
  const at = host.clock.now();
  const changes: RolloutChange[] = [];
  const outcome = await host.db.write(async (tx): Promise<Outcome<Answer> | undefined> => {
    const present = await answerOf(tx, request, (stored) => stored as Answer);
    if (present !== undefined) return present;
    const answer = await body(tx, recorderOf(tx, { actor: request.actor, at, changes }));
    if (answer === undefined) return undefined;
    await tx.batch(storedAnswer(request.idempotency, answer, at));
    return { kind: "accepted", answer, replayed: false };
  });
  if (outcome?.kind === "accepted" && !outcome.replayed) host.outboxChanged();
  for (const change of changes) host.rolloutChanged(change);
  return outcome;
}

function recorderOf(
  tx: Transaction,
  { actor, at, changes }: {
    readonly actor: string;
    readonly at: number;
    readonly changes: RolloutChange[];
  },
): Recorder {
  return {
    async whole(execId) {
      const killed = await killExecution(tx, { execId, actor, at });
      changes.push(...killed?.changes ?? []);
      return killed?.inFlight ?? 0;
    },
    async onOnePc(execId, pcId) {
      // A row of a foreign agent may hold what no subject can.
      if (whyNotAName(pcId) !== undefined) return;
      await tx.batch([insertOutbox([partialKillMessage({ execId, pcId, actor, at })])]);
    },
    async audit(entry) {
      await tx.batch([insertOutbox([auditMessage(entry, at)])]);
    },
  };
}

function partialKillMessage(
  { execId, pcId, actor, at }: {
    readonly execId: string;
    readonly pcId: string;
    readonly actor: string;
    readonly at: number;
  },
): OutboxMessage {
  return {
    kind: "kill",
    execId,
    subject: killRunsSubject(pcId),
    msgId: uuidV4(),
    payload: encode({ actor, at: new Date(at).toISOString(), pcs: [pcId] }),
    wave: 0,
    notBefore: 0,
  };
}

function missing(): never {
  throw new TypeError("Cannot answer a kill: nothing was recorded");
}
