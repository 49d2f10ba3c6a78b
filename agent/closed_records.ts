/** The requests that were reported, each remembered by a small file in the directory of the day on which it ended. */
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { encode } from "../wire/codec.ts";
import { formatInstant } from "../wire/time.ts";
import { clearTemps, isMissing, makePrivateDirectory, writeDurably } from "./files.ts";
import { type ClosedRecord, readClosedRecord } from "./ledger_record.ts";

/** Longer than EXEC keeps a command (7 d), so nothing can be replayed that is not known (agent.md §1). */
const KEPT_DAYS = 8;
const DAY_MS = 86_400_000;

/** Which of the closed records may go. */
export interface Pruning {
  /** Now, ms since the epoch. */
  readonly now: number;
  readonly keptRecords: number;
  /** Whether a result is still in the outbox: its record is kept. */
  readonly isWaiting: (resultId: string) => boolean;
}

export class ClosedRecords {
  readonly #directory: string;
  /** How many each UTC day has, e.g. `2026-05-20`. */
  readonly #countByDay = new Map<string, number>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Opens the directory, making it when it is not there. */
  static async open(directory: string): Promise<ClosedRecords> {
    const records = new ClosedRecords(directory);
    await makePrivateDirectory(directory);
    for (const day of await readdir(directory)) {
      records.#countByDay.set(day, await clearTemps(records.#path(day)));
    }
    return records;
  }

  /** @param setAside what to do with a file that cannot be read, after which it counts as unreadable */
  async find(
    name: string,
    setAside: (path: string, thrown: unknown) => Promise<void>,
  ): Promise<ClosedRecord | "unreadable" | undefined> {
    for (const day of this.#countByDay.keys()) {
      const path = this.#path(day, name);
      try {
        return readClosedRecord(await readFile(path));
      } catch (thrown) {
        if (isMissing(thrown)) continue;
        await setAside(path, thrown);
        return "unreadable";
      }
    }
    return undefined;
  }

  /** Durable when it resolves. */
  async add(name: string, record: ClosedRecord): Promise<void> {
    const day = this.#dayOf(record.finished_at);
    if (!this.#countByDay.has(day)) await makePrivateDirectory(this.#path(day));
    await writeDurably(this.#path(day, name), encode(record));
    this.#countByDay.set(day, (this.#countByDay.get(day) ?? 0) + 1);
  }

  /**
   * Forgets what finished more than 8 days ago, and the oldest above the number that is kept. What finished on the last
   * nine days that saw an end stays: a clock that is wrong for an hour must not make it forget what may come again.
   *
   * @returns how many it has forgotten
   */
  async prune({ now, keptRecords, isWaiting }: Pruning): Promise<number> {
    const oldest = formatInstant(now - KEPT_DAYS * DAY_MS).slice(0, 10);
    const days = [...this.#countByDay.keys()].sort();
    const last = new Set(days.slice(-1 - KEPT_DAYS));
    let forgotten = 0;
    for (const day of days) {
      const excess = this.#count() - keptRecords;
      // A tenth more than needed, so that the next command does not sort the day again.
      const isOver = day < oldest && !last.has(day);
      const count = isOver ? Infinity : excess > 0 ? excess + keptRecords / 10 : 0;
      if (count > 0) forgotten += await this.#dropOldest(day, count, isWaiting);
    }
    return forgotten;
  }

  async #dropOldest(
    day: string,
    count: number,
    isWaiting: Pruning["isWaiting"],
  ): Promise<number> {
    const names = await readdir(this.#path(day));
    let kept = names.length;
    for (const name of await this.#oldestFirst(day, names, count)) {
      const path = this.#path(day, name);
      if (isWaiting(await resultIdIn(path))) continue;
      await rm(path, { force: true });
      kept -= 1;
    }
    this.#countByDay.set(day, kept);
    if (kept === 0) {
      this.#countByDay.delete(day);
      await rm(this.#path(day), { recursive: true, force: true });
    }
    return names.length - kept;
  }

  async #oldestFirst(day: string, names: readonly string[], count: number): Promise<string[]> {
    if (count >= names.length) return [...names];
    const aged: { name: string; atMs: number }[] = [];
    for (const name of names) {
      aged.push({ name, atMs: (await stat(this.#path(day, name))).mtimeMs });
    }
    return aged.sort((a, b) => a.atMs - b.atMs).slice(0, count).map(({ name }) => name);
  }

  /** By the clock, and never before a day that is known: the newest stay the last. */
  #dayOf(instant: string): string {
    return [...this.#countByDay.keys(), instant.slice(0, 10)].sort().at(-1) ?? "";
  }

  #count(): number {
    let count = 0;
    for (const ofDay of this.#countByDay.values()) count += ofDay;
    return count;
  }

  #path(...parts: string[]): string {
    return join(this.#directory, ...parts);
  }
}

async function resultIdIn(path: string): Promise<string> {
  try {
    return readClosedRecord(await readFile(path)).result_id;
  } catch {
    // What cannot be read belongs to no waiting result that could be found by it.
    return "";
  }
}
