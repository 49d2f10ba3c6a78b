import * as v from "valibot";
import type { Reader } from "../../db/client.ts";
import { type Cell, readCells } from "../../db/execution_cells.ts";
import { readCommandBytes } from "../../db/executions.ts";
import { decode } from "../../wire/codec.ts";
import { Command } from "../../wire/command.ts";
import { CellAnswer, SentAnswer } from "../../wire/http.ts";
import { ExecutionPath } from "../../wire/http_requests.ts";
import { formatInstantOrNull } from "../../wire/time.ts";
import { executionOf } from "./executions.ts";
import { jsonOfParts, madeJson } from "./json_parts.ts";
import { type Call, json, type Route, route } from "./route.ts";

/** What the page of an execution shows besides its row. */
export const EXECUTION_CELL_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/executions/{exec_id}/targets",
    role: "viewer",
    summary: "How each PC of an execution stands, those that have not begun included",
    params: ExecutionPath,
    answer: v.array(CellAnswer),
    handle: targets,
  }),
  route({
    method: "GET",
    path: "/api/executions/{exec_id}/sent",
    role: "viewer",
    summary: "What was sent to the PCs of an execution: the script and how it is run",
    params: ExecutionPath,
    answer: v.nullable(SentAnswer),
    handle: sent,
  }),
];

async function targets(call: Call<{ params: ExecutionPath }>) {
  const [, cells] = await Promise.all([
    executionOf(call),
    jsonOfParts(cellAnswers(call.services.db.aside, call.params.exec_id)),
  ]);
  return madeJson(cells);
}

async function* cellAnswers(
  db: Reader,
  execId: string,
): AsyncGenerator<readonly CellAnswer[], void> {
  for await (const page of readCells(db, execId)) yield page.map(cellAnswer);
}

function cellAnswer(cell: Cell): CellAnswer {
  return {
    pc_id: cell.pcId,
    state: cell.state,
    reason: cell.reason,
    result_id: cell.resultId,
    exit_code: cell.exitCode,
    started_at: formatInstantOrNull(cell.startedAt),
    finished_at: formatInstantOrNull(cell.finishedAt),
  };
}

async function sent(call: Call<{ params: ExecutionPath }>) {
  const { execId } = await executionOf(call);
  const bytes = await readCommandBytes(call.services.db, execId);
  // Another backend dispatched it, and kept the command to itself.
  if (!bytes) return json(null);
  const command = decode(Command, "command", bytes);
  return json({
    shell: command.shell,
    script: command.script,
    script_object: command.script_object ?? null,
    timeout_secs: command.timeout_secs,
    run_as: command.run_as ?? "system",
    cwd: command.cwd ?? null,
    jitter_secs: command.jitter_secs ?? null,
    retry_max: command.retry?.max ?? null,
  });
}
