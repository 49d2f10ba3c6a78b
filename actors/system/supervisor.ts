import type { Fault } from "../../wire/fault.ts";
import type { Log } from "../log.ts";
import { type Clock, systemClock, systemTimers, type Timers } from "./clock.ts";
import type { ChildDefinition, Grantors } from "./definition.ts";
import { type ActorStatus, SupervisedNode } from "./node.ts";
import { Watchable } from "./watchable.ts";

/**
 * The tree of actors of one process (ARCHITECTURE.md, "Actors").
 *
 * 1. Children are started in the order given and stopped in reverse.
 * 2. One that fails is started again after a back-off; its siblings go on.
 * 3. One that fails over its limit is a failure of its group; at the root, of the system.
 * 4. Every change of state is told, by log and to whoever listens.
 */

export interface SystemOptions<Table> {
  readonly name: string;
  readonly actors: readonly ChildDefinition<Table>[];
  readonly grantors: Grantors<Table>;
  readonly log: Log;
  readonly clock?: Clock;
  readonly timers?: Timers;
  /** Uniform in [0, 1); spreads restarts. */
  readonly random?: () => number;
}

export interface System {
  /** Stops every actor, the last started first; may be called again. */
  stop(): Promise<void>;
  /** Resolves when an actor failed beyond every limit; the others are stopped by then. Never rejects. */
  readonly failed: Promise<Fault>;
  /** Resolves when every actor has said that it is ready. */
  readonly ready: Promise<void>;
  /** The state of every actor and group, in the order of starting. */
  tree(): readonly ActorStatus[];
  /** The machines that keep the actors, each under its path. */
  readonly machines: Watchable;
  /** Calls with each change of state; returns the unsubscribe. */
  onChange(listener: (status: ActorStatus) => void): () => void;
}

/** Starts the actors at once; they run until `stop`. */
export function startSystem<Table>(options: SystemOptions<Table>): System {
  const listeners = new Set<(status: ActorStatus) => void>();
  const machines = new Watchable();
  let tellFailed: (fault: Fault) => void = () => {};
  let tellReady = () => {};
  const failed = new Promise<Fault>((resolve) => tellFailed = resolve);
  const ready = new Promise<void>((resolve) => tellReady = resolve);
  const root = new SupervisedNode<Table>(
    // The root is never started again: its first failure is the system's.
    {
      kind: "group",
      name: options.name,
      limit: { withinMs: 0, atMost: 0 },
      children: options.actors,
    },
    {
      grantors: options.grantors,
      log: options.log,
      clock: options.clock ?? systemClock,
      timers: options.timers ?? systemTimers,
      random: options.random ?? Math.random,
      machines,
    },
    {
      path: "",
      changed: (status) => listeners.forEach((listener) => listener(status)),
      ready: () => tellReady(),
      gaveUp: (_, fault) => tellFailed(fault),
    },
  );
  root.start();
  return {
    stop: () => root.stop(),
    failed,
    ready,
    tree: () => root.status().children,
    machines,
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
