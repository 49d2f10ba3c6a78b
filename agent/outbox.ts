import { join } from "node:path";
import { createActor } from "xstate";
import * as v from "valibot";
import { inMemory, type Piecewise } from "../actors/bus_objects.ts";
import type { Log } from "../actors/log.ts";
import { outboxEntry } from "../machines/outbox_entry.ts";
import { decode, encode } from "../wire/codec.ts";
import { Fault } from "../wire/fault.ts";
import type { ObsEvent } from "../wire/events.ts";
import type { EventStarted } from "../wire/event_started.ts";
import { ExecResult, resultBody } from "../wire/exec_result.ts";
import { Id } from "../wire/scalars.ts";
import { MAX_INLINE_OUTPUT_BYTES } from "../wire/streams.ts";
import { obsSubject, startedSubject } from "../wire/subjects.ts";
import { type Content, fileNameOf, isMissing } from "./files.ts";
import type { OutputBuffer } from "./output_buffer.ts";
import { textPieces, textWithin } from "./output_text.ts";
import type { WholeResult } from "./overflow.ts";
import type { StreamName } from "./spawn.ts";
import { OUTPUT_FILES, Spool } from "./spool.ts";

export type EntryKind = "event" | "result";

/** One file on its way to the broker. */
export interface Entry {
  readonly kind: EntryKind;
  readonly id: string;
  readonly state: ReturnType<typeof startEntry>;
}

/** An event as it waits: where it goes and what it says. */
const WaitingEvent = v.object({ subject: v.string(), msg_id: Id, body: v.unknown() });
export type WaitingEvent = v.InferOutput<typeof WaitingEvent>;

const WaitingResult = v.object({
  result: ExecResult,
  /** Streams whose text is in a file of its own beside this one. */
  attached: v.array(v.picklist(OUTPUT_FILES)),
});
export type WaitingResult = v.InferOutput<typeof WaitingResult>;

/**
 * What waits to be published, on disk: `outbox/` holds results, `events-outbox/` started events and
 * observations (agent.md §2).
 *
 * 1. What a put has returned from survives a power cut.
 * 2. An entry leaves by `remove`, after the broker has stored it, or goes to `stuck/`.
 */
export class Outbox {
  readonly #spools: Readonly<Record<EntryKind, Spool>>;
  readonly #log: Log;
  /** In the order in which they are to go. */
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<() => void>();

  private constructor(spools: Record<EntryKind, Spool>, log: Log) {
    this.#spools = spools;
    this.#log = log;
  }

  static async open(dataDirectory: string, log: Log): Promise<Outbox> {
    const event = await Spool.open(join(dataDirectory, "events-outbox"));
    const result = await Spool.open(join(dataDirectory, "outbox"), OUTPUT_FILES);
    return new Outbox({ event, result }, log);
  }

  /** Calls when something may be ready to go; returns the unsubscribe. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Entries that are not stuck, oldest first. */
  *waiting(): Generator<Entry> {
    for (const entry of this.#entries.values()) {
      if (!entry.state.getSnapshot().matches("stuck")) yield entry;
    }
  }

  get(kind: EntryKind, id: string): Entry | undefined {
    return this.#entries.get(keyOf(kind, id));
  }

  get stuckResults(): number {
    let count = 0;
    for (const entry of this.#entries.values()) {
      if (entry.kind === "result" && entry.state.getSnapshot().matches("stuck")) count += 1;
    }
    return count;
  }

  /** Everything that has not left. */
  get size(): number {
    return this.#entries.size;
  }

  /** Results that the broker has not stored and that are not stuck. */
  get waitingResults(): number {
    let count = 0;
    for (const entry of this.waiting()) if (entry.kind === "result") count += 1;
    return count;
  }

  /** Resolves when nothing waits that can go at once. */
  empty(): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.onChange(() => check());
      const check = () => {
        if (!this.#canGo()) {
          queueMicrotask(() => {
            stop();
            resolve();
          });
        }
      };
      check();
    });
  }

  isWaiting(resultId: string): boolean {
    return this.#entries.has(keyOf("result", resultId));
  }

  /** Durable when it returns. @throws the system's error when it cannot be written */
  async putStarted(event: EventStarted): Promise<void> {
    await this.#putEvent(event.result_id ?? event.request_id, {
      subject: startedSubject(event.exec_id, event.pc_id),
      msg_id: event.result_id ?? event.request_id,
      body: event,
    });
  }

  /** Durable when it returns. @param id the same for what is to be told once */
  async putObservation(id: string, event: ObsEvent): Promise<void> {
    await this.#putEvent(id, { subject: obsSubject(event.pc_id), msg_id: id, body: event });
  }

  /**
   * Writes a result with its output, durably; it goes out only after `release`.
   *
   * @throws the system's error when it cannot be written
   */
  async writeResult(
    result: ExecResult & { readonly result_id: string },
    output: Readonly<Record<StreamName, OutputBuffer>>,
  ): Promise<void> {
    const inline: Partial<Record<StreamName, string>> = {};
    const attachments: Partial<Record<StreamName, Content>> = {};
    for (const stream of OUTPUT_FILES) {
      const text = textWithin(output[stream], MAX_INLINE_OUTPUT_BYTES);
      if (text === undefined) attachments[stream] = textPieces(output[stream]);
      else inline[stream] = text;
    }
    const document = {
      result: resultBody({
        ...result,
        ...inline,
        stdout_truncated: output.stdout.droppedBytes > 0,
        stderr_truncated: output.stderr.droppedBytes > 0,
      }),
      attached: Object.keys(attachments),
    };
    await this.#spools.result.write(fileNameOf(result.result_id), encode(document), attachments);
  }

  /** Lets a written result go. */
  release(resultId: string): void {
    this.#add("result", fileNameOf(resultId));
  }

  /** Whether a result was written, in this life or an earlier one, and not sent yet. */
  hasResult(resultId: string): Promise<boolean> {
    return this.#spools.result.has(fileNameOf(resultId));
  }

  /** Takes up what is in the directories and not known yet: after a start, or brought back from `stuck/`. */
  async scan(): Promise<void> {
    for (const kind of ["event", "result"] as const) {
      for (const id of await this.#spools[kind].list()) this.#add(kind, id);
      for (const id of await this.#spools[kind].stuckIds()) this.#addStuck(kind, id);
    }
  }

  /** @throws {Fault} `invalid_input` when the file is damaged; the system's error when it is gone */
  async readEvent(id: string): Promise<WaitingEvent> {
    return decode(WaitingEvent, "waiting event", await this.#spools.event.read(id));
  }

  /** @throws as `readEvent` */
  async readResult(id: string): Promise<WaitingResult> {
    return decode(WaitingResult, "waiting result", await this.#spools.result.read(id));
  }

  /** Opens its texts for as long as `use` takes. @throws as `readEvent`; what `use` does */
  async withTexts<T>(
    id: string,
    { result, attached }: WaitingResult,
    use: (whole: WholeResult) => Promise<T>,
  ): Promise<T> {
    const files: AsyncDisposable[] = [];
    const open = async (stream: StreamName): Promise<Piecewise> => {
      if (!attached.includes(stream)) return inMemory(Buffer.from(result[stream]));
      const file = await this.#openAttached(id, stream);
      files.push(file);
      return file;
    };
    try {
      return await use({
        result,
        texts: { stdout: await open("stdout"), stderr: await open("stderr") },
      });
    } finally {
      for (const file of files) await file[Symbol.asyncDispose]();
    }
  }

  /** The broker has it. */
  async remove(entry: Entry): Promise<void> {
    await this.#spools[entry.kind].remove(entry.id);
    this.forget(entry);
  }

  /** Its file is gone, or was moved by somebody. */
  forget(entry: Entry): void {
    entry.state.stop();
    this.#entries.delete(keyOf(entry.kind, entry.id));
    this.#changed();
  }

  /** Puts an entry whose machine is stuck out of the way of the others. */
  async stick(entry: Entry): Promise<void> {
    await this.#spools[entry.kind].stick(entry.id);
    this.#changed();
  }

  /** Whether an entry waits for nothing but its turn. */
  #canGo(): boolean {
    for (const { state } of this.#entries.values()) {
      const snapshot = state.getSnapshot();
      if (snapshot.matches("waiting") || snapshot.matches("sending")) return true;
    }
    return false;
  }

  async #openAttached(id: string, stream: StreamName): Promise<Piecewise & AsyncDisposable> {
    try {
      return await this.#spools.result.openAttachment(id, stream);
    } catch (cause) {
      if (!isMissing(cause)) throw cause;
      throw new Fault("invalid_input", `Cannot read the waiting result: its ${stream} is gone`, {
        cause,
      });
    }
  }

  async #putEvent(id: string, event: WaitingEvent): Promise<void> {
    const name = fileNameOf(id);
    await this.#spools.event.write(name, encode(event));
    this.#add("event", name);
  }

  #add(kind: EntryKind, id: string): void {
    const known = this.#entries.get(keyOf(kind, id));
    if (known === undefined) {
      this.#entries.set(keyOf(kind, id), { kind, id, state: startEntry() });
    } else if (known.state.getSnapshot().matches("stuck")) {
      known.state.send({ type: "RESTORED" });
      this.#log.info("outbox entry restored", { kind, id });
    }
    this.#changed();
  }

  #addStuck(kind: EntryKind, id: string): void {
    const key = keyOf(kind, id);
    if (this.#entries.has(key)) return;
    const state = startEntry();
    state.send({ type: "SEND" });
    state.send({ type: "UNREADABLE", why: "it was stuck before the agent started" });
    this.#entries.set(key, { kind, id, state });
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

function startEntry() {
  return createActor(outboxEntry).start();
}

function keyOf(kind: EntryKind, id: string): string {
  return `${kind} ${id}`;
}
