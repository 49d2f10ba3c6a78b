import type { AddressInfo, Socket } from "node:net";
import type { Server } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import { Fault, messageOf } from "../../wire/fault.ts";

export interface ListenOptions {
  /** The app's `fetch`; `env` holds the connection that a request came by. */
  readonly fetch: (request: Request, env?: object) => Response | Promise<Response>;
  readonly host: string;
  /** 0 = a free one. */
  readonly port: number;
}

/** A server that answers. */
export interface HttpServer extends AsyncDisposable {
  /** Where it can be reached from this machine, without a slash at the end. */
  readonly url: string;
  /**
   * Takes no more connections, lets requests end, and cuts off what has not ended by the
   * deadline. Event streams end when the app's `closing` signal aborts: abort it before.
   */
  close(deadlineMs: number): Promise<void>;
}

/** Open connections are cut off after this, milliseconds, when a server is only disposed of. */
const DISPOSE_DEADLINE_MS = 1_000;

/**
 * How long a connection that carries nothing is kept. Longer than clients and proxies keep theirs: a request that is sent
 * while we close is lost, and looks like a server that is away.
 */
const KEEP_ALIVE_MS = 65_000;

/** @throws {Fault} `port_in_use`, `bad_setting` when the address is not one of this machine */
export async function listen(options: ListenOptions): Promise<HttpServer> {
  const server = createAdaptorServer({ fetch: options.fetch }) as Server;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  const quiet = quietSockets(server);
  await started(server, options);
  const { port } = server.address() as AddressInfo;
  let closed: Promise<void> | undefined;
  const close = (deadlineMs: number) => closed ??= closeServer(server, quiet, deadlineMs);
  return {
    url: `http://${reachableHost(options.host)}:${port}`,
    close,
    [Symbol.asyncDispose]: () => close(DISPOSE_DEADLINE_MS),
  };
}

/** The link that opens the dashboard signed in. A fragment is never sent to a server nor written to its log. */
export function dashboardLink(url: string, token: string): string {
  return `${url}/#token=${encodeURIComponent(token)}`;
}

function started(server: Server, { host, port }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(cannotListen(error, `${host}:${port}`));
    });
    server.listen(port, host, () => {
      server.removeAllListeners("error");
      resolve();
    });
  });
}

function cannotListen(error: NodeJS.ErrnoException, address: string): Fault {
  if (error.code === "EADDRINUSE") {
    return new Fault(
      "port_in_use",
      `Cannot listen on ${address}: something else does; set KANADE_BIND to another address`,
      { cause: error },
    );
  }
  return new Fault("bad_setting", `Cannot listen on ${address}: ${messageOf(error)}`, {
    cause: error,
  });
}

/**
 * The connections that carry no request now. Node's own `closeIdleConnections` leaves those open
 * that never carried one, such as the spare ones that browsers make.
 */
function quietSockets(server: Server): ReadonlySet<Socket> {
  const quiet = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    quiet.add(socket);
    socket.once("close", () => quiet.delete(socket));
  });
  server.on("request", ({ socket }, response) => {
    quiet.delete(socket);
    response.once("close", () => {
      if (!server.listening) socket.end();
      else if (!socket.destroyed) quiet.add(socket);
    });
  });
  return quiet;
}

async function closeServer(
  server: Server,
  quiet: ReadonlySet<Socket>,
  deadlineMs: number,
): Promise<void> {
  const ended = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const socket of quiet) socket.destroy();
  const deadline = setTimeout(() => server.closeAllConnections(), deadlineMs);
  await ended;
  clearTimeout(deadline);
}

function reachableHost(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}
