import type { WholeRun } from "../../../db/results.ts";
import {
  type GapEvent,
  OUTPUT_STREAMS,
  type OutputEvent,
  type OutputStream,
  type RestartEvent,
  type SourceEvent,
} from "../../../wire/http_live.ts";
import { runAnswer } from "../answers.ts";
import type { ServerEvent } from "../event_stream.ts";
import { Bell } from "../../bell.ts";
import type { OutputFeed } from "./output_feed.ts";
import type { OutputFeeds } from "./output_feeds.ts";
import {
  beginning,
  idOf,
  isBeginningOf,
  moveOver,
  moveOverGap,
  type Place,
  type Places,
} from "./place.ts";
import { wholeLength } from "./utf8_end.ts";

/** The id of the last event: who comes again with it has seen everything. */
export const SETTLED_ID = "settled";
/** Of one event. */
const MAX_EVENT_BYTES = 65_536;
/** A viewer looks again after this though nothing rang, milliseconds. */
const LOOK_AGAIN_MS = 30_000;

export interface RunViewOptions {
  readonly feeds: OutputFeeds;
  readonly run: WholeRun;
  /** Where the viewer is; moved on with each event. */
  readonly places: Places;
  /** Ends the view. */
  readonly signal: AbortSignal;
}

/**
 * A run as its viewer sees it: what it prints as it prints it, then what of its stored output is missing, last its row.
 *
 * 1. What a viewer has put together in the end are the bytes of the stored output.
 * 2. A viewer holds up nobody: one that is slow meets a gap, which the stored output fills in the end.
 */
export async function* viewRun(options: RunViewOptions): AsyncGenerator<ServerEvent, void> {
  const { run, places, signal } = options;
  yield { event: "run", data: runAnswer(run), id: idOf(places) };
  const settled = run.outcome === null ? yield* viewLive(options) : run;
  if (settled === undefined) return;
  for (const stream of OUTPUT_STREAMS) {
    const stored = Buffer.from(settled[stream]);
    for await (const event of viewStored(places[stream], stream, stored)) {
      if (signal.aborted) return;
      yield { ...event, id: idOf(places) };
    }
  }
  yield { event: "settled", data: runAnswer(settled), id: SETTLED_ID };
}

/** What the agent sends, until the result is committed. Undefined when the viewer went away first. */
async function* viewLive(
  { feeds, run, places, signal }: RunViewOptions,
): AsyncGenerator<ServerEvent, WholeRun | undefined> {
  const open = feeds.open(run);
  const bell = new Bell();
  const ring = () => bell.ring();
  const unsubscribe = open.feed.onChange(ring);
  signal.addEventListener("abort", ring, { once: true });
  try {
    yield* follow(open.feed, { places, signal, bell });
    return signal.aborted ? undefined : open.feed.settled;
  } finally {
    signal.removeEventListener("abort", ring);
    unsubscribe();
    open[Symbol.dispose]();
  }
}

async function* follow(
  feed: OutputFeed,
  { places, signal, bell }: Pick<RunViewOptions, "places" | "signal"> & { readonly bell: Bell },
): AsyncGenerator<ServerEvent, void> {
  let source: SourceEvent["state"] | undefined;
  while (!signal.aborted) {
    if (feed.source !== undefined && feed.source !== source) {
      source = feed.source;
      yield { event: "source", data: { state: source } satisfies SourceEvent };
    }
    for (const stream of OUTPUT_STREAMS) {
      for (const event of newIn(feed, stream, places[stream])) yield { ...event, id: idOf(places) };
    }
    if (feed.settled !== undefined) return;
    await bell.heard(LOOK_AGAIN_MS);
  }
}

/** What a feed has of a stream that the viewer has not, in whole characters. */
function* newIn(feed: OutputFeed, stream: OutputStream, place: Place): Generator<ServerEvent> {
  for (;;) {
    const { offset, bytes } = feed.windows[stream].from(place.raw, MAX_EVENT_BYTES);
    if (offset > place.raw) {
      const missing = offset - place.raw;
      const data: GapEvent = {
        stream,
        offset: place.text,
        bytes: feed.source === "polled" ? null : missing,
      };
      moveOverGap(place, missing);
      yield { event: "gap", data };
    }
    const length = wholeLength(bytes);
    if (length === 0) return;
    yield outputEvent(stream, place, bytes.subarray(0, length));
  }
}

/** What of the stored output the viewer has not; all of it when that is not how it goes on. */
async function* viewStored(
  place: Place,
  stream: OutputStream,
  stored: Uint8Array,
): AsyncGenerator<ServerEvent> {
  if (!await isBeginningOf(place, stored)) {
    const why = place.check === null ? "missed" : "differs";
    Object.assign(place, beginning());
    yield { event: "restart", data: { stream, why } satisfies RestartEvent };
  }
  while (place.text < stored.length) {
    const piece = stored.subarray(place.text, place.text + MAX_EVENT_BYTES);
    yield outputEvent(stream, place, piece.subarray(0, wholeLength(piece)));
  }
}

function outputEvent(stream: OutputStream, place: Place, bytes: Uint8Array): ServerEvent {
  // A byte order mark is output like any other.
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  const data: OutputEvent = { stream, offset: place.text, text };
  moveOver(place, bytes.length, Buffer.from(text));
  return { event: "output", data };
}
