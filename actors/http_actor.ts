/** Serves the API and the pages on the address of the settings. */
import { defineActor } from "./backend.ts";
import { createApp } from "./http/app.ts";
import { listen } from "./http/server.ts";

/** What is under way when the process stops may end within this time, ms. */
const CLOSE_DEADLINE_MS = 5_000;

export const httpActor = defineActor({
  name: "http",
  permissions: { http: true },
  handles: "requests",
  // An address that somebody took meanwhile is for the service manager to see: without the API nobody else could.
  restart: { within: "60s", atMost: 5 },
  run: async ({ http, log, signal, ready, handled }) => {
    const app = createApp({ ...http.services, closing: signal });
    const answer: typeof app.fetch = (request, env) => {
      handled();
      return app.fetch(request, env);
    };
    const server = await listen({ fetch: answer, host: http.hostname, port: http.port });
    ready();
    log.info("serving", { url: server.url });
    http.listening(server.url);
    await new Promise<void>((resolve) =>
      signal.addEventListener("abort", () => resolve(), { once: true })
    );
    await server.close(CLOSE_DEADLINE_MS);
  },
});
