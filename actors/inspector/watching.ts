/**
 * Who watches what, and what they are told.
 *
 * 1. A machine is observed only while somebody watches one of its kind: nobody looks = nothing is attached.
 * 2. What is told is coalesced: one message per machine and period, with the newest moves and how many were left out.
 * 3. An observer never throws: xstate would end the machine that it watches.
 */
import type { AnyMachineSnapshot, InspectionEvent } from "xstate";
import { activeStates } from "../../machines/chart_ids.ts";
import { messageOf } from "../../wire/fault.ts";
import type { ActivityEvent, LookAnswer, MovedEvent } from "../../wire/http_inspector.ts";
import { formatInstant } from "../../wire/time.ts";
import type { Log } from "../log.ts";
import type { Clock, Timers } from "../system/clock.ts";
import type { MachineObserver } from "../system/watchable.ts";
import type { Chart } from "./chart.ts";
import { harmless, type MachineSource } from "./machine_source.ts";

/** How often viewers are told, milliseconds: fluent to the eye, and far apart for a machine. */
export const PERIOD_MS = 200;
/** Of one machine in one period. */
const MOVES_TOLD = 20;
/** Of all machines in one period. */
const ACTIVITY_TOLD = 25;

/** What one page wants to be told. */
export interface Wish {
  /** One machine, by kind and id. */
  readonly machine?: string | undefined;
  readonly id?: string | undefined;
  /** A sample of what all machines do. */
  readonly activity: boolean;
}

/** One page that watches. */
export interface Viewer {
  readonly wish: Wish;
  moved(event: MovedEvent): void;
  activity(event: ActivityEvent): void;
}

type Microstep = Extract<InspectionEvent, { readonly type: "@xstate.microstep" }>;

interface Move {
  readonly at: number;
  readonly machine: string;
  readonly step: Microstep;
}

/** The newest moves of a period, and how many there were. */
class Newest {
  readonly #limit: number;
  moves: Move[] = [];
  seen = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(move: Move): void {
    this.seen += 1;
    this.moves.push(move);
    // Cut seldom, so that a flood costs little.
    if (this.moves.length > 4 * this.#limit) this.moves = this.moves.slice(-this.#limit);
  }

  take(): { readonly moves: readonly Move[]; readonly seen: number } {
    const taken = { moves: this.moves.slice(-this.#limit), seen: this.seen };
    this.moves = [];
    this.seen = 0;
    return taken;
  }
}

interface WatchingParts {
  readonly sources: readonly MachineSource[];
  readonly chartOf: (machine: string) => Chart;
  /** How a machine is, given what was seen of it last; null = it cannot be told. */
  readonly look: (
    machine: string,
    id: string,
    snapshot: AnyMachineSnapshot,
  ) => Promise<LookAnswer | null>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
}

export class Watching {
  readonly #parts: WatchingParts;
  readonly #viewers = new Set<Viewer>();
  readonly #attached = new Map<MachineSource, () => void>();
  readonly #activity = new Newest(ACTIVITY_TOLD);
  /** By machine and id: only those that somebody watches. */
  readonly #watched = new Map<string, Newest>();
  #callOff: (() => void) | undefined;

  constructor(parts: WatchingParts) {
    this.#parts = parts;
  }

  get viewers(): number {
    return this.#viewers.size;
  }

  /** Tells a viewer until the function that it returns is called. */
  watch(viewer: Viewer): () => void {
    this.#viewers.add(viewer);
    this.#attach();
    return () => {
      this.#viewers.delete(viewer);
      this.#attach();
    };
  }

  /** Observes exactly what somebody wants to see. */
  #attach(): void {
    const viewers = [...this.#viewers];
    for (const source of this.#parts.sources) {
      const wanted = viewers.some(({ wish }) => wish.activity || wish.machine === source.machine);
      const stop = this.#attached.get(source);
      if (wanted && stop === undefined) {
        this.#attached.set(
          source,
          source.watch(harmless(this.#observerOf(source.machine), this.#parts.log)),
        );
      } else if (!wanted && stop !== undefined) {
        stop();
        this.#attached.delete(source);
      }
    }
    const keys = viewers.map(({ wish }) => keyOf(wish));
    for (const key of this.#watched.keys()) if (!keys.includes(key)) this.#watched.delete(key);
    for (const key of keys) {
      if (key !== "" && !this.#watched.has(key)) this.#watched.set(key, new Newest(MOVES_TOLD));
    }
    if (viewers.length === 0) this.#rest();
  }

  #observerOf(machine: string): MachineObserver {
    const { clock } = this.#parts;
    return (event) => {
      if (event.type !== "@xstate.microstep" || event.event.type.startsWith("xstate.")) return;
      const move = { at: clock.now(), machine, step: event };
      this.#activity.add(move);
      this.#watched.get(`${machine} ${idOf(event)}`)?.add(move);
      this.#callOff ??= this.#parts.timers.after(PERIOD_MS, () => {
        this.#callOff = undefined;
        void this.#tell();
      });
    };
  }

  #rest(): void {
    this.#callOff?.();
    this.#callOff = undefined;
    this.#activity.take();
  }

  async #tell(): Promise<void> {
    try {
      const activity = this.#activityEvent();
      for (const viewer of this.#viewers) if (viewer.wish.activity) viewer.activity(activity);
      await Promise.all([...this.#watched].map(([key, newest]) => this.#tellMoves(key, newest)));
    } catch (thrown) {
      this.#parts.log.warn("viewers not told", { error: messageOf(thrown) });
    }
  }

  async #tellMoves(key: string, newest: Newest): Promise<void> {
    const { moves, seen } = newest.take();
    const last = moves.at(-1);
    if (last === undefined) return;
    const { machine, step } = last;
    const id = idOf(step);
    const look = await this.#parts.look(machine, id, step.snapshot as AnyMachineSnapshot);
    const event: MovedEvent = {
      machine,
      id,
      moves: moves.map((move) => this.#toldOf(move)),
      left_out: seen - moves.length,
      look,
    };
    for (const viewer of this.#viewers) if (keyOf(viewer.wish) === key) viewer.moved(event);
  }

  #activityEvent(): ActivityEvent {
    const { moves, seen } = this.#activity.take();
    return {
      at: formatInstant(this.#parts.clock.now()),
      seen,
      told: moves.map((move) => {
        const { at, event, states } = this.#toldOf(move);
        return { at, machine: move.machine, id: idOf(move.step), event, states };
      }),
    };
  }

  #toldOf({ at, machine, step }: Move): MovedEvent["moves"][number] {
    const chart = this.#parts.chartOf(machine);
    const { value } = step.snapshot as AnyMachineSnapshot;
    return {
      at: formatInstant(at),
      event: step.event.type,
      transitions: step._transitions.flatMap((transition) => chart.idOf(transition) ?? []),
      states: [...activeStates(value)],
    };
  }
}

/** The id that the machine was created with. */
function idOf({ actorRef }: InspectionEvent): string {
  return "id" in actorRef ? String(actorRef.id) : actorRef.sessionId;
}

function keyOf({ machine, id }: Wish): string {
  return machine === undefined || id === undefined ? "" : `${machine} ${id}`;
}
