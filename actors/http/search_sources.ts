/** Where a search gets the runs that it tries: from the index where the patterns allow, else from the whole list. */
import type { Reader } from "../../db/client.ts";
import {
  type Candidate,
  countUnindexed,
  cursorBefore,
  endOfMinute,
  listCandidates,
  matchOf,
  placeAfter,
  readIndexStretch,
  readUnindexed,
  type SearchScope,
} from "../../db/output_search.ts";
import { placeOf } from "../../db/pages.ts";
import type { Required } from "../../wire/required_text.ts";

/** A part of the list of runs: every run that may match, in order. */
export interface Stretch {
  readonly candidates: readonly Candidate[];
  /** Where to go on after it; undefined = that was all. */
  readonly resumeAt: string | undefined;
}

/** Rows that are read at once from the list. */
const PAGE_ROWS = 500;
/** Rows that are read at once from the index: few for the first page, more when it is not full by then. */
const FIRST_ROWS = 250;
const MOST_ROWS = 4_000;
/** While more outputs than this wait for the index, it is of no use to a search that begins with the newest. */
const MAX_UNINDEXED = 50_000;

/** The runs of a scope that may hold what is required, stretch by stretch, in the order of the list. */
export async function* candidates(
  reader: Reader,
  scope: SearchScope,
  required: Required,
): AsyncGenerator<Stretch, void> {
  const match = matchOf(required);
  // Of one execution an index leads to all runs anyway.
  const usesIndex = match !== undefined && scope.execId === undefined &&
    await countUnindexed(reader, MAX_UNINDEXED + 1) <= MAX_UNINDEXED;
  yield* usesIndex ? indexed(reader, scope, match) : listed(reader, scope);
}

async function* listed(reader: Reader, scope: SearchScope): AsyncGenerator<Stretch, void> {
  let page = await listCandidates(reader, { ...scope, limit: PAGE_ROWS });
  for (;;) {
    const { rows, nextCursor } = page;
    // Read ahead while the present page is tried.
    const next = nextCursor === undefined
      ? undefined
      : listCandidates(reader, { ...scope, cursor: nextCursor, limit: PAGE_ROWS });
    next?.catch(() => undefined); // thrown where it is awaited, if anybody still asks
    yield { candidates: rows, resumeAt: nextCursor };
    if (next === undefined) return;
    page = await next;
  }
}

/** What the index knows, read backwards a number of places at a time, and among it what it does not know yet. */
async function* indexed(
  reader: Reader,
  scope: SearchScope,
  match: string,
): AsyncGenerator<Stretch, void> {
  // Before the index is read: what is indexed in between is then found twice, not never.
  const unindexed = await readUnindexed(reader, scope, MAX_UNINDEXED);
  const seen = new Set(unindexed.map(({ resultId }) => resultId));
  let waiting: readonly Candidate[] = unindexed;
  const cursor = scope.cursor === undefined ? undefined : placeOf(scope.cursor, "string");
  const [cursorAt = Infinity, cursorId = ""] = cursor ?? [];
  const isAfterCursor = ({ startedAt, resultId }: Candidate) =>
    startedAt < cursorAt || (startedAt === cursorAt && compareText(resultId, cursorId) > 0);
  let before = placeAfter(cursor?.[0]);
  for (let limit = FIRST_ROWS;; limit = Math.min(limit * 2, MOST_ROWS)) {
    const { candidates, isLast, place } = await readIndexStretch(reader, match, scope, {
      before,
      limit,
    });
    const found = candidates.filter((one) => isAfterCursor(one) && !seen.has(one.resultId));
    // Of the minute that the stretch ends in there may be more.
    const completeFrom = isLast ? -Infinity : endOfMinute(place);
    before = place;
    const [ready, later] = split([...waiting, ...found], completeFrom);
    // Where a stretch ends is where a search may go on, so it ends further back than it began.
    if (completeFrom > cursorAt) {
      waiting = [...ready, ...later];
      continue;
    }
    waiting = later;
    yield {
      candidates: ready.sort(byListOrder),
      resumeAt: isLast ? undefined : cursorBefore(completeFrom),
    };
    if (isLast) return;
  }
}

function split(
  all: readonly Candidate[],
  completeFrom: number,
): readonly [ready: Candidate[], later: readonly Candidate[]] {
  const ready: Candidate[] = [];
  const later: Candidate[] = [];
  for (const one of all) (one.startedAt >= completeFrom ? ready : later).push(one);
  return [ready, later];
}

/** Newest start first, then by id, as every list of runs. */
function byListOrder(a: Candidate, b: Candidate): number {
  return b.startedAt - a.startedAt || compareText(a.resultId, b.resultId);
}

/** As the database orders text: by the bytes of its UTF-8. */
function compareText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
