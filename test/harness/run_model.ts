/**
 * What execution-semantics.md §2 and §3 say, written down again as plainly as possible, for properties to hold the
 * projection to. It knows runs and the deadline, and derives everything else.
 */
export type ModelOutcome = "succeeded" | "failed" | "skipped" | "expired";

interface ModelRun {
  readonly pcId: string;
  /** Null = in flight. */
  outcome: ModelOutcome | null;
  /** R9: it has a parent, and is never counted. */
  readonly child: boolean;
}

export interface ModelState {
  readonly status: string;
  readonly succeeded: number;
  readonly failed: number;
  readonly skipped: number;
  readonly expired_runs: number;
}

export class ExecutionModel {
  readonly #listed: readonly string[] | null;
  readonly #targetCount: number;
  readonly #runs = new Map<string, ModelRun>();
  /** Who was missing when the deadline passed and has not settled since. */
  readonly #missing = new Set<string>();
  #unlistedMissing = 0;

  /** @param targets the list, or how many there are where the list is not known */
  constructor(targets: readonly string[] | number) {
    this.#listed = typeof targets === "number" ? null : targets;
    this.#targetCount = typeof targets === "number" ? targets : targets.length;
  }

  runs(): ReadonlyMap<string, { readonly pcId: string; readonly outcome: ModelOutcome | null }> {
    return this.#runs;
  }

  /** @returns whether the message may be projected: a run stays with its PC */
  started(resultId: string, pcId: string): boolean {
    const run = this.#runs.get(resultId);
    if (run !== undefined) return run.pcId === pcId;
    this.#insert(resultId, { pcId, outcome: null, child: false });
    return true;
  }

  /** @returns whether the message may be projected */
  ended(resultId: string, pcId: string, outcome: ModelOutcome, child = false): boolean {
    const run = this.#runs.get(resultId);
    if (run === undefined) this.#insert(resultId, { pcId, outcome, child });
    else if (run.pcId !== pcId) return false;
    else if (run.outcome === null || run.outcome === "expired") run.outcome = outcome;
    return true;
  }

  reaped(resultId: string): void {
    const run = this.#runs.get(resultId);
    if (run?.outcome === null) run.outcome = "expired";
  }

  deadlinePassed(): void {
    if (this.#listed === null) {
      this.#unlistedMissing = Math.max(0, this.#targetCount - this.#heardOf().size);
      return;
    }
    for (const pcId of this.#listed) if (!this.#heardOf().has(pcId)) this.#missing.add(pcId);
  }

  state(): ModelState {
    const targets = this.#targetStates();
    const count = (outcome: ModelOutcome) =>
      this.#counted().filter((run) => run.outcome === outcome).length;
    return {
      status: this.#status(targets),
      succeeded: count("succeeded"),
      failed: count("failed"),
      skipped: count("skipped"),
      expired_runs: count("expired"),
    };
  }

  /** The states of the targets by PC. */
  targets(): Record<string, string> {
    return Object.fromEntries(this.#targetStates());
  }

  #status(targets: ReadonlyMap<string, string>): string {
    const states = [...targets.values()];
    const unheard = this.#listed === null ? this.#unlistedMissing : 0;
    const over = states.filter((state) => state !== "waiting").length + unheard;
    // Where the list is not known, whoever waits beyond the number of targets is not waited for.
    const waiting = this.#listed === null ? over < this.#targetCount : states.includes("waiting");
    if (waiting) return this.#counted().length === 0 ? "pending" : "running";
    const gone = unheard > 0 || states.includes("expired") || states.includes("missing");
    return gone ? "expired" : "completed";
  }

  #targetStates(): Map<string, string> {
    const pcIds = this.#listed ?? [...this.#heardOf()];
    return new Map(pcIds.map((pcId) => [pcId, this.#targetState(pcId)]));
  }

  #targetState(pcId: string): string {
    const outcomes = this.#counted().filter((run) => run.pcId === pcId).map((run) => run.outcome);
    if (outcomes.some((outcome) => outcome !== null && outcome !== "expired")) return "settled";
    if (outcomes.includes("expired")) return "expired";
    return this.#missing.has(pcId) ? "missing" : "waiting";
  }

  /** A PC that is heard of for the first time takes the place of one that was given up unheard. */
  #insert(resultId: string, run: ModelRun): void {
    const isNew = !run.child && !this.#heardOf().has(run.pcId);
    this.#runs.set(resultId, run);
    if (this.#listed !== null || !isNew || this.#unlistedMissing === 0) return;
    this.#unlistedMissing -= 1;
    this.#missing.add(run.pcId);
  }

  #heardOf(): Set<string> {
    return new Set(this.#counted().map((run) => run.pcId));
  }

  #counted(): ModelRun[] {
    return [...this.#runs.values()].filter((run) => !run.child);
  }
}
