/**
 * The supervision trees of this process: what each actor does, how much of it, and what waits for it. The broker is
 * asked about its consumers only while somebody looks.
 */
import { type ConsumerName, CONSUMERS } from "../../wire/streams.ts";
import type { ActorAnswer, LagAnswer, SystemAnswer } from "../../wire/http_inspector.ts";
import { formatInstant } from "../../wire/time.ts";
import type { ConsumerFacts } from "../stream_access.ts";
import type { Clock, Timers } from "../system/clock.ts";
import type { ActorStatus } from "../system/node.ts";

/** How often the counts are looked at while somebody watches, milliseconds. */
const SAMPLE_MS = 1_000;
/** A change of the tree is told after this, so that several at once are told together, milliseconds. */
const SOON_MS = 100;
/** Rates are over so many samples. */
const SAMPLES = 5;

/** A supervision tree that can be looked at. */
export interface Tree {
  tree(): readonly ActorStatus[];
  onChange(listener: () => void): () => void;
}

interface SystemViewParts {
  readonly clock: Clock;
  readonly timers: Timers;
  /** What the broker says of a consumer; it throws while the broker is away. */
  readonly facts: (consumer: ConsumerName) => Promise<ConsumerFacts>;
  readonly writes: () => boolean;
  readonly connected: () => boolean;
}

/** What waits for an actor, by its name; absent = it has no queue. */
export type Queues = Readonly<Record<string, () => number | Promise<number>>>;

interface Shown {
  readonly tree: Tree;
  readonly queues: Queues;
}

type Viewer = (system: SystemAnswer) => void;

interface Sample {
  readonly at: number;
  readonly handled: ReadonlyMap<string, number>;
}

export class SystemView {
  readonly #parts: SystemViewParts;
  readonly #trees = new Map<string, Shown>();
  readonly #viewers = new Set<Viewer>();
  #samples: Sample[] = [];
  #callOff = () => {};
  #stops: (() => void)[] = [];

  constructor(parts: SystemViewParts) {
    this.#parts = parts;
  }

  /** Shows one more tree, under a name. */
  add(name: string, tree: Tree, queues: Queues): void {
    this.#trees.set(name, { tree, queues });
    if (this.#viewers.size > 0) this.#stops.push(tree.onChange(() => this.#tellIn(SOON_MS)));
  }

  /** Tells a viewer every second, and soon after each change, until the function that it returns is called. */
  watch(viewer: Viewer): () => void {
    this.#viewers.add(viewer);
    if (this.#viewers.size === 1) {
      this.#stops = [...this.#trees.values()].map(({ tree }) =>
        tree.onChange(() => this.#tellIn(SOON_MS))
      );
    }
    this.#tellIn(0);
    return () => {
      this.#viewers.delete(viewer);
      if (this.#viewers.size > 0) return;
      this.#callOff();
      for (const stop of this.#stops) stop();
      this.#stops = [];
      this.#samples = [];
    };
  }

  /** How everything is now. */
  async answer(): Promise<SystemAnswer> {
    const { clock, writes, connected } = this.#parts;
    this.#sample();
    const statuses = [...this.#trees].map(([name, { tree, queues }]) => ({
      name,
      actors: flat(tree.tree()),
      queues,
    }));
    const lags = await this.#lags();
    const waiting = await Promise.all(statuses.map(({ queues }) => lengthsOf(queues)));
    return {
      at: formatInstant(clock.now()),
      every_ms: SAMPLE_MS,
      writes: writes(),
      broker: { connected: connected() },
      systems: statuses.map(({ name, actors }, index) => ({
        name,
        actors: actors.map((status) =>
          this.#actorAnswer(status, lags, waiting[index]?.get(status.name) ?? null)
        ),
      })),
    };
  }

  #tellIn(delayMs: number): void {
    this.#callOff();
    this.#callOff = this.#parts.timers.after(delayMs, () => void this.#tell());
  }

  async #tell(): Promise<void> {
    const answer = await this.answer();
    for (const viewer of this.#viewers) viewer(answer);
    if (this.#viewers.size > 0) this.#tellIn(SAMPLE_MS);
  }

  #sample(): void {
    const all = [...this.#trees.values()].flatMap(({ tree }) => flat(tree.tree()));
    const handled = new Map(
      all.flatMap(({ path, handles, handled }) =>
        handles === null ? [] : [[path, handled] as const]
      ),
    );
    const now = this.#parts.clock.now();
    // Whoever asks once leaves a sample behind that is of no use to who asks much later.
    const recent = this.#samples.filter(({ at }) => now - at <= 2 * SAMPLES * SAMPLE_MS);
    this.#samples = [...recent, { at: now, handled }].slice(-SAMPLES);
  }

  #rateOf(path: string): number | null {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.at - first.at < SOON_MS) return null;
    const pieces = (last.handled.get(path) ?? 0) - (first.handled.get(path) ?? 0);
    return Math.round(pieces / ((last.at - first.at) / 1_000) * 10) / 10;
  }

  async #lags(): Promise<ReadonlyMap<string, LagAnswer>> {
    if (!this.#parts.connected()) return new Map();
    const answers = await Promise.allSettled(
      CONSUMERS.map(async ({ name }): Promise<LagAnswer> => {
        const { pending, unacked } = await this.#parts.facts(name);
        return { consumer: name, pending, unacked };
      }),
    );
    // What the broker does not answer now is not known now.
    return new Map(
      answers.flatMap((one) => one.status === "fulfilled" ? [[one.value.consumer, one.value]] : []),
    );
  }

  #actorAnswer(
    status: ActorStatus,
    lags: ReadonlyMap<string, LagAnswer>,
    waiting: number | null,
  ): ActorAnswer {
    const consumers = status.permissions.find(({ name }) => name === "streams")?.of ?? [];
    return {
      path: status.path,
      name: status.name,
      kind: status.kind,
      state: status.state,
      since: formatInstant(status.since),
      restarts: status.restarts,
      last_failure: status.lastFailure,
      restart_in_ms: status.restartInMs,
      permissions: status.permissions.map(({ name, of }) => ({ name, of: [...of] })),
      handles: status.handles,
      handled: status.handles === null ? null : status.handled,
      per_second: status.handles === null ? null : this.#rateOf(status.path),
      lag: consumers.flatMap((name) => lags.get(name) ?? []),
      waiting,
    };
  }
}

/** By actor; what cannot be counted now is left out. */
async function lengthsOf(queues: Queues): Promise<ReadonlyMap<string, number>> {
  const answers = await Promise.all(
    Object.entries(queues).map(async ([name, count]) =>
      [name, await Promise.resolve(count()).catch(() => undefined)] as const
    ),
  );
  return new Map(answers.flatMap(([name, count]) => count === undefined ? [] : [[name, count]]));
}

/** A group before what is in it. */
function flat(statuses: readonly ActorStatus[]): readonly ActorStatus[] {
  return statuses.flatMap((status) => [status, ...flat(status.children)]);
}
