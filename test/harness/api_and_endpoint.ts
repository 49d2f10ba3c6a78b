import { endpointOn, type EndpointPart } from "./agent.ts";
import { startApi, type TestApi } from "./http_api.ts";
import { testLog } from "./log.ts";

/** The whole backend behind its API, and an endpoint for agents on the same broker. */
export interface ApiAndEndpoint {
  readonly api: TestApi;
  /** Whoever disposes of it ends the rest, too. */
  readonly endpoint: EndpointPart;
}

/** No agent runs yet. */
export async function startApiAndEndpoint(): Promise<ApiAndEndpoint> {
  const api = await startApi({ actors: true });
  const { log, lines } = testLog();
  const end = async () => await api[Symbol.asyncDispose]();
  const endpoint = await endpointOn({ bus: api.bus, url: api.broker.url, log, lines, end });
  return { api, endpoint };
}
