/**
 * Who watches what, and what they are told.
 *
 * 1. A machine is observed only while somebody watches one of its kind: nobody looks = nothing is attached.
 * 2. What is told is coalesced: one message per machine and period, with the newest moves and how many were left out.
 * 3. An observer never throws: xstate would end the machine that it watches.
 * 4. Executions move where the writer lease is held. What another backend announces of them is told as far as it goes:
 *    changes of their state; all else is counted as left out.
 */
import type { AnyMachineSnapshot } from "xstate";
import { activeStates } from "../../machines/chart_ids.ts";
import { messageOf } from "../../wire/fault.ts";
import type { ActivityEvent, LookAnswer, MovedEvent } from "../../wire/http_inspector.ts";
import { formatInstant, parseInstant } from "../../wire/time.ts";
import type { Announcements, Heard } from "../announcer.ts";
import type { Log } from "../log.ts";
import type { MachineMove, MoveObserver } from "../machine_move.ts";
import type { Clock, Timers } from "../system/clock.ts";
import type { Chart } from "./chart.ts";
import { harmless, type MachineSource } from "./machine_source.ts";

/** How often viewers are told, milliseconds: fluent to the eye, and far apart for a machine. */
const PERIOD_MS = 200;
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

interface Move {
  readonly at: number;
  readonly machine: string;
  readonly id: string;
  readonly event: string;
  /** As it was then; undefined = it moved in another process. */
  readonly snapshot: AnyMachineSnapshot | undefined;
  /** Worked out only for a move that is told. */
  readonly places: () => Pick<ToldMove, "transitions" | "states">;
}

type ToldMove = MovedEvent["moves"][number];

/** The moves of a period that are told, and how many there were. */
class Sample {
  readonly #limit: number;
  readonly #keeps: "oldest" | "newest";
  #moves: Move[] = [];
  seen = 0;

  constructor(limit: number, keeps: "oldest" | "newest") {
    this.#limit = limit;
    this.#keeps = keeps;
  }

  /** Takes one that is made only where it may be told: a flood costs little. */
  add(move: () => Move): void {
    this.seen += 1;
    if (this.#keeps === "oldest" && this.#moves.length >= this.#limit) return;
    this.#moves.push(move());
    // Cut seldom.
    if (this.#moves.length > 4 * this.#limit) this.#moves = this.#moves.slice(-this.#limit);
  }

  take(): { readonly moves: readonly Move[]; readonly seen: number } {
    const taken = { moves: this.#moves.slice(-this.#limit), seen: this.seen };
    this.#moves = [];
    this.seen = 0;
    return taken;
  }
}

interface WatchingParts {
  readonly sources: readonly MachineSource[];
  readonly chartOf: (machine: string) => Chart;
  /** How a machine is, given what was seen of it last, if that was here; null = it cannot be told. */
  readonly look: (
    machine: string,
    id: string,
    snapshot: AnyMachineSnapshot | undefined,
  ) => Promise<LookAnswer | null>;
  /** What all backends of the database commit. */
  readonly announcements: Announcements;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
}

export class Watching {
  readonly #parts: WatchingParts;
  readonly #viewers = new Set<Viewer>();
  readonly #attached = new Map<MachineSource, () => void>();
  readonly #activity = new Sample(ACTIVITY_TOLD, "oldest");
  /** By machine, then by id: only those that somebody watches. */
  readonly #watched = new Map<string, Map<string, Sample>>();
  #callOff: (() => void) | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(parts: WatchingParts) {
    this.#parts = parts;
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
    const before = new Map(this.#watched);
    this.#watched.clear();
    for (const { wish: { machine, id } } of viewers) {
      if (machine === undefined || id === undefined) continue;
      const samples = this.#watched.get(machine) ?? new Map<string, Sample>();
      samples.set(id, before.get(machine)?.get(id) ?? new Sample(MOVES_TOLD, "newest"));
      this.#watched.set(machine, samples);
    }
    if (viewers.length === 0) return this.#rest();
    this.#unsubscribe ??= this.#parts.announcements.subscribe((heard, isElsewhere) => {
      if (isElsewhere) this.#hear(heard);
    });
  }

  #observerOf(machine: string): MoveObserver {
    const { clock } = this.#parts;
    return (move) =>
      this.#note(machine, move.id, () => ({
        at: clock.now(),
        machine,
        id: move.id,
        event: move.event.type,
        snapshot: move.snapshot,
        places: () => this.#placesOf(machine, move),
      }));
  }

  /** Another backend has committed it. */
  #hear(heard: Heard): void {
    const watched = this.#watched.get("execution");
    if (heard.type === "lagged") {
      for (const sample of watched?.values() ?? []) sample.seen += 1;
      return this.#tellSoon();
    }
    if (heard.type === "run" && heard.exec_id !== null && heard.outcome !== null) {
      const sample = watched?.get(heard.exec_id);
      if (sample === undefined) return;
      sample.seen += 1;
      return this.#tellSoon();
    }
    if (heard.type !== "transition" || heard.from === null) return;
    const { exec_id: id, from, to, event } = heard;
    // Its run was announced, too, and is not left out.
    const sample = watched?.get(id);
    if (sample !== undefined && sample.seen > 0 && heard.result_id !== null) sample.seen -= 1;
    this.#note("execution", id, () => ({
      at: parseInstant(heard.at) ?? this.#parts.clock.now(),
      machine: "execution",
      id,
      event,
      snapshot: undefined,
      places: () => ({ transitions: this.#arrowsOf({ from, to, event }), states: [to] }),
    }));
  }

  #note(machine: string, id: string, move: () => Move): void {
    this.#activity.add(move);
    this.#watched.get(machine)?.get(id)?.add(move);
    this.#tellSoon();
  }

  #tellSoon(): void {
    this.#callOff ??= this.#parts.timers.after(PERIOD_MS, () => {
      this.#callOff = undefined;
      void this.#tell();
    });
  }

  #rest(): void {
    this.#callOff?.();
    this.#callOff = undefined;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#activity.take();
  }

  async #tell(): Promise<void> {
    try {
      const activity = this.#activityEvent();
      if (activity.seen > 0) {
        for (const viewer of this.#viewers) if (viewer.wish.activity) viewer.activity(activity);
      }
      await Promise.all(
        [...this.#watched].flatMap(([machine, samples]) =>
          [...samples].map(([id, sample]) => this.#tellMoves(machine, id, sample))
        ),
      );
    } catch (thrown) {
      this.#parts.log.warn("viewers not told", { error: messageOf(thrown) });
    }
  }

  async #tellMoves(machine: string, id: string, sample: Sample): Promise<void> {
    const { moves, seen } = sample.take();
    if (seen === 0) return;
    const look = await this.#parts.look(machine, id, moves.at(-1)?.snapshot);
    const event: MovedEvent = {
      machine,
      id,
      moves: moves.map(toldOf),
      left_out: seen - moves.length,
      look,
    };
    for (const viewer of this.#viewers) {
      if (viewer.wish.machine === machine && viewer.wish.id === id) viewer.moved(event);
    }
  }

  #activityEvent(): ActivityEvent {
    const { moves, seen } = this.#activity.take();
    return {
      at: formatInstant(this.#parts.clock.now()),
      seen,
      told: moves.map((move) => {
        const { at, event, states } = toldOf(move);
        return { at, machine: move.machine, id: move.id, event, states };
      }),
    };
  }

  #placesOf(machine: string, move: MachineMove): ReturnType<Move["places"]> {
    const chart = this.#parts.chartOf(machine);
    return {
      transitions: move.transitions().flatMap((transition) => chart.idOf(transition) ?? []),
      states: [...activeStates(move.snapshot.value)],
    };
  }

  #arrowsOf({ from, to, event }: Readonly<Record<"from" | "to" | "event", string>>): string[] {
    const { transitions } = this.#parts.chartOf("execution");
    const arrow = transitions.find((one) =>
      one.event === event && one.from === from && one.to === to
    );
    return arrow === undefined ? [] : [arrow.id];
  }
}

function toldOf({ at, event, places }: Move): ToldMove {
  return { at: formatInstant(at), event, ...places() };
}
