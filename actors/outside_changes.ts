/**
 * Changes where no transaction of ours reaches, each with its audit row (http-api.md).
 *
 * 1. A change begins after its intent is committed, and its audit event is committed with the intent's end. So whatever
 *    dies in between, the intent is still there, and whoever finds it tells of it.
 * 2. An intent ends once: it is taken away in the transaction that tells of it.
 * 3. What became of a change that was cut off is looked up and never guessed: what cannot be told is told as unknown.
 */
import { v7 as uuidV7 } from "uuid";
import * as v from "valibot";
import { type AuditIntent, deleteIntent, insertIntent, readIntents } from "../db/audit_intents.ts";
import type { Database, Transaction } from "../db/client.ts";
import { insertOutbox } from "../db/command_outbox.ts";
import { Fault, type Json } from "../wire/fault.ts";
import { formatInstant } from "../wire/time.ts";
import { auditMessage } from "./audit_message.ts";
import { Bell } from "./bell.ts";
import type { AuditEntry } from "./dispatch_types.ts";
import type { Fate } from "./kv_fate.ts";
import type { Log } from "./log.ts";
import type { Outside } from "./outside.ts";
import { type Place, PlaceBefore, placeText } from "./outside_places.ts";
import type { OutsideView } from "./outside_view.ts";
import type { Clock } from "./system/clock.ts";
import type { HolderIsDead } from "./writer_lease.ts";

export interface OutsideHost {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  /** This process, as an intent names it: `{host}/{pid}/{uuid}`. */
  readonly holder: string;
  readonly isDead: HolderIsDead;
  readonly view: OutsideView;
  /** What may be changed, for one change: what it writes bears its id. */
  readonly open: (changeId: string) => Outside;
  readonly outboxChanged: () => void;
}

type Members = Readonly<Record<string, Json | undefined>>;

/** Who wants what to become of which. */
export interface WantedChange {
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  /** For the audit row. */
  readonly wanted: Members | null;
  readonly places: readonly Place[];
}

/** A change that was made. */
export interface MadeChange<T> {
  readonly value: T;
  /** What the audit row says besides what was wanted. */
  readonly details?: Members;
  /** What is committed together with the audit event. */
  readonly alongside?: (tx: Transaction) => Promise<unknown>;
}

/** Longer than any call may take. Whether a process of another machine lives cannot be told otherwise. */
const SURELY_OVER_MS = 600_000;

/** An intent as its row has it; one that a newer version wrote is still told of. */
const Places = v.fallback(v.array(PlaceBefore), []);
const Wanted = v.fallback(v.nullable(v.record(v.string(), v.custom<Json>(() => true))), null);

export class OutsideChanges {
  readonly #host: OutsideHost;
  /** Changes that this process is at. */
  readonly #open = new Set<string>();
  /** Changes that were refused, by what was thrown, until that is written down. */
  readonly #refused = new WeakMap<Fault, string>();
  readonly #abandoned = new Bell();

  constructor(host: OutsideHost) {
    this.#host = host;
  }

  /**
   * Makes a change and leaves its audit row.
   *
   * @param body makes it; what it throws, the caller gets
   */
  async make<T>(
    change: WantedChange,
    body: (outside: Outside) => Promise<MadeChange<T>>,
  ): Promise<T> {
    const { db, view } = this.#host;
    const id = uuidV7();
    const places = await Promise.all(change.places.map((place) => view.see(place)));
    this.#open.add(id);
    try {
      await db.write((tx) => tx.batch([insertIntent(this.#intentOf(id, change, places))]));
      const made = await body(this.#host.open(id));
      await this.#complete(id, change, made);
      return made.value;
    } catch (thrown) {
      if (thrown instanceof Fault && await this.#wasRefused(thrown, id, places)) {
        this.#refused.set(thrown, id);
      } else this.#abandon(id);
      throw thrown;
    }
  }

  /**
   * Writes down that a call was refused. Where it had begun a change, that is over with it.
   *
   * @param thrown what the call was refused with
   * @param entry null = there are too many of these
   */
  async refused(thrown: Fault, entry: AuditEntry | null): Promise<void> {
    const { db, clock, outboxChanged } = this.#host;
    const id = this.#refused.get(thrown);
    if (entry === null && id === undefined) return;
    try {
      await db.write((tx) =>
        tx.batch([
          ...(id === undefined ? [] : [deleteIntent(id)]),
          insertOutbox(entry === null ? [] : [auditMessage(entry, clock.now())]),
        ])
      );
    } finally {
      if (id !== undefined) this.#open.delete(id);
    }
    outboxChanged();
  }

  /**
   * Tells of every change that was cut off: by the end of its process, or by a failure that left its end open.
   *
   * @returns how many it told of
   * @throws {Fault} when that cannot be told for now
   */
  async settle(): Promise<number> {
    let settled = 0;
    for (const intent of await readIntents(this.#host.db)) {
      if (this.#isAbandoned(intent) && await this.#settleOne(intent)) settled += 1;
    }
    return settled;
  }

  /** Ends when a change of this process was cut off, after the time, ms, or with the signal. */
  async untilAbandoned(timeoutMs: number, signal: AbortSignal): Promise<void> {
    await this.#abandoned.heard(timeoutMs, signal);
  }

  #intentOf(
    id: string,
    { actor, action, target, wanted }: WantedChange,
    places: readonly PlaceBefore[],
  ): AuditIntent {
    const { holder, clock } = this.#host;
    return { id, holder, recordedAt: clock.now(), actor, action, target, payload: wanted, places };
  }

  async #complete<T>(
    id: string,
    { actor, action, target, wanted }: WantedChange,
    { details, alongside }: MadeChange<T>,
  ): Promise<void> {
    const { db, clock, outboxChanged } = this.#host;
    const payload = wanted === null && details === undefined ? null : { ...wanted, ...details };
    await db.write(async (tx) => {
      await alongside?.(tx);
      const message = auditMessage({ actor, action, target, payload }, clock.now());
      await tx.batch([deleteIntent(id), insertOutbox([message])]);
    });
    this.#open.delete(id);
    outboxChanged();
  }

  /** Whether it is certain that nothing was changed: of several writes the last may be the one that was refused. */
  async #wasRefused(fault: Fault, id: string, places: readonly PlaceBefore[]): Promise<boolean> {
    if (fault.retryable || fault.code === "internal") return false;
    try {
      return (await this.#fatesOf(places, id)).every((fate) => fate === "not_applied");
    } catch {
      // Nobody can tell now: whoever settles it will look again.
      return false;
    }
  }

  #abandon(id: string): void {
    this.#open.delete(id);
    this.#abandoned.ring();
  }

  #isAbandoned({ id, holder, recordedAt }: AuditIntent): boolean {
    if (holder === this.#host.holder) return !this.#open.has(id);
    // The number of this very process: whoever had it before is dead.
    if (placeOf(holder) === placeOf(this.#host.holder)) return true;
    return this.#host.isDead(holder) || this.#host.clock.now() - recordedAt > SURELY_OVER_MS;
  }

  /** Whether it was this process that told of it. */
  async #settleOne(intent: AuditIntent): Promise<boolean> {
    const { db, clock, log, outboxChanged } = this.#host;
    const { id, actor, action, target, recordedAt } = intent;
    const places = v.parse(Places, intent.places);
    const fates = await this.#fatesOf(places, id);
    const outcome = together(fates);
    const payload = {
      ...v.parse(Wanted, intent.payload),
      interrupted: {
        outcome,
        settled_at: formatInstant(clock.now()),
        places: places.map((place, index) => ({
          place: placeText(place),
          outcome: fates[index] ?? "unknown",
        })),
      },
    };
    const isOurs = await db.write(async (tx) => {
      const [ended] = await tx.batch([deleteIntent(id)]);
      if (ended?.changes === 0) return false;
      const message = auditMessage({ actor, action, target, payload }, recordedAt);
      await tx.batch([insertOutbox([message])]);
      return true;
    });
    if (!isOurs) return false;
    log.warn("a change was cut off", { action, target, outcome });
    outboxChanged();
    return true;
  }

  async #fatesOf(places: readonly PlaceBefore[], id: string): Promise<readonly Fate[]> {
    return await Promise.all(places.map((place) => this.#host.view.fateOf(place, id)));
  }
}

/** What became of a change as a whole: `partly` where some places were reached and others were not. */
function together(fates: readonly Fate[]): Fate | "partly" {
  const [first, ...others] = new Set(fates);
  if (first === undefined || fates.includes("unknown")) return "unknown";
  return others.length === 0 ? first : "partly";
}

/** Host and number of a process. */
function placeOf(holder: string): string {
  return holder.slice(0, holder.lastIndexOf("/"));
}
