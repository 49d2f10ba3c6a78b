import { type Call, type Route, route } from "./route.ts";

export const METRICS_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/metrics",
    role: "viewer",
    fromThisMachine: true,
    summary: "What is counted, for Prometheus",
    answer: "text/plain; version=0.0.4; charset=utf-8",
    handle: scrape,
  }),
];

async function scrape({ services: { metrics } }: Call): Promise<Response> {
  return new Response(await metrics.text(), {
    headers: { "content-type": metrics.contentType, "cache-control": "no-store" },
  });
}
