/** What jobs with an `inventory:` hint told of each PC last: facts, or why there are none. */
import type { Bulk, Reader, Row, Statement } from "./client.ts";
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
    `SELECT pc_id, sum(bytes) OVER (ORDER BY pc_id) - bytes AS bytes_before FROM (
        SELECT pc_id, max(bytes) AS bytes FROM (
          SELECT * FROM (SELECT pc_id, length(facts) AS bytes FROM inventory_facts
            WHERE job_id = ?1 AND pc_id > ?2 ORDER BY pc_id LIMIT ?3)
          UNION ALL SELECT * FROM (SELECT pc_id, 0 AS bytes FROM inventory_notes
            WHERE job_id = ?1 AND pc_id > ?2 ORDER BY pc_id LIMIT ?3))
        GROUP BY pc_id ORDER BY pc_id LIMIT ?3)
      ORDER BY pc_id`,
    [jobId, after, limit + 1],
  );
  const fitting = rows.filter((row) => numberOf(row, "bytes_before") < PAGE_BYTES).length;
  const page = pageOf(
    rows.map((row) => textOf(row, "pc_id")),
    Math.min(limit, fitting),
    (pcId) => cursorAt([0, pcId]),
  );
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
