/**
 * The parent of every live execution actor. Its children are kept in a Map outside, since XState copies
 * `children` at every spawn and stop; it only stops them and hears of their errors.
 */
import { type AnyActorRef, setup, stopChild } from "xstate";

export type ExecutionsRootEvent = { readonly type: "FORGET"; readonly actor: AnyActorRef };

export const executionsRootMachine = setup({
  types: { events: {} as ExecutionsRootEvent },
  actions: { stopIt: stopChild(({ event }) => event.actor) },
}).createMachine({
  id: "executions",
  initial: "active",
  states: {
    active: {
      on: {
        FORGET: { actions: "stopIt" },
        // Unhandled, the error of one child would stop all of them. The registry finds it in the child's snapshot.
        "xstate.error.*": {},
      },
    },
  },
});
