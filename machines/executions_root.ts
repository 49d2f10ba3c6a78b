/**
 * The parent of every live execution actor. Its children are kept in a Map outside, since XState copies
 * `children` at every spawn and stop; it only stops them and hears of their errors.
 */
import { type AnyActorRef, enqueueActions, setup } from "xstate";

/** Many at once: a transition costs as much as all that it stops. */
export interface ExecutionsRootEvent {
  readonly type: "FORGET";
  readonly actors: readonly AnyActorRef[];
}

export const executionsRootMachine = setup({
  types: { events: {} as ExecutionsRootEvent },
  actions: {
    stopThem: enqueueActions(({ event, enqueue }) => {
      for (const actor of event.actors) enqueue.stopChild(actor);
    }),
  },
}).createMachine({
  id: "executions",
  initial: "active",
  states: {
    active: {
      on: {
        FORGET: { actions: "stopThem" },
        // Unhandled, the error of one child would stop all of them. The registry finds it in the child's snapshot.
        "xstate.error.*": {},
      },
    },
  },
});
