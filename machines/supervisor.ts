/**
 * One supervised node: an actor, or a group of them. Each node of the tree is one of these.
 *
 * 1. It is started again after every failure, after a wait that doubles from 0.1 s to 30 s, ±25 %.
 * 2. The wait starts over once it has been running for 60 s.
 * 3. More failures than the limit within its window: it gives up, and its parent has failed.
 * 4. Asked to stop, it is never started again.
 *
 * Time and chance come in events. What to do is emitted; whoever runs the node does it.
 */
import { assign, emit, setup } from "xstate";
import { type Backoff, backoffMs } from "./backoff.ts";

export interface SupervisedInput {
  /** More failures than `atMost` within so many milliseconds are too many. */
  readonly withinMs: number;
  readonly atMost: number;
}

export interface SupervisedContext extends SupervisedInput {
  /** When it failed, within the window; milliseconds since the epoch, oldest first. */
  readonly failuresAt: readonly number[];
  /** Failures since it last ran for long enough; decides the next wait. */
  readonly failuresInARow: number;
  readonly restarts: number;
  /** Since when it does its work; null when it does not. */
  readonly runningSince: number | null;
  readonly delayMs: number;
  readonly lastFailure: string | null;
}

/** `at`: milliseconds since the epoch; `random`: uniform in [0, 1). */
export type SupervisedEvent =
  | { readonly type: "READY"; readonly at: number }
  | Failed
  | { readonly type: "RESTART_DUE" }
  | { readonly type: "STOP" }
  | { readonly type: "STOPPED" };

interface Failed {
  readonly type: "FAILED";
  readonly at: number;
  readonly random: number;
  readonly reason: string;
}

/** START it; WAIT so long and send RESTART_DUE; END what runs and send STOPPED; GIVE_UP: tell the parent. */
export type SupervisedEffect =
  | { readonly type: "START" }
  | { readonly type: "WAIT"; readonly delayMs: number }
  | { readonly type: "END" }
  | { readonly type: "GIVE_UP" };

/** Between a failure and the next start. */
export const RESTART_BACKOFF: Backoff = { firstMs: 100, longestMs: 30_000 };
/** Running for so long makes earlier failures no longer count for the wait. */
export const HEALTHY_AFTER_MS = 60_000;

function withFailure(context: SupervisedContext, failed: Failed): Partial<SupervisedContext> {
  const { runningSince } = context;
  const wasHealthy = runningSince !== null && failed.at - runningSince >= HEALTHY_AFTER_MS;
  const failuresInARow = (wasHealthy ? 0 : context.failuresInARow) + 1;
  return {
    failuresAt: failuresInWindow(context, failed.at),
    failuresInARow,
    runningSince: null,
    delayMs: backoffMs(RESTART_BACKOFF, failuresInARow, failed.random),
    lastFailure: failed.reason,
  };
}

/** Those that count at that time, the one of that time included. */
function failuresInWindow(context: SupervisedContext, at: number): readonly number[] {
  return [...context.failuresAt.filter((each) => at - each < context.withinMs), at];
}

export const supervisedMachine = setup({
  types: {
    input: {} as SupervisedInput,
    context: {} as SupervisedContext,
    events: {} as SupervisedEvent,
    emitted: {} as SupervisedEffect,
  },
  actions: {
    noteFailure: assign(({ context }, failed: Failed) => withFailure(context, failed)),
    noteReady: assign({ runningSince: (_, at: number) => at }),
    countRestart: assign({ restarts: ({ context }) => context.restarts + 1 }),
    noteIdle: assign({ runningSince: null }),
    start: emit({ type: "START" }),
    wait: emit(({ context }) => ({ type: "WAIT", delayMs: context.delayMs }) as const),
    end: emit({ type: "END" }),
    giveUp: emit({ type: "GIVE_UP" }),
  },
  guards: {
    tooOften: ({ context }, at: number) => failuresInWindow(context, at).length > context.atMost,
  },
}).createMachine({
  id: "supervisor",
  context: ({ input }) => ({
    ...input,
    failuresAt: [],
    failuresInARow: 0,
    restarts: 0,
    runningSince: null,
    delayMs: 0,
    lastFailure: null,
  }),
  initial: "active",
  states: {
    active: {
      initial: "starting",
      on: {
        FAILED: [
          {
            guard: { type: "tooOften", params: ({ event }) => event.at },
            target: "gaveUp",
            actions: { type: "noteFailure", params: ({ event }) => event },
          },
          {
            target: "backingOff",
            actions: { type: "noteFailure", params: ({ event }) => event },
          },
        ],
        STOP: "stopping",
      },
      states: {
        starting: {
          entry: "start",
          on: {
            READY: {
              target: "running",
              actions: { type: "noteReady", params: ({ event }) => event.at },
            },
          },
        },
        running: {},
      },
    },
    backingOff: {
      entry: "wait",
      on: {
        RESTART_DUE: { target: "active", actions: "countRestart" },
        STOP: "stopped",
      },
    },
    stopping: { entry: ["noteIdle", "end"], on: { STOPPED: "stopped" } },
    stopped: { type: "final" },
    gaveUp: { type: "final", entry: "giveUp" },
  },
});

/** What somebody who looks at the tree is told. */
export type SupervisedState =
  | "starting"
  | "running"
  | "backing off"
  | "stopping"
  | "stopped"
  | "gave up";

const STATE_NAMES: Readonly<Record<string, SupervisedState>> = {
  backingOff: "backing off",
  stopping: "stopping",
  stopped: "stopped",
  gaveUp: "gave up",
};

/** The state's name for people. @param value the snapshot's value: `{active: "running"}`, `"backingOff"` */
export function supervisedStateOf(value: unknown): SupervisedState {
  if (typeof value === "string") return STATE_NAMES[value] ?? "starting";
  return (value as { readonly active: "starting" | "running" }).active;
}

/** Events that a state takes without any effect; the audit of machines reads it. */
export const IGNORED = {
  "active.starting": ["RESTART_DUE", "STOPPED"],
  // Ready twice is ready.
  "active.running": ["READY", "RESTART_DUE", "STOPPED"],
  // What ended late says nothing any more.
  backingOff: ["READY", "FAILED", "STOPPED"],
  stopping: ["READY", "FAILED", "RESTART_DUE", "STOP"],
};
