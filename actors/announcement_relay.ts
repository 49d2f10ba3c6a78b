/**
 * Carries announcements between the backends of one database, so that a page shows what is committed, whichever of them
 * serves it: the holder of the writer lease projects, and everybody dispatches.
 *
 * 1. A backend tells only while another one asks, and asks only while somebody listens to it: alone, it says one small
 *    message every ten seconds.
 * 2. What is carried is bounded, and what is left out or lost is said: who listens loads again.
 * 3. It only says that rows have changed. What is shown comes from the rows.
 */
import { randomUUID } from "node:crypto";
import * as v from "valibot";
import { Announcement } from "../wire/announcement.ts";
import { BackendsTold, BackendsWatch } from "../wire/backends.ts";
import { decode, encode } from "../wire/codec.ts";
import { Fault, messageOf } from "../wire/fault.ts";
import { BACKENDS_TOLD, BACKENDS_WATCH } from "../wire/subjects.ts";
import { type AnnouncementBatch, AnnouncementBatches } from "./announcement_batches.ts";
import type { Announcer } from "./announcer.ts";
import { defineActor } from "./backend.ts";
import type { BusAccess } from "./bus_access.ts";
import type { Log } from "./log.ts";
import { type Clock, systemTimers } from "./system/clock.ts";

/** Two questions may get lost before the others stop telling. */
const WATCH_SECS = 30;
const ASK_EVERY_MS = 10_000;
/** Every process says these of itself. */
const OWN: ReadonlySet<Announcement["type"]> = new Set(["health", "heartbeats"]);

export const announcementRelay = defineActor({
  name: "announcement_relay",
  permissions: {
    bus: { publish: ["backends.>"], subscribe: ["backends.>"] },
    announcer: true,
    connection: true,
  },
  handles: "announcements of other backends",
  run: async (grants) => {
    const { bus, announcer, connection, signal, ready } = grants;
    const me = randomUUID();
    const teller = new Teller(me, grants);
    const asker = new Asker(me, grants);
    bus.subscribe(BACKENDS_WATCH, signal, (message) => teller.asked(message.data));
    bus.subscribe(BACKENDS_TOLD, signal, (message) => asker.told(message.data));
    const stop = announcer.onInterest((isListened) => asker.listened(isListened));
    asker.listened(announcer.isListened);
    ready();
    try {
      for (;;) {
        await connection.lost(signal);
        await connection.connected(signal);
        asker.wasAway();
      }
    } finally {
      stop();
      asker.listened(false);
      teller.end();
    }
  },
});

interface RelayTools {
  readonly bus: BusAccess;
  readonly announcer: Announcer;
  readonly clock: Clock;
  readonly log: Log;
  readonly handled: (announcements: number) => void;
}

/** Tells the others what this backend commits, for as long as one of them asks. */
class Teller {
  readonly #me: string;
  readonly #tools: RelayTools;
  readonly #batches: AnnouncementBatches;
  #seq = 0;
  #stop: (() => void) | undefined;
  #callOffEnd = () => {};

  constructor(me: string, tools: RelayTools) {
    this.#me = me;
    this.#tools = tools;
    this.#batches = new AnnouncementBatches({
      clock: tools.clock,
      timers: systemTimers,
      tell: (batch) => this.#publish(batch),
    });
  }

  asked(body: Uint8Array): void {
    const question = read(BackendsWatch, body, this.#tools.log);
    if (question === undefined || question.from === this.#me) return;
    this.#callOffEnd();
    this.#callOffEnd = systemTimers.after(question.watch_secs * 1_000, () => this.end());
    this.#stop ??= this.#tools.announcer.subscribeOwn((one) => {
      if (!OWN.has(one.type)) this.#batches.take(one);
    });
    // Who asks knows by it that it is told from now on, or that something got lost.
    this.#publish({ announcements: [], lagged: false });
  }

  end(): void {
    this.#callOffEnd();
    this.#stop?.();
    this.#stop = undefined;
    this.#batches.end();
    // Whoever asks again has missed what comes meanwhile.
    this.#seq += 1;
  }

  #publish({ announcements, lagged }: AnnouncementBatch): void {
    const told = { from: this.#me, seq: this.#seq, lagged, announcements: [...announcements] };
    this.#seq += 1;
    try {
      this.#tools.bus.publish(BACKENDS_TOLD, encode(told satisfies BackendsTold));
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      // The gap in the count tells who listens.
      this.#tools.log.warn("announcements not told", { error: thrown.message });
    }
  }
}

/** Asks the others for what they commit while somebody listens here, and passes it on. */
class Asker {
  readonly #me: string;
  readonly #tools: RelayTools;
  /** The newest message of each backend that tells. */
  readonly #heard = new Map<string, number>();
  #callOff: (() => void) | undefined;

  constructor(me: string, tools: RelayTools) {
    this.#me = me;
    this.#tools = tools;
  }

  listened(isListened: boolean): void {
    if (isListened === (this.#callOff !== undefined)) return;
    this.#callOff?.();
    this.#callOff = undefined;
    this.#heard.clear();
    if (isListened) this.#ask();
  }

  /** What the others said meanwhile did not come. */
  wasAway(): void {
    if (this.#callOff !== undefined) this.#tools.announcer.announceElsewhere({ type: "lagged" });
  }

  told(body: Uint8Array): void {
    if (this.#callOff === undefined) return;
    const { announcer, handled, log } = this.#tools;
    const told = read(BackendsTold, body, log);
    if (told === undefined || told.from === this.#me) return;
    const isNext = this.#heard.get(told.from) === told.seq - 1;
    this.#heard.set(told.from, told.seq);
    for (const one of told.announcements) {
      const known = v.safeParse(Announcement, one);
      if (known.success) announcer.announceElsewhere(known.output);
    }
    handled(told.announcements.length);
    if (!isNext || told.lagged) announcer.announceElsewhere({ type: "lagged" });
  }

  #ask(): void {
    const { bus, log } = this.#tools;
    this.#callOff = systemTimers.after(ASK_EVERY_MS, () => this.#ask());
    try {
      const question: BackendsWatch = { from: this.#me, watch_secs: WATCH_SECS };
      bus.publish(BACKENDS_WATCH, encode(question));
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      log.warn("other backends not asked", { error: thrown.message });
    }
  }
}

/** What cannot be read is of no use to anybody here: a newer version may say it. */
function read<S extends v.GenericSchema>(
  schema: S,
  body: Uint8Array,
  log: Log,
): v.InferOutput<S> | undefined {
  try {
    return decode(schema, "message of a backend", body);
  } catch (thrown) {
    log.debug("message of a backend not readable", { error: messageOf(thrown) });
    return undefined;
  }
}
