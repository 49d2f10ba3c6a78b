import * as v from "valibot";
import {
  countGrouped,
  listGroupMembers,
  listOutputGroups,
  type OutputGroup,
} from "../../db/output_groups.ts";
import { readRuns, type Run } from "../../db/results.ts";
import { GroupMemberAnswer, type OutputGroupAnswer, OutputGroupsAnswer } from "../../wire/http.ts";
import { ExecutionPath, OutputGroupPath, PageQuery } from "../../wire/http_requests.ts";
import { runAnswer } from "./answers.ts";
import { executionOf } from "./executions.ts";
import { cursorHeader, PAGED } from "./paging.ts";
import { type Call, json, type Route, route } from "./route.ts";

export const OUTPUT_GROUP_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/executions/{exec_id}/outputs",
    role: "viewer",
    summary: "Who said the same: runs grouped by their end and output, the largest group first",
    params: ExecutionPath,
    query: PageQuery,
    answer: OutputGroupsAnswer,
    answerHeaders: PAGED,
    handle: groups,
  }),
  route({
    method: "GET",
    path: "/api/executions/{exec_id}/outputs/{group}",
    role: "viewer",
    summary: "Every PC of one group, by name",
    params: OutputGroupPath,
    query: PageQuery,
    answer: v.array(GroupMemberAnswer),
    answerHeaders: PAGED,
    handle: members,
  }),
];

async function groups(call: Call<{ params: ExecutionPath; query: PageQuery }>) {
  const { execId } = await executionOf(call);
  const { aside } = call.services.db;
  // Counted first: what is grouped in between is then counted as waiting, and is in a group all the same.
  const { settled, inFlight, waiting } = await countGrouped(aside, execId);
  const { rows, nextCursor } = await listOutputGroups(aside, execId, call.query);
  const samples = await readRuns(aside, rows.map(({ resultId }) => resultId));
  const byId = new Map(samples.map((run) => [run.resultId, run]));
  return json({
    exec_id: execId,
    settled,
    in_flight: inFlight,
    not_grouped_yet: waiting,
    groups: rows.flatMap((group) => {
      const sample = byId.get(group.resultId);
      return sample === undefined ? [] : [groupAnswer(group, sample)];
    }),
  }, { headers: cursorHeader(nextCursor) });
}

async function members(call: Call<{ params: OutputGroupPath; query: PageQuery }>) {
  const { execId } = await executionOf(call);
  const { limit, cursor } = call.query;
  const key = call.params.group;
  const page = await listGroupMembers(call.services.db.aside, execId, { key, limit, cursor });
  const rows = page.rows.map(({ pcId, resultId }) => ({ pc_id: pcId, result_id: resultId }));
  return json(rows, { headers: cursorHeader(page.nextCursor) });
}

function groupAnswer({ key, runs, pcIds }: OutputGroup, sample: Run): OutputGroupAnswer {
  const shown = runAnswer(sample);
  return {
    group: key,
    runs,
    outcome: shown.outcome ?? "",
    outcome_reason: shown.outcome_reason,
    exit_code: shown.exit_code ?? 0,
    pcs: [...pcIds],
    result_id: shown.result_id,
    stdout: shown.stdout,
    stderr: shown.stderr,
    stdout_truncated: shown.stdout_truncated,
    stderr_truncated: shown.stderr_truncated,
    stdout_bytes: shown.stdout_bytes,
    stderr_bytes: shown.stderr_bytes,
    output_unavailable: shown.output_unavailable,
  };
}
