import type { Database } from "../../../db/client.ts";
import { type Execution, findExecution } from "../../../db/executions.ts";
import { readRunsOfExecution, type Run } from "../../../db/results.ts";
import type { Announcements, Heard } from "../../announcer.ts";
import { Bell } from "../../bell.ts";

/** How often the rows are read though nothing was announced: another backend may have committed them. */
const READ_AGAIN_MS = 5_000;
const ENDED = ["completed", "expired"];

export type KnownRun = Pick<Run, "resultId" | "pcId" | "outcome">;

export interface ExecutionRunsOptions {
  readonly db: Database;
  readonly announcements: Announcements;
  readonly execId: string;
}

/** The runs of one execution as they begin and end: by announcements, and by reading its rows now and then. */
export class ExecutionRuns implements Disposable {
  readonly #options: ExecutionRunsOptions;
  /** Rung with everything that is new. */
  readonly bell = new Bell();
  readonly #unsubscribe: () => void;
  /** What was not taken yet, in the order in which it came. */
  readonly #inFlight = new Map<string, KnownRun>();
  readonly #settled = new Map<string, KnownRun>();
  readonly #known = new Map<string, string | null>();
  #execution: Execution | undefined;
  #readAt = -Infinity;
  #isStale = true;

  constructor(options: ExecutionRunsOptions) {
    this.#options = options;
    this.#unsubscribe = options.announcements.subscribe((one) => this.#hear(one));
  }

  /** The execution as it was last read; undefined when there is none. */
  get execution(): Execution | undefined {
    return this.#execution;
  }

  get hasEnded(): boolean {
    return ENDED.includes(this.#execution?.status ?? "");
  }

  /** Runs in flight that nobody has taken. */
  get waiting(): number {
    return this.#inFlight.size;
  }

  /** Runs that are over and that nobody has taken. */
  get settledWaiting(): number {
    return this.#settled.size;
  }

  isSettled(resultId: string): boolean {
    return typeof this.#known.get(resultId) === "string";
  }

  /** A run that is over, whether it was waiting in flight before or not. */
  takeSettled(): KnownRun | undefined {
    return takeFirst(this.#settled);
  }

  takeInFlight(): KnownRun | undefined {
    return takeFirst(this.#inFlight);
  }

  /** Reads the rows where that is due. @throws {Fault} `database_unavailable` */
  async refresh(): Promise<void> {
    if (!this.#isStale && performance.now() - this.#readAt < READ_AGAIN_MS) return;
    this.#isStale = false;
    this.#readAt = performance.now();
    const { db, execId } = this.#options;
    // The execution first: runs of one that has ended are then all there.
    this.#execution = await findExecution(db, execId);
    for (const run of await readRunsOfExecution(db, execId)) this.#note(run);
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
  }

  #hear(one: Heard): void {
    const { execId } = this.#options;
    if (one.type === "run" && one.exec_id === execId) {
      this.#note({ resultId: one.result_id, pcId: one.pc_id, outcome: one.outcome });
    } else if (one.type === "lagged" || isEndOf(one, execId)) {
      this.#isStale = true;
    } else return;
    this.bell.ring();
  }

  #note(run: KnownRun): void {
    const known = this.#known.get(run.resultId);
    // An announced beginning may come after an end that was read; late truth was seen as its end before.
    if (known !== undefined && (known !== null || run.outcome === null)) return;
    this.#known.set(run.resultId, run.outcome);
    const wasTaken = known === null && !this.#inFlight.delete(run.resultId);
    if (wasTaken) return;
    (run.outcome === null ? this.#inFlight : this.#settled).set(run.resultId, run);
  }
}

function isEndOf(one: Heard, execId: string): boolean {
  return one.type === "transition" && one.exec_id === execId && ENDED.includes(one.to);
}

function takeFirst(runs: Map<string, KnownRun>): KnownRun | undefined {
  for (const [resultId, run] of runs) {
    runs.delete(resultId);
    return run;
  }
  return undefined;
}
