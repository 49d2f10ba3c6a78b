import type { Metrics } from "../metrics.ts";

/** Beyond this a timer fires at once, milliseconds; no page listens for so long without coming back. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface Watching {
  readonly metrics: Pick<Metrics, "viewing">;
  /** After so long whoever listens may do so no more: the credential has ended, milliseconds. */
  readonly endsInMs: number | undefined;
}

/** The answer itself, which counts as a viewer until it ends. Its chunks pass through one by one, as they are asked for. */
export function watched(response: Response, { metrics, endsInMs }: Watching): Response {
  if (!response.ok || response.body === null) return response;
  const isOver = metrics.viewing();
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const timer = endsInMs === undefined
    ? undefined
    : setTimeout(() => void reader.cancel(), Math.min(Math.max(0, endsInMs), MAX_TIMER_MS));
  const ended = () => {
    clearTimeout(timer);
    isOver();
  };
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value, done } = await reader.read().catch((thrown: unknown) => {
        ended();
        throw thrown;
      });
      if (!done) return controller.enqueue(value);
      ended();
      controller.close();
    },
    async cancel(reason) {
      ended();
      await reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
  return new Response(body, { status: response.status, headers: response.headers });
}
