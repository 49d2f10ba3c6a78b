/** How each PC of an execution stands, kept up to date by events without loading it again. */
import { useEffect } from "preact/hooks";
import type { RunAnnouncement } from "../../../wire/announcement.ts";
import type { CellAnswer } from "../../../wire/http.ts";
import { ask, pathOf } from "../../shared/api.ts";
import { onLiveEvent } from "../../shared/live.ts";
import { type Counts, type Outcome, outcomeOf, OUTCOMES } from "../../shared/outcomes.ts";
import { type Loaded, queries, useQuery } from "../../shared/queries.ts";

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
    };
  }, [execId]);
  return useQuery({
    key: keyOf(execId),
    load: ({ signal }) =>
      ask<readonly CellAnswer[]>(pathOf("api", "executions", execId, "targets"), { signal }),
  });
}

/** The outcome of a cell: a word of a newer server is shown as failed is. */
export function outcomeOfCell({ state }: CellAnswer): Outcome {
  return OUTCOMES.find((known) => known === state) ?? "failed";
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
export function withEvents(
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
  const isOther = before?.result_id !== null && before?.result_id !== event.result_id;
  // A second run of a PC in flight does not hide that one has ended; nor does one that was given up hide the truth.
  if (before !== undefined && isOther && !HAS_NO_RUN.has(was)) {
    if (state === "running" || state === "expired" && was !== "running") return before;
  }
  if (state === "running" && was === "missing") return before as CellAnswer;
  const now = new Date().toISOString();
  return {
    pc_id: event.pc_id,
    state,
    reason: null,
    result_id: event.result_id,
    exit_code: event.exit_code,
    started_at: before?.started_at ?? (state === "running" ? now : null),
    finished_at: state === "running" ? null : now,
  };
}
