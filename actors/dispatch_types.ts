import type { Transaction } from "../db/client.ts";
import type { Rollout } from "../db/rollouts.ts";
import type { RetrySpan } from "../wire/deadlines.ts";
import type { Plan } from "../wire/plan.ts";
import type { Shell } from "../wire/command.ts";
import type { Json } from "../wire/fault.ts";
import type { KillAnswer } from "../wire/http.ts";
import type { RetriedFate } from "../wire/http_requests.ts";
import type { JobKillAnswer, RecordedPcKill, RecordedRunKill } from "../wire/http_kills.ts";

/** What to run: a catalogued job, or a script that somebody typed. */
export type DispatchSource =
  | { readonly kind: "job"; readonly jobId: string }
  | { readonly kind: "script"; readonly shell: Shell; readonly script: string };

/** A caller's `Idempotency-Key`, scoped to the caller and the route (http-api.md). */
export interface Idempotency {
  readonly caller: string;
  readonly route: string;
  readonly key: string;
  /** SHA-256 of method, path and canonical body. */
  readonly requestHash: string;
}

/** What a dispatch and its request are known by. */
export interface CommandIds {
  readonly execId: string;
  readonly requestId: string;
}

/** One firing: what runs, where, and who asked. */
export interface DispatchRequest {
  readonly source: DispatchSource;
  readonly plan: Plan;
  /** Of an ad-hoc script; a job brings its own. */
  readonly timeoutSecs?: number;
  readonly initiatedBy: string;
  readonly idempotency?: Idempotency;
  /** Where the same firing must have the same ids whenever it is asked for; new ones are made else. */
  readonly ids?: CommandIds;
  /** How often the agent tries again by itself, and after what. */
  readonly retry?: RetrySpan;
  /** When each PC's command leaves, ms after the dispatch: each gets one of its own then. Waves have their own delays. */
  readonly spread?: (pcId: string) => number;
  /** Runs first in the transaction of the dispatch; what it throws, nothing of it is committed. */
  readonly alongside?: (tx: Transaction, answer: DispatchAnswer) => Promise<void>;
  /** How long the answer waits for the commands to leave, ms; absent = as a person would. */
  readonly publishWaitMs?: number;
}

/** What a caller is told once the execution is committed (http-api.md, `POST /api/exec`). */
export interface DispatchAnswer {
  readonly exec_id: string;
  readonly job_id: string;
  readonly version: string;
  readonly target_count: number;
  readonly subjects: readonly string[];
  /** False while the broker is away: committed is accepted, it goes out later. */
  readonly published: boolean;
  readonly request_id: string;
}

/** What became of a request that may carry an `Idempotency-Key`. */
export type Outcome<Answer> =
  | { readonly kind: "accepted"; readonly answer: Answer; readonly replayed: boolean }
  /** The same key came with another body. */
  | { readonly kind: "conflict" };

export type DispatchOutcome = Outcome<DispatchAnswer>;

/** Who wants which part of an execution to run again. */
export interface RetryRequest {
  readonly execId: string;
  readonly only: readonly RetriedFate[];
  readonly initiatedBy: string;
  readonly idempotency?: Idempotency;
}

/** Who wants something to end. */
export interface KillerRequest {
  readonly actor: string;
  readonly idempotency?: Idempotency;
}

/** Who wants which execution to end. */
export interface KillRequest extends KillerRequest {
  readonly execId: string;
}

/** Who wants what of which rollout. */
export interface SteerRequest {
  readonly execId: string;
  readonly wish: "pause" | "resume" | "abort";
  readonly actor: string;
}

/** Who did what to which: becomes an AuditEvent through the outbox. */
export interface AuditEntry {
  readonly actor: string;
  readonly action: string;
  readonly target: string | null;
  readonly payload: Json;
}

/** The actor that turns a request into a committed execution and its commands. */
export interface Dispatcher {
  /** @throws {Fault} `not_found`, `no_targets`, `invalid_input`, `broker_unavailable` (nothing was committed) */
  dispatch(request: DispatchRequest): Promise<DispatchOutcome>;
  /**
   * Runs an execution's rest again. Undefined when no execution has that id.
   *
   * @throws {Fault} `no_targets`, `conflict` (its command or script is not known any more), `broker_unavailable`
   */
  retry(request: RetryRequest): Promise<DispatchOutcome | undefined>;
  /** Undefined when no execution has that id. Once killed, a kill only tells the agents again. */
  kill(request: KillRequest): Promise<Outcome<KillAnswer> | undefined>;
  /** Kills every open execution of a job. Undefined when it never had any. */
  killJob(request: KillerRequest & { readonly jobId: string }): Promise<
    Outcome<JobKillAnswer> | undefined
  >;
  /** Records the kill of all that a PC runs or is to run. */
  killPc(request: KillerRequest & { readonly pcId: string }): Promise<Outcome<RecordedPcKill>>;
  /** Records the kill of one run. Undefined when there is no such. @throws {Fault} `conflict` when it has ended */
  killRun(request: KillerRequest & { readonly resultId: string }): Promise<
    Outcome<RecordedRunKill> | undefined
  >;
  /**
   * What a rollout is after somebody's wish; it may be what it was. Undefined when no rollout has that id.
   *
   * @throws {Fault} `conflict` when it has ended otherwise
   */
  steer(request: SteerRequest): Promise<Rollout | undefined>;
  audit(entry: AuditEntry): Promise<void>;
  /** Commits a change of the database and its audit entry together; what the change throws, nothing is committed. */
  audited(change: (tx: Transaction) => Promise<AuditEntry>): Promise<void>;
}
