/** Where live machines are: the executions of the registry, the commands of an agent, the supervisors of the actors. */
import type { AnyMachineSnapshot } from "xstate";
import { messageOf } from "../../wire/fault.ts";
import type { ExecutionRegistry } from "../execution_registry.ts";
import type { Log } from "../log.ts";
import type { MachineMove, MoveObserver } from "../machine_move.ts";
import { machineIdOf, type MachineObserver, type Watchable } from "../system/watchable.ts";

/** One live machine. */
export interface Live {
  readonly id: string;
  readonly title: string;
  readonly snapshot: AnyMachineSnapshot;
}

/** The live machines of one kind. */
export interface MachineSource {
  /** The machine's name in the list of machines. */
  readonly machine: string;
  readonly size: number;
  /** At most so many. */
  live(limit: number): readonly Live[];
  find(id: string): Live | undefined;
  /** Observes all of them until the function that it returns is called. */
  watch(observer: MoveObserver): () => void;
}

/** An observer that never throws: xstate would end the machine that it looks at, or a commit would seem to have failed. */
export function harmless(observer: MoveObserver, log: Log): MoveObserver {
  return (move) => {
    try {
      observer(move);
    } catch (thrown) {
      log.error("an observer failed", { error: messageOf(thrown) });
    }
  };
}

/** Executions, the ones that were used last first. */
export function executionSource(registry: ExecutionRegistry): MachineSource {
  return {
    machine: "execution",
    get size() {
      return registry.size;
    },
    live: (limit) =>
      [...registry.entries()].slice(-limit).reverse().map(([id, { actor }]) => ({
        id,
        title: id,
        snapshot: actor.getSnapshot(),
      })),
    find(id) {
      const live = registry.get(id);
      return live && { id, title: id, snapshot: live.actor.getSnapshot() };
    },
    watch: (observer) => registry.watch(observer),
  };
}

/** The machines of several places, such as the trees of one process; places may come later. */
export class WatchableSource implements MachineSource {
  readonly machine: string;
  readonly #places: Watchable[] = [];
  /** What each observer is attached to, so that a place that comes later is watched, too. */
  readonly #observers = new Map<MoveObserver, (() => void)[]>();

  constructor(machine: string) {
    this.machine = machine;
  }

  add(place: Watchable): void {
    this.#places.push(place);
    for (const [observer, stops] of this.#observers) {
      stops.push(place.watch(observerOf(observer)));
    }
  }

  get size(): number {
    return this.#places.reduce((sum, place) => sum + place.size, 0);
  }

  live(limit: number): readonly Live[] {
    return this.#places.flatMap((place) => place.all()).slice(0, limit).map(({ actor, title }) => ({
      id: actor.id,
      title,
      snapshot: actor.getSnapshot() as AnyMachineSnapshot,
    }));
  }

  find(id: string): Live | undefined {
    for (const place of this.#places) {
      const found = place.get(id);
      if (found === undefined) continue;
      const snapshot = found.actor.getSnapshot() as AnyMachineSnapshot;
      return { id, title: found.title, snapshot };
    }
    return undefined;
  }

  watch(observer: MoveObserver): () => void {
    const observe = observerOf(observer);
    this.#observers.set(observer, this.#places.map((place) => place.watch(observe)));
    return () => {
      for (const stop of this.#observers.get(observer) ?? []) stop();
      this.#observers.delete(observer);
    };
  }
}

/** That a machine is made and stopped is nothing that it did. */
function observerOf(observer: MoveObserver): MachineObserver {
  return (event) => {
    if (event.type !== "@xstate.microstep" || event.event.type.startsWith("xstate.")) return;
    observer({
      actor: event.actorRef as MachineMove["actor"],
      rootId: event.rootId,
      id: machineIdOf(event),
      event: event.event,
      snapshot: event.snapshot as AnyMachineSnapshot,
      transitions: () => event._transitions,
    });
  };
}
