import { OutputBuffer, type Stretch } from "./output_buffer.ts";
import type { StreamName } from "./spawn.ts";

/** What a live viewer can see: the last so many bytes of each stream (agent.md §1.9). */
export const RING_BYTES = 131_072;
/** How long after the end of a run it can still be seen. */
const KEPT_AFTER_END_MS = 60_000;

/** Of all that have ended together: a thousand loud runs in a minute must not fill the memory. */
const KEPT_AFTER_END_BYTES = 16 * 1_048_576;

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

  /** What is left of it once it has ended. */
  get keptBytes(): number {
    return (this.#last?.stdout.bytes.length ?? 0) + (this.#last?.stderr.bytes.length ?? 0);
  }

  /** Drops everything but the ring. */
  end(): void {
    this.#last = { stdout: this.since("stdout", 0), stderr: this.since("stderr", 0) };
    this.#buffers = { stdout: new OutputBuffer(), stderr: new OutputBuffer() };
    this.onChange();
  }
}

/** The runs that can be looked at: those that are on, and for 60 s the newest of those that ended. */
export class LiveOutputs {
  readonly #byResultId = new Map<string, LiveOutput>();
  /** Those that ended, oldest first, and what will forget them. */
  readonly #ended = new Map<LiveOutput, NodeJS.Timeout>();
  #endedBytes = 0;

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
    const timer = setTimeout(() => this.#forget(output), KEPT_AFTER_END_MS);
    // Nobody waits for it: a process that is done otherwise may end.
    timer.unref();
    this.#ended.set(output, timer);
    this.#endedBytes += output.keptBytes;
    for (const oldest of this.#ended.keys()) {
      if (this.#endedBytes <= KEPT_AFTER_END_BYTES) break;
      this.#forget(oldest);
    }
  }

  /** Forgets everything; leaves no timer behind. */
  clear(): void {
    for (const output of this.#ended.keys()) this.#forget(output);
    this.#byResultId.clear();
  }

  #forget(output: LiveOutput): void {
    clearTimeout(this.#ended.get(output));
    this.#ended.delete(output);
    this.#endedBytes -= output.keptBytes;
    this.#byResultId.delete(output.resultId);
  }
}
