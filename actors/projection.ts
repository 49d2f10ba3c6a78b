/**
 * The write path (ARCHITECTURE.md, "The way of the data"): a batch of run messages becomes rows, counters,
 * transitions, dead letters and a position in one transaction.
 *
 * 1. Nothing leaves the process before the commit.
 * 2. On any failure every touched actor is thrown away before the next batch looks at one.
 * 3. One batch at a time: whoever uses live executions goes through `exclusively`.
 */
import type { Bulk, Database, Statement, Transaction } from "../db/client.ts";
import { isConstraintViolation } from "../db/client.ts";
import { type DeadLetter, insertDeadLetters } from "../db/dead_letters.ts";
import { type BatchQuery, type BatchRead, readBatch } from "../db/projection_reads.ts";
import { StaleExecution, writeBatch } from "../db/projection_writes.ts";
import { messageOf } from "../wire/fault.ts";
import type { Announcer } from "./announcer.ts";
import { Batch, type Decision, MachineRefused, type Refusal } from "./decide.ts";
import type { ExecutionRegistry } from "./execution_registry.ts";
import type { InventoryIntake } from "./inventory_intake.ts";
import type { RunMessage } from "./run_messages.ts";
import type { Clock } from "./system/clock.ts";
import { deadLetter, type Unreadable } from "./unreadable.ts";
import { assertHeld, leaseLost, type Tenure } from "./writer_lease.ts";

/** What one call projects. */
export interface ProjectionBatch {
  readonly messages: readonly RunMessage[];
  readonly unreadable: readonly Unreadable[];
  /** Further steps of the same transaction, such as the position. */
  readonly further: readonly (Statement | Bulk)[];
}

export class Projection {
  readonly #db: Database;
  readonly #registry: ExecutionRegistry;
  readonly #clock: Clock;
  readonly #announcer: Announcer;
  readonly #inventory: InventoryIntake | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    options: {
      readonly db: Database;
      readonly registry: ExecutionRegistry;
      readonly clock: Clock;
      readonly announcer: Announcer;
      /** Where runs are noted of which the inventory is made; a projection beside the one in use has none. */
      readonly inventory?: InventoryIntake;
    },
  ) {
    this.#db = options.db;
    this.#registry = options.registry;
    this.#clock = options.clock;
    this.#announcer = options.announcer;
    this.#inventory = options.inventory;
  }

  /**
   * Projects a batch. A message that is itself at fault is found by halving the batch and becomes a dead letter.
   *
   * @returns the sequences of messages that were refused
   * @throws {Fault} of the database or the lease: nothing was written, nothing may be acked
   */
  async project(tenure: Tenure, batch: ProjectionBatch): Promise<ReadonlySet<number>> {
    try {
      return await this.#commit(tenure, batch);
    } catch (thrown) {
      if (!isFaultOfMessage(thrown)) throw thrown;
      return await this.#halve(tenure, batch, thrown);
    }
  }

  /**
   * Projects messages that are to be projected whole or not at all: a dead letter's second try.
   *
   * @returns why the first of them was refused; undefined when all were projected
   */
  async projectOrRefuse(
    tenure: Tenure,
    messages: readonly RunMessage[],
    further: readonly (Statement | Bulk)[],
  ): Promise<string | undefined> {
    try {
      await this.#commit(tenure, { messages, unreadable: [], further }, (refusal) => {
        throw new RangeError(refusal.error);
      });
      return undefined;
    } catch (thrown) {
      if (isFaultOfMessage(thrown)) return messageOf(thrown);
      throw thrown;
    }
  }

  /**
   * Runs decisions on live executions and commits them together: the reaper's way in. Each is written while the next is
   * made, so no two may touch one run or target.
   *
   * @param body reads before its first decision and decides, within one transaction
   */
  async exclusively(
    tenure: Tenure,
    body: (
      tx: Transaction,
      batchOf: (read: BatchRead) => Batch,
    ) => AsyncGenerator<Decision, void, void>,
  ): Promise<readonly Decision[]> {
    return await this.#exclusive(async () => {
      const batches: Batch[] = [];
      const batchOf = (read: BatchRead): Batch => {
        const batch = new Batch(this.#registry, read, this.#clock.now());
        batches.push(batch);
        return batch;
      };
      try {
        const decisions = await this.#db.write(async (tx) => {
          await assertHeld(tx, tenure);
          return await writeWhileDeciding(
            tx,
            body(tx, batchOf),
            (decision) => this.#noted(tx, tenure, decision),
          );
        });
        this.#inventory?.committed();
        for (const decision of decisions) {
          this.#registry.settle(decision.touched);
          this.#announcer.committed(decision);
        }
        return decisions;
      } catch (thrown) {
        for (const batch of batches) this.#registry.discard(batch.touched);
        throw thrown;
      }
    });
  }

  /** Runs something while nothing is projected or reaped; batches wait for its end. */
  async suspended<T>(body: () => Promise<T>): Promise<T> {
    return await this.#exclusive(body);
  }

  async #commit(
    tenure: Tenure,
    batch: ProjectionBatch,
    onRefusal: (refusal: Refusal) => void = () => undefined,
  ): Promise<ReadonlySet<number>> {
    return await this.#exclusive(async () => {
      let deciding: Batch | undefined;
      try {
        const decision = await this.#db.write(async (tx) => {
          const { first, read } = await readBatch(tx, queryOf(batch.messages), [tenure.assertion]);
          if (first[0]?.length !== 1) throw leaseLost("another backend holds the writer lease");
          deciding = new Batch(this.#registry, read, this.#clock.now());
          for (const message of batch.messages) deciding.take(message);
          const decided = deciding.decision();
          for (const refusal of decided.refusals) onRefusal(refusal);
          const noted = await this.#noted(tx, tenure, decided);
          await writeBatch(tx, {
            ...decided,
            further: [...noted, ...this.#further(batch, decided)],
          });
          return decided;
        });
        this.#inventory?.committed();
        this.#registry.settle(decision.touched);
        this.#announcer.committed(decision);
        this.#announcer.deadLetters([
          ...batch.unreadable.map((one) => one.origin),
          ...decision.refusals.map((one) => one.message.origin),
        ]);
        return new Set(decision.refusals.map(({ message }) => message.origin.sequence));
      } catch (thrown) {
        this.#registry.discard(deciding?.touched ?? []);
        throw thrown;
      }
    });
  }

  async #noted(
    tx: Transaction,
    tenure: Tenure,
    { runs }: Decision,
  ): Promise<readonly Statement[]> {
    return await this.#inventory?.noted(tx, tenure, runs) ?? [];
  }

  #further(batch: ProjectionBatch, decision: Decision): (Statement | Bulk)[] {
    const now = this.#clock.now();
    const letters: DeadLetter[] = [
      ...batch.unreadable.map(({ origin, error }) => deadLetter(origin, error, now)),
      ...decision.refusals.map(({ message, error }) => deadLetter(message.origin, error, now)),
    ];
    return letters.length === 0
      ? [...batch.further]
      : [...batch.further, insertDeadLetters(letters)];
  }

  /** Finds the message at fault. The steps of the batch as a whole go with the last part. */
  async #halve(
    tenure: Tenure,
    batch: ProjectionBatch,
    thrown: unknown,
  ): Promise<ReadonlySet<number>> {
    const { messages, unreadable, further } = batch;
    const [only] = messages;
    if (only === undefined) throw thrown;
    if (messages.length === 1) {
      const refused: Unreadable = { origin: only.origin, error: messageOf(thrown) };
      await this.#commit(tenure, { messages: [], unreadable: [...unreadable, refused], further });
      return new Set([only.origin.sequence]);
    }
    const middle = messages.length >> 1;
    const [left, right] = [messages.slice(0, middle), messages.slice(middle)];
    const refusedLeft = await this.project(tenure, { messages: left, unreadable, further: [] });
    const refusedRight = await this.project(tenure, { messages: right, unreadable: [], further });
    return new Set([...refusedLeft, ...refusedRight]);
  }

  async #exclusive<T>(body: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(body);
    this.#last = turn.catch(() => undefined); // the caller has it
    return await turn;
  }
}

/** Each decision is on its way to the database while the next one is made. */
async function writeWhileDeciding(
  tx: Transaction,
  decided: AsyncIterable<Decision>,
  furtherOf: (decision: Decision) => Promise<readonly Statement[]>,
): Promise<readonly Decision[]> {
  const decisions: Decision[] = [];
  let written = Promise.resolve();
  for await (const decision of decided) {
    await written;
    written = writeBatch(tx, { ...decision, further: await furtherOf(decision) });
    written.catch(() => undefined); // waited for above or below, unless deciding throws first
    decisions.push(decision);
  }
  await written;
  return decisions;
}

/** Only these count against a message; everything else is the environment's (execution-semantics.md §6). */
function isFaultOfMessage(thrown: unknown): boolean {
  if (thrown instanceof StaleExecution) return false;
  return thrown instanceof MachineRefused || isConstraintViolation(thrown) ||
    thrown instanceof TypeError || thrown instanceof RangeError;
}

function queryOf(messages: readonly RunMessage[]): BatchQuery {
  const resultIds: string[] = [];
  const resultIdsAlone: string[] = [];
  const execIds = new Set<string>();
  const targets = new Map<string, readonly [string, string]>();
  for (const message of messages) {
    const { resultId, execId, pcId } = message.kind === "started" ? message.start : message.end;
    resultIds.push(resultId);
    if (execId === null) {
      resultIdsAlone.push(resultId);
      continue;
    }
    execIds.add(execId);
    targets.set(`${execId}\0${pcId}`, [execId, pcId]);
  }
  return { resultIds, execIds: [...execIds], targets: [...targets.values()], resultIdsAlone };
}
