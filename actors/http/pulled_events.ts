import { EVENT_STREAM_HEADERS, frame, type ServerEvent, SIGN_OF_LIFE } from "./event_stream.ts";
import type { HttpServices } from "./services.ts";

/** How often a silent stream says that it is alive. */
const HEARTBEAT_MS = 15_000;

const encoder = new TextEncoder();

/**
 * Server-sent events that are made one by one as the reader takes them: a slow one holds up nobody but itself, and
 * nothing piles up for it.
 *
 * @param events called with a signal that aborts when the reader is gone or `closing` aborts; it ends then
 */
export function pulledEvents(
  events: (signal: AbortSignal) => AsyncGenerator<ServerEvent, void>,
  { closing, log }: Pick<HttpServices, "closing" | "log">,
): Response {
  const gone = new AbortController();
  const end = () => {
    closing.removeEventListener("abort", end);
    gone.abort();
  };
  closing.addEventListener("abort", end, { once: true });
  if (closing.aborted) end();
  const source = events(gone.signal);
  let next: Promise<IteratorResult<ServerEvent, void>> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(encoder.encode(": open\n\n")),
    async pull(controller) {
      next ??= source.next().catch((thrown: unknown) => {
        // The reader sees the stream break off, and comes again.
        log.warn("event stream failed", { error: thrown });
        end();
        throw thrown;
      });
      const event = await orSilence(next);
      if (event === "silence") return controller.enqueue(encoder.encode(SIGN_OF_LIFE));
      next = undefined;
      if (event.done !== true) return controller.enqueue(encoder.encode(frame(event.value)));
      end();
      controller.close();
    },
    async cancel() {
      end();
      await source.return();
    },
  }, { highWaterMark: 2 });
  return new Response(body, { headers: EVENT_STREAM_HEADERS });
}

async function orSilence<T>(next: Promise<T>): Promise<T | "silence"> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<"silence">((resolve) => {
    timer = setTimeout(() => resolve("silence"), HEARTBEAT_MS);
  });
  try {
    return await Promise.race([next, silence]);
  } finally {
    clearTimeout(timer);
  }
}
