/** What a run has printed so far, put together of the events of its stream. */
import type { OutputStream } from "../../../wire/http_live.ts";
import { AnsiReader, type Line, textOfLine } from "../../shared/ansi.ts";

export interface OutputLine extends Line {
  readonly stream: OutputStream;
}

/** Lines of both streams in the order in which they began. */
export class Output {
  lines: OutputLine[] = [];
  readonly #chunks: Record<OutputStream, string[]> = { stdout: [], stderr: [] };
  readonly #readers: Record<OutputStream, AnsiReader>;

  constructor() {
    this.#readers = { stdout: this.#reader("stdout"), stderr: this.#reader("stderr") };
  }

  write(stream: OutputStream, text: string): void {
    this.#chunks[stream].push(text);
    this.#readers[stream].write(text);
  }

  /** So many bytes are not to be had while the run goes on. */
  gap(stream: OutputStream, bytes: number | null): void {
    const words = bytes === null ? "Some output" : `${bytes} bytes of output`;
    this.#readers[stream] = this.#reader(stream);
    this.lines.push({
      stream,
      spans: [{
        text: `… ${words} came too fast to be shown …`,
        style: { italic: true, dim: true },
      }],
      length: 1,
    });
  }

  /** What follows takes the place of all that this stream has said. */
  restart(stream: OutputStream): void {
    this.lines = this.lines.filter((line) => line.stream !== stream);
    this.#chunks[stream] = [];
    this.#readers[stream] = this.#reader(stream);
  }

  /** The text as it came, escape sequences and all. */
  textOf(stream: OutputStream): string {
    return this.#chunks[stream].join("");
  }

  /** What is shown, as plain text. */
  shownText(stream: OutputStream | "both"): string {
    return this.linesOf(stream).map(textOfLine).join("\n");
  }

  linesOf(stream: OutputStream | "both"): readonly OutputLine[] {
    return stream === "both" ? this.lines : this.lines.filter((line) => line.stream === stream);
  }

  #reader(stream: OutputStream): AnsiReader {
    // The very object, because the reader goes on writing into it.
    return new AnsiReader((line) => this.lines.push(Object.assign(line, { stream })));
  }
}
