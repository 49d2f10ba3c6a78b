import type { ActorRefFrom, AnyEventObject, AnyMachineSnapshot, AnyStateMachine } from "xstate";
import type { AnyTransitionDefinition } from "xstate";

/** One transition of a live machine, as who watches it is told of it. */
export interface MachineMove {
  readonly actor: ActorRefFrom<AnyStateMachine>;
  /** The session of the machine that it lives under; its own when it lives by itself. */
  readonly rootId: string;
  /** The id that the machine was created with. */
  readonly id: string;
  readonly event: AnyEventObject;
  /** As it is after it. */
  readonly snapshot: AnyMachineSnapshot;
  /** Which transitions of the definition were taken. */
  transitions(): readonly AnyTransitionDefinition[];
}

export type MoveObserver = (move: MachineMove) => void;
