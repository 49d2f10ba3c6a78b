import type { Ending } from "../machines/agent_command.ts";
import type { Command } from "../wire/command.ts";
import { messageOf } from "../wire/fault.ts";
import type { HandlerOutput, JobHandler } from "./handlers.ts";
import type { StreamName } from "./spawn.ts";

/** How long a handler may go on after its signal aborted; then it is left to itself. */
const ABORT_GRACE_MS = 5_000;
/** The longest wait that a timer of the platform can hold. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** Of a handler that threw, or answered what is no exit code. */
const FAILED: Ending = { kind: "exited", exitCode: 1 };

export interface HandlerAttemptOptions {
  readonly command: Command;
  readonly resultId: string;
  readonly attempt: number;
  readonly handler: JobHandler;
  readonly onOutput: (stream: StreamName, chunk: Uint8Array) => void;
  readonly onTimeout: () => void;
}

/** One call of a handler: what an attempt of a script is, without a process. */
export class HandlerAttempt {
  readonly #options: HandlerAttemptOptions;
  readonly #abort = new AbortController();
  readonly #left: Promise<Ending>;
  #leave: () => void = () => undefined;
  #patience: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(options: HandlerAttemptOptions) {
    this.#options = options;
    this.#left = new Promise((resolve) => this.#leave = () => resolve(FAILED));
  }

  /** Ends when the handler has ended, or was left to itself. Never rejects. */
  async run(): Promise<Ending> {
    const { command, onTimeout } = this.#options;
    const timeout = setTimeout(onTimeout, Math.min(command.timeout_secs * 1_000, MAX_TIMER_MS));
    try {
      return await Promise.race([this.#call(), this.#left]);
    } finally {
      this.#isOver = true;
      clearTimeout(timeout);
      clearTimeout(this.#patience);
    }
  }

  /** Aborts the handler's signal. Harmless twice. */
  end(): void {
    if (this.#abort.signal.aborted || this.#isOver) return;
    this.#patience = setTimeout(() => {
      this.#say(`the handler did not end within ${ABORT_GRACE_MS / 1_000} s of being asked to`);
      this.#leave();
    }, ABORT_GRACE_MS);
    this.#abort.abort();
  }

  async #call(): Promise<Ending> {
    const { command, resultId, attempt, handler } = this.#options;
    const { signal } = this.#abort;
    // What was ended before it began is not begun.
    if (signal.aborted) return FAILED;
    try {
      const exitCode = await handler(command, {
        stdout: this.#output("stdout"),
        stderr: this.#output("stderr"),
        signal,
        resultId,
        attempt,
      }) ?? 0;
      if (Number.isInteger(exitCode) && exitCode === (exitCode | 0)) {
        return { kind: "exited", exitCode };
      }
      this.#say(`the handler answered ${String(exitCode)}, which is no exit code`);
    } catch (thrown) {
      if (!signal.aborted || !isAbortError(thrown)) {
        this.#write("stderr", `${messageOf(thrown)}\n`);
      }
    }
    return FAILED;
  }

  #output(stream: StreamName): HandlerOutput {
    return { write: (chunk) => this.#write(stream, chunk) };
  }

  #write(stream: StreamName, chunk: string | Uint8Array): void {
    if (this.#isOver) return;
    this.#options.onOutput(stream, typeof chunk === "string" ? Buffer.from(chunk) : chunk);
  }

  #say(text: string): void {
    this.#write("stderr", `kanade: ${text}\n`);
  }
}

/** What the platform throws when a signal aborts: the ending says it better. */
function isAbortError(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === "AbortError";
}
