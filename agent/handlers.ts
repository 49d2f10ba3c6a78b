import type { Command } from "../wire/command.ts";

/** Where a handler writes what it would print. */
export interface HandlerOutput {
  /** Text is written as UTF-8. What comes after the handler's time is over is dropped. */
  write(chunk: string | Uint8Array): void;
}

/** What a handler is given beside its command. */
export interface HandlerTools {
  readonly stdout: HandlerOutput;
  readonly stderr: HandlerOutput;
  /** Aborts when the run is killed, times out, or must end because the agent stops. */
  readonly signal: AbortSignal;
  /** Under which this run is reported; the same for all of its attempts. */
  readonly resultId: string;
  /** 1, and one more with each retry. */
  readonly attempt: number;
}

/**
 * Code of the host that runs in place of a shell. It answers an exit code (nothing = 0); what it throws is exit code 1
 * with the message on stderr. `shell`, `script`, `run_as` and `cwd` of the command are its own business.
 */
export type JobHandler = (
  command: Command,
  tools: HandlerTools,
) => number | void | Promise<number | void>;

/** By job id; `"*"` is for every job that has none of its own, ad-hoc runs too. */
export type JobHandlers = Readonly<Record<string, JobHandler>>;

const ANY_JOB = "*";

/** The handlers of one agent. */
export class Handlers {
  /** A Map, because a job may be called "constructor". */
  readonly #byJobId: ReadonlyMap<string, JobHandler>;

  /** @throws {TypeError} when one of them is no function */
  constructor(handlers: JobHandlers = {}) {
    this.#byJobId = new Map(Object.entries(handlers));
    for (const [jobId, handler] of this.#byJobId) {
      if (typeof handler !== "function") {
        throw new TypeError(`The handler of ${JSON.stringify(jobId)} is no function`);
      }
    }
  }

  /** Whether no command ever needs a shell. */
  get takeAll(): boolean {
    return this.#byJobId.has(ANY_JOB);
  }

  of(command: Command): JobHandler | undefined {
    return this.#byJobId.get(command.id) ?? this.#byJobId.get(ANY_JOB);
  }
}
