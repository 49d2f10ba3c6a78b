import { gzipSync } from "node:zlib";
import type { SqlValue, Statement } from "../../db/client.ts";
import * as rows from "./database_rows.ts";

/** Rows as the projectors would have left them. What is not given has a plain value. */

type Columns = Readonly<Record<string, SqlValue>>;

export const NOON = Date.UTC(2026, 4, 20, 12);

/** An execution that runs. */
export function executionRow(execId: string, columns: Columns = {}): Statement {
  return rows.insertRow(
    "executions",
    rows.executionRow(execId, {
      job_id: "job",
      version: "1.0",
      initiated_by: "ann",
      initiated_at: NOON,
      status: "running",
      ...columns,
    }),
  );
}

/** A target, waiting unless the columns say otherwise. */
export function targetRow(execId: string, pcId: string, columns: Columns = {}): Statement {
  return rows.insertRow("execution_targets", rows.targetRow(execId, pcId, "waiting", columns));
}

/** Later than any clock says. */
const NEVER = 8.64e15;

/** A run in flight, unless the columns settle it: for ever, whoever sweeps meanwhile. */
export function runRow(resultId: string, columns: Columns = {}): Statement {
  return rows.insertRow(
    "execution_results",
    rows.runRow(resultId, {
      exec_id: "exec",
      pc_id: "pc-1",
      job_id: "job",
      version: "1.0",
      started_at: NOON,
      recorded_at: NOON + 5,
      expires_at: NEVER,
      ...columns,
    }),
  );
}

/** A run that has ended, and its output. */
export function settled(
  resultId: string,
  end: { exitCode?: number; outcome?: string; stdout?: string; stderr?: string; gzip?: boolean },
  columns: Columns = {},
): Statement[] {
  const { exitCode = 0, stdout = "", stderr = "", gzip = false } = end;
  const stored = (text: string) =>
    gzip ? new Uint8Array(gzipSync(text)) : new TextEncoder().encode(text);
  const preview = (text: string) => new TextEncoder().encode([...text].slice(0, 200).join(""));
  return [
    runRow(resultId, {
      outcome: end.outcome ?? (exitCode === 0 ? "succeeded" : "failed"),
      exit_code: exitCode,
      finished_at: NOON + 1_000,
      stdout_bytes: Buffer.byteLength(stdout),
      stderr_bytes: Buffer.byteLength(stderr),
      stdout_preview: preview(stdout),
      stderr_preview: preview(stderr),
      ...columns,
    }),
    rows.insertRow("run_outputs", {
      result_id: resultId,
      stdout: stored(stdout),
      stdout_encoding: gzip ? "gzip" : "plain",
      stderr: stored(stderr),
      stderr_encoding: gzip ? "gzip" : "plain",
    }),
  ];
}

export function agentRow(pcId: string, columns: Columns = {}): Statement {
  return rows.insertRow("agents", {
    pc_id: pcId,
    first_heard_at: NOON,
    last_heard_at: NOON,
    ...columns,
  });
}

export function deadLetterRow(sequence: number, columns: Columns = {}): Statement {
  return rows.insertRow("dead_letters", {
    stream: "RESULTS",
    stream_created_at: NOON,
    sequence,
    subject: "results.x",
    payload: new TextEncoder().encode("{"),
    error: "Cannot read the result: it is not JSON",
    published_at: NOON,
    recorded_at: NOON + 1,
    ...columns,
  });
}

/** An execution and its rollout, whose one wave waits for a time far away unless the columns say otherwise. */
export function rolloutRows(execId: string, columns: Columns = {}): Statement[] {
  return [
    executionRow(execId),
    rows.insertRow("rollouts", {
      exec_id: execId,
      status: "waiting",
      wave: 0,
      soak_ms: 0,
      rev: 0,
      created_at: NOON,
      ...columns,
    }),
    rows.insertRow("rollout_waves", { exec_id: execId, wave: 0, percent: 100, due_at: NEVER }),
  ];
}
