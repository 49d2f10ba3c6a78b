/**
 * Fires schedules: the ones of KV `schedules` that backends run, decided by whoever holds the writer lease. This actor
 * knows which schedules there are and when to look at each; `schedule_rounds.ts` decides.
 */
import { readCursorIds } from "../db/schedules.ts";
import { Fault, messageOf } from "../wire/fault.ts";
import type { Schedule } from "../wire/schedule.ts";
import { defineActor } from "./backend.ts";
import type { KvChange } from "./kv_types.ts";
import type { Log } from "./log.ts";
import { readMemberships } from "./memberships.ts";
import type { ScheduleHost } from "./schedule_host.ts";
import { ScheduleRounds } from "./schedule_rounds.ts";
import { readFreeze, readSchedule, storedSchedule } from "./stored_schedules.ts";
import { pause, rest } from "./system/clock.ts";
import { inEachTenure, type Tenure } from "./writer_lease.ts";

/** How soon it is tried again where something held a decision back. */
const RETRY_MS = 1_000;
/** The clock may be set meanwhile: no wait is longer than this. */
const LONGEST_WAIT_MS = 30_000;

export const scheduler = defineActor({
  name: "scheduler",
  permissions: {
    db: "write",
    lease: true,
    kv: { schedules: "read", fleet_config: "read", agent_groups: "read" },
    connection: true,
    agents: true,
    dispatcher: true,
    fleet: true,
    hostZone: true,
    measure: "instants",
    announce: true,
    health: true,
  },
  handles: "decisions",
  run: async (grants) => {
    const { lease, kv, agents, connection, hostZone, health, log, signal, ready } = grants;
    const bucket = kv.reader("schedules");
    const freezes = kv.reader("fleet_config");
    const host: ScheduleHost = {
      ...grants,
      readSchedule: (id) => readSchedule(bucket, id),
      readFreeze: () => readFreeze(freezes, hostZone),
    };
    ready();
    await inEachTenure(lease, signal, async (tenure, held) => {
      try {
        await connection.connected(held);
        // Before anything fires at a group: its members must be known.
        await readMemberships(agents, log, kv.reader("agent_groups"));
        const entries = await bucket.entries();
        const follow = (until: AbortSignal) => bucket.watch(">", { signal: until });
        await new Watchman(host, tenure, health).run(entries, follow, held);
      } catch (thrown) {
        if (held.aborted || !(thrown instanceof Fault) || !thrown.retryable) throw thrown;
        health(`not firing: ${thrown.message}`);
        await pause(RETRY_MS, held);
      }
    });
  },
});

interface Watched {
  readonly schedule: Schedule;
  /** Ms since the epoch. */
  lookAt: number;
}

/** Keeps the schedules of one tenure, and looks at each when its time has come. */
class Watchman {
  readonly #host: ScheduleHost;
  readonly #rounds: ScheduleRounds;
  readonly #health: (problem: string | null) => void;
  readonly #log: Log;
  /** By key of the bucket. */
  readonly #watched = new Map<string, Watched>();
  readonly #unreadable = new Map<string, string>();
  #wake = () => {};
  readonly #gone = new Set<string>();
  /** Ms since the epoch. */
  #lookedAt = 0;
  #failure: { readonly thrown: unknown } | undefined;

  constructor(host: ScheduleHost, tenure: Tenure, health: (problem: string | null) => void) {
    this.#host = host;
    this.#log = host.log;
    this.#health = health;
    this.#rounds = new ScheduleRounds(host, tenure);
  }

  /** @param entries all that the bucket holds; what it does not hold is gone */
  async run(
    entries: readonly {
      readonly key: string;
      readonly value: Uint8Array;
      readonly revision: number;
    }[],
    follow: (until: AbortSignal) => AsyncIterable<KvChange>,
    signal: AbortSignal,
  ): Promise<void> {
    for (const entry of entries) this.#take({ key: entry.key, entry });
    const ids = new Set([...this.#watched.values()].map(({ schedule }) => schedule.id));
    for (const id of await readCursorIds(this.#host.db)) {
      if (!ids.has(id) && this.#unreadable.size === 0) await this.#rounds.forget(id);
    }
    const ended = new AbortController();
    const following = this.#follow(follow(AbortSignal.any([signal, ended.signal])));
    try {
      while (!signal.aborted) {
        await this.#lookAtDue(signal);
        if (this.#failure !== undefined) throw this.#failure.thrown;
        await this.#untilNext(signal);
      }
    } finally {
      ended.abort();
      await following;
    }
  }

  async #follow(changes: AsyncIterable<KvChange>): Promise<void> {
    try {
      for await (const change of changes) {
        this.#take(change);
        this.#wake();
      }
    } catch (thrown) {
      this.#failure = { thrown };
      this.#wake();
    }
  }

  #take({ key, entry }: KvChange): void {
    this.#unreadable.delete(key);
    if (entry === undefined) {
      const gone = this.#watched.get(key);
      if (gone !== undefined) this.#gone.add(gone.schedule.id);
      this.#watched.delete(key);
      return;
    }
    try {
      this.#watched.set(key, { schedule: storedSchedule(entry.value), lookAt: 0 });
    } catch (thrown) {
      // It does not fire: nobody knows when it should.
      this.#watched.delete(key);
      this.#unreadable.set(key, messageOf(thrown));
      this.#log.error("stored schedule not readable", { key, error: messageOf(thrown) });
    }
  }

  async #lookAtDue(signal: AbortSignal): Promise<void> {
    let problem: string | null = null;
    this.#heedClock();
    for (const id of this.#gone) {
      this.#gone.delete(id);
      await this.#rounds.forget(id);
    }
    for (const watched of this.#watched.values()) {
      if (signal.aborted || watched.lookAt > this.#host.clock.now()) continue;
      try {
        watched.lookAt = await this.#rounds.look(watched.schedule);
      } catch (thrown) {
        // One that cannot be decided holds up none of the others.
        if (!(thrown instanceof Fault) || thrown.code === "internal") throw thrown;
        problem = `not firing ${watched.schedule.id}: ${thrown.message}`;
        watched.lookAt = this.#host.clock.now() + RETRY_MS;
      }
    }
    this.#health(problem ?? this.#unreadableProblem());
  }

  /** Where the clock was set back, each is to be looked at sooner than was reckoned. */
  #heedClock(): void {
    const now = this.#host.clock.now();
    if (now < this.#lookedAt) { for (const watched of this.#watched.values()) watched.lookAt = 0; }
    this.#lookedAt = now;
  }

  #unreadableProblem(): string | null {
    const [first] = this.#unreadable;
    return first === undefined ? null : `schedule ${first[0]} not readable: ${first[1]}`;
  }

  async #untilNext(signal: AbortSignal): Promise<void> {
    const now = this.#host.clock.now();
    const next = Math.min(...[...this.#watched.values()].map(({ lookAt }) => lookAt), Infinity);
    const waitMs = Math.min(Math.max(next - now, 0), LONGEST_WAIT_MS);
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    if (this.#gone.size > 0 || this.#failure !== undefined) return;
    await rest(waitMs, AbortSignal.any([signal, woken.signal]));
  }
}
