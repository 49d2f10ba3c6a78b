/**
 * The loop that every projector is: fetch a batch, read it, project it with the position, ack it
 * (execution-semantics.md §6). Faults of the environment pause the whole consumer and drop nothing.
 */
import type { JsMsg } from "nats";
import { savePosition } from "../db/projector_positions.ts";
import { messageOf } from "../wire/fault.ts";
import { ACK_WAIT_MS } from "../wire/streams.ts";
import { ContiguousPosition } from "./contiguous_position.ts";
import type { ProjectorHost, ProjectorTask } from "./projector_types.ts";
import { readGap } from "./read_gap.ts";
import { type ConsumerFacts, originOf } from "./stream_access.ts";
import { DeliveryGap, type StreamIntake } from "./stream_intake.ts";
import { pause } from "./system/clock.ts";
import type { Tenure } from "./writer_lease.ts";

const MAX_BATCH = 500;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** Before a consumer is opened again of which a delivery was lost. */
const REOPEN_MS = 100;
/** Often enough that a batch that takes long is not delivered again. */
const WORKING_EVERY_MS = Math.floor(ACK_WAIT_MS / 3);

/** Projects until the signal aborts. Rejects when the consumer is gone: the supervisor starts it again. */
export async function runProjector<Read>(
  task: ProjectorTask<Read>,
  host: ProjectorHost,
): Promise<void> {
  host.ready();
  try {
    await projectTenures(task, host);
  } finally {
    // Nobody knows how far the stream is read until the projector runs again.
    host.catchUp?.undone(task.consumer);
  }
}

async function projectTenures<Read>(task: ProjectorTask<Read>, host: ProjectorHost): Promise<void> {
  while (!host.signal.aborted) {
    const tenure = await host.lease.acquired(host.signal);
    const signal = AbortSignal.any([host.signal, tenure.signal]);
    try {
      await projectWhileHolding(task, host, tenure, signal);
    } catch (thrown) {
      if (signal.aborted) continue;
      if (thrown instanceof DeliveryGap) {
        host.log.info("a delivery was lost", { consumer: task.consumer });
        await pause(REOPEN_MS, host.signal);
        continue;
      }
      // The stream may be gone, not only its consumer.
      host.provisioned.close();
      throw thrown;
    }
  }
}

async function projectWhileHolding<Read>(
  task: ProjectorTask<Read>,
  host: ProjectorHost,
  tenure: Tenure,
  signal: AbortSignal,
): Promise<void> {
  await host.provisioned.opened(signal);
  await host.streams.restore(task.consumer);
  const facts = await host.streams.facts(task.consumer);
  await readGap(task, host, tenure, facts);
  await using intake = await host.streams.open(task.consumer, facts.deliveries);
  const line = new ProjectionLine(task, host, tenure, intake, facts);
  host.catchUp?.done(task.consumer, tenure.term);
  host.health(null);
  try {
    while (!signal.aborted) await line.step(signal);
  } finally {
    await line.settled();
  }
}

/** One batch on its way: fetched, not yet committed. */
interface Fetched<Read> {
  readonly messages: readonly JsMsg[];
  readonly sequences: ReadonlySet<number>;
  readonly read: Read;
}

/**
 * Two batches at a time: one is committed by the database's thread while the next one is fetched and read here.
 * They are committed in order, one after the other.
 */
class ProjectionLine<Read> {
  readonly #task: ProjectorTask<Read>;
  readonly #host: ProjectorHost;
  readonly #tenure: Tenure;
  readonly #intake: StreamIntake;
  readonly #facts: ConsumerFacts;
  readonly #position: ContiguousPosition;
  readonly #underWay = new Set<JsMsg>();
  /** Ends with why the last commit failed, or null; never rejects. */
  #committing: Promise<string | null> = Promise.resolve(null);
  #pauseMs = 0;

  constructor(
    task: ProjectorTask<Read>,
    host: ProjectorHost,
    tenure: Tenure,
    intake: StreamIntake,
    facts: ConsumerFacts,
  ) {
    this.#task = task;
    this.#host = host;
    this.#tenure = tenure;
    this.#intake = intake;
    this.#facts = facts;
    this.#position = new ContiguousPosition(facts.delivered);
  }

  /** Fetches and reads one batch, waits for the one before it, and starts to commit. Pauses after a failure. */
  async step(signal: AbortSignal): Promise<void> {
    const messages = await this.#intake.next(MAX_BATCH, signal);
    for (const message of messages) this.#underWay.add(message);
    const fetched = await this.#read(messages);
    const problem = typeof fetched === "string" ? fetched : await this.#committing;
    if (problem === null && typeof fetched !== "string") {
      this.#committing = this.#commit(fetched);
      return;
    }
    await this.#committing;
    this.#committing = Promise.resolve(null);
    await this.#backOff(problem ?? "", messages, signal);
  }

  /** Ends when nothing is being committed any more. */
  async settled(): Promise<void> {
    await this.#committing;
  }

  /** The batch, or why it cannot be read now. */
  async #read(messages: readonly JsMsg[]): Promise<Fetched<Read> | string> {
    const origins = messages.map((message) => originOf(message, this.#facts.streamCreatedAt));
    const sequences = new Set(origins.map((origin) => origin.sequence));
    for (const sequence of sequences) this.#position.received(sequence);
    try {
      const read = await this.#whileWorking(this.#task.read(origins));
      return { messages, sequences, read };
    } catch (thrown) {
      return messageOf(thrown);
    }
  }

  async #commit({ messages, sequences, read }: Fetched<Read>): Promise<string | null> {
    const { consumer, stream } = this.#task;
    const further = [savePosition({
      consumer,
      stream,
      streamCreatedAt: this.#facts.streamCreatedAt,
      lastSequence: this.#position.after(sequences),
    })];
    const startedAt = performance.now();
    try {
      await this.#whileWorking(this.#task.commit(this.#tenure, read, further));
    } catch (thrown) {
      this.#giveBack(messages, FIRST_PAUSE_MS);
      this.#host.health(messageOf(thrown));
      return messageOf(thrown);
    }
    const seconds = (performance.now() - startedAt) / 1_000;
    this.#host.measure({ consumer, messages: messages.length, seconds });
    this.#position.committed(sequences);
    this.#host.handled(messages.length);
    for (const message of messages) {
      message.ack();
      this.#underWay.delete(message);
    }
    if (this.#pauseMs > 0) this.#host.health(null);
    this.#pauseMs = 0;
    return null;
  }

  async #backOff(problem: string, messages: readonly JsMsg[], signal: AbortSignal): Promise<void> {
    const pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, this.#pauseMs * 2));
    this.#pauseMs = pauseMs;
    this.#host.log.warn("projector paused", {
      consumer: this.#task.consumer,
      error: problem,
      pauseMs,
    });
    this.#host.health(problem);
    this.#giveBack(messages, pauseMs);
    this.#intake.giveBack(pauseMs);
    await pause(pauseMs, signal);
  }

  #giveBack(messages: readonly JsMsg[], delayMs: number): void {
    for (const message of messages) {
      message.nak(delayMs);
      this.#underWay.delete(message);
    }
  }

  /** Tells the broker meanwhile that all that it delivered is being worked on. */
  async #whileWorking<T>(work: Promise<T>): Promise<T> {
    const keepAlive = setInterval(() => {
      for (const message of this.#underWay) message.working();
      this.#intake.working();
    }, WORKING_EVERY_MS);
    try {
      return await work;
    } finally {
      clearInterval(keepAlive);
    }
  }
}
