/** What a search reads: runs to try, in the order of the list of runs, with or without the help of the index. */
import type { Required } from "../wire/required_text.ts";
import type { Reader, Row } from "./client.ts";
import {
  indexableText,
  LAST_MINUTE,
  MINUTE_MS,
  minuteOf,
  minuteOfPlace,
  placeOfMinute,
} from "./output_index.ts";
import { cursorAt, type Page, pageOf } from "./pages.ts";
import { type ResultsQuery, runConditions } from "./results.ts";
import { numberOf, textOf, textOrNull } from "./rows.ts";

/** As much of a run as a search looks at before it has found it. */
export interface Candidate {
  readonly resultId: string;
  readonly startedAt: number;
  readonly pcId: string;
  readonly jobId: string | null;
  readonly execId: string | null;
  /** Of stdout and stderr as text. */
  readonly outputBytes: number;
}

const COLUMNS = `r.result_id, r.started_at, r.pc_id, r.job_id, r.exec_id,
  r.stdout_bytes + r.stderr_bytes AS output_bytes`;

/** Which runs are looked at, in which part of the list. */
export type SearchScope = Omit<ResultsQuery, "limit">;

/** The cursor that goes on right after this run. */
export function cursorOfCandidate({ startedAt, resultId }: Candidate): string {
  return cursorAt([startedAt, resultId]);
}

/** The cursor that goes on with the first run that started before an instant. */
export function cursorBefore(startedAt: number): string {
  return cursorAt([startedAt - 1, ""]);
}

/** A page of the list of runs. @throws {Fault} `invalid_input` (cursor) */
export async function listCandidates(
  reader: Reader,
  { limit, ...scope }: ResultsQuery,
): Promise<Page<Candidate>> {
  const { where, args } = runConditions(scope);
  const rows = await reader.query(
    `SELECT ${COLUMNS} FROM execution_results AS r WHERE ${where}
      ORDER BY r.started_at DESC, r.result_id LIMIT ?`,
    [...args, limit + 1],
  );
  return pageOf(rows.map(candidateFromRow), limit, cursorOfCandidate);
}

/** The runs whose output the index does not know (yet), in the order of the list; at most so many. */
export async function readUnindexed(
  reader: Reader,
  scope: SearchScope,
  limit: number,
): Promise<readonly Candidate[]> {
  const { where, args } = runConditions(scope);
  const rows = await reader.query(
    `SELECT ${COLUMNS} FROM (
        SELECT result_id FROM run_outputs WHERE id > (SELECT last_id FROM output_index_progress)
        UNION SELECT result_id FROM changed_outputs LIMIT ?
      ) AS o CROSS JOIN execution_results AS r ON r.result_id = o.result_id
      WHERE ${where} ORDER BY r.started_at DESC, r.result_id`,
    [limit, ...args],
  );
  return rows.map(candidateFromRow);
}

/** How many outputs wait for the index, counted up to a limit. */
export async function countUnindexed(reader: Reader, limit: number): Promise<number> {
  const [row] = await reader.query(
    `SELECT count(*) AS waiting FROM (
      SELECT 1 FROM run_outputs WHERE id > (SELECT last_id FROM output_index_progress)
      UNION ALL SELECT 1 FROM changed_outputs LIMIT ?)`,
    [limit],
  );
  return row === undefined ? 0 : numberOf(row, "waiting");
}

/** A stretch of the index, read backwards. */
export interface IndexStretch {
  /** In no order. */
  readonly candidates: readonly Candidate[];
  /** Whether there is nothing further back. */
  readonly isLast: boolean;
  /** Where to go on. */
  readonly place: number;
}

/** The place from which the index is read backwards to find what started up to an instant, or everything. */
export function placeAfter(startedAt: number | undefined): number {
  return placeOfMinute((startedAt === undefined ? LAST_MINUTE : minuteOf(startedAt)) + 1);
}

/** The next runs before a place that may hold what is required: at most so many are looked up. */
export async function readIndexStretch(
  reader: Reader,
  match: string,
  scope: Pick<SearchScope, "status" | "since">,
  { before, limit }: { readonly before: number; readonly limit: number },
): Promise<IndexStretch> {
  const { where, args } = runConditions(scope);
  const from = scope.since === undefined ? 0 : placeOfMinute(minuteOf(scope.since));
  const rows = await reader.query(
    `SELECT p.place, ${COLUMNS} FROM (
        SELECT place FROM (SELECT rowid AS place FROM output_index
          WHERE output_index MATCH ? AND rowid < ? AND rowid >= ? ORDER BY rowid DESC LIMIT ?)
        UNION ALL
        SELECT place FROM (SELECT place FROM indexed_outputs
          WHERE whole = 0 AND place < ? AND place >= ? ORDER BY place DESC LIMIT ?)
        ORDER BY place DESC LIMIT ?
      ) AS p LEFT JOIN indexed_outputs AS i ON i.place = p.place
        LEFT JOIN execution_results AS r ON r.result_id = i.result_id AND ${where}
      ORDER BY p.place DESC`,
    [match, before, from, limit, before, from, limit, limit, ...args],
  );
  const last = rows.at(-1);
  return {
    candidates: rows.filter((row) => row["result_id"] !== null).map(candidateFromRow),
    isLast: rows.length < limit,
    place: last === undefined ? from : numberOf(last, "place"),
  };
}

/** When the minute of a place is over: whatever started then or later stands further on. Ms since the epoch. */
export function endOfMinute(place: number): number {
  const minute = minuteOfPlace(place);
  return minute >= LAST_MINUTE ? Infinity : (minute + 1) * MINUTE_MS;
}

/** More terms than this are not asked of the index at once. */
const MAX_TERMS = 256;
/** Triples of one text that are asked for: more hardly tell more. */
const MAX_TRIPLES = 12;

/** What is required as FTS5 is asked for it; undefined when the index cannot tell anything. */
export function matchOf(required: Required): string | undefined {
  const expression = expressionOf(required);
  if (expression === undefined || expression.terms > MAX_TERMS) return undefined;
  return expression.text;
}

interface Expression {
  readonly text: string;
  readonly terms: number;
}

function expressionOf(required: Required): Expression | undefined {
  switch (required.kind) {
    case "anything":
      return undefined;
    case "text":
      return joined(triplesOf(required.text).map(quoted), " AND ");
    case "all": {
      const parts = required.parts.map(expressionOf).filter((part) => part !== undefined);
      return joined(parts.filter(({ terms }) => terms <= MAX_TERMS), " AND ");
    }
    case "one of": {
      const parts = required.parts.map(expressionOf);
      const known = parts.filter((part) => part !== undefined);
      return known.length < parts.length ? undefined : joined(known, " OR ");
    }
  }
}

function joined(parts: readonly Expression[], operator: string): Expression | undefined {
  if (parts.length === 0) return undefined;
  const terms = parts.reduce((sum, part) => sum + part.terms, 0);
  return { text: `(${parts.map(({ text }) => text).join(operator)})`, terms };
}

function quoted(triple: string): Expression {
  return { text: `"${triple.replaceAll('"', '""')}"`, terms: 1 };
}

/** Different triples of a text, spread over it when there are many. */
function triplesOf(text: string): readonly string[] {
  const characters = [...indexableText(text)];
  const all = new Set<string>();
  for (let at = 0; at + 3 <= characters.length; at += 1) {
    all.add(characters.slice(at, at + 3).join(""));
  }
  const step = all.size / Math.min(all.size, MAX_TRIPLES);
  return [...all].filter((_, index) => Math.floor(index / step) > Math.floor((index - 1) / step));
}

function candidateFromRow(row: Row): Candidate {
  return {
    resultId: textOf(row, "result_id"),
    startedAt: numberOf(row, "started_at"),
    pcId: textOf(row, "pc_id"),
    jobId: textOrNull(row, "job_id"),
    execId: textOrNull(row, "exec_id"),
    outputBytes: numberOf(row, "output_bytes"),
  };
}
