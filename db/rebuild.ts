/** What a rebuild reads from the projection that it replaces (execution-semantics.md §6). */
import type { Reader, Row, SqlValue, Transaction } from "./client.ts";
import {
  type CopyCondition,
  copyRows,
  KEPT_TABLE_NAMES,
  REBUILT_TABLE_NAMES,
} from "./copy_rows.ts";
import { FORGET_INDEX } from "./output_index.ts";
import { recount } from "./recount.ts";
import { textOf, textOrNull } from "./rows.ts";

/** Publish times of the first message of each stream, ms since the epoch; what is older is known to the rows only. */
export interface StreamBeginnings {
  readonly events: number;
  readonly results: number;
}

const CHUNK = 500;

/**
 * Copies into the new projection what the streams cannot tell (any more): runs older than each stream's first message,
 * and executions of which no audit event is there, because it is too old or has not left yet.
 *
 * @returns how many runs and executions were copied
 */
export async function copyOutlived(
  old: Reader,
  rebuilt: Transaction & Reader,
  beginnings: StreamBeginnings,
): Promise<{ readonly executions: number; readonly runs: number }> {
  const runCondition: CopyCondition = {
    sql: `recorded_at < CASE WHEN outcome IS NULL OR outcome = 'expired' THEN ? ELSE ? END`,
    args: [beginnings.events, beginnings.results],
  };
  const unknown: CopyCondition = {
    sql: "exec_id NOT IN (SELECT value FROM json_each(?))",
    args: [await execIdsOf(rebuilt)],
  };
  const executions = await copyRows(old, rebuilt, "executions", unknown);
  await copyRows(old, rebuilt, "execution_targets", unknown);
  await copyRows(old, rebuilt, "execution_transitions", unknown);
  const runs = await copyRows(old, rebuilt, "execution_results", runCondition);
  await copyRows(old, rebuilt, "run_outputs", {
    sql: `result_id IN (SELECT result_id FROM execution_results WHERE ${runCondition.sql})`,
    args: runCondition.args,
  });
  return { executions, runs };
}

/**
 * Takes over what the streams have begun to forget: how runs began of which only the end is still there, and how runs ended
 * of which only the beginning is. A stream that is full drops its oldest messages, whatever the other one still has.
 */
export async function copyHalves(old: Reader, rebuilt: Transaction & Reader): Promise<void> {
  const halves = chunks(
    rebuilt,
    "SELECT result_id, outcome FROM execution_results WHERE (outcome IS NULL OR version IS NULL) AND result_id > ?",
    "result_id",
  );
  for await (const rows of halves) {
    await copyBeginnings(old, rebuilt, rows.filter(({ outcome }) => outcome !== null));
    await copyEndings(old, rebuilt, rows.filter(({ outcome }) => outcome === null));
  }
}

async function copyBeginnings(
  old: Reader,
  rebuilt: Transaction,
  rows: readonly Row[],
): Promise<void> {
  const begun = await old.query(
    `SELECT version, job_id, started_at, recorded_at, result_id FROM execution_results
      WHERE version IS NOT NULL AND result_id IN (SELECT value FROM json_each(?))`,
    [idsOf(rows, "result_id")],
  );
  await rebuilt.batch([{
    sql: `UPDATE execution_results SET version = ?, job_id = coalesce(job_id, ?), started_at = ?,
      recorded_at = min(recorded_at, ?) WHERE result_id = ?`,
    rows: valuesOf(begun, ["version", "job_id", "started_at", "recorded_at", "result_id"]),
  }]);
}

async function copyEndings(
  old: Reader,
  rebuilt: Transaction & Reader,
  rows: readonly Row[],
): Promise<void> {
  const ended = await old.query(
    `SELECT result_id, exec_id FROM execution_results WHERE outcome IN ('succeeded', 'failed', 'skipped')
      AND result_id IN (SELECT value FROM json_each(?))`,
    [idsOf(rows, "result_id")],
  );
  if (ended.length === 0) return;
  const ids = idsOf(ended, "result_id");
  const those: CopyCondition = {
    sql: "result_id IN (SELECT value FROM json_each(?))",
    args: [ids],
  };
  await rebuilt.batch([
    { sql: `DELETE FROM execution_results WHERE ${those.sql}`, args: those.args },
  ]);
  await copyRows(old, rebuilt, "execution_results", those);
  await copyRows(old, rebuilt, "run_outputs", those);
  const execIds = ended.map((row) => textOrNull(row, "exec_id")).filter((id) => id !== null);
  await rebuilt.batch([...recount([...new Set(execIds)])]);
}

/**
 * Gives executions that are as they were the timeline that they had: that of a rebuild lacks what the streams forgot. One
 * that was wrong, or is not told of, is left as the streams tell it.
 */
export async function keepTimelines(old: Reader, rebuilt: Transaction & Reader): Promise<void> {
  const executions = chunks(
    rebuilt,
    "SELECT exec_id, status FROM executions WHERE exec_id > ?",
    "exec_id",
  );
  for await (const rows of executions) {
    const status = new Map(rows.map((row) => [row["exec_id"], row["status"]]));
    const told = await old.query(
      `SELECT e.exec_id, e.rev, e.status FROM executions AS e
        WHERE e.exec_id IN (SELECT value FROM json_each(?)) AND e.status = (SELECT t.to_status
          FROM execution_transitions AS t WHERE t.exec_id = e.exec_id ORDER BY t.rev DESC LIMIT 1)`,
      [idsOf(rows, "exec_id")],
    );
    const same = told.filter((row) => status.get(row["exec_id"]) === row["status"]);
    const those: CopyCondition = {
      sql: "exec_id IN (SELECT value FROM json_each(?))",
      args: [idsOf(same, "exec_id")],
    };
    await rebuilt.batch([
      { sql: `DELETE FROM execution_transitions WHERE ${those.sql}`, args: those.args },
      {
        sql: "UPDATE executions SET rev = max(rev, ?) WHERE exec_id = ?",
        rows: valuesOf(same, ["rev", "exec_id"]),
      },
    ]);
    await copyRows(old, rebuilt, "execution_transitions", those);
  }
}

/** Gives runs whose output object is gone the output that the old projection had fetched. */
export async function restoreFetchedOutput(
  old: Reader,
  rebuilt: Transaction & Reader,
): Promise<number> {
  const gone = chunks(
    rebuilt,
    "SELECT result_id FROM execution_results WHERE output_unavailable = 1 AND result_id > ?",
    "result_id",
  );
  let restored = 0;
  for await (const rows of gone) {
    const kept = await old.query(
      `SELECT r.result_id, r.stdout_bytes, r.stderr_bytes, r.stdout_preview, r.stderr_preview, o.stdout,
          o.stdout_encoding, o.stderr, o.stderr_encoding
        FROM execution_results AS r JOIN run_outputs AS o USING (result_id)
        WHERE r.output_unavailable = 0 AND r.result_id IN (SELECT value FROM json_each(?))`,
      [idsOf(rows, "result_id")],
    );
    restored += kept.length;
    await rebuilt.batch([
      {
        sql:
          `UPDATE execution_results SET output_unavailable = 0, stdout_bytes = ?, stderr_bytes = ?,
          stdout_preview = ?, stderr_preview = ? WHERE result_id = ?`,
        rows: valuesOf(kept, [
          "stdout_bytes",
          "stderr_bytes",
          "stdout_preview",
          "stderr_preview",
          "result_id",
        ]),
      },
      {
        sql:
          `INSERT OR REPLACE INTO run_outputs (result_id, stdout, stdout_encoding, stderr, stderr_encoding)
          VALUES (?, ?, ?, ?, ?)`,
        rows: valuesOf(kept, [
          "result_id",
          "stdout",
          "stdout_encoding",
          "stderr",
          "stderr_encoding",
        ]),
      },
    ]);
  }
  return restored;
}

const COMMAND_COLUMNS = [
  "id",
  "exec_id",
  "subject",
  "msg_id",
  "wave",
  "not_before",
  "state",
  "sent_at",
  "stream_sequence",
  "enveloped",
];

/** Copies the outbox's commands, by which a missing target's reason is found. */
export async function copyCommands(old: Reader, rebuilt: Transaction): Promise<void> {
  const commands = chunks(
    old,
    `SELECT ${COMMAND_COLUMNS.join(", ")} FROM command_outbox WHERE kind = 'command' AND id > ?`,
    "id",
    0,
  );
  for await (const rows of commands) {
    await rebuilt.batch([{
      sql: `INSERT INTO command_outbox (kind, ${COMMAND_COLUMNS.join(", ")})
        VALUES ('command', ${COMMAND_COLUMNS.map(() => "?").join(", ")})`,
      rows: valuesOf(rows, COMMAND_COLUMNS),
    }]);
  }
}

/** Takes over what only the old rows know: when the commands really left, and kills that came meanwhile. */
export async function copyIntents(old: Reader, rebuilt: Transaction & Reader): Promise<void> {
  const intents = chunks(
    old,
    "SELECT exec_id, deadline_at, killed_at, killed_by FROM executions WHERE exec_id > ?",
    "exec_id",
  );
  for await (const rows of intents) {
    await rebuilt.batch([{
      sql: "UPDATE executions SET deadline_at = ?, killed_at = ?, killed_by = ? WHERE exec_id = ?",
      rows: valuesOf(rows, ["deadline_at", "killed_at", "killed_by", "exec_id"]),
    }]);
  }
}

/** Takes over the deadlines of runs in flight: a manifest that was changed since must not move them. */
export async function copyRunDeadlines(old: Reader, rebuilt: Transaction & Reader): Promise<void> {
  const inFlight = chunks(
    rebuilt,
    "SELECT result_id FROM execution_results WHERE outcome IS NULL AND result_id > ?",
    "result_id",
  );
  for await (const rows of inFlight) {
    const known = await old.query(
      `SELECT result_id, expires_at FROM execution_results
        WHERE expires_at IS NOT NULL AND result_id IN (SELECT value FROM json_each(?))`,
      [idsOf(rows, "result_id")],
    );
    await rebuilt.batch([{
      sql: "UPDATE execution_results SET expires_at = ? WHERE result_id = ?",
      rows: valuesOf(known, ["expires_at", "result_id"]),
    }]);
  }
}

/** Recounts every execution of the new projection. */
export async function recountAll(rebuilt: Transaction & Reader): Promise<void> {
  const executions = chunks(
    rebuilt,
    "SELECT exec_id FROM executions WHERE exec_id > ?",
    "exec_id",
  );
  for await (const rows of executions) {
    await rebuilt.batch([...recount(rows.map((row) => textOf(row, "exec_id")))]);
  }
}

/**
 * Replaces the old projection's tables by the new one's, within one transaction of the old database. The index of
 * outputs is emptied, and built again behind it.
 */
export async function swapIn(rebuilt: Reader, old: Transaction): Promise<void> {
  await old.batch([
    ...FORGET_INDEX,
    ...[...REBUILT_TABLE_NAMES].reverse().map((table) => ({ sql: `DELETE FROM ${table}` })),
  ]);
  for (const table of REBUILT_TABLE_NAMES) await copyRows(rebuilt, old, table);
  for (const table of KEPT_TABLE_NAMES) await copyRows(rebuilt, old, table);
}

/** Rollouts as the old rows have them, which are at least as far as the streams tell; those that only these know stay. */
export async function copyRollouts(old: Reader, rebuilt: Transaction): Promise<void> {
  const known = JSON.stringify(
    (await old.query("SELECT exec_id FROM rollouts")).map((row) => row["exec_id"]),
  );
  for (const table of KEPT_TABLE_NAMES) {
    await rebuilt.batch([{
      sql: `DELETE FROM ${table} WHERE exec_id IN (SELECT value FROM json_each(?))`,
      args: [known],
    }]);
    await copyRows(old, rebuilt, table);
  }
}

async function execIdsOf(reader: Reader): Promise<string> {
  return idsOf(await reader.query("SELECT exec_id FROM executions"), "exec_id");
}

/** The rows of a query that ends in `id > ?`, in the order of that id. @param first less than every id */
async function* chunks(
  reader: Reader,
  sql: string,
  id: string,
  first: SqlValue = "",
): AsyncGenerator<readonly Row[]> {
  let after = first;
  for (;;) {
    const rows = await reader.query(`${sql} ORDER BY ${id} LIMIT ${CHUNK}`, [after]);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    after = last[id] ?? null;
  }
}

/** As one argument of `json_each`. */
function idsOf(rows: readonly Row[], id: string): string {
  return JSON.stringify(rows.map((row) => row[id]));
}

function valuesOf(rows: readonly Row[], columns: readonly string[]): SqlValue[][] {
  return rows.map((row) => columns.map((column) => row[column] ?? null));
}
