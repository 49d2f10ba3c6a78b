/**
 * The reaper (execution-semantics.md §5): waits, sweeps what is due in chunks, waits again.
 *
 * 1. It sweeps only while it is allowed to: a broker that is away, a catch-up or a rebuild holds it back, with the reason.
 * 2. A chunk that was full is followed by another; one that was not ends the sweep.
 */
import { assign, setup } from "xstate";

export interface ReaperContext {
  readonly sweeps: number;
  /** Rows that the present or the last sweep has ended. */
  readonly reaped: number;
  /** Why the last sweep did not happen or did not finish; null = it did. */
  readonly heldBack: string | null;
}

export type ReaperEvent =
  | { readonly type: "DUE" }
  | { readonly type: "HELD_BACK"; readonly reason: string }
  | { readonly type: "CHUNK_REAPED"; readonly rows: number; readonly full: boolean };

/** Events that a state takes without any effect; the audit of machines reads it. */
export const IGNORED = {
  waiting: ["HELD_BACK", "CHUNK_REAPED"],
  sweeping: ["DUE"],
} as const;

export const reaperMachine = setup({
  types: { context: {} as ReaperContext, events: {} as ReaperEvent },
  guards: {
    chunkWasFull: ({ event }) => event.type === "CHUNK_REAPED" && event.full,
  },
  actions: {
    beginSweep: assign(({ context }) => ({
      sweeps: context.sweeps + 1,
      reaped: 0,
      heldBack: null,
    })),
    addChunk: assign(({ context, event }) => ({
      reaped: context.reaped + (event.type === "CHUNK_REAPED" ? event.rows : 0),
    })),
    noteReason: assign(({ event }) => ({
      heldBack: event.type === "HELD_BACK" ? event.reason : null,
    })),
  },
}).createMachine({
  id: "reaper",
  context: { sweeps: 0, reaped: 0, heldBack: null },
  initial: "waiting",
  states: {
    waiting: { on: { DUE: { target: "sweeping", actions: "beginSweep" } } },
    sweeping: {
      on: {
        HELD_BACK: { target: "waiting", actions: "noteReason" },
        CHUNK_REAPED: [
          { guard: "chunkWasFull", actions: "addChunk" },
          { target: "waiting", actions: "addChunk" },
        ],
      },
    },
  },
});
