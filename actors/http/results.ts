import * as v from "valibot";
import { readOutputs } from "../../db/outputs.ts";
import { cursorOfRun, findResult, listResults, type Run, type WholeRun } from "../../db/results.ts";
import { Fault } from "../../wire/fault.ts";
import { RunAnswer, TailAnswer } from "../../wire/http.ts";
import { ResultPath, ResultsQuery } from "../../wire/http_requests.ts";
import { formatInstant } from "../../wire/time.ts";
import { runAnswer } from "./answers.ts";
import { cursorHeader, PAGED } from "./paging.ts";
import { type Call, json, type Route, route } from "./route.ts";
import {
  hasPatterns,
  type Match,
  searchedBackTo,
  type SearchResult,
  searchRuns,
} from "./search.ts";
import { tail } from "./tail.ts";

export const RESULT_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/results",
    role: "viewer",
    summary: "Runs, newest start first; patterns are of RE2",
    query: ResultsQuery,
    answer: v.array(RunAnswer),
    answerHeaders: {
      ...PAGED,
      "X-Complete": "false: the search stopped before it saw every row",
      "X-Search-Tried": "of a search: how many runs were tried for this answer",
      "X-Search-Back-To": "of a search that goes on: everything that started later was seen",
    },
    handle: list,
  }),
  route({
    method: "GET",
    path: "/api/results/{result_id}",
    role: "viewer",
    summary: "One run with its whole output",
    params: ResultPath,
    answer: RunAnswer,
    handle: async (call) => {
      const run = await runOf(call);
      return json(runAnswer(run, run));
    },
  }),
  route({
    method: "GET",
    path: "/api/results/{result_id}/tail",
    role: "viewer",
    summary: "What a run has printed so far, asked of its agent while it is in flight",
    params: ResultPath,
    answer: TailAnswer,
    handle: async (call) => json(await tail(call, await runOf(call))),
  }),
];

/** With `full=1` a page ends before it holds more output than this, but has at least one run, bytes. */
const FULL_PAGE_BYTES = 32 * 1_048_576;

/** `X-Complete` is false when a search has not seen every row; its cursor goes on there. */
async function list(call: Call<{ query: ResultsQuery }>) {
  const { query } = call;
  const search = hasPatterns(query) ? await searchRuns(call, query) : undefined;
  const found = search ?? await listPage(call, query);
  const { matches, nextCursor } = query.full ? fittingPage(found) : found;
  return json(await answersOf(call, matches, query.full), {
    headers: { ...cursorHeader(nextCursor), ...progressHeaders(search, nextCursor) },
  });
}

function progressHeaders(
  search: SearchResult | undefined,
  nextCursor: string | undefined,
): Readonly<Record<string, string>> {
  if (search === undefined) return { "x-complete": "true" };
  return {
    "x-complete": String(nextCursor === undefined),
    "x-search-tried": String(search.tried),
    ...(nextCursor === undefined
      ? {}
      : { "x-search-back-to": formatInstant(searchedBackTo(nextCursor)) }),
  };
}

type FoundPage = Pick<SearchResult, "matches" | "nextCursor">;

async function listPage(call: Call, query: ResultsQuery): Promise<FoundPage> {
  const { limit, cursor, status, since } = query;
  // Of a state that is rare very many rows may be passed over.
  const { db } = call.services;
  const { rows, nextCursor } = await listResults(status === undefined ? db : db.aside, {
    limit,
    cursor,
    status,
    since,
  });
  return { matches: rows.map((run) => ({ run })), nextCursor };
}

function fittingPage({ matches, nextCursor }: FoundPage): FoundPage {
  let bytes = 0;
  const end = matches.findIndex(({ run }) => (bytes += outputBytes(run)) > FULL_PAGE_BYTES);
  const fitting = end === -1 ? matches : matches.slice(0, Math.max(end, 1));
  const cut = fitting.length < matches.length ? fitting.at(-1) : undefined;
  return { matches: fitting, nextCursor: cut === undefined ? nextCursor : cursorOfRun(cut.run) };
}

function outputBytes({ stdoutBytes, stderrBytes }: Run): number {
  return stdoutBytes + stderrBytes;
}

async function answersOf(
  call: Call,
  matches: readonly Match[],
  full: boolean,
): Promise<readonly RunAnswer[]> {
  const ids = matches.map(({ run }) => run.resultId);
  const outputs = full ? await readOutputs(call.services.db.aside, ids) : undefined;
  return matches.map(({ run, stdoutMatch, stderrMatch }) => ({
    ...runAnswer(run, outputs?.get(run.resultId)),
    ...(stdoutMatch === undefined ? {} : { stdout_match: stdoutMatch }),
    ...(stderrMatch === undefined ? {} : { stderr_match: stderrMatch }),
  }));
}

/** The run that the path names. @throws {Fault} `not_found` */
export async function runOf({ services, params }: Call<{ params: ResultPath }>): Promise<WholeRun> {
  const run = await findResult(services.db, params.result_id);
  if (run !== undefined) return run;
  throw new Fault("not_found", `Cannot find the run ${JSON.stringify(params.result_id)}`);
}
