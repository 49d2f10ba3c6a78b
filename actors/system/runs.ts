import { Fault } from "../../wire/fault.ts";
import type { Log } from "../log.ts";
import type { Clock, Timers } from "./clock.ts";
import type { ActorDefinition, Always, Counting, Grantors } from "./definition.ts";
import type { Watchable } from "./watchable.ts";

/** What the whole tree shares. */
export interface Surroundings<Table> {
  readonly grantors: Grantors<Table>;
  readonly log: Log;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Where the machines of all nodes are, for who watches them. */
  readonly machines: Watchable;
}

/** One start of an actor or a group, until it ended. */
export interface Run {
  /** Resolves with why it failed as soon as it did; undefined when it was stopped. Never rejects. */
  readonly ended: Promise<unknown>;
  /** Asks it to end and waits for that. May be called again. */
  stop(): Promise<void>;
}

/** Runs an actor once with a signal of its own, which aborts when it is to stop and when it has failed. */
export function runActor<Table>(
  definition: ActorDefinition<Table>,
  surroundings: Surroundings<Table>,
  log: Log,
  { ready, handled }: Pick<Always, "ready"> & Counting,
): Run {
  const { clock, grantors, timers } = surroundings;
  const stopping = new AbortController();
  const always = { log, clock, signal: stopping.signal, ready, handled };
  const ended = definition.start(always, grantors).then(
    () => stopping.signal.aborted ? undefined : returned(definition.name),
    (thrown: unknown) => {
      if (!stopping.signal.aborted) return thrown;
      if (!isAbort(thrown, stopping.signal)) {
        log.warn("an actor failed while it stopped", { error: thrown });
      }
      return undefined;
    },
  );
  // Whatever it left behind when it failed ends as well.
  void ended.then(() => stopping.abort());
  return {
    ended,
    async stop() {
      stopping.abort(new Fault("internal", `Cannot go on: ${definition.name} is asked to stop`));
      const { stopWithinMs } = definition;
      if (!await endsWithin(ended, stopWithinMs, timers)) {
        log.warn("an actor did not stop in time and is left alone", { stopWithinMs });
      }
    },
  };
}

function isAbort(thrown: unknown, signal: AbortSignal): boolean {
  return thrown === signal.reason || (thrown instanceof Error && thrown.name === "AbortError");
}

function returned(name: string): Fault {
  return new Fault("internal", `Cannot keep ${name} running: it returned without being asked to`);
}

function endsWithin(ended: Promise<unknown>, withinMs: number, timers: Timers): Promise<boolean> {
  return new Promise((resolve) => {
    const callOff = timers.after(withinMs, () => resolve(false));
    void ended.then(() => {
      callOff();
      resolve(true);
    });
  });
}
