import { readOutputs } from "../../db/outputs.ts";
import { cursorOfRun, findResult, listResults, type Run, type WholeRun } from "../../db/results.ts";
import { Fault } from "../../wire/fault.ts";
import type { RunAnswer } from "../../wire/http.ts";
import { ResultsQuery } from "../../wire/http_requests.ts";
import { Id } from "../../wire/scalars.ts";
import { runAnswer } from "./answers.ts";
import { readParam, readQuery } from "./input.ts";
import { cursorHeader } from "./paging.ts";
import { type Call, json, type Route } from "./route.ts";
import { hasPatterns, type Match, type SearchResult, searchRuns } from "./search.ts";
import { tail } from "./tail.ts";

export const RESULT_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/api/results",
    role: "viewer",
    summary: "Runs, newest start first; patterns are of RE2",
    handle: list,
  },
  {
    method: "GET",
    path: "/api/results/{result_id}",
    role: "viewer",
    summary: "One run with its whole output",
    handle: async (call) => {
      const run = await runOf(call);
      return json(runAnswer(run, run));
    },
  },
  {
    method: "GET",
    path: "/api/results/{result_id}/tail",
    role: "viewer",
    summary: "What a run has printed so far, asked of its agent while it is in flight",
    handle: async (call) => json(await tail(call, await runOf(call))),
  },
];

/** With `full=1` a page ends before it holds more output than this, but has at least one run, bytes. */
const FULL_PAGE_BYTES = 32 * 1_048_576;

/** `X-Complete` is false when a search has not seen every row; its cursor goes on there. */
async function list(call: Call): Promise<Response> {
  const query = readQuery(call, ResultsQuery);
  const found = hasPatterns(query) ? await searchRuns(call, query) : await listPage(call, query);
  const { matches, nextCursor } = query.full ? fittingPage(found) : found;
  const complete = !hasPatterns(query) || nextCursor === undefined;
  return json(await answersOf(call, matches, query.full), {
    headers: { ...cursorHeader(nextCursor), "x-complete": String(complete) },
  });
}

async function listPage(call: Call, query: ResultsQuery): Promise<SearchResult> {
  const { limit, cursor, status, since } = query;
  const { rows, nextCursor } = await listResults(call.services.db, {
    limit,
    cursor,
    status,
    since,
  });
  return { matches: rows.map((run) => ({ run })), nextCursor };
}

function fittingPage({ matches, nextCursor }: SearchResult): SearchResult {
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
  const outputs = full ? await readOutputs(call.services.db, ids) : undefined;
  return matches.map(({ run, stdoutMatch, stderrMatch }) => ({
    ...runAnswer(run, outputs?.get(run.resultId)),
    ...(stdoutMatch === undefined ? {} : { stdout_match: stdoutMatch }),
    ...(stderrMatch === undefined ? {} : { stderr_match: stderrMatch }),
  }));
}

async function runOf(call: Call): Promise<WholeRun> {
  const resultId = readParam(call, "result_id", Id);
  const run = await findResult(call.services.db, resultId);
  if (run !== undefined) return run;
  throw new Fault("not_found", `Cannot find the run ${JSON.stringify(resultId)}`);
}
