import type { Transaction } from "../db/client.ts";
import type { Plan } from "../wire/plan.ts";
import type { Shell } from "../wire/command.ts";
import type { Json } from "../wire/fault.ts";
import type { KillAnswer } from "../wire/http.ts";

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

/** One firing: what runs, where, and who asked. */
export interface DispatchRequest {
  readonly source: DispatchSource;
  readonly plan: Plan;
  /** Of an ad-hoc script; a job brings its own. */
  readonly timeoutSecs?: number;
  readonly initiatedBy: string;
  readonly idempotency?: Idempotency;
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

/** Who wants which execution to end. */
export interface KillRequest {
  readonly execId: string;
  readonly actor: string;
  readonly idempotency?: Idempotency;
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
  /** Undefined when no execution has that id. Once killed, a kill only tells the agents again. */
  kill(request: KillRequest): Promise<Outcome<KillAnswer> | undefined>;
  audit(entry: AuditEntry): Promise<void>;
  /** Commits a change of the database and its audit entry together; what the change throws, nothing is committed. */
  audited(change: (tx: Transaction) => Promise<AuditEntry>): Promise<void>;
}
