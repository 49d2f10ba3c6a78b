/** What systemd is told of a service that it watches (sd_notify(3)): that its event loop still turns. */
import { execFile } from "node:child_process";
import process from "node:process";
import type { Log } from "../actors/log.ts";
import { messageOf } from "../wire/fault.ts";
import type { Environment } from "./environment.ts";

/**
 * Says so at twice the pace that systemd asks for, as its manual advises, until the process ends; does nothing where
 * nobody asks. By a child, because Node has no datagram sockets of the kind that systemd listens on.
 */
export function feedWatchdog(environment: Environment, log: Log): void {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: within, WATCHDOG_PID: pid, PATH: path } =
    environment;
  const withinMs = Number(within) / 1_000;
  if (socket === undefined || !(withinMs > 0)) return;
  if (pid !== undefined && Number(pid) !== process.pid) return;
  const feed = () => {
    const env = { NOTIFY_SOCKET: socket, ...(path === undefined ? {} : { PATH: path }) };
    execFile("systemd-notify", ["WATCHDOG=1"], { env, timeout: withinMs / 2 }, (error) => {
      if (error !== null) log.warn("cannot feed the watchdog", { why: messageOf(error) });
    });
  };
  feed();
  setInterval(feed, withinMs / 2).unref();
}
