/**
 * What a batch of run messages does, given the rows as they are (execution-semantics.md §2 and §3): the live
 * executions take the events, and what is to be written is collected. No I/O.
 */
import type { BatchRead } from "../db/projection_reads.ts";
import type {
  ExecutionWrite,
  RunOutputs,
  RunWrite,
  TargetWrite,
  TransitionWrite,
} from "../db/projection_rows.ts";
import {
  type ExecutionContext,
  type ExecutionEvent,
  type RunCounts,
  type TargetCounts,
  type TargetMove,
  waitingTargets,
} from "../machines/execution.ts";
import { endRun, type Outcome, reapRun, type Run, startRun, whyForeign } from "../machines/run.ts";
import { settleTarget, type TargetState } from "../machines/target.ts";
import type { ExecutionRegistry, LiveExecution } from "./execution_registry.ts";
import type { RunMessage } from "./run_messages.ts";

type Settlement = Extract<ExecutionEvent, { type: "RUN_SETTLED" }>;

/** A message that cannot be projected, and why. */
export interface Refusal {
  readonly message: RunMessage;
  readonly error: string;
}

/** What a batch writes and, once committed, announces. */
export interface Decision {
  readonly runs: readonly RunWrite[];
  readonly targets: readonly TargetWrite[];
  readonly executions: readonly ExecutionWrite[];
  readonly transitions: readonly TransitionWrite[];
  readonly refusals: readonly Refusal[];
  /** Executions whose actors were woken or took an event: thrown away when the commit fails. */
  readonly touched: ReadonlySet<string>;
  /** Executions whose rows no machine can be in, and why; nothing of theirs is written. */
  readonly quarantined: ReadonlyMap<string, string>;
}

/** An execution's machine refused an event: the fault of the message that it came from. */
export class MachineRefused extends Error {
  override readonly name = "MachineRefused";
}

/** Events of one execution that wait to be folded into one. */
interface Fold {
  readonly live: LiveExecution;
  readonly fromRev: number;
  readonly fromUnlistedMissing: number;
  last: Settlement | undefined;
  count: number;
  runs: Mutable<RunCounts>;
  targets: Mutable<TargetCounts>;
  deadlinePassedAt: number | null;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const OUTCOME_COUNT = {
  succeeded: "succeeded",
  failed: "failed",
  skipped: "skipped",
  expired: "expiredRuns",
} as const satisfies Record<Outcome, keyof RunCounts>;

export class Batch {
  readonly #registry: ExecutionRegistry;
  readonly #now: number;
  readonly #runs = new Map<string, Run>();
  readonly #runWrites = new Map<string, RunWrite>();
  readonly #targets = new Map<string, TargetWrite>();
  readonly #targetWrites = new Map<string, TargetWrite>();
  readonly #folds = new Map<string, Fold>();
  readonly #woken: string[] = [];
  readonly #transitions: TransitionWrite[] = [];
  readonly #refusals: Refusal[] = [];
  readonly #quarantined = new Map<string, string>();

  /** @param now the time of what is decided, ms since the epoch */
  constructor(registry: ExecutionRegistry, read: BatchRead, now: number) {
    this.#registry = registry;
    this.#now = now;
    for (const row of read.runs) this.#runs.set(row.resultId, row as Run);
    for (const row of read.targets) this.#targets.set(targetKey(row.execId, row.pcId), row);
    for (const row of read.executions) {
      try {
        registry.wake(row);
        this.#woken.push(row.execId);
      } catch (thrown) {
        if (!(thrown instanceof TypeError)) throw thrown;
        this.#quarantined.set(row.execId, thrown.message);
      }
    }
  }

  /** Executions whose actors were woken or took an event so far; valid also after a throw. */
  get touched(): ReadonlySet<string> {
    return new Set([...this.#woken, ...this.#folds.keys()]);
  }

  /** See `Decision`. */
  get quarantined(): ReadonlyMap<string, string> {
    return this.#quarantined;
  }

  /** Takes one message. @throws {MachineRefused} */
  take(message: RunMessage): void {
    const facts = message.kind === "started" ? message.start : message.end;
    const row = this.#runs.get(facts.resultId);
    const foreign = row === undefined ? undefined : whyForeign(row, facts);
    // A result that leaves its execution out belongs to its row's.
    const quarantined = this.#quarantined.get(facts.execId ?? row?.execId ?? "");
    const error = foreign ?? quarantined;
    if (error !== undefined) this.#refusals.push({ message, error });
    else if (message.kind === "started") this.#start(row, message);
    else this.#end(row, message);
  }

  /** R7: ends a run that is in flight past its deadline. @throws {MachineRefused} */
  reap(run: Run, outputs: RunOutputs): void {
    if (run.execId !== null && this.#quarantined.has(run.execId)) return;
    this.#settle(run, reapRun(run, this.#now), outputs);
  }

  /** The deadline of an execution passed: `missing` of its targets were never heard of. @throws {MachineRefused} */
  passDeadline(execId: string, missing: number, unlisted: number): void {
    const live = this.#registry.get(execId);
    if (live === undefined) return;
    const fold = this.#foldOf(execId, live);
    this.#flush(fold);
    live.unlistedMissing += unlisted;
    fold.deadlinePassedAt = this.#now;
    this.#send(fold, { type: "DEADLINE_PASSED", missing: missing + unlisted }, null);
  }

  /** The waves of so many targets of an execution will not come. @throws {MachineRefused} */
  dropTargets(execId: string, missing: number): void {
    const live = this.#registry.get(execId);
    if (live === undefined || missing === 0) return;
    const fold = this.#foldOf(execId, live);
    this.#flush(fold);
    this.#send(fold, { type: "TARGETS_DROPPED", missing }, null);
  }

  /** Everything that the batch writes. @throws {MachineRefused} */
  decision(): Decision {
    for (const fold of this.#folds.values()) this.#flush(fold);
    return {
      runs: [...this.#runWrites.values()],
      targets: [...this.#targetWrites.values()],
      executions: [...this.#folds.values()].flatMap((fold) => this.#executionWrite(fold)),
      transitions: this.#transitions,
      refusals: this.#refusals,
      touched: this.touched,
      quarantined: this.#quarantined,
    };
  }

  #start(row: Run | undefined, message: Extract<RunMessage, { kind: "started" }>): void {
    const { execId, pcId, resultId } = message.start;
    const live = this.#registry.get(execId);
    const next = startRun(row, message.start, live?.timeoutSecs ?? null);
    if (next !== null) this.#writeRun(next, null, false);
    if (live === undefined || row?.parentResultId != null) return;
    const fold = this.#foldOf(execId, live);
    if (!live.targetsListed) this.#unlistedTarget(execId, pcId, live);
    if (live.actor.getSnapshot().value === "pending") {
      this.#send(fold, { type: "RUN_STARTED", resultId }, resultId);
    }
    // The result came before and did not say of which execution it is: it is counted now.
    if (row?.execId === null && next !== null) this.#count(null, next);
  }

  #end(row: Run | undefined, message: Extract<RunMessage, { kind: "result" }>): void {
    const next = endRun(row, message.end);
    if (next !== null) this.#settle(row, next, message.outputs);
  }

  #settle(row: Run | undefined, next: Run, outputs: RunOutputs): void {
    const isStored = row !== undefined && !this.#runWrites.has(next.resultId);
    this.#writeRun(next, outputs, isStored);
    this.#count(row?.outcome ?? null, next);
  }

  /** Tells the execution of a run how that ended. */
  #count(previous: Outcome | null, next: Run): void {
    const { execId, outcome } = next;
    const live = execId === null || next.parentResultId !== null
      ? undefined
      : this.#registry.get(execId);
    if (execId === null || live === undefined || outcome === null) return;
    const fold = this.#foldOf(execId, live);
    const event: Settlement = {
      type: "RUN_SETTLED",
      resultId: next.resultId,
      outcome,
      previous,
      target: this.#moveTarget(execId, next.pcId, outcome, live),
    };
    this.#fold(fold, event);
  }

  #writeRun(run: Run, outputs: RunOutputs | null, onlyEnds: boolean): void {
    this.#runs.set(run.resultId, run);
    const earlier = this.#runWrites.get(run.resultId);
    this.#runWrites.set(run.resultId, {
      run,
      outputs: outputs ?? earlier?.outputs ?? null,
      onlyEnds,
    });
  }

  #moveTarget(
    execId: string,
    pcId: string,
    outcome: Outcome,
    live: LiveExecution,
  ): TargetMove | null {
    const target = this.#targets.get(targetKey(execId, pcId)) ??
      (live.targetsListed ? undefined : this.#unlistedTarget(execId, pcId, live));
    if (target === undefined) return null;
    const from = target.state as TargetState;
    const to = settleTarget(from, outcome);
    if (from === to) return null;
    this.#writeTarget({ execId, pcId, state: to });
    return { from, to };
  }

  /**
   * The row of a PC of an execution whose target list is not known. After the deadline it takes the place of one
   * that was counted as missing, and stays so until it settles.
   */
  #unlistedTarget(execId: string, pcId: string, live: LiveExecution): TargetWrite {
    const present = this.#targets.get(targetKey(execId, pcId));
    if (present !== undefined) return present;
    const takesPlace = live.unlistedMissing > 0;
    if (takesPlace) live.unlistedMissing -= 1;
    return this.#writeTarget({ execId, pcId, state: takesPlace ? "missing" : "waiting" });
  }

  #writeTarget(target: TargetWrite): TargetWrite {
    const key = targetKey(target.execId, target.pcId);
    this.#targets.set(key, target);
    this.#targetWrites.set(key, target);
    return target;
  }

  #foldOf(execId: string, live: LiveExecution): Fold {
    const present = this.#folds.get(execId);
    if (present !== undefined) return present;
    const fold: Fold = {
      live,
      fromRev: live.actor.getSnapshot().context.rev,
      fromUnlistedMissing: live.unlistedMissing,
      last: undefined,
      count: 0,
      runs: { succeeded: 0, failed: 0, skipped: 0, expiredRuns: 0 },
      targets: { settled: 0, expired: 0, missing: 0 },
      deadlinePassedAt: null,
    };
    this.#folds.set(execId, fold);
    return fold;
  }

  /** Holds an event back while it cannot change the state; one that can goes by itself, so that its run is named. */
  #fold(fold: Fold, event: Settlement): void {
    const snapshot = fold.live.actor.getSnapshot();
    if (snapshot.value !== "running" || this.#wouldEnd(snapshot.context, fold, event)) {
      this.#flush(fold);
      this.#send(fold, event, event.resultId);
      return;
    }
    fold.count += 1;
    fold.last = event;
    fold.runs[OUTCOME_COUNT[event.outcome]] += 1;
    if (event.previous !== null) fold.runs[OUTCOME_COUNT[event.previous]] -= 1;
    if (event.target !== null) {
      const { from, to } = event.target;
      if (from !== "waiting") fold.targets[from] -= 1;
      if (to !== "waiting") fold.targets[to] += 1;
    }
  }

  #wouldEnd(context: ExecutionContext, fold: Fold, event: Settlement): boolean {
    const { settled, expired, missing } = fold.targets;
    const accounted = settled + expired + missing + (event.target?.from === "waiting" ? 1 : 0);
    return waitingTargets(context) - accounted <= 0;
  }

  #flush(fold: Fold): void {
    const { count, last, runs, targets } = fold;
    if (last === undefined) return;
    fold.count = 0;
    fold.last = undefined;
    fold.runs = { succeeded: 0, failed: 0, skipped: 0, expiredRuns: 0 };
    fold.targets = { settled: 0, expired: 0, missing: 0 };
    this.#send(fold, count === 1 ? last : { type: "RUNS_SETTLED", runs, targets }, last.resultId);
  }

  #send(fold: Fold, event: ExecutionEvent, resultId: string | null): void {
    const { actor } = fold.live;
    const from = actor.getSnapshot().value;
    actor.send(event);
    const after = actor.getSnapshot();
    if (after.status === "error") {
      throw new MachineRefused(String(after.error), { cause: after.error });
    }
    if (after.value === from) return;
    const { context } = after;
    this.#transitions.push({
      execId: context.execId,
      rev: context.rev,
      at: this.#now,
      from,
      to: after.value,
      event: event.type,
      resultId,
      waiting: waitingTargets(context),
      settled: context.settled,
      expired: context.expired,
      missing: context.missing,
      succeeded: context.succeeded,
      failed: context.failed,
      skipped: context.skipped,
      expiredRuns: context.expiredRuns,
    });
  }

  #executionWrite(fold: Fold): ExecutionWrite[] {
    const { context, value } = fold.live.actor.getSnapshot();
    const { live, fromRev } = fold;
    if (context.rev === fromRev && live.unlistedMissing === fold.fromUnlistedMissing) return [];
    return [{
      execId: context.execId,
      status: value,
      settled: context.settled,
      expired: context.expired,
      missing: context.missing,
      unlistedMissing: live.unlistedMissing,
      succeeded: context.succeeded,
      failed: context.failed,
      skipped: context.skipped,
      expiredRuns: context.expiredRuns,
      rev: context.rev,
      deadlinePassed: context.deadlinePassed,
      fromRev,
      endedAt: value === "completed" || value === "expired" ? this.#now : null,
      deadlinePassedAt: fold.deadlinePassedAt,
    }];
  }
}

function targetKey(execId: string, pcId: string): string {
  return `${execId}\0${pcId}`;
}
