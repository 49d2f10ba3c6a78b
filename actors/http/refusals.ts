/** Refused calls in the audit log: who wanted what, and why not. */
import { Fault, messageOf } from "../../wire/fault.ts";
import type { Clock } from "../system/clock.ts";
import { ANYBODY, type Caller, NOBODY } from "./auth.ts";
import { statusOf } from "./problems.ts";
import type { Route } from "./route.ts";
import type { HttpServices } from "./services.ts";

/** Rows that callers who did not sign in may make in a minute; what is beyond them is only counted. */
const ROWS_OF_STRANGERS = 60;
const WINDOW_MS = 60_000;
/** Of a path or a message that is kept, characters. */
const MOST_KEPT = 300;

export interface RefusedCall {
  readonly route: Route;
  readonly caller: Caller;
  /** Without its query. */
  readonly path: string;
}

/**
 * Leaves one row for each call that would have changed something and was refused, and for each read that the caller's
 * role or page does not allow. What failed and may be tried again is no refusal.
 */
export class Refusals {
  readonly #services: Pick<HttpServices, "changes" | "clock" | "log">;
  readonly #ofStrangers: Window;

  constructor(services: Pick<HttpServices, "changes" | "clock" | "log">) {
    this.#services = services;
    this.#ofStrangers = new Window(services.clock);
  }

  /** The answer does not depend on it: while the row cannot be written, the log says so. */
  async remember({ route, caller, path }: RefusedCall, thrown: unknown): Promise<void> {
    if (!(thrown instanceof Fault) || !isRefusal(route, thrown)) return;
    const unrecorded = isStranger(caller) ? this.#ofStrangers.take() : 0;
    const { changes, log } = this.#services;
    try {
      const entry = {
        actor: caller.name,
        action: "refused",
        target: `${route.method} ${path.slice(0, MOST_KEPT)}`,
        payload: {
          route: `${route.method} ${route.path}`,
          code: thrown.code,
          detail: thrown.message.slice(0, MOST_KEPT),
          ...(unrecorded ? { unrecorded_before: unrecorded } : {}),
        },
      };
      await changes.refused(thrown, unrecorded === undefined ? null : entry);
    } catch (failure) {
      log.warn("refusal not recorded", { route: route.path, error: messageOf(failure) });
    }
  }
}

function isStranger(caller: Caller): boolean {
  return caller === NOBODY || caller === ANYBODY;
}

function isRefusal({ method }: Route, fault: Fault): boolean {
  if (fault.code === "forbidden") return true;
  return method !== "GET" && statusOf(fault) < 500 && !fault.retryable;
}

/** So many in a minute. */
class Window {
  readonly #clock: Clock;
  #startedAt = 0;
  #taken = 0;
  #missed = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many were missed since the last one that was not; undefined when this one is, too. */
  take(): number | undefined {
    const now = this.#clock.now();
    if (now - this.#startedAt >= WINDOW_MS) [this.#startedAt, this.#taken] = [now, 0];
    if (this.#taken >= ROWS_OF_STRANGERS) {
      this.#missed += 1;
      return undefined;
    }
    this.#taken += 1;
    const missed = this.#missed;
    this.#missed = 0;
    return missed;
  }
}
