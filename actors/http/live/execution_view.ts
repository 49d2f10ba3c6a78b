import { findResult } from "../../../db/results.ts";
import type { LimitEvent, RunName } from "../../../wire/http_live.ts";
import { executionAnswer } from "../answers.ts";
import type { ServerEvent } from "../event_stream.ts";
import type { HttpServices } from "../services.ts";
import { ExecutionRuns, type KnownRun } from "./execution_runs.ts";
import { beginnings } from "./place.ts";
import { viewRun } from "./run_view.ts";

/** Runs that one viewer of an execution follows at a time. */
const MAX_WATCHED_RUNS = 50;
/** Looked again after this though nothing rang, milliseconds. */
const LOOK_AGAIN_MS = 5_000;

export interface ExecutionViewOptions {
  readonly services: Pick<HttpServices, "db" | "announcements" | "outputFeeds">;
  readonly execId: string;
  readonly signal: AbortSignal;
}

/**
 * All runs of an execution in one stream, each event with the run it is about; ends when the execution has.
 *
 * 1. Every run that settles is shown whole, those that were over before and those that nobody followed included.
 * 2. No more than {@link MAX_WATCHED_RUNS} are followed at a time, and the stream says how many wait.
 */
export async function* viewExecution(
  { services, execId, signal }: ExecutionViewOptions,
): AsyncGenerator<ServerEvent, void> {
  using runs = new ExecutionRuns({ ...services, execId });
  const views = new RunViews(services, runs);
  const ring = () => runs.bell.ring();
  signal.addEventListener("abort", ring, { once: true });
  let waiting = 0;
  try {
    await runs.refresh();
    yield* executionEvent("execution", runs);
    while (!signal.aborted) {
      views.open();
      if ((runs.waiting > 0) !== (waiting > 0)) yield limitEvent(runs.waiting);
      waiting = runs.waiting;
      const event = views.take();
      if (event !== undefined) yield event;
      else if (runs.hasEnded && !views.owesSettled) break;
      else await runs.bell.heard(LOOK_AGAIN_MS);
      await runs.refresh();
    }
    if (!signal.aborted) yield* executionEvent("end", runs);
  } finally {
    signal.removeEventListener("abort", ring);
    await views.close();
  }
}

function* executionEvent(event: string, { execution }: ExecutionRuns): Generator<ServerEvent> {
  if (execution !== undefined) yield { event, data: executionAnswer(execution) };
}

function limitEvent(waiting: number): ServerEvent {
  const data: LimitEvent = { watched: MAX_WATCHED_RUNS, waiting };
  return { event: "limit", data };
}

interface OpenView {
  readonly name: RunName;
  /** Whether its run is in flight, which takes one of the places of those that are followed. */
  readonly isFollowed: boolean;
  readonly events: AsyncGenerator<ServerEvent, void>;
  readonly end: AbortController;
}

type Ready =
  & { readonly view: OpenView }
  & (
    | { readonly result: IteratorResult<ServerEvent, void> }
    | { readonly thrown: unknown }
  );

/** The views of the runs that are shown now. Each has at most one event ready, so nothing piles up for a slow reader. */
class RunViews {
  readonly #services: ExecutionViewOptions["services"];
  readonly #runs: ExecutionRuns;
  readonly #open = new Set<OpenView>();
  /** In the order in which they came, so that no run drowns the others. */
  readonly #ready: Ready[] = [];

  constructor(services: ExecutionViewOptions["services"], runs: ExecutionRuns) {
    this.#services = services;
    this.#runs = runs;
  }

  /** Whether a run that has settled is still to be shown. */
  get owesSettled(): boolean {
    return this.#runs.settledWaiting > 0 ||
      [...this.#open].some(({ name }) => this.#runs.isSettled(name.result_id));
  }

  /** Opens the views for which there is room: of those in flight some, of those that are over one after the other. */
  open(): void {
    while (this.#count(true) < MAX_WATCHED_RUNS) {
      const run = this.#runs.takeInFlight();
      if (run === undefined) break;
      this.#show(run);
    }
    const settled = this.#count(false) === 0 ? this.#runs.takeSettled() : undefined;
    if (settled !== undefined) this.#show(settled);
  }

  /** The next event, with the run it is about; undefined when none is ready. */
  take(): ServerEvent | undefined {
    for (let ready = this.#ready.shift(); ready !== undefined; ready = this.#ready.shift()) {
      if ("thrown" in ready) throw ready.thrown;
      const { view, result } = ready;
      if (result.done === true) {
        this.#open.delete(view);
        this.#runs.bell.ring();
        continue;
      }
      this.#pull(view);
      const { event, data } = result.value;
      return { event, data: { ...view.name, ...data as object } };
    }
    return undefined;
  }

  async close(): Promise<void> {
    const views = [...this.#open];
    for (const { end } of views) end.abort();
    await Promise.allSettled(views.map(({ events }) => events.return()));
  }

  #count(isFollowed: boolean): number {
    let count = 0;
    for (const view of this.#open) if (view.isFollowed === isFollowed) count += 1;
    return count;
  }

  #show({ resultId, pcId, outcome }: KnownRun): void {
    const end = new AbortController();
    const view: OpenView = {
      name: { result_id: resultId, pc_id: pcId },
      isFollowed: outcome === null,
      events: this.#eventsOf(resultId, end.signal),
      end,
    };
    this.#open.add(view);
    this.#pull(view);
  }

  async *#eventsOf(resultId: string, signal: AbortSignal): AsyncGenerator<ServerEvent, void> {
    const { db, outputFeeds: feeds } = this.#services;
    const run = await findResult(db, resultId);
    // Retention may have taken it meanwhile.
    if (run !== undefined) yield* viewRun({ feeds, run, places: beginnings(), signal });
  }

  #pull(view: OpenView): void {
    const tell = (ready: Ready) => {
      this.#ready.push(ready);
      this.#runs.bell.ring();
    };
    view.events.next().then(
      (result) => tell({ view, result }),
      (thrown: unknown) => tell({ view, thrown }),
    );
  }
}
