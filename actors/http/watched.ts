import type { Metrics } from "../metrics.ts";

/** The answer itself, which counts as a viewer until it ends. Its chunks pass through one by one, as they are asked for. */
export function watched(response: Response, metrics: Pick<Metrics, "viewing">): Response {
  if (!response.ok || response.body === null) return response;
  const ended = metrics.viewing();
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
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
