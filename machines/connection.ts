/**
 * The connection to a broker, as the bus sees it.
 *
 * 1. It never gives up by itself: only CLOSED ends it.
 * 2. The wait before the next attempt doubles from 1 s to 60 s, ±25 % (agent.md §3), and starts over after a success.
 */
import { assign, setup } from "xstate";
import { type Backoff, backoffMs } from "./backoff.ts";

export interface ConnectionContext {
  /** Attempts that failed since the connection was lost. */
  readonly failedAttempts: number;
  /** How long to wait before the next attempt, milliseconds. */
  readonly delayMs: number;
  /** How often it came back after it was lost. */
  readonly reconnects: number;
}

/** `random` is uniform in [0, 1) and spreads the attempts of many clients. */
export type ConnectionEvent =
  | { readonly type: "CONNECTED" }
  | { readonly type: "LOST" }
  | { readonly type: "ATTEMPT_FAILED"; readonly random: number }
  | { readonly type: "CLOSED" };

/** Between attempts (agent.md §3). */
export const RECONNECT_BACKOFF: Backoff = { firstMs: 1_000, longestMs: 60_000 };

export const connectionMachine = setup({
  types: { context: {} as ConnectionContext, events: {} as ConnectionEvent },
  actions: {
    countFailedAttempt: assign(({ context, event }) => {
      if (event.type !== "ATTEMPT_FAILED") return {};
      const failedAttempts = context.failedAttempts + 1;
      return {
        failedAttempts,
        delayMs: backoffMs(RECONNECT_BACKOFF, failedAttempts, event.random),
      };
    }),
    startOver: assign({ failedAttempts: 0, delayMs: 0 }),
    countReconnect: assign({ reconnects: ({ context }) => context.reconnects + 1 }),
  },
}).createMachine({
  id: "connection",
  context: { failedAttempts: 0, delayMs: 0, reconnects: 0 },
  initial: "connecting",
  states: {
    connecting: {
      on: {
        CONNECTED: { target: "connected", actions: "startOver" },
        ATTEMPT_FAILED: { actions: "countFailedAttempt" },
        CLOSED: "closed",
      },
    },
    connected: { on: { LOST: "reconnecting", CLOSED: "closed" } },
    reconnecting: {
      on: {
        CONNECTED: { target: "connected", actions: ["startOver", "countReconnect"] },
        ATTEMPT_FAILED: { actions: "countFailedAttempt" },
        CLOSED: "closed",
      },
    },
    closed: { type: "final" },
  },
});

/** Events that a state takes without any effect; the audit of machines reads it. */
export const IGNORED = {
  connecting: ["LOST"],
  connected: ["CONNECTED", "ATTEMPT_FAILED"],
  reconnecting: ["LOST"],
} as const;
