import { assign, setup } from "xstate";

/**
 * One file of an outbox on its way to the broker (agent.md §2).
 *
 * 1. Only REJECTED, the broker's refusal of this very message, counts; a lost connection never does.
 * 2. After `MAX_REJECTIONS` the entry is stuck, and only RESTORED brings it back.
 * 3. A file is removed after ACKED alone: `published` is the only state that allows it.
 */

export const MAX_REJECTIONS = 10;

export interface Context {
  readonly rejections: number;
  /** Milliseconds by the clock of REJECTED, which nobody sets; null when it may go at once. */
  readonly retryAt: number | null;
  readonly why: string | null;
}

export type Event =
  | { readonly type: "SEND" }
  | { readonly type: "ACKED" }
  | { readonly type: "LOST" }
  | { readonly type: "REJECTED"; readonly at: number; readonly why: string }
  | { readonly type: "UNREADABLE"; readonly why: string }
  | { readonly type: "RESTORED" };

export const outboxEntry = setup({
  types: { context: {} as Context, events: {} as Event },
  actions: {
    countRejection: assign({
      rejections: ({ context }) => context.rejections + 1,
      retryAt: ({ context }, rejected: { at: number; why: string }) =>
        rejected.at + backoffMs(context.rejections + 1),
      why: (_, rejected: { at: number; why: string }) => rejected.why,
    }),
    noteWhy: assign({ why: (_, why: string) => why, retryAt: null }),
    forget: assign({ rejections: 0, retryAt: null, why: null }),
  },
  guards: {
    lastChance: ({ context }) => context.rejections + 1 >= MAX_REJECTIONS,
  },
}).createMachine({
  id: "outbox_entry",
  context: { rejections: 0, retryAt: null, why: null },
  initial: "waiting",
  states: {
    waiting: { on: { SEND: "sending" } },
    sending: {
      on: {
        ACKED: "published",
        LOST: "waiting",
        REJECTED: [
          {
            guard: "lastChance",
            target: "stuck",
            actions: { type: "noteWhy", params: ({ event }) => event.why },
          },
          {
            target: "backing_off",
            actions: { type: "countRejection", params: ({ event }) => event },
          },
        ],
        UNREADABLE: {
          target: "stuck",
          actions: { type: "noteWhy", params: ({ event }) => event.why },
        },
      },
    },
    backing_off: { on: { SEND: "sending" } },
    stuck: { on: { RESTORED: { target: "waiting", actions: "forget" } } },
    published: { type: "final" },
  },
});

/** 1, 2, 4 … 256 seconds after the 1st, 2nd … 9th rejection. */
export function backoffMs(rejections: number): number {
  return 1_000 * 2 ** Math.min(rejections - 1, 8);
}

const ANSWERS = ["ACKED", "LOST", "REJECTED", "UNREADABLE"] as const;

/** Events that a state takes without any effect; the audit of machines reads it. */
export const IGNORED = {
  waiting: [...ANSWERS, "RESTORED"],
  sending: ["SEND", "RESTORED"],
  backing_off: [...ANSWERS, "RESTORED"],
  stuck: [...ANSWERS, "SEND"],
} as const;
