import * as v from "valibot";
import { ExecResult } from "./exec_result.ts";
import { Heartbeat } from "./heartbeat.ts";

/** What the HTTP API answers (http-api.md). Times are RFC 3339 in UTC; what is not known yet is null. */

const Time = v.string();
const Text = v.nullable(v.string());
const Whole = v.number();

/** RFC 9457, and the place of bad input. */
export const Problem = v.looseObject({
  type: v.string(),
  title: v.string(),
  status: Whole,
  detail: v.string(),
  path: v.optional(v.string()),
  problems: v.optional(v.array(v.object({ path: v.string(), message: v.string() }))),
});
export type Problem = v.InferOutput<typeof Problem>;

/** Who the caller is [ours]: pages offer only what that role may do. */
export const SessionAnswer = v.object({
  name: v.string(),
  role: v.picklist(["viewer", "operator", "admin"]),
  /** When the session ends; null = with the credential. */
  expires_at: v.nullable(Time),
});
export type SessionAnswer = v.InferOutput<typeof SessionAnswer>;

export const VersionAnswer = v.object({ version: v.string() });
export type VersionAnswer = v.InferOutput<typeof VersionAnswer>;

export const FleetHealth = v.object({
  status: v.picklist(["ok", "degraded", "unknown"]),
  agents: v.object({ known: Whole, active: Whole, stale: Whole }),
  jetstream: v.object({ all_ok: v.boolean(), missing: v.array(v.string()) }),
  /** Runs that started within the last 24 hours. */
  recent_results: Whole,
  components: v.array(v.object({ name: v.string(), ok: v.boolean(), detail: v.string() })),
  /** What is wrong, a sentence each; empty when nothing is [ours]. */
  problems: v.optional(v.array(v.string()), []),
});
export type FleetHealth = v.InferOutput<typeof FleetHealth>;

/** Violations counted by name, with the ids of some [ours]. */
export const InvariantsAnswer = v.object({
  ok: v.boolean(),
  invariants: v.array(
    v.object({ name: v.string(), ok: v.boolean(), count: Whole, examples: v.array(v.string()) }),
  ),
});
export type InvariantsAnswer = v.InferOutput<typeof InvariantsAnswer>;

export const DispatchAnswerBody = v.object({
  exec_id: v.string(),
  job_id: v.string(),
  version: v.string(),
  target_count: Whole,
  subjects: v.pipe(v.array(v.string()), v.readonly()),
  published: v.boolean(),
  request_id: v.string(),
});
export type DispatchAnswerBody = v.InferOutput<typeof DispatchAnswerBody>;

export const ExecutionAnswer = v.object({
  exec_id: v.string(),
  job_id: Text,
  version: Text,
  initiated_by: Text,
  initiated_at: Time,
  target_count: Whole,
  success_count: Whole,
  failure_count: Whole,
  skipped_count: Whole,
  expired_count: Whole,
  missing_count: Whole,
  /** Where it was asked for [ours]. */
  in_flight_count: v.optional(Whole),
  status: v.string(),
  deadline_at: v.nullable(Time),
  ended_at: v.nullable(Time),
  killed_at: v.nullable(Time),
  killed_by: Text,
  /** The execution whose rest this one runs again [ours]. */
  retry_of: Text,
});
export type ExecutionAnswer = v.InferOutput<typeof ExecutionAnswer>;

/** What is told of a run's output: as much as fits, and whether that is not all. */
const SHOWN_OUTPUT = {
  stdout: v.string(),
  stderr: v.string(),
  stdout_truncated: v.boolean(),
  stderr_truncated: v.boolean(),
} as const;

/** The same of output that is stored: with its whole size, and whether it could not be fetched. */
const STORED_OUTPUT = {
  ...SHOWN_OUTPUT,
  stdout_bytes: Whole,
  stderr_bytes: Whole,
  output_unavailable: v.boolean(),
} as const;

/** A row of a list of runs: output is its first 200 characters unless all of it was asked for. */
export const RunAnswer = v.object({
  result_id: v.string(),
  request_id: v.string(),
  exec_id: Text,
  parent_result_id: Text,
  pc_id: v.string(),
  job_id: Text,
  version: Text,
  outcome: Text,
  outcome_reason: Text,
  exit_code: v.nullable(Whole),
  skipped: v.boolean(),
  late: v.boolean(),
  started_at: Time,
  recorded_at: Time,
  finished_at: v.nullable(Time),
  ...STORED_OUTPUT,
  /** The first line that the search for output found. */
  stdout_match: v.optional(Text),
  stderr_match: v.optional(Text),
});
export type RunAnswer = v.InferOutput<typeof RunAnswer>;

export const ExecutionDetail = v.object({
  execution: ExecutionAnswer,
  results: v.array(RunAnswer),
  missing: v.array(v.string()),
  /** Why each of `missing` is, in the same order: silent, superseded, not_sent, killed. */
  missing_reasons: v.array(Text),
});
export type ExecutionDetail = v.InferOutput<typeof ExecutionDetail>;

/** One PC of an execution: `state` is waiting, missing, running, or the outcome of its run [ours]. */
export const CellAnswer = v.object({
  pc_id: v.string(),
  state: v.string(),
  reason: Text,
  result_id: Text,
  exit_code: v.nullable(Whole),
  started_at: v.nullable(Time),
  finished_at: v.nullable(Time),
});
export type CellAnswer = v.InferOutput<typeof CellAnswer>;

/** The command of an execution as a person reads it [ours]. A long script is named by `script_object` instead. */
export const SentAnswer = v.object({
  shell: v.string(),
  script: v.string(),
  script_object: Text,
  timeout_secs: Whole,
  run_as: v.string(),
  cwd: Text,
  jitter_secs: v.nullable(Whole),
  retry_max: v.nullable(Whole),
});
export type SentAnswer = v.InferOutput<typeof SentAnswer>;

/** Runs of one execution that ended in the same way and wrote the same. */
export const OutputGroupAnswer = v.object({
  /** Asks for all of its PCs. */
  group: v.string(),
  runs: Whole,
  outcome: v.string(),
  /** Why, where the exit code does not say. */
  outcome_reason: Text,
  exit_code: Whole,
  /** The first of its PCs by name. */
  pcs: v.array(v.string()),
  /** One of its runs, whose output is shown: first 200 characters. */
  result_id: v.string(),
  ...STORED_OUTPUT,
});
export type OutputGroupAnswer = v.InferOutput<typeof OutputGroupAnswer>;

/** Who said the same [ours]. */
export const OutputGroupsAnswer = v.object({
  exec_id: v.string(),
  settled: Whole,
  in_flight: Whole,
  /** Settled runs that are in no group yet, because their output was not compared yet: ask again. */
  not_grouped_yet: Whole,
  /** The largest first. */
  groups: v.array(OutputGroupAnswer),
});
export type OutputGroupsAnswer = v.InferOutput<typeof OutputGroupsAnswer>;

export const GroupMemberAnswer = v.object({ pc_id: v.string(), result_id: v.string() });
export type GroupMemberAnswer = v.InferOutput<typeof GroupMemberAnswer>;

export const TransitionAnswer = v.object({
  at: Time,
  from: Text,
  to: v.string(),
  event: v.string(),
  result_id: Text,
  counters: v.object({
    waiting: Whole,
    settled: Whole,
    expired: Whole,
    missing: Whole,
    succeeded: Whole,
    failed: Whole,
    skipped: Whole,
    expired_runs: Whole,
  }),
});
export type TransitionAnswer = v.InferOutput<typeof TransitionAnswer>;

export const KillAnswer = v.object({ exec_id: v.string(), in_flight: Whole });
export type KillAnswer = v.InferOutput<typeof KillAnswer>;

export const TailAnswer = v.object({
  running: v.boolean(),
  live: v.boolean(),
  ...SHOWN_OUTPUT,
  exit_code: v.nullable(Whole),
});
export type TailAnswer = v.InferOutput<typeof TailAnswer>;

export const AgentAnswer = v.object({
  pc_id: v.string(),
  hostname: Text,
  os_family: Text,
  agent_version: Text,
  online: v.boolean(),
  first_heartbeat: Time,
  last_heartbeat: Time,
  reported_at: v.nullable(Time),
  agent_cpu_pct: v.nullable(v.number()),
  agent_rss_bytes: v.nullable(Whole),
  agent_disk_read_bytes: v.nullable(Whole),
  agent_disk_written_bytes: v.nullable(Whole),
  quarantined_versions: v.array(v.string()),
  command_keys: v.array(v.string()),
  shells: v.array(v.string()),
  stuck_results: v.nullable(Whole),
  /** Those that dispatches go by now [ours]. */
  groups: v.pipe(v.array(v.string()), v.readonly()),
});
export type AgentAnswer = v.InferOutput<typeof AgentAnswer>;

export const PingAnswer = v.object({ heartbeat: Heartbeat });
export type PingAnswer = v.InferOutput<typeof PingAnswer>;

export const DeadLetterAnswer = v.object({
  id: Whole,
  stream: v.string(),
  sequence: Whole,
  subject: v.string(),
  /** The message as text; what is not UTF-8 shows as U+FFFD. */
  payload: v.string(),
  /** The bytes, where the text does not hold them all. */
  payload_base64: v.optional(v.string()),
  error: v.string(),
  published_at: Time,
  recorded_at: Time,
});
export type DeadLetterAnswer = v.InferOutput<typeof DeadLetterAnswer>;

/** A settled run as the agent's ExecResult, with the outcome beside it [ours]. */
export const ExecResultAnswer = v.object({ ...ExecResult.entries, outcome: Text });
export type ExecResultAnswer = v.InferInput<typeof ExecResultAnswer>;

export const ReplayAnswer = v.object({
  projected: v.boolean(),
  /** Why it is still dead. */
  error: Text,
});
export type ReplayAnswer = v.InferOutput<typeof ReplayAnswer>;

/** What a rebuild read and kept: messages by stream, and what only the old rows knew. */
export const RebuildAnswer = v.object({
  audit: Whole,
  events: Whole,
  results: Whole,
  copied_executions: Whole,
  copied_runs: Whole,
  duration_ms: Whole,
});
export type RebuildAnswer = v.InferOutput<typeof RebuildAnswer>;

/** What an agent elsewhere needs to sign in; the password is a secret of that PC [ours]. */
export const EnrolAnswer = v.object({
  pc_id: v.string(),
  servers: v.array(v.string()),
  user: v.string(),
  password: v.string(),
  /** Whether the broker listens for other machines, too. */
  reachable: v.boolean(),
  /** Who signs commands; empty where nobody does. */
  command_keys: v.array(v.string()),
});
export type EnrolAnswer = v.InferOutput<typeof EnrolAnswer>;
