import { readStoredOutputs } from "../../db/outputs.ts";
import { cursorOfRun, resultPages, type Run } from "../../db/results.ts";
import type { ResultsQuery } from "../../wire/http_requests.ts";
import { checkPattern, type Pattern, type Subject } from "./pattern_matcher.ts";
import type { Call } from "./route.ts";

/** A search looks for so long, then answers what it has and where to go on, milliseconds. */
const BUDGET_MS = 2_000;
/** Rows that are read and tried at once. */
const PAGE_ROWS = 500;
/** Output that is read and tried at once: never more than this, but always at least one run's, bytes. */
const CHUNK_BYTES = 8 * 1_048_576;

/** A run that was found, with the line of its output that matched, where output was searched. */
export interface Match {
  readonly run: Run;
  readonly stdoutMatch?: string;
  readonly stderrMatch?: string;
}

export interface SearchResult {
  readonly matches: readonly Match[];
  /** Where to go on; undefined = every row was seen. */
  readonly nextCursor: string | undefined;
}

const ROW_MEMBERS = ["pc_id", "job_id", "exec_id"] as const;
const OUTPUT_MEMBERS = ["stdout", "stderr"] as const;

type RowMember = (typeof ROW_MEMBERS)[number];
type OutputMember = (typeof OUTPUT_MEMBERS)[number];

const COLUMN_OF = { pc_id: "pcId", job_id: "jobId", exec_id: "execId" } as const;

/** Whether the query asks for anything that SQL does not decide. */
export function hasPatterns(query: ResultsQuery): boolean {
  return [...ROW_MEMBERS, ...OUTPUT_MEMBERS].some((member) => query[member] !== undefined);
}

/**
 * Goes through the list of runs and keeps what matches every pattern, until the page is full, the
 * rows are at their end, or time is over.
 *
 * @throws {Fault} `invalid_input` for what is no pattern
 */
export async function searchRuns(call: Call, query: ResultsQuery): Promise<SearchResult> {
  const endsAt = performance.now() + BUDGET_MS;
  const matches: Match[] = [];
  for await (const stretch of stretches(call, query)) {
    matches.push(...stretch.matches);
    const lastKept = matches[query.limit - 1];
    if (lastKept !== undefined) {
      return { matches: matches.slice(0, query.limit), nextCursor: cursorOfRun(lastKept.run) };
    }
    if (stretch.resumeAt !== undefined && isOver(call, endsAt)) {
      return { matches, nextCursor: stretch.resumeAt };
    }
  }
  return { matches, nextCursor: undefined };
}

/** What a part of the list held. */
interface Stretch {
  readonly matches: readonly Match[];
  /** Where to go on after it; undefined = the list is at its end. */
  readonly resumeAt: string | undefined;
}

async function* stretches(call: Call, query: ResultsQuery): AsyncGenerator<Stretch, void> {
  const rowPatterns = membersOf(query, ROW_MEMBERS);
  const outputPatterns = membersOf(query, OUTPUT_MEMBERS);
  const { cursor, status, since } = query;
  const pages = resultPages(call.services.db, { limit: PAGE_ROWS, cursor, status, since });
  for await (const { rows, nextCursor } of pages) {
    const candidates = await matchRows(call, rowPatterns, rows);
    const chunks = outputPatterns.length === 0 ? [candidates] : chunksOf(candidates);
    for (const [index, chunk] of chunks.entries()) {
      const matches = await matchOutputs(call, outputPatterns, chunk);
      const next = chunks[index + 1]?.[0];
      yield { matches, resumeAt: next === undefined ? nextCursor : cursorOfRun(endOf(chunk)) };
    }
  }
}

function isOver({ request }: Call, endsAt: number): boolean {
  return performance.now() >= endsAt || request.signal.aborted;
}

function membersOf<Member extends RowMember | OutputMember>(
  query: ResultsQuery,
  members: readonly Member[],
): readonly (readonly [Member, Pattern])[] {
  return members.flatMap((member) => {
    const pattern = query[member];
    if (pattern === undefined) return [];
    checkPattern(member, pattern);
    return [[member, { pattern, excerpt: member === "stdout" || member === "stderr" }] as const];
  });
}

async function matchRows(
  call: Call,
  patterns: readonly (readonly [RowMember, Pattern])[],
  rows: readonly Run[],
): Promise<readonly Run[]> {
  if (patterns.length === 0 || rows.length === 0) return rows;
  const found = await call.patterns.match(
    patterns.map(([, pattern]) => pattern),
    rows.map((run) => patterns.map(([member]) => run[COLUMN_OF[member]])),
  );
  return rows.filter((_, index) => found[index] !== null);
}

/** The runs in parts whose output may be held at once; no runs are one empty part. */
function chunksOf(runs: readonly Run[]): readonly (readonly Run[])[] {
  const chunks: Run[][] = [[]];
  let bytes = 0;
  for (const run of runs) {
    bytes += run.stdoutBytes + run.stderrBytes;
    if (bytes > CHUNK_BYTES && chunks.at(-1)?.length !== 0) {
      chunks.push([]);
      bytes = run.stdoutBytes + run.stderrBytes;
    }
    chunks.at(-1)?.push(run);
  }
  return chunks;
}

async function matchOutputs(
  call: Call,
  patterns: readonly (readonly [OutputMember, Pattern])[],
  runs: readonly Run[],
): Promise<readonly Match[]> {
  if (patterns.length === 0) return runs.map((run) => ({ run }));
  const outputs = await readStoredOutputs(call.services.db, runs.map((run) => run.resultId));
  const subjectsOf = (run: Run): Subject[] =>
    patterns.map(([member]) => outputs.get(run.resultId)?.[member] ?? null);
  const found = await call.patterns.match(patterns.map(([, one]) => one), runs.map(subjectsOf));
  return runs.flatMap((run, index) => {
    const lines = found[index];
    if (lines === null || lines === undefined) return [];
    const lineOf = (member: OutputMember) => lines[patterns.findIndex(([one]) => one === member)];
    const [stdoutMatch, stderrMatch] = [lineOf("stdout"), lineOf("stderr")];
    return [{
      run,
      ...(stdoutMatch === undefined ? {} : { stdoutMatch }),
      ...(stderrMatch === undefined ? {} : { stderrMatch }),
    }];
  });
}

function endOf(chunk: readonly Run[]): Run {
  const run = chunk.at(-1);
  if (run === undefined) throw new RangeError("Cannot find the end of an empty chunk");
  return run;
}
