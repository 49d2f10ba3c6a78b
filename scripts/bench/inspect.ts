/** What it costs when somebody looks: `project` with a viewer of the inspector attached, and without. */
import { AnnouncementFeed } from "../../actors/http/announcement_feed.ts";
import { eventStream } from "../../actors/http/event_stream.ts";
import { Inspector } from "../../actors/inspector/inspector.ts";
import { createLog, type Log } from "../../actors/log.ts";
import { systemClock, systemTimers } from "../../actors/system/clock.ts";
import type { Database } from "../../db/client.ts";
import { MACHINES } from "../../machines/machine_list.ts";
import {
  execIdOf,
  measure,
  rate,
  ratiosOf,
  runProduct,
  type Size,
  startFullStream,
  type Watched,
} from "./project.ts";
import { type BenchContext, type Benchmark, type Figure, figureOf, lineOf } from "./report.ts";

export const inspect: Benchmark = {
  name: "inspect",
  compares: "results per second: nobody looks (a), a page of the inspector watches (b)",
  run: (context) =>
    compare(
      context,
      context.tiny
        ? { results: 2_000, executions: 10, rowAtATime: 0, rounds: 1 }
        : { results: 200_000, executions: 1_000, rowAtATime: 0, rounds: context.rounds },
    ),
};

async function compare({ say }: BenchContext, size: Size): Promise<readonly Figure[]> {
  const log = createLog({ level: "error", pretty: false });
  await using full = await startFullStream(size, log);
  const { bus } = full;
  const alone: number[] = [];
  const watched: number[] = [];
  const told: number[] = [];
  for (let round = 0; round < size.rounds; round += 1) {
    alone.push(await measure(bus, size, (db) => runProduct(bus, db, size, log)));
    let viewer: Viewer | undefined;
    watched.push(
      await measure(bus, size, (db) =>
        runProduct(bus, db, size, log, (watched) => {
          viewer = watch(watched, db, log, size);
          return viewer.leave;
        })),
    );
    told.push(await viewer?.bytes ?? NaN);
    say(`round ${round + 1}: a ${rate(alone)} b ${rate(watched)}`);
  }
  const figures = [
    figureOf("a: nobody looks", "results/s", alone),
    figureOf("b: a page watches", "results/s", watched),
    figureOf("b / a", "", ratiosOf(watched, alone), ">= 0.9"),
    figureOf("what the page was sent", "KiB", told.map((bytes) => bytes / 1_024)),
  ];
  for (const figure of figures) say(lineOf(figure));
  return figures;
}

interface Viewer {
  readonly leave: () => void;
  /** How much it was sent. */
  readonly bytes: Promise<number>;
}

/** A page that shows the activity of all machines and one execution, over the two streams that pages have. */
function watch(
  { registry, announcer: announcements }: Watched,
  db: Database,
  log: Log,
  { executions }: Size,
): Viewer {
  const inspector = new Inspector({
    machines: MACHINES,
    registry,
    db,
    bus: { request: () => Promise.reject(new Error("not asked")) },
    stored: () => Promise.reject(new Error("not asked")),
    announcements,
    clock: systemClock,
    timers: systemTimers,
    log,
    system: {
      facts: () => Promise.reject(new Error("not asked")),
      writes: () => true,
      connected: () => false,
    },
  });
  const gone = new AbortController();
  const signal = gone.signal;
  const inspection = eventStream({
    signal,
    open: (send) =>
      inspector.watch({
        wish: { activity: true, machine: "execution", id: execIdOf(executions >> 1) },
        moved: (data) => send({ event: "moved", data }),
        activity: (data) => send({ event: "activity", data }),
      }),
  });
  const feed = new AnnouncementFeed({ announcements, clock: systemClock, timers: systemTimers });
  const events = eventStream({ signal, open: (send) => feed.read(send) });
  const bytes = Promise.all([inspection, events].map(({ body }) => bytesOf(body)))
    .then((counts) => counts.reduce((sum, count) => sum + count, 0));
  return { leave: () => gone.abort(), bytes };
}

async function bytesOf(body: ReadableStream<Uint8Array> | null): Promise<number> {
  let bytes = 0;
  for await (const chunk of body ?? []) bytes += chunk.length;
  return bytes;
}
