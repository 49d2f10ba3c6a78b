import { createHash } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { encode } from "../wire/codec.ts";
import { messageOf } from "../wire/fault.ts";
import type { SignatureHeaders } from "../wire/signing.ts";
import { formatInstant, parseInstant } from "../wire/time.ts";
import type { Log } from "../actors/log.ts";
import type { Clock } from "../actors/system/clock.ts";
import { ClosedRecords } from "./closed_records.ts";
import {
  clearTemps,
  exists,
  makePrivateDirectory,
  moveInto,
  removeFile,
  writeDurably,
} from "./files.ts";
import { type ClosedRecord, type OpenRecord, readOpenRecord } from "./ledger_record.ts";
import { Turns } from "./turns.ts";

const KEPT_RECORDS = 100_000;

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
  readonly #closed: ClosedRecords;

  private constructor(options: LedgerOptions, closed: ClosedRecords) {
    this.#options = options;
    this.#closed = closed;
  }

  /** Opens the ledger of a data directory, making it when it is not there. */
  static async open(options: LedgerOptions): Promise<Ledger> {
    const closed = await ClosedRecords.open(join(options.directory, "closed"));
    const ledger = new Ledger(options, closed);
    for (const name of ["open", "unreadable"]) await makePrivateDirectory(ledger.#path(name));
    await clearTemps(ledger.#path("open"));
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
      await this.#closed.add(name, {
        request_id: record.request_id,
        result_id: record.result_id,
        sha256: record.sha256,
        finished_at: formatInstant(this.#options.clock.now()),
      });
      this.#open.delete(name);
      await removeFile(this.#path("open", name));
    });
  }

  /**
   * Forgets what finished long ago (`ClosedRecords.prune`).
   *
   * @param isWaiting whether a result is still in the outbox: its record is kept
   * @returns how many it has forgotten
   */
  prune(isWaiting: (resultId: string) => boolean): Promise<number> {
    const { clock, keptRecords = KEPT_RECORDS } = this.#options;
    return this.#closed.prune({ now: clock.now(), keptRecords, isWaiting });
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
    const found = await this.#closed.find(name, (path, thrown) => this.#setAside(path, thrown));
    if (found !== undefined) return found;
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
