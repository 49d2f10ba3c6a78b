import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";

/** The address that a request comes from; undefined where no socket is behind it. */
export function peerOf(c: Context): string | undefined {
  const { incoming } = (c.env ?? {}) as Partial<HttpBindings>;
  // A socket of IPv6 says IPv4 addresses in its own way.
  return incoming?.socket.remoteAddress?.replace(/^::ffff:/, "");
}
