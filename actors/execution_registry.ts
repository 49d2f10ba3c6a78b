/**
 * `exec_id` → live XState actor. A cache of the rows: an actor may be thrown away at any moment and
 * comes back from its row.
 */
import { Actor, type ActorRefFrom, createActor } from "xstate";
import type { ExecutionRow } from "../db/projection_rows.ts";
import { type ExecutionEvent, executionMachine, restoreExecution } from "../machines/execution.ts";
import { executionsRootMachine } from "../machines/executions_root.ts";
import type { ExecutionStatus } from "../wire/statuses.ts";
import type { MachineMove, MoveObserver } from "./machine_move.ts";

export type ExecutionActor = ActorRefFrom<typeof executionMachine>;

/** One execution that lives in this process, with the facts of its row that its machine does not need. */
export interface LiveExecution {
  readonly actor: ExecutionActor;
  readonly targetsListed: boolean;
  /** Seconds, retries included; null = not known. */
  readonly timeoutSecs: number | null;
  /** Missing targets that no row stands for; only where the target list is not known. */
  unlistedMissing: number;
}

type ExecutionSnapshot = ReturnType<ExecutionActor["getSnapshot"]>;

const NO_OPTIONS = Object.freeze({});

/** How many idle executions stay awake. */
const DEFAULT_LIMIT = 100_000;

export class ExecutionRegistry {
  readonly #root = createActor(executionsRootMachine);
  /** In the order of last use: the first one is put to sleep first. */
  readonly #live = new Map<string, LiveExecution>();
  readonly #limit: number;
  readonly #observers = new Set<MoveObserver>();
  /** What was seen of the batch that is being decided: told after its commit, or never. */
  #seen: ExecutionMove[] = [];

  constructor(options: { readonly limit?: number } = {}) {
    this.#limit = options.limit ?? DEFAULT_LIMIT;
    this.#root.start();
  }

  get size(): number {
    return this.#live.size;
  }

  get(execId: string): LiveExecution | undefined {
    return this.#live.get(execId);
  }

  /**
   * Spawns the actor of a row, or answers the one that lives already.
   *
   * @throws {TypeError} when the row's saved state does not fit the machine
   */
  wake(row: ExecutionRow): LiveExecution {
    const present = this.#live.get(row.execId);
    if (present !== undefined) return present;
    const snapshot = restoreExecution({ ...row, status: row.status as ExecutionStatus });
    const actor = createActor(executionMachine, {
      id: row.execId,
      parent: this.#root,
      snapshot,
      input: { execId: row.execId, targetCount: row.targetCount },
    });
    actor.start();
    // Read at the start only, and kept with the first snapshot for the actor's whole life: a quarter of its memory.
    Object.assign(actor, { options: NO_OPTIONS });
    const live: LiveExecution = {
      actor,
      targetsListed: row.targetsListed,
      timeoutSecs: row.timeoutSecs,
      unlistedMissing: row.unlistedMissing,
    };
    this.#live.set(row.execId, live);
    if (this.isWatched) this.#observe(actor);
    return live;
  }

  /** Throws actors away whose events were not committed; they come back from their rows. */
  discard(execIds: Iterable<string>): void {
    this.#seen = [];
    const stopped: ExecutionActor[] = [];
    for (const execId of execIds) {
      const live = this.#live.get(execId);
      if (live === undefined) continue;
      this.#live.delete(execId);
      stopped.push(live.actor);
    }
    if (stopped.length > 0) this.#root.send({ type: "FORGET", actors: stopped });
  }

  /** After a commit: stops what has ended, and puts the idlest to sleep beyond the limit. */
  settle(execIds: Iterable<string>): void {
    if (this.isWatched) this.#tellSeen();
    const ended: string[] = [];
    for (const execId of execIds) {
      const live = this.#live.get(execId);
      if (live === undefined) continue;
      if (live.actor.getSnapshot().hasTag("ended")) ended.push(execId);
      else this.#touch(execId, live);
    }
    this.discard(ended);
    this.discard(this.#idlest(this.#live.size - this.#limit));
  }

  /** Throws every actor away: another process holds the writer lease now. */
  clear(): void {
    this.discard([...this.#live.keys()]);
  }

  /** The actors that live now, idlest first. */
  entries(): Iterable<readonly [string, LiveExecution]> {
    return this.#live.entries();
  }

  /**
   * Tells what the executions did, batch by batch and after its commit, until the function that it returns is called.
   * Attached only while somebody watches.
   */
  watch(observer: MoveObserver): () => void {
    if (!this.isWatched) { for (const { actor } of this.#live.values()) this.#observe(actor); }
    this.#observers.add(observer);
    return () => {
      if (!this.#observers.delete(observer) || this.isWatched) return;
      for (const { actor } of this.#live.values()) {
        actor.send = (event) => Actor.prototype.send.call(actor, event);
      }
      this.#seen = [];
    };
  }

  /** Whether anybody watches. */
  get isWatched(): boolean {
    return this.#observers.size > 0;
  }

  /** By what it is sent: xstate's own inspection takes 2 to 3 µs for each event, as much as a run may cost in all. */
  #observe(actor: ExecutionActor): void {
    actor.send = (event) => {
      const before = actor.getSnapshot();
      Actor.prototype.send.call(actor, event);
      const after = actor.getSnapshot();
      if (after !== before) {
        this.#seen.push(new ExecutionMove(actor, this.#root.sessionId, { event, before, after }));
      }
    };
  }

  #tellSeen(): void {
    const seen = this.#seen;
    this.#seen = [];
    for (const observer of this.#observers) for (const move of seen) observer(move);
  }

  #touch(execId: string, live: LiveExecution): void {
    this.#live.delete(execId);
    this.#live.set(execId, live);
  }

  #idlest(count: number): readonly string[] {
    const idlest: string[] = [];
    for (const execId of this.#live.keys()) {
      if (idlest.length >= count) break;
      idlest.push(execId);
    }
    return idlest;
  }
}

/** What an execution did; which transition that was is worked out only for who asks. */
class ExecutionMove implements MachineMove {
  readonly actor: ExecutionActor;
  readonly rootId: string;
  readonly event: ExecutionEvent;
  readonly snapshot: ExecutionSnapshot;
  readonly #before: ExecutionSnapshot;

  constructor(
    actor: ExecutionActor,
    rootId: string,
    { event, before, after }: {
      readonly event: ExecutionEvent;
      readonly before: ExecutionSnapshot;
      readonly after: ExecutionSnapshot;
    },
  ) {
    this.actor = actor;
    this.rootId = rootId;
    this.event = event;
    this.snapshot = after;
    this.#before = before;
  }

  get id(): string {
    return this.actor.id;
  }

  transitions(): ReturnType<MachineMove["transitions"]> {
    return executionMachine.getTransitionData(this.#before, this.event);
  }
}
