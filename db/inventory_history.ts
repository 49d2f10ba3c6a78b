/** How the facts of each PC changed, as jobs with an `inventory:` hint told of them. */
import type { Bulk, Reader, Row, Transaction } from "./client.ts";
import type { FactRow, PlaceRow } from "./inventory.ts";
import { cursorAt, type Page, pageOf, placeOf } from "./pages.ts";
import { numberOf, textOf, textOfBytes } from "./rows.ts";

/** The same facts, told by the runs from one to another. */
export interface SpanRow {
  readonly since: PlaceRow;
  readonly until: PlaceRow;
  /** JSON. */
  readonly facts: string;
}

/** A change of the history of one PC and job. */
export interface SpanChanges {
  readonly pcId: string;
  readonly jobId: string;
  /** Spans to take out, by their beginning; before those are put in. */
  readonly remove: readonly PlaceRow[];
  readonly put: readonly SpanRow[];
}

const encoder = new TextEncoder();

/** Changes histories. */
export function changeSpans(changes: readonly SpanChanges[]): readonly Bulk[] {
  return [
    {
      sql: `DELETE FROM inventory_history
        WHERE pc_id = ? AND job_id = ? AND since = ? AND since_result_id = ?`,
      rows: changes.flatMap(({ pcId, jobId, remove }) =>
        remove.map((place) => [pcId, jobId, place.at, place.resultId])
      ),
    },
    {
      sql:
        `INSERT INTO inventory_history (pc_id, job_id, since, since_result_id, until, until_result_id, facts)
        VALUES (?, ?, ?, ?, ?, ?, ?)`,
      rows: changes.flatMap(({ pcId, jobId, put }) =>
        put.map(({ since, until, facts }) => [
          pcId,
          jobId,
          since.at,
          since.resultId,
          until.at,
          until.resultId,
          encoder.encode(facts),
        ])
      ),
    },
  ];
}

/** The spans right before (or with) a place and right after it. */
export interface Neighbours {
  readonly before: SpanRow | undefined;
  readonly after: SpanRow | undefined;
}

const SPAN = "h.since, h.since_result_id, h.until, h.until_result_id, h.facts";
const NEIGHBOUR = (comparison: string, direction: string) =>
  `SELECT asked.key AS asked, ${SPAN} FROM json_each(?) AS asked
    CROSS JOIN inventory_history AS h ON h.pc_id = asked.value ->> 0 AND h.job_id = asked.value ->> 1
    WHERE (h.since, h.since_result_id) = (SELECT n.since, n.since_result_id FROM inventory_history AS n
      WHERE n.pc_id = asked.value ->> 0 AND n.job_id = asked.value ->> 1
        AND (n.since, n.since_result_id) ${comparison} (asked.value ->> 2, asked.value ->> 3)
      ORDER BY n.since ${direction}, n.since_result_id ${direction} LIMIT 1)`;

/** The neighbours of each of some runs in the histories of their PCs, in the same order. */
export async function readNeighbours(
  tx: Transaction,
  facts: readonly FactRow[],
): Promise<readonly Neighbours[]> {
  const asked = JSON.stringify(
    facts.map(({ pcId, jobId, place }) => [pcId, jobId, place.at, place.resultId]),
  );
  const [before, after] = await tx.batch([
    { sql: NEIGHBOUR("<=", "DESC"), args: [asked] },
    { sql: NEIGHBOUR(">", "ASC"), args: [asked] },
  ]);
  const byIndex = (rows: readonly Row[] = []) =>
    new Map(rows.map((row) => [numberOf(row, "asked"), spanFromRow(row)]));
  const [earlier, later] = [byIndex(before?.rows), byIndex(after?.rows)];
  return facts.map((_, index) => ({ before: earlier.get(index), after: later.get(index) }));
}

function spanFromRow(row: Row): SpanRow {
  return {
    since: { at: numberOf(row, "since"), resultId: textOf(row, "since_result_id") },
    until: { at: numberOf(row, "until"), resultId: textOf(row, "until_result_id") },
    facts: textOfBytes(row, "facts"),
  };
}

/** The changes of the facts of one PC and job, newest first. @throws {Fault} `invalid_input` (cursor) */
export async function listHistory(
  reader: Reader,
  { pcId, jobId, limit, cursor }: {
    readonly pcId: string;
    readonly jobId: string;
    readonly limit: number;
    readonly cursor?: string | undefined;
  },
): Promise<Page<SpanRow>> {
  const [at, resultId] = cursor === undefined
    ? [Number.MAX_SAFE_INTEGER, ""]
    : placeOf(cursor, "string");
  const rows = await reader.query(
    `SELECT ${SPAN} FROM inventory_history AS h WHERE h.pc_id = ? AND h.job_id = ?
      AND (h.since, h.since_result_id) < (?, ?) ORDER BY h.since DESC, h.since_result_id DESC LIMIT ?`,
    [pcId, jobId, at, resultId, limit + 1],
  );
  return pageOf(
    rows.map(spanFromRow),
    limit,
    ({ since }) => cursorAt([since.at, since.resultId]),
  );
}
