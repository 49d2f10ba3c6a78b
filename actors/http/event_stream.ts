/** How often a silent stream says that it is alive, so that proxies keep it and a dead peer is noticed. */
const HEARTBEAT_MS = 15_000;
/** What waits for one slow reader; beyond either it is told to load again. */
const MAX_WAITING = 1_000;
const MAX_WAITING_BYTES = 1_048_576;

export interface ServerEvent {
  /** The name that a page listens to. */
  readonly event: string;
  readonly data: unknown;
  readonly id?: string;
}

export interface EventStreamOptions {
  /** Starts the source; it sends events, or whole frames, until the function that it returns is called. */
  readonly open: (send: (event: ServerEvent | string) => void) => () => void;
  /** Ends the stream from our side: the server closes. */
  readonly signal: AbortSignal;
}

/** An event and no comment, because no browser tells its page of comments. */
export const SIGN_OF_LIFE = "event: alive\ndata: {}\n\n";

export const EVENT_STREAM_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/event-stream",
  "cache-control": "no-store",
  // Proxies of the nginx kind would hold events back.
  "x-accel-buffering": "no",
};

const encoder = new TextEncoder();

/**
 * Server-sent events. Each reader has a buffer of its own and never holds up the source: one that
 * falls more than {@link MAX_WAITING} pieces behind loses them and gets one `lagged` event
 * instead, after which it should load what it shows again.
 */
export function eventStream({ open, signal }: EventStreamOptions): Response {
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let end = () => {};

  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const send = (text: string) => {
        const piece = encoder.encode(text);
        if ((controller.desiredSize ?? 0) > 0 && waiting.length === 0) {
          controller.enqueue(piece);
          return;
        }
        if (waiting.length >= MAX_WAITING || waitingBytes > MAX_WAITING_BYTES) {
          const lagged = encoder.encode(frame(LAGGED));
          waiting = [lagged];
          waitingBytes = lagged.length;
        }
        waiting.push(piece);
        waitingBytes += piece.length;
      };
      // First of all: it may refuse, and then nothing else must have begun.
      const stop = open((event) => send(typeof event === "string" ? event : frame(event)));
      const heartbeat = setInterval(() => {
        if (waiting.length === 0) send(SIGN_OF_LIFE);
      }, HEARTBEAT_MS);
      const closeStream = () => {
        end();
        controller.close();
      };
      end = () => {
        clearInterval(heartbeat);
        signal.removeEventListener("abort", closeStream);
        stop();
      };
      signal.addEventListener("abort", closeStream);
      send(": open\n\n");
      if (signal.aborted) closeStream();
    },
    pull(controller) {
      const next = waiting.shift();
      if (next === undefined) return;
      waitingBytes -= next.length;
      controller.enqueue(next);
    },
    cancel() {
      end();
    },
  }, { highWaterMark: 16 });

  return new Response(body, { headers: EVENT_STREAM_HEADERS });
}

/** Some events were left out: whoever shows anything should load it again. */
export const LAGGED: ServerEvent = { event: "lagged", data: {} };

/** An event as it is written. */
export function frame({ event, data, id }: ServerEvent): string {
  const head = id === undefined ? "" : `id: ${id}\n`;
  // JSON has no raw line breaks, so the data is one line.
  return `${head}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
