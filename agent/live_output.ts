import { OutputBuffer, type Stretch } from "./output_buffer.ts";
import type { StreamName } from "./spawn.ts";

/** What a live viewer can see: the last so many bytes of each stream (agent.md §1.9). */
export const RING_BYTES = 131_072;
/** How long after the end of a run it can still be seen. */
const KEPT_AFTER_END_MS = 60_000;

/** The output of one run while it is there to be looked at. */
export class LiveOutput {
  readonly resultId: string;
  #buffers = { stdout: new OutputBuffer(), stderr: new OutputBuffer() };
  #last: Readonly<Record<StreamName, Stretch>> | undefined;
  /** Called after each write and at the end. */
  onChange: () => void = () => undefined;

  constructor(resultId: string) {
    this.resultId = resultId;
  }

  get running(): boolean {
    return this.#last === undefined;
  }

  append(stream: StreamName, chunk: Uint8Array): void {
    this.#buffers[stream].append(chunk);
    this.onChange();
  }

  /** The kept output, for the result; empty once the run has ended. */
  buffer(stream: StreamName): OutputBuffer {
    return this.#buffers[stream];
  }

  totalBytes(stream: StreamName): number {
    const last = this.#last?.[stream];
    return last === undefined ? this.#buffers[stream].totalBytes : last.offset + last.bytes.length;
  }

  /** The live ring from an offset on; it begins later when that has left the ring. */
  since(stream: StreamName, offset: number): Stretch {
    const last = this.#last?.[stream];
    if (last === undefined) return this.#buffers[stream].since(offset, RING_BYTES);
    const skipped = Math.min(last.bytes.length, Math.max(0, offset - last.offset));
    return { offset: last.offset + skipped, bytes: last.bytes.subarray(skipped) };
  }

  /** Drops everything but the ring. */
  end(): void {
    this.#last = { stdout: this.since("stdout", 0), stderr: this.since("stderr", 0) };
    this.#buffers = { stdout: new OutputBuffer(), stderr: new OutputBuffer() };
    this.onChange();
  }
}

/** The runs that can be looked at: those that are on, and for 60 s those that ended. */
export class LiveOutputs {
  readonly #byResultId = new Map<string, LiveOutput>();
  readonly #timers = new Set<NodeJS.Timeout>();

  begin(resultId: string): LiveOutput {
    const output = new LiveOutput(resultId);
    this.#byResultId.set(resultId, output);
    return output;
  }

  find(resultId: string): LiveOutput | undefined {
    return this.#byResultId.get(resultId);
  }

  end(output: LiveOutput): void {
    output.end();
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#byResultId.delete(output.resultId);
    }, KEPT_AFTER_END_MS);
    // Nobody waits for it: a process that is done otherwise may end.
    timer.unref();
    this.#timers.add(timer);
  }

  /** Forgets everything; leaves no timer behind. */
  clear(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#byResultId.clear();
  }
}
