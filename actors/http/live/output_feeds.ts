import type { Database } from "../../../db/client.ts";
import { findResult, type WholeRun } from "../../../db/results.ts";
import { messageOf } from "../../../wire/fault.ts";
import { whyNotAName } from "../../../wire/ids.ts";
import type { Announcements } from "../../announcer.ts";
import { rest } from "../../system/clock.ts";
import { waitForCommit } from "../wait_for_commit.ts";
import { type FeedTools, OutputFeed } from "./output_feed.ts";

/** Runs that this process watches at a time; each may hold half a MiB. */
const MAX_FEEDS = 500;
/** Before the rows are read again that could not be. */
const READ_AGAIN_MS = 1_000;

/** A viewer's hold on a feed. */
export interface OpenFeed extends Disposable {
  readonly feed: OutputFeed;
}

interface Shared {
  readonly feed: OutputFeed;
  readonly end: AbortController;
  viewers: number;
}

/** The feeds of the runs that somebody looks at: one each, however many look. */
export class OutputFeeds {
  readonly #db: Database;
  readonly #announcements: Announcements;
  readonly #tools: FeedTools;
  readonly #shared = new Map<string, Shared>();

  constructor(
    tools: FeedTools & { readonly db: Database; readonly announcements: Announcements },
  ) {
    this.#db = tools.db;
    this.#announcements = tools.announcements;
    this.#tools = tools;
  }

  /** How many runs are watched now. */
  get count(): number {
    return this.#shared.size;
  }

  /** The feed of a run in flight. Dispose of it: the last viewer ends it. */
  open(run: WholeRun): OpenFeed {
    const shared = this.#shared.get(run.resultId) ?? this.#begin(run);
    shared.viewers += 1;
    return {
      feed: shared.feed,
      [Symbol.dispose]: () => {
        shared.viewers -= 1;
        if (shared.viewers > 0) return;
        this.#shared.delete(run.resultId);
        shared.end.abort();
      },
    };
  }

  #begin(run: WholeRun): Shared {
    const shared = {
      feed: new OutputFeed(run, this.#tools),
      end: new AbortController(),
      viewers: 0,
    };
    const { signal } = shared.end;
    void this.#untilSettled(shared.feed, run.resultId, signal);
    if (this.#shared.size >= MAX_FEEDS) shared.feed.leaveAlone("busy");
    else void this.#follow(shared.feed, run, signal);
    this.#shared.set(run.resultId, shared);
    return shared;
  }

  async #follow(feed: OutputFeed, { pcId, resultId }: WholeRun, signal: AbortSignal) {
    // A row of a foreign agent may hold what no subject can.
    if (whyNotAName(pcId) !== undefined) return feed.leaveAlone("away");
    await feed.follow(signal).catch((error: unknown) => {
      this.#tools.log.error("cannot follow a run", { pcId, resultId, error });
      feed.leaveAlone("away");
    });
  }

  async #untilSettled(feed: OutputFeed, resultId: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && feed.settled === undefined) {
      try {
        const run = await this.#settledRun(resultId, signal);
        if (run !== undefined) feed.settle(run);
      } catch (thrown) {
        this.#tools.log.warn("cannot read a run", { resultId, why: messageOf(thrown) });
        await rest(READ_AGAIN_MS, signal);
      }
    }
  }

  #settledRun(resultId: string, signal: AbortSignal): Promise<WholeRun | undefined> {
    return waitForCommit({ announcements: this.#announcements }, {
      look: async () => {
        const run = await findResult(this.#db, resultId);
        return run?.outcome === null ? undefined : run;
      },
      concerns: (one) => one.type === "run" && one.result_id === resultId && one.outcome !== null,
      timeoutMs: Infinity,
      signals: [signal],
    });
  }
}
