import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/** Stands before a server, hands every request on, and remembers what was asked. */
export interface RecordingProxy extends AsyncDisposable {
  readonly url: string;
  /** Such as `GET /api/jobs`, in order; the query is left out. */
  readonly asked: string[];
}

export async function startRecordingProxy(target: string): Promise<RecordingProxy> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const { method = "GET", url = "/", headers } = request;
    asked.push(`${method} ${url.replace(/\?.*$/, "")}`);
    const handOn = async () => {
      const body = await buffer(request);
      const answer = await fetch(target + url, {
        method,
        headers: forwarded(headers),
        ...(body.length === 0 ? {} : { body: new Uint8Array(body) }),
      });
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      response.end(Buffer.from(await answer.arrayBuffer()));
    };
    handOn().catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Those that are the message's, and not the connection's. */
function forwarded(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Record<string, string> {
  const kept = ["authorization", "content-type", "if-match", "if-none-match", "idempotency-key"];
  return Object.fromEntries(kept.flatMap((name) => {
    const value = headers[name];
    return typeof value === "string" ? [[name, value]] : [];
  }));
}
