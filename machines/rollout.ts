/**
 * One rollout: the waves of one execution, one after the other.
 *
 * 1. A wave begins in `waiting` only, never before its time, and never while something holds it.
 * 2. The next wave is not looked at before the soak of the one before is over and, where there is a limit, everybody who
 *    is at it has ended: what has not ended cannot be judged.
 * 3. A limit that is reached ends the rollout in every state, paused included; counts that fall again change nothing.
 * 4. While it is paused no wave begins. What was begun goes on, and the pause ends where it began or, if its wave has
 *    left meanwhile, in the soak.
 * 5. Nothing comes after `completed` (every wave has left), `stopped` (by itself) and `aborted` (by a person).
 */
import * as v from "valibot";
import { assign, setup, transition } from "xstate";
import { Count } from "../wire/scalars.ts";
import { ROLLOUT_STATUSES, type RolloutStatus } from "../wire/statuses.ts";

const PAUSABLE = ["waiting", "sending", "soaking"] as const;

/** When too much has failed; null = that kind of limit is not set. */
export interface RolloutLimit {
  /** PCs that failed, over all waves. */
  readonly failures: number | null;
  /** PCs that failed, of any one wave. */
  readonly percent: number | null;
}

/** What is known of one wave: PCs whose run failed or was given up count as failures. */
export interface WaveCount {
  readonly wave: number;
  readonly pcs: number;
  readonly failures: number;
}

export interface RolloutInput {
  readonly execId: string;
  /** Of each wave, ms since the epoch: it begins then or later. */
  readonly dueAts: readonly number[];
  readonly soakMs: number;
  readonly limit: RolloutLimit;
}

export interface RolloutContext extends RolloutInput {
  /** The present wave, from 0. */
  readonly wave: number;
  /** Of the present wave, ms since the epoch; null until it has left. */
  readonly soakUntil: number | null;
  /** Why a wave that is due does not begin. */
  readonly held: string | null;
  /** Where the pause began. */
  readonly pausedIn: (typeof PAUSABLE)[number] | null;
  /** Why it ended before its last wave. */
  readonly reason: string | null;
  /** Grows by one with every change: guards each update of the row. */
  readonly rev: number;
}

export type RolloutEvent =
  /** The wave may begin, as far as everything but its time is concerned. */
  | { readonly type: "DUE"; readonly at: number }
  | { readonly type: "HELD"; readonly why: string }
  /** Nothing of the wave is waiting in the outbox any more. */
  | { readonly type: "SENT"; readonly at: number }
  | { readonly type: "SOAKED"; readonly at: number; readonly unjudged: number }
  /** Of the waves that have begun. */
  | { readonly type: "COUNTED"; readonly waves: readonly WaveCount[] }
  | { readonly type: "REVOKED" }
  /** The command's own deadline has passed: no wave would leave any more. */
  | { readonly type: "TOO_LATE" }
  | { readonly type: "PAUSE" }
  | { readonly type: "RESUME" }
  | { readonly type: "ABORT"; readonly by: string }
  /** The execution was killed. */
  | { readonly type: "KILLED"; readonly by: string };

/** Events that a state takes without any effect; the audit of machines reads it. */
export const IGNORED = {
  waiting: ["SENT", "SOAKED", "RESUME"],
  sending: ["DUE", "HELD", "SOAKED", "TOO_LATE", "RESUME"],
  soaking: ["DUE", "HELD", "SENT", "TOO_LATE", "RESUME"],
  paused: ["DUE", "HELD", "SOAKED", "TOO_LATE", "PAUSE"],
} as const;

/** Why the counts end a rollout, or undefined when they do not. */
export function whyOverLimit(
  { failures, percent }: RolloutLimit,
  waves: readonly WaveCount[],
): string | undefined {
  const all = waves.reduce((sum, wave) => sum + wave.failures, 0);
  if (failures !== null && all >= failures) {
    return `${pcs(all)} failed, and the limit is ${failures}`;
  }
  const over = percent === null
    ? undefined
    : waves.find((wave) => wave.failures > 0 && wave.failures * 100 >= percent * wave.pcs);
  if (over === undefined) return undefined;
  return `${over.failures} of ${pcs(over.pcs)} of wave ${
    over.wave + 1
  } failed, and the limit is ${percent} %`;
}

function pcs(count: number): string {
  return count === 1 ? "1 PC" : `${count} PCs`;
}

/** Whether too much can fail at all. */
export function hasLimit({ limit }: Pick<RolloutContext, "limit">): boolean {
  return limit.failures !== null || limit.percent !== null;
}

function isLastWave({ wave, dueAts }: RolloutContext): boolean {
  return wave === dueAts.length - 1;
}

const LIMIT_REACHED = { guard: "isOverLimit", target: "stopped", actions: "noteLimit" } as const;
const REVOKED = { target: "stopped", actions: "noteRevocation" } as const;
const ABORTED = { target: "aborted", actions: "noteAbort" } as const;
const KILLED = { target: "aborted", actions: "noteKill" } as const;
/** What ends a rollout wherever it stands. */
const ENDINGS = {
  COUNTED: LIMIT_REACHED,
  REVOKED,
  ABORT: ABORTED,
  KILLED,
} as const;

export const rolloutMachine = setup({
  types: {
    context: {} as RolloutContext,
    events: {} as RolloutEvent,
    input: {} as RolloutInput,
  },
  guards: {
    isDue: ({ context, event }) =>
      event.type === "DUE" && event.at >= (context.dueAts[context.wave] ?? 0),
    isNews: ({ context, event }) => event.type === "HELD" && event.why !== context.held,
    isLast: ({ context }) => isLastWave(context),
    isSoaked: ({ context, event }) =>
      event.type === "SOAKED" && event.at >= (context.soakUntil ?? 0) &&
      (event.unjudged === 0 || !hasLimit(context)),
    isOverLimit: ({ context, event }) =>
      event.type === "COUNTED" && whyOverLimit(context.limit, event.waves) !== undefined,
    pausedInWaiting: ({ context }) => context.pausedIn === "waiting",
    pausedInSending: ({ context }) => context.pausedIn === "sending",
    lastPausedInSending: ({ context }) => context.pausedIn === "sending" && isLastWave(context),
  },
  actions: {
    count: assign(({ context }) => ({ rev: context.rev + 1 })),
    begin: assign(({ context }) => ({ held: null, rev: context.rev + 1 })),
    hold: assign(({ context, event }) => ({
      held: event.type === "HELD" ? event.why : null,
      rev: context.rev + 1,
    })),
    soak: assign(({ context, event }) => ({
      soakUntil: event.type === "SENT" ? event.at + context.soakMs : null,
      rev: context.rev + 1,
    })),
    soakInPause: assign(({ context, event }) => ({
      soakUntil: event.type === "SENT" ? event.at + context.soakMs : null,
      pausedIn: "soaking",
      rev: context.rev + 1,
    })),
    takeNext: assign(({ context }) => ({
      wave: context.wave + 1,
      soakUntil: null,
      rev: context.rev + 1,
    })),
    pauseWaiting: assign(({ context }) => ({ pausedIn: "waiting", rev: context.rev + 1 })),
    pauseSending: assign(({ context }) => ({ pausedIn: "sending", rev: context.rev + 1 })),
    pauseSoaking: assign(({ context }) => ({ pausedIn: "soaking", rev: context.rev + 1 })),
    goOn: assign(({ context }) => ({ pausedIn: null, rev: context.rev + 1 })),
    noteLimit: assign(({ context, event }) => ({
      reason: event.type === "COUNTED" ? whyOverLimit(context.limit, event.waves) ?? null : null,
      rev: context.rev + 1,
    })),
    noteRevocation: assign(({ context }) => ({
      reason: "its job is revoked",
      rev: context.rev + 1,
    })),
    noteDeadline: assign(({ context }) => ({
      reason: "the deadline of its command has passed",
      rev: context.rev + 1,
    })),
    noteAbort: assign(({ context, event }) => ({
      reason: event.type === "ABORT" ? `aborted by ${event.by}` : null,
      rev: context.rev + 1,
    })),
    noteKill: assign(({ context, event }) => ({
      reason: event.type === "KILLED" ? `its execution was killed by ${event.by}` : null,
      rev: context.rev + 1,
    })),
  },
}).createMachine({
  id: "rollout",
  context: ({ input }) => ({
    ...input,
    wave: 0,
    soakUntil: null,
    held: null,
    pausedIn: null,
    reason: null,
    rev: 0,
  }),
  initial: "waiting",
  states: {
    waiting: {
      on: {
        ...ENDINGS,
        DUE: { guard: "isDue", target: "sending", actions: "begin" },
        HELD: { guard: "isNews", actions: "hold" },
        TOO_LATE: { target: "stopped", actions: "noteDeadline" },
        PAUSE: { target: "paused", actions: "pauseWaiting" },
      },
    },
    sending: {
      on: {
        ...ENDINGS,
        SENT: [
          { guard: "isLast", target: "completed", actions: "count" },
          { target: "soaking", actions: "soak" },
        ],
        PAUSE: { target: "paused", actions: "pauseSending" },
      },
    },
    soaking: {
      on: {
        ...ENDINGS,
        SOAKED: { guard: "isSoaked", target: "waiting", actions: "takeNext" },
        PAUSE: { target: "paused", actions: "pauseSoaking" },
      },
    },
    paused: {
      on: {
        ...ENDINGS,
        SENT: [
          { guard: "lastPausedInSending", target: "completed", actions: "goOn" },
          { guard: "pausedInSending", actions: "soakInPause" },
        ],
        RESUME: [
          { guard: "pausedInWaiting", target: "waiting", actions: "goOn" },
          { guard: "pausedInSending", target: "sending", actions: "goOn" },
          { target: "soaking", actions: "goOn" },
        ],
      },
    },
    completed: { type: "final" },
    stopped: { type: "final" },
    aborted: { type: "final" },
  },
});

/** The saved form of a rollout: its row. */
export const SavedRollout = v.object({
  execId: v.string(),
  dueAts: v.pipe(v.array(v.number()), v.minLength(1), v.readonly()),
  soakMs: Count,
  limit: v.object({ failures: v.nullable(Count), percent: v.nullable(v.number()) }),
  wave: Count,
  soakUntil: v.nullable(v.number()),
  held: v.nullable(v.string()),
  pausedIn: v.nullable(v.picklist(PAUSABLE)),
  reason: v.nullable(v.string()),
  rev: Count,
  status: v.picklist(ROLLOUT_STATUSES),
});
export type SavedRollout = v.InferOutput<typeof SavedRollout>;

/** A rollout as it begins. */
export function newRollout(input: RolloutInput): SavedRollout {
  return {
    ...input,
    wave: 0,
    soakUntil: null,
    held: null,
    pausedIn: null,
    reason: null,
    rev: 0,
    status: "waiting",
  };
}

/** Whether nothing comes after this state. */
export function isOver(status: RolloutStatus): boolean {
  return status === "completed" || status === "stopped" || status === "aborted";
}

/**
 * A saved rollout after an event; undefined when that changes nothing.
 *
 * @throws {TypeError} when the saved form no longer fits: an unknown state would ignore events
 */
export function stepRollout(saved: SavedRollout, event: RolloutEvent): SavedRollout | undefined {
  const parsed = v.safeParse(SavedRollout, saved);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new TypeError(
      `Cannot restore the rollout ${saved.execId} at ${v.getDotPath(issue)}: ${issue.message}`,
    );
  }
  const { status, ...context } = parsed.output;
  if (isOver(status)) return undefined;
  const before = rolloutMachine.resolveState({ value: status, context });
  const [after] = transition(rolloutMachine, before, event);
  if (after.context.rev === context.rev) return undefined;
  return { ...after.context, status: after.value };
}
