import type { Actor, AnyActorLogic, InspectionEvent } from "xstate";

/** Told of every event and transition of a machine. It must not throw: xstate would end the machine. */
export type MachineObserver = (event: InspectionEvent) => void;

/** The id that the machine was created with to which an event belongs. */
export function machineIdOf({ actorRef }: InspectionEvent): string {
  return "id" in actorRef ? String(actorRef.id) : actorRef.sessionId;
}

type LiveActor = Actor<AnyActorLogic>;

/** A machine that lives in this process. */
export interface LiveMachine {
  readonly actor: LiveActor;
  /** What a person calls it. */
  readonly title: string;
}

/**
 * Machines that somebody may watch. They are observed only while somebody does: an observer costs 2 to 3 µs for each
 * event.
 */
export class Watchable {
  /** By the id that the machine was created with. */
  readonly #machines = new Map<string, LiveMachine>();
  readonly #watches = new Set<Watch>();

  /** A machine began to live; it comes before its `start`. */
  add(actor: LiveActor, title: string = actor.id): void {
    this.#machines.set(actor.id, { actor, title });
    for (const watch of this.#watches) watch.attach(actor);
  }

  /** It lives no more. */
  remove(actor: LiveActor): void {
    // One of the same id may have taken its place.
    if (this.#machines.get(actor.id)?.actor === actor) this.#machines.delete(actor.id);
    for (const watch of this.#watches) watch.detach(actor);
  }

  get(id: string): LiveMachine | undefined {
    return this.#machines.get(id);
  }

  get size(): number {
    return this.#machines.size;
  }

  /** In the order in which they began to live. */
  all(): readonly LiveMachine[] {
    return [...this.#machines.values()];
  }

  /** Observes all machines, and those to come, until the function that it returns is called. */
  watch(observer: MachineObserver): () => void {
    const watch = new Watch(observer);
    this.#watches.add(watch);
    for (const { actor } of this.#machines.values()) watch.attach(actor);
    return () => {
      this.#watches.delete(watch);
      watch.end();
    };
  }

  /** Whether anybody watches. */
  get isWatched(): boolean {
    return this.#watches.size > 0;
  }
}

class Watch {
  readonly #observer: MachineObserver;
  readonly #attached = new Map<LiveActor, { unsubscribe(): void }>();

  constructor(observer: MachineObserver) {
    this.#observer = observer;
  }

  attach(actor: LiveActor): void {
    this.#attached.set(actor, actor.system.inspect(this.#observer));
  }

  detach(actor: LiveActor): void {
    this.#attached.get(actor)?.unsubscribe();
    this.#attached.delete(actor);
  }

  end(): void {
    for (const actor of [...this.#attached.keys()]) this.detach(actor);
  }
}
