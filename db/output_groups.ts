/** Who said the same: the settled runs of an execution by their end and the hash of their output. */
import type { Reader, Row } from "./client.ts";
import { cursorAt, cursorAtTexts, type Page, pageOf, placeOf, textsOf } from "./pages.ts";
import { numberOf, textOf } from "./rows.ts";

/** Runs that ended in the same way and wrote the same. */
export interface OutputGroup {
  /** Names the group within its execution. */
  readonly key: string;
  readonly runs: number;
  /** The first PCs by name. */
  readonly pcIds: readonly string[];
  /** One of its runs. */
  readonly resultId: string;
}

/** How far the runs of an execution are in groups. */
export interface GroupedRuns {
  readonly settled: number;
  readonly inFlight: number;
  /** Settled runs whose output has not been compared yet. */
  readonly waiting: number;
}

export interface GroupMember {
  readonly pcId: string;
  readonly resultId: string;
}

/** PCs that are shown of each group. */
const SHOWN_PCS = 20;

/**
 * The key is null in flight, and while the output waits for the index. Runs with a parent are counted nowhere. A reason is any
 * text that an agent wrote.
 */
const KEYED = `SELECT r.result_id, r.pc_id, r.outcome,
    r.outcome || '.' || r.exit_code ||
    coalesce('.' || lower(hex(substr(r.outcome_reason, 1, 32))), '') || '.' || CASE
      WHEN r.output_unavailable THEN 'unavailable'
      WHEN r.stdout_bytes + r.stderr_bytes = 0 THEN 'empty'
      WHEN i.hash IS NOT NULL THEN lower(hex(i.hash)) END AS group_key
  FROM execution_results AS r LEFT JOIN indexed_outputs AS i ON i.result_id = r.result_id
  WHERE r.exec_id = ?1 AND r.parent_result_id IS NULL`;

/** How far the runs of an execution are in groups now. */
export async function countGrouped(reader: Reader, execId: string): Promise<GroupedRuns> {
  const [row] = await reader.query(
    `SELECT count(outcome) AS settled, count(*) - count(outcome) AS in_flight,
      count(outcome) - count(group_key) AS waiting FROM (${KEYED})`,
    [execId],
  );
  const count = (column: string) => row === undefined ? 0 : numberOf(row, column);
  return { settled: count("settled"), inFlight: count("in_flight"), waiting: count("waiting") };
}

/** The groups of an execution, the largest first. @throws {Fault} `invalid_input` (cursor) */
export async function listOutputGroups(
  reader: Reader,
  execId: string,
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<Page<OutputGroup>> {
  const [runs, key] = cursor === undefined ? [null, null] : placeOf(cursor, "string");
  const rows = await reader.query(
    `SELECT group_key, count(*) AS runs, min(result_id) AS result_id,
        json_group_array(pc_id) FILTER (WHERE nth <= ${SHOWN_PCS}) AS pc_ids
      FROM (SELECT group_key, result_id, pc_id,
          row_number() OVER (PARTITION BY group_key ORDER BY pc_id, result_id) AS nth
        FROM (${KEYED}) WHERE group_key IS NOT NULL)
      GROUP BY group_key
      HAVING ?2 IS NULL OR count(*) < ?2 OR (count(*) = ?2 AND group_key > ?3)
      ORDER BY count(*) DESC, group_key LIMIT ?4`,
    [execId, runs, key, limit + 1],
  );
  return pageOf(rows.map(groupFromRow), limit, cursorOfGroup);
}

/** The runs of one group by PC. @throws {Fault} `invalid_input` (cursor) */
export async function listGroupMembers(
  reader: Reader,
  execId: string,
  { key, limit, cursor }: {
    readonly key: string;
    readonly limit: number;
    readonly cursor?: string | undefined;
  },
): Promise<Page<GroupMember>> {
  const [pcId, resultId] = cursor === undefined ? ["", ""] : textsOf(cursor);
  const rows = await reader.query(
    `SELECT pc_id, result_id FROM (${KEYED} AND r.pc_id >= ?2)
      WHERE group_key = ?3 AND (pc_id, result_id) > (?2, ?4) ORDER BY pc_id, result_id LIMIT ?5`,
    [execId, pcId, key, resultId, limit + 1],
  );
  const members = rows.map((row) => ({
    pcId: textOf(row, "pc_id"),
    resultId: textOf(row, "result_id"),
  }));
  return pageOf(members, limit, (last) => cursorAtTexts([last.pcId, last.resultId]));
}

function groupFromRow(row: Row): OutputGroup {
  return {
    key: textOf(row, "group_key"),
    runs: numberOf(row, "runs"),
    pcIds: JSON.parse(textOf(row, "pc_ids")) as string[],
    resultId: textOf(row, "result_id"),
  };
}

function cursorOfGroup({ runs, key }: OutputGroup): string {
  return cursorAt([runs, key]);
}
