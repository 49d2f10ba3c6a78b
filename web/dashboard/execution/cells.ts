/** How each PC of an execution stands, kept up to date by events without loading it again. */
import { useEffect } from "preact/hooks";
import type { RunAnnouncement } from "../../../wire/announcement.ts";
import type { CellAnswer } from "../../../wire/http.ts";
import { ask, pathOf } from "../../shared/api.ts";
import { onLiveEvent } from "../../shared/live.ts";
import { type Counts, LABELS, type Outcome, outcomeOf, OUTCOMES } from "../../shared/outcomes.ts";
import { type Loaded, queries, useQuery } from "../../shared/queries.ts";
import { noteOf } from "../../shared/reasons.ts";

/** Events that come within this time are one change of the picture, milliseconds. */
const GATHER_MS = 120;

const keyOf = (execId: string) => ["targets", execId];

export function useCells(execId: string): Loaded<readonly CellAnswer[]> {
  useEffect(() => {
    let pending: RunAnnouncement[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const flush = () => {
      timer = undefined;
      const events = pending;
      pending = [];
      queries.setQueryData<readonly CellAnswer[]>(
        keyOf(execId),
        (cells) => cells && withEvents(cells, events),
      );
    };
    const stop = onLiveEvent((event) => {
      if (event.type !== "run" || event.exec_id !== execId) return;
      pending.push(event);
      timer ??= setTimeout(flush, GATHER_MS);
    });
    return () => {
      stop();
      clearTimeout(timer);
      // Nobody applies events any more: who comes back sees these cells, and those of then a moment later.
      void queries.invalidateQueries({ queryKey: keyOf(execId), refetchType: "none" });
    };
  }, [execId]);
  return useQuery({ key: keyOf(execId), load: ({ signal }) => load(execId, signal) });
}

/** The cells, with what happened while they were on their way. */
async function load(execId: string, signal: AbortSignal): Promise<readonly CellAnswer[]> {
  const meanwhile: RunAnnouncement[] = [];
  const stop = onLiveEvent((event) => {
    if (event.type === "run" && event.exec_id === execId) meanwhile.push(event);
  });
  try {
    const path = pathOf("api", "executions", execId, "targets");
    return withEvents(await ask<readonly CellAnswer[]>(path, { signal }), meanwhile);
  } finally {
    stop();
  }
}

/** The outcome of a cell: a word of a newer server is shown as failed is. */
export function outcomeOfCell({ state }: CellAnswer): Outcome {
  return OUTCOMES.find((known) => known === state) ?? "failed";
}

/** Why it stands so, or its exit code, where there is something to say. */
export function noteOfCell(cell: CellAnswer): string | undefined {
  const { reason, exit_code: exitCode } = cell;
  return noteOf({ outcome: outcomeOfCell(cell), reason, exitCode });
}

/** `failed, exit 3` */
export function wordsOfCell(cell: CellAnswer): string {
  const note = noteOfCell(cell);
  const word = LABELS[outcomeOfCell(cell)];
  return note === undefined ? word : `${word}, ${note}`;
}

export function countCells(cells: readonly CellAnswer[]): Counts {
  const counts = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<
    Outcome,
    number
  >;
  for (const cell of cells) counts[outcomeOfCell(cell)] += 1;
  return counts;
}

/** The cells after these events; those that nothing happened to stay the same objects. */
function withEvents(
  cells: readonly CellAnswer[],
  events: readonly RunAnnouncement[],
): readonly CellAnswer[] {
  const newest = new Map<string, CellAnswer>();
  const known = new Map(cells.map((cell) => [cell.pc_id, cell]));
  for (const event of events) {
    const before = newest.get(event.pc_id) ?? known.get(event.pc_id);
    const after = cellAfter(before, event);
    if (after !== before) newest.set(event.pc_id, after);
  }
  if (newest.size === 0) return cells;
  const changed = cells.map((cell) => newest.get(cell.pc_id) ?? cell);
  // A run on a PC that was not asked.
  const strangers = [...newest.values()].filter(({ pc_id }) => !known.has(pc_id));
  return strangers.length === 0 ? changed : [...changed, ...strangers];
}

const HAS_NO_RUN = new Set<Outcome>(["waiting", "missing"]);

function cellAfter(before: CellAnswer | undefined, event: RunAnnouncement): CellAnswer {
  const state = outcomeOf(event.outcome);
  const was = before === undefined ? "waiting" : outcomeOfCell(before);
  // A beginning hides no end, of this run told late or of another one; nor does a run that was given up hide the truth.
  if (before !== undefined && !HAS_NO_RUN.has(was)) {
    if (state === "running" || state === "expired" && was !== "running") return before;
  }
  if (state === "running" && was === "missing") return before as CellAnswer;
  const now = new Date().toISOString();
  return {
    pc_id: event.pc_id,
    state,
    reason: event.outcome_reason,
    result_id: event.result_id,
    exit_code: event.exit_code,
    started_at: before?.started_at ?? (state === "running" ? now : null),
    finished_at: state === "running" ? null : now,
  };
}
