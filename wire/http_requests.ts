import * as v from "valibot";
import { Shell } from "./command.ts";
import { DEFAULT_LOG_LINES } from "./job_tail.ts";
import { Target } from "./plan.ts";
import { Id, Instant, Name, Seconds } from "./scalars.ts";
import { EXECUTION_STATUSES } from "./statuses.ts";
import { parseInstant } from "./time.ts";

/** What may be asked of the HTTP API: bodies, queries and parts of paths (http-api.md). */

/** Lists never answer more rows than this; a larger `limit` is cut down to it. */
export const MAX_LIMIT = 500;
/** `limit` where none was given. */
export const DEFAULT_LIMIT = 50;
/** Timeout of an ad-hoc run that names none, seconds. */
export const DEFAULT_RUN_TIMEOUT_SECS = 60;
/** The longest timeout that an ad-hoc run may ask for: 30 days, as long as its result is kept on the broker. */
const MAX_RUN_TIMEOUT_SECS = 2_592_000;

/** Body of `POST /api/run`. */
export const RunBody = v.object({
  pc_id: Name,
  shell: Shell,
  script: v.pipe(v.string(), v.nonEmpty("a script cannot be empty")),
  timeout_secs: v.optional(
    v.pipe(
      Seconds,
      v.minValue(1, "must be 1 second or more"),
      v.maxValue(MAX_RUN_TIMEOUT_SECS, `must be ${MAX_RUN_TIMEOUT_SECS} seconds or less`),
    ),
    DEFAULT_RUN_TIMEOUT_SECS,
  ),
  /** How long the answer may take, seconds; absent = the run's timeout and its grace [ours]. */
  wait_secs: v.optional(Seconds),
});
export type RunBody = v.InferOutput<typeof RunBody>;

/** Body of `POST /api/executions`: a script that somebody typed, and for whom [ours]. */
export const ScriptBody = v.object({
  shell: Shell,
  script: RunBody.entries.script,
  timeout_secs: RunBody.entries.timeout_secs,
  target: Target,
});
export type ScriptBody = v.InferOutput<typeof ScriptBody>;

/** Body of `POST /api/session`. */
export const SessionBody = v.object({
  token: v.pipe(v.string(), v.nonEmpty(), v.maxLength(8_192)),
});
export type SessionBody = v.InferOutput<typeof SessionBody>;

/** A query's whole number, at most nine digits. */
export const WholeNumber = v.pipe(
  v.string(),
  v.regex(/^\d{1,9}$/, "must be a whole number"),
  v.transform(Number),
);

/** Rows of one page. */
export const Limit = v.optional(
  v.pipe(
    WholeNumber,
    v.minValue(1, "must be 1 or more"),
    v.transform((limit) => Math.min(limit, MAX_LIMIT)),
  ),
  String(DEFAULT_LIMIT),
);

/** Where a list goes on. */
export const Cursor = v.optional(
  v.pipe(v.string(), v.maxLength(1_024, "is no cursor of this list")),
);

/** `open` = pending or running, `ended` = the others, what ended last first [ours]. */
const LISTED_STATUSES = [...EXECUTION_STATUSES, "open", "ended"] as const;

const Flag = v.pipe(
  v.picklist(["1", "true", "0", "false"], "must be 1, true, 0 or false"),
  v.transform((text) => text === "1" || text === "true"),
);

export const ExecutionsQuery = v.object({
  limit: Limit,
  cursor: Cursor,
  job_id: v.optional(Id),
  status: v.optional(
    v.picklist(LISTED_STATUSES, `must be one of ${LISTED_STATUSES.join(", ")}`),
  ),
  /** Whether to count the runs in flight of those that are open [ours]. */
  in_flight: v.optional(Flag, "0"),
});
export type ExecutionsQuery = v.InferOutput<typeof ExecutionsQuery>;

/** `runs=0` leaves the runs out, which may be many [ours]. */
export const ExecutionQuery = v.object({ runs: v.optional(Flag, "1") });
export type ExecutionQuery = v.InferOutput<typeof ExecutionQuery>;

/** How a PC came off that may be asked again. */
const RETRIED_FATES = ["failed", "expired", "missing", "skipped"] as const;
export type RetriedFate = (typeof RETRIED_FATES)[number];

/** Body of `POST /api/executions/{exec_id}/retry`. */
export const RetryBody = v.object({
  only: v.optional(
    v.pipe(
      v.array(v.picklist(RETRIED_FATES, `must be of ${RETRIED_FATES.join(", ")}`)),
      v.minLength(1, "must name at least one"),
    ),
    [...RETRIED_FATES],
  ),
});
export type RetryBody = v.InferOutput<typeof RetryBody>;

/** `failure` is the peers': every end but exit 0. `failed` is that outcome alone [ours]. */
const RUN_STATUSES = [
  "success",
  "failure",
  "running",
  "skipped",
  "expired",
  "failed",
] as const;

/** An instant in a query; becomes ms since the epoch. */
export const Since = v.pipe(
  Instant,
  v.transform((text) => parseInstant(text) ?? 0),
);

const Pattern = v.pipe(v.string(), v.maxLength(1_000, "a pattern has at most 1000 characters"));

export const ResultsQuery = v.object({
  limit: Limit,
  cursor: Cursor,
  pc_id: v.optional(Pattern),
  job_id: v.optional(Pattern),
  exec_id: v.optional(Pattern),
  /** stdout or stderr [ours]. */
  output: v.optional(Pattern),
  stdout: v.optional(Pattern),
  stderr: v.optional(Pattern),
  status: v.optional(v.picklist(RUN_STATUSES, `must be one of ${RUN_STATUSES.join(", ")}`)),
  since: v.optional(Since),
  full: v.optional(Flag, "0"),
});
export type ResultsQuery = v.InferOutput<typeof ResultsQuery>;

export const AgentsQuery = v.object({
  limit: Limit,
  offset: v.optional(WholeNumber, "0"),
  q: v.optional(v.pipe(v.string(), v.maxLength(256, "has at most 256 characters"))),
  /** Members of this group only [ours]. */
  group: v.optional(Name),
  status: v.optional(v.picklist(["online", "offline"], "must be online or offline")),
});
export type AgentsQuery = v.InferOutput<typeof AgentsQuery>;

/** Query of the lists that have nothing but pages. */
export const PageQuery = v.object({ limit: Limit, cursor: Cursor });
export type PageQuery = v.InferOutput<typeof PageQuery>;

/** How long an agent may take to answer, seconds. */
const WaitSecs = v.optional(
  v.pipe(WholeNumber, v.transform((secs) => Math.min(Math.max(secs, 1), 30))),
  "5",
);

export const PingQuery = v.object({ wait_secs: WaitSecs });

/** An agent keeps no more than 2,000 lines. */
export const LogsQuery = v.object({
  tail_lines: v.optional(
    v.pipe(
      WholeNumber,
      v.minValue(1, "must be 1 or more"),
      v.transform((lines) => Math.min(lines, 2_000)),
    ),
    String(DEFAULT_LOG_LINES),
  ),
  wait_secs: WaitSecs,
});
export type PingQuery = v.InferOutput<typeof PingQuery>;
export type LogsQuery = v.InferOutput<typeof LogsQuery>;

/** A row number of a list, as it stands in a path. */
export const RowId = v.pipe(
  v.string(),
  v.regex(/^\d{1,15}$/, "must be a row number"),
  v.transform(Number),
);

/** The parts in braces of the paths. */
export const RowPath = v.object({ id: RowId });
export type RowPath = v.InferOutput<typeof RowPath>;

export const JobPath = v.object({ id: Name });
export type JobPath = v.InferOutput<typeof JobPath>;

export const ExecPath = v.object({ job_id: Name });
export type ExecPath = v.InferOutput<typeof ExecPath>;

export const ExecutionPath = v.object({ exec_id: Id });
export type ExecutionPath = v.InferOutput<typeof ExecutionPath>;

/** A group of equal outputs, by the key that the list of groups tells. */
export const OutputGroupPath = v.object({ exec_id: Id, group: Id });
export type OutputGroupPath = v.InferOutput<typeof OutputGroupPath>;

export const ResultPath = v.object({ result_id: Id });
export type ResultPath = v.InferOutput<typeof ResultPath>;

export const PcPath = v.object({ pc_id: Name });
export type PcPath = v.InferOutput<typeof PcPath>;
