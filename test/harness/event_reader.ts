import assert from "node:assert/strict";
import { serverEvents } from "../../scripts/cli/server_events.ts";
import type { GapEvent, OutputEvent, OutputStream, RestartEvent } from "../../wire/http_live.ts";
import { TOKEN } from "./backend.ts";
import { eventually } from "./wait.ts";

export interface ReadEvent {
  readonly event: string;
  readonly id?: string;
  readonly data: Record<string, unknown>;
}

/** A viewer of a stream of live output, who puts together what comes. */
export interface Viewer extends AsyncDisposable {
  readonly events: readonly ReadEvent[];
  /** The first event of a name, when it has come. */
  heard(event: string, withinMs?: number): Promise<ReadEvent>;
  /** Ends when a text of a stream has come. */
  saw(text: string, stream?: OutputStream): Promise<void>;
  /** What was put together of a stream so far. @param resultId of the run, where there are several */
  textOf(stream: OutputStream, resultId?: string): string;
  /** Ends when the server has ended the stream. */
  readonly ended: Promise<void>;
  /** The id to come again with. */
  readonly lastId: string;
}

export interface ViewerOptions {
  readonly lastId?: string;
  readonly token?: string;
}

/** Opens a stream of a backend. @throws when it is refused */
export async function openViewer(
  url: string,
  { lastId, token = TOKEN }: ViewerOptions = {},
): Promise<Viewer> {
  const gone = new AbortController();
  const response = await fetch(url, {
    signal: gone.signal,
    headers: {
      authorization: `Bearer ${token}`,
      ...(lastId === undefined ? {} : { "last-event-id": lastId }),
    },
  });
  assert.equal(response.status, 200, url);
  const { body } = response;
  assert.ok(body !== null);
  const events: ReadEvent[] = [];
  const ended = readAll(body, events).catch((thrown: unknown) => {
    if (!gone.signal.aborted) throw thrown;
  });
  const textOf = (stream: OutputStream, resultId?: string) => assembled(events, stream, resultId);
  return {
    events,
    textOf,
    ended,
    heard: (event, withinMs) =>
      eventually(`the event ${event}`, () => events.find((one) => one.event === event), withinMs),
    saw: async (text, stream = "stdout") => {
      await eventually(`${text} on ${stream}`, () => printed(events, stream).includes(text));
    },
    get lastId() {
      return events.findLast(({ id }) => id !== undefined)?.id ?? "";
    },
    async [Symbol.asyncDispose]() {
      gone.abort();
      await ended;
    },
  };
}

/** All the text of a stream as it came, of whatever run. */
function printed(events: readonly ReadEvent[], stream: OutputStream): string {
  const outputs = events.filter(({ event, data }) =>
    event === "output" && data["stream"] === stream
  );
  return outputs.map(({ data }) => String(data["text"])).join("");
}

async function readAll(body: ReadableStream<Uint8Array>, into: ReadEvent[]): Promise<void> {
  for await (const { event, id, data } of serverEvents(body)) {
    into.push({ event, ...(id === undefined ? {} : { id }), data: JSON.parse(data) });
  }
}

/** As a page does it: text is appended, `restart` throws away. Each offset must be where the text before it ends. */
function assembled(
  events: readonly ReadEvent[],
  stream: OutputStream,
  resultId: string | undefined,
): string {
  let text = "";
  let missing = 0;
  let from: number | undefined;
  for (const { event, data } of events) {
    if (data["stream"] !== stream) continue;
    if (resultId !== undefined && data["result_id"] !== resultId) continue;
    if (event === "restart") {
      assert.ok((data as unknown as RestartEvent).why);
      [text, missing, from] = ["", 0, 0];
    }
    if (event === "gap") missing += (data as unknown as GapEvent).bytes ?? 1;
    if (event !== "output") continue;
    const output = data as unknown as OutputEvent;
    from ??= output.offset - missing;
    assert.equal(output.offset - from, Buffer.byteLength(text) + missing, "an offset");
    text += output.text;
  }
  return text;
}
