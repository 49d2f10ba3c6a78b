/** What was recorded of one execution's way, for who asks how it came to where it is. */
import type { Reader } from "./client.ts";
import { flagOf, numberOf, numberOrNull, textOf, textOrNull } from "./rows.ts";

/** A run in a word. */
export interface RunBrief {
  readonly resultId: string;
  readonly pcId: string;
  /** Null = in flight. */
  readonly outcome: string | null;
  /** Why it ended so, where that was not the script's own doing: `killed`, `timed_out`. */
  readonly outcomeReason: string | null;
  /** Its truth came after it was given up. */
  readonly late: boolean;
}

/** Of some runs, by their ids; those that are not there are left out. */
export async function readRunBriefs(
  reader: Reader,
  resultIds: readonly string[],
): Promise<readonly RunBrief[]> {
  const rows = await reader.query(
    `SELECT result_id, pc_id, outcome, outcome_reason, late FROM execution_results
      WHERE result_id IN (SELECT value FROM json_each(?))`,
    [JSON.stringify(resultIds)],
  );
  return rows.map((row) => ({
    resultId: textOf(row, "result_id"),
    pcId: textOf(row, "pc_id"),
    outcome: textOrNull(row, "outcome"),
    outcomeReason: textOrNull(row, "outcome_reason"),
    late: flagOf(row, "late"),
  }));
}

/** An execution in a word. */
export interface ExecutionBrief {
  readonly execId: string;
  readonly jobId: string | null;
  readonly version: string | null;
  readonly status: string;
}

/** Executions that have not ended, newest first. */
export async function readOpenExecutions(
  reader: Reader,
  limit: number,
): Promise<readonly ExecutionBrief[]> {
  const rows = await reader.query(
    `SELECT exec_id, job_id, version, status FROM executions
      WHERE status IN ('pending', 'running') ORDER BY initiated_at DESC, exec_id LIMIT ?`,
    [limit],
  );
  return rows.map((row) => ({
    execId: textOf(row, "exec_id"),
    jobId: textOrNull(row, "job_id"),
    version: textOrNull(row, "version"),
    status: textOf(row, "status"),
  }));
}

/** How many messages of the outbox have not left. */
export async function countOutbox(reader: Reader): Promise<number> {
  const [row] = await reader.query(
    "SELECT count(*) AS waiting FROM command_outbox WHERE state = 'waiting'",
  );
  return row === undefined ? 0 : numberOf(row, "waiting");
}

/** How many runs have not been looked at for facts. */
export async function countFactsDue(reader: Reader): Promise<number> {
  const [row] = await reader.query("SELECT count(*) AS waiting FROM inventory_due");
  return row === undefined ? 0 : numberOf(row, "waiting");
}

/** The command by which a PC was reached, as it left. */
export interface CommandBrief {
  readonly subject: string;
  readonly state: string;
  /** By the broker's clock, ms since the epoch. */
  readonly sentAt: number | null;
  readonly streamSequence: number | null;
  /** From 0; null = its execution has no waves. */
  readonly wave: number | null;
}

/** Undefined when the PC is no target, or the execution was dispatched by somebody else. */
export async function findCommandFor(
  reader: Reader,
  execId: string,
  pcId: string,
): Promise<CommandBrief | undefined> {
  const [row] = await reader.query(
    `SELECT o.subject, o.state, o.sent_at, o.stream_sequence,
        CASE WHEN EXISTS (SELECT 1 FROM rollouts AS r WHERE r.exec_id = t.exec_id) THEN o.wave END AS wave
      FROM execution_targets AS t
      JOIN command_outbox AS o ON o.exec_id = t.exec_id AND o.kind = 'command' AND o.subject = t.subject
      WHERE t.exec_id = ? AND t.pc_id = ? ORDER BY o.id LIMIT 1`,
    [execId, pcId],
  );
  return row === undefined ? undefined : {
    subject: textOf(row, "subject"),
    state: textOf(row, "state"),
    sentAt: numberOrNull(row, "sent_at"),
    streamSequence: numberOrNull(row, "stream_sequence"),
    wave: numberOrNull(row, "wave"),
  };
}
