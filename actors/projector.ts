/**
 * The loop that every projector is: fetch a batch, read it, project it with the position, ack it
 * (execution-semantics.md §6). Faults of the environment pause the whole consumer and drop nothing.
 */
import type { JsMsg } from "nats";
import type { Bulk, Database, Statement } from "../db/client.ts";
import { savePosition } from "../db/projector_positions.ts";
import { messageOf } from "../wire/fault.ts";
import { ACK_WAIT_MS, type ConsumerName, type StreamName } from "../wire/streams.ts";
import { ContiguousPosition } from "./contiguous_position.ts";
import type { Log } from "./log.ts";
import { readGap } from "./read_gap.ts";
import type { Origin } from "./run_messages.ts";
import { type ConsumerFacts, originOf, type StreamAccess } from "./stream_access.ts";
import type { StreamIntake } from "./stream_intake.ts";
import { pause } from "./system/clock.ts";
import type { Tenure, WriterLease } from "./writer_lease.ts";

const MAX_BATCH = 500;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** Often enough that a batch that takes long is not delivered again. */
const WORKING_EVERY_MS = Math.floor(ACK_WAIT_MS / 3);

/** What one projector does with its messages. */
export interface ProjectorTask {
  readonly stream: StreamName;
  readonly consumer: ConsumerName;
  /** Commits a batch together with the further steps, or throws and has written nothing. */
  readonly project: (
    tenure: Tenure,
    origins: readonly Origin[],
    further: readonly (Statement | Bulk)[],
  ) => Promise<void>;
}

/** What a projector needs from the process. */
export interface ProjectorHost {
  readonly streams: StreamAccess;
  readonly db: Database;
  readonly lease: WriterLease;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Says how the projector is: `null` = well, else why it pauses. */
  readonly report: (problem: string | null) => void;
  /** Called once the gap is closed and the consumer is read live, again with every tenure. */
  readonly caughtUp: (term: number) => void;
  readonly ready: () => void;
}

/** Projects until the signal aborts. Rejects when the consumer is gone: the supervisor starts it again. */
export async function runProjector(task: ProjectorTask, host: ProjectorHost): Promise<void> {
  host.ready();
  while (!host.signal.aborted) {
    const tenure = await host.lease.acquired(host.signal);
    const signal = AbortSignal.any([host.signal, tenure.signal]);
    try {
      await projectWhileHolding(task, host, tenure, signal);
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
    }
  }
}

async function projectWhileHolding(
  task: ProjectorTask,
  host: ProjectorHost,
  tenure: Tenure,
  signal: AbortSignal,
): Promise<void> {
  await host.streams.restore(task.consumer);
  const facts = await host.streams.facts(task.consumer);
  await readGap(task, host, tenure, facts);
  const position = new ContiguousPosition(facts.ackFloor, facts.delivered, facts.unacked);
  await using intake = await host.streams.open(task.consumer);
  host.caughtUp(tenure.term);
  host.report(null);
  let pauseMs = 0;
  while (!signal.aborted) {
    const messages = await intake.next(MAX_BATCH, signal);
    const problem = await projectBatch(messages, { task, tenure, intake, position, facts });
    if (problem === null) {
      if (pauseMs > 0) host.report(null);
      pauseMs = 0;
      continue;
    }
    pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, pauseMs * 2));
    host.log.warn("projector paused", { consumer: task.consumer, error: problem, pauseMs });
    host.report(problem);
    for (const message of messages) message.nak(pauseMs);
    intake.giveBack(pauseMs);
    await pause(pauseMs, signal);
  }
}

interface BatchContext {
  readonly task: ProjectorTask;
  readonly tenure: Tenure;
  readonly intake: StreamIntake;
  readonly position: ContiguousPosition;
  readonly facts: ConsumerFacts;
}

/** Projects and acks one batch. Answers why it could not, or null. */
async function projectBatch(
  messages: readonly JsMsg[],
  { task, tenure, intake, position, facts }: BatchContext,
): Promise<string | null> {
  const origins = messages.map((message) => originOf(message, facts.streamCreatedAt));
  const sequences = new Set(origins.map((origin) => origin.sequence));
  for (const sequence of sequences) position.received(sequence);
  const keepAlive = setInterval(() => {
    for (const message of messages) message.working();
    intake.working();
  }, WORKING_EVERY_MS);
  try {
    await task.project(tenure, origins, [savePosition({
      consumer: task.consumer,
      stream: task.stream,
      streamCreatedAt: facts.streamCreatedAt,
      lastSequence: position.after(sequences),
    })]);
  } catch (thrown) {
    return messageOf(thrown);
  } finally {
    clearInterval(keepAlive);
  }
  position.committed(sequences);
  for (const message of messages) message.ack();
  return null;
}
