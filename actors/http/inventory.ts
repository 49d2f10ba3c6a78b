import * as v from "valibot";
import { findAgent } from "../../db/agents.ts";
import type { Reader } from "../../db/client.ts";
import {
  countInventoryOfJob,
  type Inventory,
  type InventoryJob,
  listInventoryOfJob,
  readInventoryJobs,
  readInventoryOfPc,
} from "../../db/inventory.ts";
import { listHistory, type SpanRow } from "../../db/inventory_history.ts";
import { canonicalJson } from "../../wire/canonical_json.ts";
import { Fault } from "../../wire/fault.ts";
import {
  type FieldChange,
  HistoryPath,
  InventoryChangeAnswer,
  InventoryJobPath,
  JobInventoryAnswer,
  PcInventoryAnswer,
} from "../../wire/http_inventory.ts";
import { PageQuery, PcPath } from "../../wire/http_requests.ts";
import { formatInstant } from "../../wire/time.ts";
import { COUNTED, cursorHeader, PAGED, totalHeader } from "./paging.ts";
import { type Call, json, type Route, route } from "./route.ts";

export const INVENTORY_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/inventory/{pc_id}",
    role: "viewer",
    summary: "What every job with an inventory hint told of a PC, with how to show it",
    params: PcPath,
    answer: v.array(PcInventoryAnswer),
    handle: ofPc,
  }),
  route({
    method: "GET",
    path: "/api/inventory/by-job/{job_id}",
    role: "viewer",
    summary: "What one job told of every PC, with how to show it",
    params: InventoryJobPath,
    query: PageQuery,
    answer: JobInventoryAnswer,
    answerHeaders: { ...PAGED, ...COUNTED },
    handle: byJob,
  }),
  route({
    method: "GET",
    path: "/api/inventory/{pc_id}/{job_id}/history",
    role: "viewer",
    summary: "How what a job told of a PC has changed, newest first",
    params: HistoryPath,
    query: PageQuery,
    answer: v.array(InventoryChangeAnswer),
    answerHeaders: PAGED,
    handle: history,
  }),
];

async function ofPc({ services: { db }, params: { pc_id } }: Call<{ params: PcPath }>) {
  const rows = await readInventoryOfPc(db, pc_id);
  if (rows.length === 0) await checkHeard(db, pc_id);
  const jobs = await readInventoryJobs(db, rows.map(({ jobId }) => jobId));
  return json(rows.map((row) => {
    const { display, summary } = hintsOf(jobs.find(({ jobId }) => jobId === row.jobId));
    return { ...inventoryAnswer(row), display, summary };
  }));
}

async function byJob(
  { services, params, query }: Call<{ params: InventoryJobPath; query: PageQuery }>,
) {
  const { db } = services;
  const { job_id: jobId } = params;
  const [page, total, [job]] = await Promise.all([
    listInventoryOfJob(db, { jobId, ...query }),
    countInventoryOfJob(db, jobId),
    readInventoryJobs(db, [jobId]),
  ]);
  if (job === undefined && total === 0 && await services.jobs.get(jobId) === undefined) {
    throw new Fault("not_found", `Cannot find the job ${JSON.stringify(jobId)}`);
  }
  return json(
    { job_id: jobId, ...hintsOf(job), rows: page.rows.map(inventoryAnswer) },
    { headers: { ...cursorHeader(page.nextCursor), ...totalHeader(total) } },
  );
}

async function history(
  { services: { db }, params, query }: Call<{ params: HistoryPath; query: PageQuery }>,
) {
  const { pc_id: pcId, job_id: jobId } = params;
  const page = await listHistory(db, { pcId, jobId, ...query });
  if (page.rows.length === 0) await checkHeard(db, pcId);
  const rows = page.rows.map((row, index) => changeAnswer(row, page.rows[index + 1]));
  return json(rows, { headers: cursorHeader(page.nextCursor) });
}

/** Nothing is known of the PC: it may be one that has told nothing, or none. @throws {Fault} `not_found` */
async function checkHeard(db: Reader, pcId: string): Promise<void> {
  if (await findAgent(db, pcId) !== undefined) return;
  throw new Fault("not_found", `Cannot find the PC ${JSON.stringify(pcId)}`);
}

function hintsOf(job: InventoryJob | undefined) {
  if (job === undefined) return { version: null, display: null, summary: null };
  const { version, display, summary } = job;
  return {
    version,
    display: JSON.parse(display) as unknown,
    summary: JSON.parse(summary) as unknown,
  };
}

function inventoryAnswer({ pcId, jobId, facts, note }: Inventory) {
  return {
    pc_id: pcId,
    job_id: jobId,
    facts: facts === null ? null : JSON.parse(facts.json) as unknown,
    result_id: facts?.place.resultId ?? null,
    finished_at: facts === null ? null : formatInstant(facts.place.at),
    note: note?.text ?? null,
    note_result_id: note?.place.resultId ?? null,
    note_at: note === null ? null : formatInstant(note.place.at),
  };
}

/** @param earlier the facts before these, where they are known */
function changeAnswer({ since, until, facts }: SpanRow, earlier: SpanRow | undefined) {
  const after: unknown = JSON.parse(facts);
  const before: unknown = earlier && JSON.parse(earlier.facts);
  return {
    facts: after,
    since: formatInstant(since.at),
    since_result_id: since.resultId,
    until: formatInstant(until.at),
    until_result_id: until.resultId,
    changes: isMapping(before) && isMapping(after) ? changesOf(before, after) : null,
  };
}

type Mapping = Readonly<Record<string, unknown>>;

function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function changesOf(before: Mapping, after: Mapping): FieldChange[] {
  const fields = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return fields
    .filter((field) => canonicalJson([before[field]]) !== canonicalJson([after[field]]))
    .map((field) => ({ field, before: before[field], after: after[field] }));
}
