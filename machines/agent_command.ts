import { assign, emit, setup } from "xstate";
import type { OutcomeReason } from "../wire/exec_result.ts";

/**
 * One command on one endpoint, from its bytes to its result (agent.md §1).
 *
 * 1. Nothing is spawned before ADMITTED and START_RECORDED: both mean "on disk".
 * 2. A kill latches: once seen, no state leads to a (further) spawn.
 * 3. Every admitted command reaches `reporting` exactly once, or is `suspended` with its record open.
 * 4. A command that was interrupted by a crash is reported, never spawned again.
 * 5. The gates are looked at before the first wait and after every one: jitter, slot, back-off.
 *
 * Effects leave as emitted events and come back as events; the machine waits for nothing by itself.
 */

/** How a command ended, before it is put into an ExecResult. */
export type Ending =
  | { readonly kind: "exited"; readonly exitCode: number }
  | { readonly kind: "signalled"; readonly signal: string }
  | { readonly kind: "skipped"; readonly exitCode: number; readonly why: string }
  | { readonly kind: "failed"; readonly reason: OutcomeReason; readonly why: string };

export interface Input {
  /** Whole seconds, already drawn from [0, jitter_secs). */
  readonly jitterSecs: number;
  readonly timeoutSecs: number;
  readonly retriesMax: number;
  readonly retryBackoffSecs: number;
}

export interface Context extends Input {
  readonly killed: boolean;
  /** What ends the present attempt, when it is not the script itself. */
  readonly cause: Ending | null;
  /** Spawns so far. */
  readonly attempt: number;
  readonly ending: Ending | null;
}

export type Event =
  | { readonly type: "ADMITTED" }
  | { readonly type: "DUPLICATE" }
  | { readonly type: "CONFLICT" }
  | { readonly type: "UNWRITABLE" }
  | { readonly type: "INTERRUPTED"; readonly why: string }
  | { readonly type: "GATES_OPEN" }
  | { readonly type: "GATE_CLOSED"; readonly ending: Ending }
  | { readonly type: "SLEPT" }
  | { readonly type: "SLOT_GRANTED"; readonly waited: boolean }
  | { readonly type: "START_RECORDED" }
  | { readonly type: "ENDED"; readonly ending: Ending }
  | { readonly type: "TIMED_OUT" }
  | { readonly type: "KILL" }
  | { readonly type: "STOP" }
  | { readonly type: "STOP_NOW" }
  | { readonly type: "REPORTED" };

export type Effect =
  | { readonly type: "ADMIT" }
  | { readonly type: "CHECK_GATES" }
  | { readonly type: "SLEEP"; readonly seconds: number }
  | { readonly type: "TAKE_SLOT" }
  | { readonly type: "RECORD_KILL" }
  | { readonly type: "RECORD_START" }
  | { readonly type: "SPAWN"; readonly attempt: number }
  | { readonly type: "END_TREE" }
  | {
    readonly type: "ANNOUNCE_RETRY";
    readonly attempt: number;
    readonly ending: Ending | null;
    readonly seconds: number;
  }
  | { readonly type: "ANNOUNCE_LAST"; readonly why: Ending }
  | { readonly type: "REPORT"; readonly ending: Ending };

const KILLED_BEFORE: Ending = {
  kind: "failed",
  reason: "killed",
  why: "killed before it started",
};
const KILLED_DURING: Ending = { kind: "failed", reason: "killed", why: "killed while it ran" };
const KILLED_BETWEEN: Ending = {
  kind: "failed",
  reason: "killed",
  why: "killed while it waited for its next attempt",
};
const STOPPED: Ending = {
  kind: "failed",
  reason: "killed",
  why: "ended because the agent was stopped",
};

export const agentCommand = setup({
  types: {
    input: {} as Input,
    context: {} as Context,
    events: {} as Event,
    emitted: {} as Effect,
  },
  actions: {
    admit: emit({ type: "ADMIT" }),
    checkGates: emit({ type: "CHECK_GATES" }),
    sleepJitter: emit(({ context }) => ({ type: "SLEEP", seconds: context.jitterSecs })),
    sleepBackoff: emit(({ context }) => ({ type: "SLEEP", seconds: context.retryBackoffSecs })),
    takeSlot: emit({ type: "TAKE_SLOT" }),
    recordKill: emit({ type: "RECORD_KILL" }),
    recordStart: emit({ type: "RECORD_START" }),
    spawn: emit(({ context }) => ({ type: "SPAWN", attempt: context.attempt })),
    endTree: emit({ type: "END_TREE" }),
    announceRetry: emit(({ context }) => ({
      type: "ANNOUNCE_RETRY",
      attempt: context.attempt,
      ending: context.ending,
      seconds: context.retryBackoffSecs,
    })),
    announceLast: emit((_, why: Ending) => ({ type: "ANNOUNCE_LAST", why })),
    report: emit(({ context }) => ({
      type: "REPORT",
      ending: context.ending ??
        { kind: "failed", reason: "spawn_failed", why: "it ended without an ending" },
    })),
    latchKill: assign({ killed: true }),
    countAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
    endAs: assign({ ending: (_, ending: Ending) => ending }),
    causeIs: assign({ cause: (_, cause: Ending) => cause }),
    endByCause: assign({ ending: ({ context }) => context.cause, cause: null }),
  },
  guards: {
    killed: ({ context }) => context.killed,
    jittered: ({ context }) => context.jitterSecs > 0,
    waited: (_, waited: boolean) => waited,
    isKill: (_, ending: Ending) => ending.kind === "failed" && ending.reason === "killed",
    retriesTimeout: ({ context }) =>
      context.cause?.kind === "failed" && context.cause.reason === "timed_out" &&
      context.attempt <= context.retriesMax,
    failedAndRetries: ({ context }, ending: Ending) =>
      !context.killed && context.attempt <= context.retriesMax &&
      (ending.kind === "signalled" || (ending.kind === "exited" && ending.exitCode !== 0)),
  },
}).createMachine({
  id: "agent_command",
  context: ({ input }) => ({ ...input, killed: false, cause: null, attempt: 0, ending: null }),
  initial: "received",
  states: {
    received: {
      entry: "admit",
      on: {
        ADMITTED: [
          {
            guard: "killed",
            target: "reporting",
            actions: ["recordKill", { type: "endAs", params: KILLED_BEFORE }],
          },
          { target: "unstarted" },
        ],
        INTERRUPTED: {
          target: "reporting",
          actions: {
            type: "endAs",
            params: ({ event }) => ({
              kind: "failed",
              reason: "agent_restarted",
              why: event.why,
            }),
          },
        },
        DUPLICATE: "duplicate",
        CONFLICT: "refused",
        UNWRITABLE: "refused",
        KILL: { actions: "latchKill" },
      },
    },
    unstarted: {
      initial: "admitted",
      on: {
        GATE_CLOSED: {
          target: "reporting",
          actions: { type: "endAs", params: ({ event }) => event.ending },
        },
        KILL: {
          target: "reporting",
          actions: ["latchKill", "recordKill", { type: "endAs", params: KILLED_BEFORE }],
        },
        STOP: "suspended",
      },
      states: {
        admitted: {
          entry: "checkGates",
          on: { GATES_OPEN: [{ guard: "jittered", target: "waiting" }, { target: "queued" }] },
        },
        waiting: {
          initial: "sleeping",
          states: {
            sleeping: { entry: "sleepJitter", on: { SLEPT: "checking" } },
            checking: {
              entry: "checkGates",
              on: { GATES_OPEN: "#agent_command.unstarted.queued" },
            },
          },
        },
        queued: {
          initial: "in_line",
          states: {
            in_line: {
              entry: "takeSlot",
              on: {
                SLOT_GRANTED: [
                  {
                    guard: { type: "waited", params: ({ event }) => event.waited },
                    target: "checking",
                  },
                  { target: "#agent_command.running" },
                ],
              },
            },
            checking: { entry: "checkGates", on: { GATES_OPEN: "#agent_command.running" } },
          },
        },
      },
    },
    running: {
      initial: "recording",
      states: {
        recording: {
          entry: "recordStart",
          on: {
            START_RECORDED: [
              {
                guard: "killed",
                target: "#agent_command.reporting",
                actions: { type: "endAs", params: KILLED_BEFORE },
              },
              { target: "alive" },
            ],
            KILL: { actions: ["latchKill", "recordKill"] },
            STOP_NOW: { actions: "latchKill" },
          },
        },
        alive: {
          entry: ["countAttempt", "spawn"],
          on: {
            ENDED: [
              {
                guard: { type: "failedAndRetries", params: ({ event }) => event.ending },
                target: "backing_off",
                actions: { type: "endAs", params: ({ event }) => event.ending },
              },
              {
                target: "#agent_command.reporting",
                actions: { type: "endAs", params: ({ event }) => event.ending },
              },
            ],
            TIMED_OUT: {
              target: "ending",
              actions: {
                type: "causeIs",
                params: ({ context }) => ({
                  kind: "failed",
                  reason: "timed_out",
                  why: `timed out after ${context.timeoutSecs} s`,
                }),
              },
            },
            KILL: {
              target: "ending",
              actions: ["latchKill", "recordKill", { type: "causeIs", params: KILLED_DURING }],
            },
            STOP_NOW: {
              target: "ending",
              actions: ["latchKill", { type: "causeIs", params: STOPPED }],
            },
          },
        },
        ending: {
          entry: "endTree",
          on: {
            ENDED: [
              { guard: "retriesTimeout", target: "backing_off", actions: "endByCause" },
              { target: "#agent_command.reporting", actions: "endByCause" },
            ],
            KILL: {
              actions: ["latchKill", "recordKill", { type: "causeIs", params: KILLED_DURING }],
            },
            STOP_NOW: { actions: ["latchKill", { type: "causeIs", params: STOPPED }] },
          },
        },
        backing_off: {
          entry: ["announceRetry", "sleepBackoff"],
          on: {
            SLEPT: "checking",
            KILL: {
              target: "#agent_command.reporting",
              actions: ["latchKill", "recordKill", { type: "endAs", params: KILLED_BETWEEN }],
            },
            STOP_NOW: "#agent_command.reporting",
          },
        },
        // It has run, so what a closed gate ends is the trying: the last attempt says how it went.
        checking: {
          entry: "checkGates",
          on: {
            GATES_OPEN: "alive",
            GATE_CLOSED: [
              {
                guard: { type: "isKill", params: ({ event }) => event.ending },
                target: "#agent_command.reporting",
                actions: ["latchKill", "recordKill", { type: "endAs", params: KILLED_BETWEEN }],
              },
              {
                target: "#agent_command.reporting",
                actions: { type: "announceLast", params: ({ event }) => event.ending },
              },
            ],
            KILL: {
              target: "#agent_command.reporting",
              actions: ["latchKill", "recordKill", { type: "endAs", params: KILLED_BETWEEN }],
            },
            STOP_NOW: "#agent_command.reporting",
          },
        },
      },
    },
    reporting: { entry: "report", on: { REPORTED: "done" } },
    done: { type: "final" },
    duplicate: { type: "final" },
    refused: { type: "final" },
    suspended: { type: "final" },
  },
});

/** What answers an effect is heard only where the effect was asked for. */
const ADMISSION = ["ADMITTED", "DUPLICATE", "CONFLICT", "UNWRITABLE", "INTERRUPTED"] as const;
const GATES = ["GATES_OPEN", "GATE_CLOSED"] as const;
const ATTEMPT = ["START_RECORDED", "ENDED", "TIMED_OUT"] as const;

/** Events that a state takes without any effect; the audit of machines reads it. */
export const IGNORED = {
  received: [
    "GATES_OPEN",
    "GATE_CLOSED",
    "SLEPT",
    "SLOT_GRANTED",
    "REPORTED",
    "STOP",
    "STOP_NOW",
    ...ATTEMPT,
  ],
  unstarted: [...ADMISSION, ...ATTEMPT, "REPORTED", "STOP_NOW"],
  "unstarted.admitted": ["SLEPT", "SLOT_GRANTED"],
  "unstarted.waiting": ["SLOT_GRANTED"],
  "unstarted.waiting.sleeping": ["GATES_OPEN"],
  "unstarted.waiting.checking": ["SLEPT"],
  "unstarted.queued": ["SLEPT"],
  "unstarted.queued.in_line": ["GATES_OPEN"],
  "unstarted.queued.checking": ["SLOT_GRANTED"],
  running: [...ADMISSION, "SLOT_GRANTED", "REPORTED", "STOP"],
  "running.recording": [...GATES, "SLEPT", "ENDED", "TIMED_OUT"],
  "running.alive": [...GATES, "SLEPT", "START_RECORDED"],
  "running.ending": [...GATES, "SLEPT", "START_RECORDED", "TIMED_OUT"],
  "running.backing_off": [...GATES, ...ATTEMPT],
  "running.checking": [...ATTEMPT, "SLEPT"],
  reporting: [
    ...ADMISSION,
    ...ATTEMPT,
    "GATES_OPEN",
    "GATE_CLOSED",
    "SLEPT",
    "SLOT_GRANTED",
    "KILL",
    "STOP",
    "STOP_NOW",
  ],
} as const;
