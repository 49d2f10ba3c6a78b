import { createHash } from "node:crypto";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { encode } from "../wire/codec.ts";
import { messageOf } from "../wire/fault.ts";
import type { SignatureHeaders } from "../wire/signing.ts";
import { formatInstant, parseInstant } from "../wire/time.ts";
import type { Log } from "../actors/log.ts";
import type { Clock } from "../actors/system/clock.ts";
import {
  clearTemps,
  exists,
  isMissing,
  makePrivateDirectory,
  moveInto,
  removeFile,
  writeDurably,
} from "./files.ts";
import {
  type ClosedRecord,
  type OpenRecord,
  readClosedRecord,
  readOpenRecord,
} from "./ledger_record.ts";
import { Turns } from "./turns.ts";

/** Longer than EXEC keeps a command (7 d), so nothing can be replayed that is not known (agent.md §1). */
const KEPT_DAYS = 8;
const KEPT_RECORDS = 100_000;
const DAY_MS = 86_400_000;

/** What the ledger says to the bytes of a command. */
export type Admission =
  /** New: its record is on disk. */
  | { readonly kind: "admitted"; readonly record: OpenRecord }
  /** The same bytes were admitted before. */
  | { readonly kind: "duplicate"; readonly resultId: string }
  /** Other bytes were admitted under this request id. */
  | { readonly kind: "conflict"; readonly resultId: string }
  /** There was a record and it cannot be read: it may have started, so it must not run. */
  | { readonly kind: "unreadable"; readonly record: OpenRecord };

export interface LedgerOptions {
  readonly directory: string;
  readonly pcId: string;
  readonly mintId: () => string;
  /** At most so many closed records; 100,000 unless given. */
  readonly keptRecords?: number;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * The durable memory of what was admitted: one small file per request (agent.md §1.2).
 *
 * 1. `admit` returns only after the record is on disk.
 * 2. A record is open (`open/`) until its result is in the outbox, then closed (`closed/<day>/`).
 *    Closed wins when both exist.
 * 3. No call reads more than the records of the request it is about; only `open` lists `open/`,
 *    which holds what runs.
 */
export class Ledger {
  readonly #options: LedgerOptions;
  readonly #turns = new Turns();
  readonly #open = new Map<string, OpenRecord>();
  /** Closed records by UTC day, e.g. `2026-05-20`. */
  readonly #countByDay = new Map<string, number>();

  private constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** Opens the ledger of a data directory, making it when it is not there. */
  static async open(options: LedgerOptions): Promise<Ledger> {
    const ledger = new Ledger(options);
    await Promise.all(
      ["open", "closed", "unreadable"].map((name) => makePrivateDirectory(ledger.#path(name))),
    );
    await clearTemps(ledger.#path("open"));
    for (const day of await readdir(ledger.#path("closed"))) {
      ledger.#countByDay.set(day, await clearTemps(ledger.#path("closed", day)));
    }
    for (const name of await readdir(ledger.#path("open"))) await ledger.#loadOpen(name);
    return ledger;
  }

  /** The records of what was admitted and not reported, oldest first. */
  unfinished(): readonly OpenRecord[] {
    return [...this.#open.values()].sort((a, b) =>
      (parseInstant(a.admitted_at) ?? 0) - (parseInstant(b.admitted_at) ?? 0)
    );
  }

  /** The open record of a request, if it has one. */
  record(requestId: string): OpenRecord | undefined {
    return this.#open.get(this.#nameOf(requestId));
  }

  /**
   * Decides once and durably whether a command is new.
   *
   * @throws the system's error when the record cannot be written: nothing was admitted then
   */
  admit(
    requestId: string,
    bytes: Uint8Array,
    headers: SignatureHeaders = {},
  ): Promise<Admission> {
    const name = this.#nameOf(requestId);
    return this.#turns.take(name, () => this.#admit(name, { requestId, bytes, headers }));
  }

  /** Whether these very bytes were admitted. */
  isKnown(requestId: string, bytes: Uint8Array): Promise<boolean> {
    const name = this.#nameOf(requestId);
    return this.#turns.take(name, async () => {
      const known = this.#open.get(name) ?? await this.#findClosed(name);
      return typeof known === "object" && known.sha256 === sha256Of(bytes);
    });
  }

  /** Notes that the command may have started from now on. */
  markStarted(requestId: string, startedAt: string): Promise<void> {
    return this.#update(requestId, { started_at: startedAt });
  }

  /** Notes that the command was killed, so that a crash does not forget it. */
  markKilled(requestId: string): Promise<void> {
    return this.#update(requestId, { killed: true });
  }

  /** Notes that the result is in the outbox: the request is only remembered from here on. */
  close(requestId: string): Promise<void> {
    const name = this.#nameOf(requestId);
    return this.#turns.take(name, async () => {
      const record = this.#open.get(name);
      if (record === undefined) return;
      const finishedAt = formatInstant(this.#options.clock.now());
      const day = this.#dayOf(finishedAt);
      if (!this.#countByDay.has(day)) await makePrivateDirectory(this.#path("closed", day));
      const closed: ClosedRecord = {
        request_id: record.request_id,
        result_id: record.result_id,
        sha256: record.sha256,
        finished_at: finishedAt,
      };
      await writeDurably(this.#path("closed", day, name), encode(closed));
      this.#countByDay.set(day, (this.#countByDay.get(day) ?? 0) + 1);
      this.#open.delete(name);
      await removeFile(this.#path("open", name));
    });
  }

  /**
   * Forgets what finished more than 8 days ago, and the oldest above 100,000 records. What finished on the last nine days
   * that saw an end stays: a clock that is wrong for an hour must not make it forget what may come again.
   *
   * @param isWaiting whether a result is still in the outbox: its record is kept
   * @returns how many it has forgotten
   */
  async prune(isWaiting: (resultId: string) => boolean): Promise<number> {
    const { clock, keptRecords = KEPT_RECORDS } = this.#options;
    const oldest = formatInstant(clock.now() - KEPT_DAYS * DAY_MS).slice(0, 10);
    const days = [...this.#countByDay.keys()].sort();
    const last = new Set(days.slice(-1 - KEPT_DAYS));
    let forgotten = 0;
    for (const day of days) {
      const excess = this.#closedCount() - keptRecords;
      // A tenth more than needed, so that the next command does not sort the day again.
      const isOver = day < oldest && !last.has(day);
      const count = isOver ? Infinity : excess > 0 ? excess + keptRecords / 10 : 0;
      if (count > 0) forgotten += await this.#dropOldest(day, count, isWaiting);
    }
    return forgotten;
  }

  async #admit(
    name: string,
    { requestId, bytes, headers }: {
      requestId: string;
      bytes: Uint8Array;
      headers: SignatureHeaders;
    },
  ): Promise<Admission> {
    const sha256 = sha256Of(bytes);
    const known = this.#open.get(name) ?? await this.#findClosed(name);
    if (known !== undefined && known !== "unreadable") {
      return {
        kind: known.sha256 === sha256 ? "duplicate" : "conflict",
        resultId: known.result_id,
      };
    }
    const now = formatInstant(this.#options.clock.now());
    const record: OpenRecord = {
      request_id: requestId,
      result_id: this.#options.mintId(),
      sha256,
      admitted_at: now,
      started_at: known === "unreadable" ? now : null,
      killed: false,
      command: Buffer.from(bytes).toString("base64"),
      ...(Object.keys(headers).length === 0 ? {} : { headers }),
    };
    await this.#write(name, record);
    return { kind: known === "unreadable" ? "unreadable" : "admitted", record };
  }

  async #findClosed(name: string): Promise<ClosedRecord | "unreadable" | undefined> {
    for (const day of this.#countByDay.keys()) {
      const path = this.#path("closed", day, name);
      try {
        return readClosedRecord(await readFile(path));
      } catch (thrown) {
        if (isMissing(thrown)) continue;
        await this.#setAside(path, thrown);
        return "unreadable";
      }
    }
    return await exists(this.#path("unreadable", name)) ? "unreadable" : undefined;
  }

  #update(requestId: string, change: Partial<OpenRecord>): Promise<void> {
    const name = this.#nameOf(requestId);
    return this.#turns.take(name, async () => {
      const record = this.#open.get(name);
      if (record !== undefined) await this.#write(name, { ...record, ...change });
    });
  }

  async #write(name: string, record: OpenRecord): Promise<void> {
    await writeDurably(this.#path("open", name), encode(record));
    this.#open.set(name, record);
  }

  async #loadOpen(name: string): Promise<void> {
    const path = this.#path("open", name);
    const closed = await this.#findClosed(name);
    if (closed !== undefined && closed !== "unreadable") return rm(path, { force: true });
    try {
      this.#open.set(name, readOpenRecord(await readFile(path)));
    } catch (thrown) {
      await this.#setAside(path, thrown);
    }
  }

  async #setAside(path: string, thrown: unknown): Promise<void> {
    this.#options.log.error("ledger record set aside", { path, why: messageOf(thrown) });
    await moveInto(path, this.#path("unreadable"));
  }

  async #dropOldest(
    day: string,
    count: number,
    isWaiting: (resultId: string) => boolean,
  ): Promise<number> {
    const names = await readdir(this.#path("closed", day));
    let kept = names.length;
    for (const name of await this.#oldestFirst(day, names, count)) {
      const path = this.#path("closed", day, name);
      if (isWaiting(await resultIdIn(path))) continue;
      await rm(path, { force: true });
      kept -= 1;
    }
    this.#countByDay.set(day, kept);
    if (kept === 0) {
      this.#countByDay.delete(day);
      await rm(this.#path("closed", day), { recursive: true, force: true });
    }
    return names.length - kept;
  }

  async #oldestFirst(day: string, names: readonly string[], count: number): Promise<string[]> {
    if (count >= names.length) return [...names];
    const aged: { name: string; atMs: number }[] = [];
    for (const name of names) {
      aged.push({ name, atMs: (await stat(this.#path("closed", day, name))).mtimeMs });
    }
    return aged.sort((a, b) => a.atMs - b.atMs).slice(0, count).map(({ name }) => name);
  }

  /** By the clock, and never before a day that is known: the newest stay the last. */
  #dayOf(instant: string): string {
    return [...this.#countByDay.keys(), instant.slice(0, 10)].sort().at(-1) ?? "";
  }

  #closedCount(): number {
    let count = 0;
    for (const ofDay of this.#countByDay.values()) count += ofDay;
    return count;
  }

  #nameOf(requestId: string): string {
    return createHash("sha256").update(`${this.#options.pcId}\0${requestId}`).digest("hex");
  }

  #path(...parts: string[]): string {
    return join(this.#options.directory, ...parts);
  }
}

function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function resultIdIn(path: string): Promise<string> {
  try {
    return readClosedRecord(await readFile(path)).result_id;
  } catch {
    // What cannot be read belongs to no waiting result that could be found by it.
    return "";
  }
}
