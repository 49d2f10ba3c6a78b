/**
 * Finds runs by patterns, newest first. Only a thread of its own tries a pattern (`pattern_matcher.ts`).
 *
 * 1. A run that matches is found, however old: an answer that has not seen everything has a cursor, and goes on there.
 * 2. An answer comes after a second, more or less, with what was found by then; each goes further back than the last.
 * 3. Nobody works on for a caller who has gone.
 */
import { type Candidate, cursorOfCandidate } from "../../db/output_search.ts";
import { placeOf } from "../../db/pages.ts";
import { readStoredOutputs, type StoredOutputs } from "../../db/outputs.ts";
import { readRuns, type Run } from "../../db/results.ts";
import type { ResultsQuery } from "../../wire/http_requests.ts";
import { allOf, onlyText, requiredText } from "../../wire/required_text.ts";
import type { Pattern, Subject } from "./pattern_matcher.ts";
import type { Call } from "./route.ts";
import { candidates, type Stretch } from "./search_sources.ts";

/** A search looks for so long, then answers what it has and where to go on, milliseconds. */
const BUDGET_MS = 1_000;
/** Output that is read and tried at once: never more than this, but always at least one run's, bytes. */
const CHUNK_BYTES = 262_144;

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
  /** How many runs were tried for this answer; those that the index rules out are not. */
  readonly tried: number;
}

const ROW_MEMBERS = ["pc_id", "job_id", "exec_id"] as const;
const OUTPUT_MEMBERS = ["output", "stdout", "stderr"] as const;

type RowMember = (typeof ROW_MEMBERS)[number];
type OutputMember = (typeof OUTPUT_MEMBERS)[number];
type Patterns<Member> = readonly (readonly [Member, Pattern])[];

const COLUMN_OF = { pc_id: "pcId", job_id: "jobId", exec_id: "execId" } as const;
/** Where an output pattern looks; one match is enough. */
const STREAMS_OF = {
  output: ["stdout", "stderr"],
  stdout: ["stdout"],
  stderr: ["stderr"],
} as const;

/** Whether the query asks for anything that SQL does not decide. */
export function hasPatterns(query: ResultsQuery): boolean {
  return [...ROW_MEMBERS, ...OUTPUT_MEMBERS].some((member) => query[member] !== undefined);
}

interface Found {
  readonly candidate: Candidate;
  readonly stdoutMatch?: string;
  readonly stderrMatch?: string;
}

/**
 * Goes through the list of runs and keeps what matches every pattern, until the page is full, the
 * rows are at their end, or time is over.
 *
 * @throws {Fault} `invalid_input` for what is no pattern
 */
export async function searchRuns(call: Call, query: ResultsQuery): Promise<SearchResult> {
  const search = new Search(call, query);
  await search.check();
  const found: Found[] = [];
  for await (const { matches, resumeAt } of search.parts()) {
    found.push(...matches);
    const last = found[query.limit - 1];
    if (last !== undefined) {
      const nextCursor = cursorOfCandidate(last.candidate);
      return await search.result(found.slice(0, query.limit), nextCursor);
    }
    if (resumeAt !== undefined && search.isOver) return await search.result(found, resumeAt);
  }
  return await search.result(found, undefined);
}

/** When the run that a cursor stands at started, ms since the epoch: so far back a search has seen everything. */
export function searchedBackTo(nextCursor: string): number {
  return placeOf(nextCursor, "string")[0];
}

/** What a part of the list held. */
interface SearchedPart {
  readonly matches: readonly Found[];
  /** Where to go on after it; undefined = the list is at its end. */
  readonly resumeAt: string | undefined;
}

class Search {
  readonly #call: Call;
  readonly #query: ResultsQuery;
  readonly #rowPatterns: Patterns<RowMember>;
  readonly #outputPatterns: Patterns<OutputMember>;
  /** Taken at once: the server only tells of a caller who left while somebody has it. */
  readonly #gone: AbortSignal;
  readonly #endsAt = performance.now() + BUDGET_MS;
  #tried = 0;

  constructor(call: Call, query: ResultsQuery) {
    this.#call = call;
    this.#query = query;
    this.#gone = call.request.signal;
    this.#rowPatterns = patternsOf(query, ROW_MEMBERS);
    this.#outputPatterns = patternsOf(query, OUTPUT_MEMBERS);
  }

  /** @throws {Fault} `invalid_input` */
  async check(): Promise<void> {
    await this.#call.patterns.check([...this.#rowPatterns, ...this.#outputPatterns]);
  }

  get isOver(): boolean {
    const isWanted = !this.#gone.aborted && !this.#call.services.closing.aborted;
    return !isWanted || performance.now() >= this.#endsAt;
  }

  async *parts(): AsyncGenerator<SearchedPart, void> {
    for await (const stretch of this.#stretches()) {
      this.#tried += stretch.candidates.length;
      const rows = await this.#matchRows(stretch.candidates);
      const chunks = this.#outputPatterns.length === 0 ? [rows] : chunksOf(rows);
      for (const [index, chunk] of chunks.entries()) {
        const matches = await this.#matchOutputs(chunk);
        const isLast = index === chunks.length - 1;
        yield { matches, resumeAt: isLast ? stretch.resumeAt : cursorOfCandidate(endOf(chunk)) };
      }
    }
  }

  async result(found: readonly Found[], nextCursor: string | undefined): Promise<SearchResult> {
    const { services } = this.#call;
    if (this.#gone.aborted) services.log.debug("search given up", { tried: this.#tried });
    const runs = await readRuns(services.db, found.map(({ candidate }) => candidate.resultId));
    const byId = new Map(runs.map((run) => [run.resultId, run]));
    const matches = found.flatMap(({ candidate, ...lines }) => {
      const run = byId.get(candidate.resultId);
      return run === undefined ? [] : [{ run, ...lines }];
    });
    return { matches, nextCursor, tried: this.#tried };
  }

  #stretches(): AsyncGenerator<Stretch, void> {
    const { cursor, status, since, exec_id } = this.#query;
    // The empty text stands for none at all, too: that is no execution to look for.
    const execId = exec_id === undefined ? undefined : onlyText(exec_id) || undefined;
    const required = allOf(this.#outputPatterns.map(([, { pattern }]) => requiredText(pattern)));
    const scope = { cursor, status, since, execId };
    return candidates(this.#call.services.db.aside, scope, required);
  }

  async #matchRows(rows: readonly Candidate[]): Promise<readonly Candidate[]> {
    const patterns = this.#rowPatterns;
    if (patterns.length === 0 || rows.length === 0) return rows;
    const found = await this.#call.patterns.match(
      patterns.map(([, pattern]) => pattern),
      rows.map((row) => patterns.map(([member]) => [row[COLUMN_OF[member]]])),
    );
    return rows.filter((_, index) => found[index] !== null);
  }

  async #matchOutputs(rows: readonly Candidate[]): Promise<readonly Found[]> {
    const patterns = this.#outputPatterns;
    if (patterns.length === 0 || rows.length === 0) return rows.map((candidate) => ({ candidate }));
    const { db } = this.#call.services;
    const outputs = await readStoredOutputs(db.aside, rows.map(({ resultId }) => resultId));
    const found = await this.#call.patterns.match(
      patterns.map(([, pattern]) => pattern),
      rows.map(({ resultId }) => subjectsOf(patterns, outputs.get(resultId))),
    );
    return rows.flatMap((candidate, index) => {
      const excerpts = found[index];
      if (excerpts === null || excerpts === undefined) return [];
      return [{ candidate, ...linesOf(patterns, excerpts) }];
    });
  }
}

function patternsOf<Member extends RowMember | OutputMember>(
  query: ResultsQuery,
  members: readonly Member[],
): Patterns<Member> {
  return members.flatMap((member) => {
    const pattern = query[member];
    if (pattern === undefined) return [];
    return [[member, { pattern, excerpt: member in STREAMS_OF }] as const];
  });
}

function subjectsOf(
  patterns: Patterns<OutputMember>,
  outputs: StoredOutputs | undefined,
): readonly (readonly Subject[])[] {
  return patterns.map(([member]) => STREAMS_OF[member].map((stream) => outputs?.[stream] ?? null));
}

/** The line that was found in each stream: the first pattern's that found one. */
function linesOf(
  patterns: Patterns<OutputMember>,
  excerpts: readonly (readonly (string | null)[])[],
): { readonly stdoutMatch?: string; readonly stderrMatch?: string } {
  const lines: { stdoutMatch?: string; stderrMatch?: string } = {};
  for (const [index, [member]] of patterns.entries()) {
    for (const [at, stream] of STREAMS_OF[member].entries()) {
      const line = excerpts[index]?.[at];
      if (line !== null && line !== undefined) lines[`${stream}Match`] ??= line;
    }
  }
  return lines;
}

/** The runs in parts whose output may be held at once; no runs are one empty part. */
function chunksOf(rows: readonly Candidate[]): readonly (readonly Candidate[])[] {
  const chunks: Candidate[][] = [[]];
  let bytes = 0;
  for (const row of rows) {
    bytes += row.outputBytes;
    if (bytes > CHUNK_BYTES && chunks.at(-1)?.length !== 0) {
      chunks.push([]);
      bytes = row.outputBytes;
    }
    chunks.at(-1)?.push(row);
  }
  return chunks;
}

function endOf(chunk: readonly Candidate[]): Candidate {
  const row = chunk.at(-1);
  if (row === undefined) throw new RangeError("Cannot find the end of an empty chunk");
  return row;
}
