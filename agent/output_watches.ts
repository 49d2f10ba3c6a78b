import type { Bus } from "../actors/bus.ts";
import { encode } from "../wire/codec.ts";
import type { OutputChunk } from "../wire/job_tail.ts";
import { jobOutputSubject } from "../wire/subjects.ts";
import type { LiveOutput } from "./live_output.ts";
import type { StreamName } from "./spawn.ts";

/** What is printed within this time goes out together: 20 messages a second at most per stream. */
const GATHER_MS = 50;
const STREAMS: readonly StreamName[] = ["stdout", "stderr"];

/** From which byte of each stream on chunks are wanted. */
export type WatchFrom = Readonly<Record<StreamName, number>>;

interface Watch {
  readonly output: LiveOutput;
  /** Bytes of each stream that a viewer has: from a snapshot or a chunk. */
  readonly seen: Record<StreamName, number>;
  endsAt: number;
  timer: NodeJS.Timeout | undefined;
}

/** Publishes the output of runs for as long as somebody asked to see it (wire.md §4, `watch_secs`). */
export class OutputWatches {
  readonly #pcId: string;
  readonly #bus: Bus;
  readonly #watches = new Map<string, Watch>();

  constructor(pcId: string, bus: Bus) {
    this.#pcId = pcId;
    this.#bus = bus;
  }

  /**
   * Call in the turn that takes the snapshot: chunks go on from there, or begin with what is wanted. Watchers share what
   * is published; a chunk carries its offset, so each takes what it lacks.
   */
  watch(output: LiveOutput, seconds: number, from?: WatchFrom): void {
    if (!output.running && from === undefined) return;
    const watch = this.#watches.get(output.resultId) ?? this.#begin(output);
    watch.endsAt = Math.max(watch.endsAt, performance.now() + seconds * 1_000);
    if (from === undefined) return;
    for (const stream of STREAMS) watch.seen[stream] = Math.min(watch.seen[stream], from[stream]);
    this.#gather(watch);
  }

  clear(): void {
    for (const watch of this.#watches.values()) this.#drop(watch);
  }

  #begin(output: LiveOutput): Watch {
    const watch: Watch = {
      output,
      seen: { stdout: output.totalBytes("stdout"), stderr: output.totalBytes("stderr") },
      endsAt: 0,
      timer: undefined,
    };
    this.#watches.set(output.resultId, watch);
    output.onChange = () => this.#gather(watch);
    return watch;
  }

  #gather(watch: Watch): void {
    if (performance.now() > watch.endsAt) return this.#drop(watch);
    watch.timer ??= setTimeout(() => {
      watch.timer = undefined;
      this.#publish(watch);
    }, GATHER_MS);
  }

  #publish(watch: Watch): void {
    const { output, seen } = watch;
    const isDone = !output.running;
    for (const stream of STREAMS) {
      const { offset, bytes } = output.since(stream, seen[stream]);
      if (bytes.length === 0 && !isDone) continue;
      seen[stream] = offset + bytes.length;
      this.#send({
        result_id: output.resultId,
        stream,
        offset,
        data: Buffer.from(bytes).toString("base64"),
        ...(isDone ? { done: true } : {}),
      });
    }
    if (isDone) this.#drop(watch);
  }

  #send(chunk: OutputChunk): void {
    this.#bus.publish(jobOutputSubject(this.#pcId, chunk.result_id), encode(chunk));
  }

  #drop(watch: Watch): void {
    clearTimeout(watch.timer);
    watch.output.onChange = () => undefined;
    this.#watches.delete(watch.output.resultId);
  }
}
