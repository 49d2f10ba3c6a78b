/** Where our broker listens, and how it is found from here and from elsewhere. */
import { createServer } from "node:net";
import { hostname as machineName } from "node:os";
import { Fault } from "../wire/fault.ts";
import { isLoopback } from "./loopback.ts";

export interface BrokerAddress {
  readonly hostname: string;
  readonly port: number;
}

const LOOPBACK = "127.0.0.1";
const DEFAULT_PORT = 4222;

/**
 * The address to listen on: the one that was asked for, else a port of loopback.
 *
 * @throws {Fault} `port_in_use` when the one that was asked for, and that agents were told of, cannot be had
 */
export async function chooseAddress(
  { bind, port = DEFAULT_PORT }: { readonly bind?: BrokerAddress; readonly port?: number },
): Promise<BrokerAddress> {
  if (bind === undefined) return { hostname: LOOPBACK, port: await freePort(port) };
  const free = await probe(bind.port, bind.hostname);
  if (free !== undefined) return { hostname: bind.hostname, port: free };
  throw new Fault(
    "port_in_use",
    `Cannot start the broker on ${bind.hostname}:${bind.port}: it is taken, or no address of this machine; ` +
      "set KANADE_NATS_BIND to another one",
  );
}

/** How a broker is spoken to; `tls` = never without encryption. */
export type BrokerScheme = "nats" | "tls";

/** Such as `nats://127.0.0.1:4222`: where this machine finds it. */
export function urlHere({ hostname, port }: BrokerAddress, scheme: BrokerScheme): string {
  return urlOf(scheme, isWildcard(hostname) ? LOOPBACK : hostname, port);
}

/** Where other machines find it; null = it listens for this one only. */
export function urlElsewhere(
  { hostname, port }: BrokerAddress,
  scheme: BrokerScheme,
): string | null {
  if (isLoopback(hostname)) return null;
  return urlOf(scheme, isWildcard(hostname) ? machineName() : hostname, port);
}

function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

function urlOf(scheme: BrokerScheme, host: string, port: number): string {
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** That port of loopback, or any other one when it is taken. */
async function freePort(wanted: number): Promise<number> {
  return await probe(wanted, LOOPBACK) ?? await probe(0, LOOPBACK) ?? wanted;
}

function probe(port: number, host: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(port, host, () => {
      const { port: taken } = server.address() as { readonly port: number };
      server.close(() => resolve(taken));
    });
  });
}
