/** How far an execution has come, beside what its row says: what has left, what runs, and why PCs are missing. */
import type { Reader } from "./client.ts";
import { numberOf, numberOrNull } from "./rows.ts";

/** Why targets are missing. */
const REASONS = ["silent", "superseded", "not_sent", "killed"] as const;

/** Its commands by what became of them, and its waves. Instants in ms since the epoch. */
export interface Departures {
  readonly waiting: number;
  readonly sent: number;
  /** They never will leave: called off by a kill, too old, refused by the broker. */
  readonly calledOff: number;
  /** By the broker's clock. */
  readonly lastSentAt: number | null;
  /** When each wave began to leave, in their order; null = it has not. Empty = it has no waves. */
  readonly wavesBeganAt: readonly (number | null)[];
}

/** What of an execution has left for its PCs. */
export async function readDepartures(reader: Reader, execId: string): Promise<Departures> {
  const [commands, waves] = await Promise.all([
    reader.query(
      `SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting,
          count(*) FILTER (WHERE state = 'sent') AS sent,
          count(*) FILTER (WHERE state NOT IN ('waiting', 'sent')) AS called_off,
          max(sent_at) AS last_sent_at
        FROM command_outbox WHERE exec_id = ? AND kind = 'command'`,
      [execId],
    ),
    reader.query("SELECT began_at FROM rollout_waves WHERE exec_id = ? ORDER BY wave", [execId]),
  ]);
  const [row = {}] = commands;
  return {
    waiting: numberOf(row, "waiting"),
    sent: numberOf(row, "sent"),
    calledOff: numberOf(row, "called_off"),
    lastSentAt: numberOrNull(row, "last_sent_at"),
    wavesBeganAt: waves.map((wave) => numberOrNull(wave, "began_at")),
  };
}

/** Runs of an execution that have not ended, with the first and the last of their deadlines, ms since the epoch. */
export interface RunsInFlight {
  readonly runs: number;
  /** PCs of them that the execution waits for. */
  readonly pcs: number;
  readonly firstAt: number;
  readonly lastAt: number;
}

/** Null when there are none. */
export async function readInFlight(reader: Reader, execId: string): Promise<RunsInFlight | null> {
  const [row] = await reader.query(
    `SELECT count(*) AS runs, count(DISTINCT t.pc_id) AS pcs,
        min(coalesce(r.expires_at, r.recorded_at + 86400000)) AS first_at,
        max(coalesce(r.expires_at, r.recorded_at + 86400000)) AS last_at
      FROM execution_results AS r LEFT JOIN execution_targets AS t
        ON t.exec_id = r.exec_id AND t.pc_id = r.pc_id AND t.state = 'waiting'
      WHERE r.exec_id = ? AND r.outcome IS NULL AND r.parent_result_id IS NULL`,
    [execId],
  );
  if (row === undefined || numberOf(row, "runs") === 0) return null;
  return {
    runs: numberOf(row, "runs"),
    pcs: numberOf(row, "pcs"),
    firstAt: numberOf(row, "first_at"),
    lastAt: numberOf(row, "last_at"),
  };
}

/** Missing targets of an execution by their reason; those of another reason, or of none, are left out. */
export async function countMissing(
  reader: Reader,
  execId: string,
): Promise<Readonly<Record<(typeof REASONS)[number], number>>> {
  const counts = REASONS.map((reason) =>
    `count(*) FILTER (WHERE reason = '${reason}') AS ${reason}`
  );
  const [row = {}] = await reader.query(
    `SELECT ${counts.join(", ")} FROM execution_targets WHERE exec_id = ? AND state = 'missing'`,
    [execId],
  );
  return {
    silent: numberOf(row, "silent"),
    superseded: numberOf(row, "superseded"),
    not_sent: numberOf(row, "not_sent"),
    killed: numberOf(row, "killed"),
  };
}
