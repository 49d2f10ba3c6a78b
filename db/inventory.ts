/** What jobs with an `inventory:` hint told of each PC: facts, why there are none, and how they changed. */
import type { Bulk, Reader, Row, Statement, Transaction } from "./client.ts";
import { cursorAt, type Page, pageOf, placeOf } from "./pages.ts";
import { numberOf, numberOrNull, textOf, textOfBytes, textOrNull } from "./rows.ts";

/** A run's place in time: when it finished (ms since the epoch), then its id. */
export interface PlaceRow {
  readonly at: number;
  readonly resultId: string;
}

/** What a run told of its PC. */
export interface FactRow {
  readonly pcId: string;
  readonly jobId: string;
  readonly place: PlaceRow;
  /** JSON. */
  readonly facts: string;
}

/** Why a run told nothing of its PC. */
export interface NoteRow extends Omit<FactRow, "facts"> {
  readonly note: string;
}

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
/** The newer run wins, in whichever order they come in; of one run, what was found out last. */
const IF_NEWER = (table: string) =>
  `WHERE excluded.result_id = ${table}.result_id
    OR (excluded.finished_at, excluded.result_id) >= (${table}.finished_at, ${table}.result_id)`;

/** Keeps the facts of those runs that are the newest of their PC and job. */
export function keepFacts(facts: readonly FactRow[]): Bulk {
  return {
    sql: `INSERT INTO inventory_facts (pc_id, job_id, result_id, finished_at, facts)
      VALUES (?, ?, ?, ?, ?) ON CONFLICT (pc_id, job_id) DO UPDATE SET result_id = excluded.result_id,
        finished_at = excluded.finished_at, facts = excluded.facts ${IF_NEWER("inventory_facts")}`,
    rows: facts.map(({ pcId, jobId, place, facts: json }) => [
      pcId,
      jobId,
      place.resultId,
      place.at,
      encoder.encode(json),
    ]),
  };
}

/** Takes away the notes of the same runs, as of one that was given up before its result came. */
export function dropNotes(facts: readonly FactRow[]): Bulk {
  return {
    sql: "DELETE FROM inventory_notes WHERE pc_id = ? AND job_id = ? AND result_id = ?",
    rows: facts.map(({ pcId, jobId, place }) => [pcId, jobId, place.resultId]),
  };
}

/** Keeps the notes of those runs that are the newest without facts. */
export function keepNotes(notes: readonly NoteRow[]): Bulk {
  return {
    sql: `INSERT INTO inventory_notes (pc_id, job_id, result_id, finished_at, note)
      VALUES (?, ?, ?, ?, ?) ON CONFLICT (pc_id, job_id) DO UPDATE SET result_id = excluded.result_id,
        finished_at = excluded.finished_at, note = excluded.note ${IF_NEWER("inventory_notes")}`,
    rows: notes.map(({ pcId, jobId, place, note }) => [
      pcId,
      jobId,
      place.resultId,
      place.at,
      note,
    ]),
  };
}

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

/** What is known of one PC by one job. Hints are JSON of the manifest; null where the job has none any more. */
export interface Inventory {
  readonly pcId: string;
  readonly jobId: string;
  readonly facts: { readonly place: PlaceRow; readonly json: string } | null;
  /** Only where it is newer than the facts. */
  readonly note: { readonly place: PlaceRow; readonly text: string } | null;
}

/** A job with the hint. */
export interface InventoryJob {
  readonly jobId: string;
  readonly version: string;
  /** JSON. */
  readonly display: string;
  /** JSON. */
  readonly summary: string;
}

const INVENTORY = `k.pc_id, k.job_id, f.result_id, f.finished_at, f.facts,
  n.result_id AS note_result_id, n.finished_at AS note_finished_at, n.note`;
const KNOWN = `LEFT JOIN inventory_facts AS f ON f.pc_id = k.pc_id AND f.job_id = k.job_id
  LEFT JOIN inventory_notes AS n ON n.pc_id = k.pc_id AND n.job_id = k.job_id`;

/** What every job told of one PC, by job. */
export async function readInventoryOfPc(
  reader: Reader,
  pcId: string,
): Promise<readonly Inventory[]> {
  const rows = await reader.query(
    `SELECT ${INVENTORY} FROM (
        SELECT pc_id, job_id FROM inventory_facts WHERE pc_id = ?1
        UNION SELECT pc_id, job_id FROM inventory_notes WHERE pc_id = ?1) AS k
      ${KNOWN} ORDER BY k.job_id`,
    [pcId],
  );
  return rows.map(inventoryFromRow);
}

/** A page of facts holds at most about so many bytes of them, and at least one PC's. */
const PAGE_BYTES = 4_194_304;

/** What one job told, by PC. @throws {Fault} `invalid_input` (cursor) */
export async function listInventoryOfJob(
  reader: Reader,
  { jobId, limit, cursor }: {
    readonly jobId: string;
    readonly limit: number;
    readonly cursor?: string | undefined;
  },
): Promise<Page<Inventory>> {
  const [, after] = cursor === undefined ? [0, ""] : placeOf(cursor, "string");
  const rows = await reader.query(
    `SELECT pc_id, job_id, bytes FROM (
        SELECT *, sum(bytes) OVER (ORDER BY pc_id) - bytes AS bytes_before FROM (
          SELECT pc_id, job_id, max(bytes) AS bytes FROM (
            SELECT * FROM (SELECT pc_id, job_id, length(facts) AS bytes FROM inventory_facts
              WHERE job_id = ?1 AND pc_id > ?2 ORDER BY pc_id LIMIT ?3)
            UNION ALL SELECT * FROM (SELECT pc_id, job_id, 0 AS bytes FROM inventory_notes
              WHERE job_id = ?1 AND pc_id > ?2 ORDER BY pc_id LIMIT ?3))
          GROUP BY pc_id ORDER BY pc_id LIMIT ?3))
      WHERE bytes_before < ?4 ORDER BY pc_id`,
    [jobId, after, limit + 1, PAGE_BYTES],
  );
  const pcIds = rows.map((row) => textOf(row, "pc_id"));
  const page = pageOf(pcIds, limit, (pcId) => cursorAt([0, pcId]));
  const known = await reader.query(
    `SELECT ${INVENTORY} FROM (SELECT value AS pc_id, ?2 AS job_id FROM json_each(?1)) AS k
      ${KNOWN} ORDER BY k.pc_id`,
    [JSON.stringify(page.rows), jobId],
  );
  return { ...page, rows: known.map(inventoryFromRow) };
}

/** How many PCs a job told something of, or failed to. */
export async function countInventoryOfJob(reader: Reader, jobId: string): Promise<number> {
  const [row] = await reader.query(
    `SELECT count(*) AS pcs FROM (SELECT pc_id FROM inventory_facts WHERE job_id = ?1
      UNION SELECT pc_id FROM inventory_notes WHERE job_id = ?1)`,
    [jobId],
  );
  return row === undefined ? 0 : numberOf(row, "pcs");
}

function inventoryFromRow(row: Row): Inventory {
  const facts = placedFromRow(row, "result_id", "finished_at");
  const note = placedFromRow(row, "note_result_id", "note_finished_at");
  const isNewer = note !== null && (facts === null || isAfter(note, facts));
  return {
    pcId: textOf(row, "pc_id"),
    jobId: textOf(row, "job_id"),
    facts: facts === null ? null : { place: facts, json: textOfBytes(row, "facts") },
    note: isNewer ? { place: note, text: textOf(row, "note") } : null,
  };
}

function placedFromRow(row: Row, id: string, finishedAt: string): PlaceRow | null {
  const [resultId, at] = [textOrNull(row, id), numberOrNull(row, finishedAt)];
  return resultId === null || at === null ? null : { at, resultId };
}

function isAfter(a: PlaceRow, b: PlaceRow): boolean {
  return a.at === b.at ? a.resultId > b.resultId : a.at > b.at;
}

/** Jobs with the hint, by id. */
export async function readInventoryJobs(
  reader: Reader,
  jobIds: readonly string[] | null = null,
): Promise<readonly InventoryJob[]> {
  const rows = await reader.query(
    `SELECT job_id, version, display, summary FROM inventory_jobs
      WHERE ?1 IS NULL OR job_id IN (SELECT value FROM json_each(?1)) ORDER BY job_id`,
    [jobIds === null ? null : JSON.stringify(jobIds)],
  );
  return rows.map((row) => ({
    jobId: textOf(row, "job_id"),
    version: textOf(row, "version"),
    display: textOfBytes(row, "display"),
    summary: textOfBytes(row, "summary"),
  }));
}

/** Notes a job with the hint; what runs had told before one that is new is still to be looked for. */
export function keepInventoryJob({ jobId, version, display, summary }: InventoryJob): Statement {
  return {
    sql: `INSERT INTO inventory_jobs (job_id, version, display, summary)
      VALUES (?, ?, CAST(? AS BLOB), CAST(? AS BLOB)) ON CONFLICT (job_id) DO UPDATE SET
        version = excluded.version, display = excluded.display, summary = excluded.summary`,
    args: [jobId, version, display, summary],
  };
}

/** Forgets that a job has the hint; what its runs had told stays. */
export function dropInventoryJob(jobId: string): Statement {
  return { sql: "DELETE FROM inventory_jobs WHERE job_id = ?", args: [jobId] };
}
