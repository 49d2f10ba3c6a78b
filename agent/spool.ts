import { readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Piecewise } from "../actors/bus_objects.ts";
import {
  clearTemps,
  type Content,
  exists,
  isMissing,
  makePrivateDirectory,
  removeFile,
  syncDirectory,
  writeDurably,
} from "./files.ts";
import { openPiecewise } from "./piecewise_file.ts";

const DOCUMENT = ".json";
const STUCK = "stuck";
/** The attachments of a result: streams whose text is too large for the document. */
export const OUTPUT_FILES = ["stdout", "stderr"] as const;

/**
 * A directory of documents that wait to be sent, `<id>.json`, each with attachments beside it
 * (`<id>.<name>`) that are too large to sit in a document. The document is written last and removed
 * first, so what exists is whole (agent.md §2).
 */
export class Spool {
  readonly #directory: string;
  readonly #attachments: readonly string[];

  private constructor(directory: string, attachments: readonly string[]) {
    this.#directory = directory;
    this.#attachments = attachments;
  }

  /** @param attachments the names that attachments may have */
  static at(directory: string, attachments: readonly string[] = []): Spool {
    return new Spool(directory, attachments);
  }

  /**
   * Makes the directory if needed, and clears what an earlier process left half-written: only for the
   * one process that writes there.
   */
  static async open(directory: string, attachments: readonly string[] = []): Promise<Spool> {
    const spool = Spool.at(directory, attachments);
    await makePrivateDirectory(spool.#path(STUCK));
    await clearTemps(directory);
    await spool.#clearOrphans();
    return spool;
  }

  /** Durable when it returns. @throws the system's error (`ENOSPC`, …) */
  async write(
    id: string,
    document: Uint8Array,
    attachments: Readonly<Record<string, Content>> = {},
  ): Promise<void> {
    const attached = Object.entries(attachments);
    if (attached.length > 0) await makePrivateDirectory(this.#directory);
    for (const [name, content] of attached) {
      await writeDurably(this.#path(`${id}.${name}`), content);
    }
    await this.#writeDocument(this.#path(id + DOCUMENT), document);
  }

  async #writeDocument(path: string, document: Uint8Array): Promise<void> {
    try {
      await writeDurably(path, document);
    } catch (thrown) {
      if (!isMissing(thrown)) throw thrown;
      // Somebody has removed the directory of a living agent.
      await makePrivateDirectory(this.#directory);
      await writeDurably(path, document);
    }
  }

  /** Ids that wait, oldest first. A directory that is not there holds none. */
  async list(): Promise<string[]> {
    const aged: { id: string; atMs: number }[] = [];
    for (const name of await namesIn(this.#directory)) {
      if (!name.endsWith(DOCUMENT)) continue;
      aged.push({ id: name.slice(0, -DOCUMENT.length), atMs: await changedAt(this.#path(name)) });
    }
    return aged.sort((a, b) => a.atMs - b.atMs).map(({ id }) => id);
  }

  /** @throws the system's error; see `isMissing` */
  read(id: string): Promise<Uint8Array> {
    return readFile(this.#path(id + DOCUMENT));
  }

  /** @throws the system's error; see `isMissing` */
  openAttachment(id: string, name: string): Promise<Piecewise & AsyncDisposable> {
    return openPiecewise(this.#path(`${id}.${name}`));
  }

  async has(id: string): Promise<boolean> {
    return await exists(this.#path(id + DOCUMENT));
  }

  /** Removes what was sent. */
  async remove(id: string): Promise<void> {
    await removeFile(this.#path(id + DOCUMENT));
    for (const name of this.#attachments) await removeFile(this.#path(`${id}.${name}`));
  }

  /** Moves a document that cannot be sent, with its attachments, out of the way. */
  stick(id: string): Promise<void> {
    return this.#move(id, this.#directory, this.#path(STUCK));
  }

  async stuckIds(): Promise<string[]> {
    return (await namesIn(this.#path(STUCK)))
      .filter((name) => name.endsWith(DOCUMENT))
      .map((name) => name.slice(0, -DOCUMENT.length));
  }

  /** Brings every stuck document back; tells how many. */
  async restoreStuck(): Promise<number> {
    const ids = await this.stuckIds();
    for (const id of ids) await this.#move(id, this.#path(STUCK), this.#directory);
    return ids.length;
  }

  async #move(id: string, from: string, to: string): Promise<void> {
    await makePrivateDirectory(to);
    for (const name of this.#attachments.map((attachment) => `${id}.${attachment}`)) {
      if (await exists(join(from, name))) await rename(join(from, name), join(to, name));
    }
    await rename(join(from, id + DOCUMENT), join(to, id + DOCUMENT));
    await syncDirectory(to);
    await syncDirectory(from);
  }

  async #clearOrphans(): Promise<void> {
    const names = await namesIn(this.#directory);
    // What is being brought back has its attachments here first.
    const stuck = await namesIn(this.#path(STUCK));
    const ids = new Set([...names, ...stuck].filter((name) => name.endsWith(DOCUMENT)).map(idOf));
    for (const name of names) {
      if (name !== STUCK && !ids.has(idOf(name))) await rm(this.#path(name), { force: true });
    }
  }

  #path(...parts: string[]): string {
    return join(this.#directory, ...parts);
  }
}

function idOf(name: string): string {
  return name.split(".", 1)[0] ?? name;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (thrown) {
    if (isMissing(thrown)) return [];
    throw thrown;
  }
}

async function changedAt(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (thrown) {
    if (isMissing(thrown)) return 0;
    throw thrown;
  }
}
