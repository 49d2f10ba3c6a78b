import type { Ending } from "../machines/agent_command.ts";
import type { Command } from "../wire/command.ts";
import { timeoutWithRetriesSecs } from "../wire/deadlines.ts";
import { formatInstant } from "../wire/time.ts";
import type { CommandTools } from "./command_tools.ts";
import type { OpenRecord } from "./ledger_record.ts";
import type { LiveOutput } from "./live_output.ts";
import { noteOf, resultWithoutOutput } from "./result.ts";
import type { StreamName } from "./spawn.ts";

/** The attempt that is not the last, and when the next one comes. */
export interface FailedAttempt {
  readonly attempt: number;
  readonly ending: Ending | null;
  /** Until the next one. */
  readonly seconds: number;
}

/** What one command leaves behind after its admission: its start, its kill, its output, its result. */
export class RunPapers {
  readonly #command: Command;
  readonly #tools: CommandTools;
  #record: OpenRecord | undefined;
  #startedAt: string | undefined;
  #output: LiveOutput | undefined;
  #isAbandoned = false;

  constructor(command: Command, tools: CommandTools) {
    this.#command = command;
    this.#tools = tools;
  }

  /** The ledger has it: new, or from an earlier life of the agent. */
  admitted(record: OpenRecord): void {
    this.#record = record;
    this.#startedAt = record.started_at ?? undefined;
  }

  /** Nothing more is tried that the disk did not take. */
  abandon(): void {
    this.#isAbandoned = true;
  }

  /** Under which it is reported; undefined until it is admitted. */
  get resultId(): string | undefined {
    return this.#record?.result_id;
  }

  /** @throws {TypeError} before it is admitted */
  id(): string {
    if (this.#record === undefined) throw new TypeError("The command is not admitted yet");
    return this.#record.result_id;
  }

  /** For the log. */
  ids(): Record<string, unknown> {
    return {
      requestId: this.#command.request_id,
      execId: this.#command.exec_id,
      resultId: this.resultId,
    };
  }

  async recordKill(): Promise<void> {
    try {
      await this.#tools.ledger.markKilled(this.#command.request_id);
    } catch (error) {
      // The kill holds for as long as the agent lives; and KV `kills` remembers it, too.
      this.#tools.log.error("cannot record a kill", { ...this.ids(), error });
    }
  }

  /** Ends when the start is on disk, or nobody waits for it any more. */
  async recordStart(isKilled: () => boolean): Promise<void> {
    const startedAt = formatInstant(this.#tools.clock.now());
    this.#startedAt = startedAt;
    this.#output = this.#tools.live.begin(this.id());
    await this.#untilWritten(async () => {
      if (isKilled()) return;
      await Promise.all([
        this.#tools.ledger.markStarted(this.#command.request_id, startedAt),
        this.#putStarted(startedAt),
      ]);
    });
  }

  append(stream: StreamName, chunk: Uint8Array): void {
    this.#output?.append(stream, chunk);
  }

  /** Says in stderr what happened to an attempt that is not the last. */
  announceRetry({ attempt, ending, seconds }: FailedAttempt): void {
    const what = ending?.kind === "exited"
      ? `exit code ${ending.exitCode}`
      : ending && noteOf(ending);
    this.#note(`attempt ${attempt}: ${what}; the next in ${seconds} s`);
  }

  /** Says in stderr why the attempt that failed is the last. */
  announceLast(why: Ending): void {
    this.#note(`no further attempt: ${noteOf(why)}`);
  }

  /** Whether the result is in the outbox and its record closed; else it was abandoned before. */
  async report(ending: Ending): Promise<boolean> {
    const { pcId, clock, outbox, ledger, live, log } = this.#tools;
    const finishedAt = formatInstant(clock.now());
    this.#output ??= live.begin(this.id());
    const output = this.#output;
    const note = noteOf(ending);
    if (note !== undefined) this.#note(note);
    const result = resultWithoutOutput({
      command: this.#command,
      pcId,
      resultId: this.id(),
      ending,
      startedAt: this.#startedAt ?? finishedAt,
      finishedAt,
    });
    const isWritten = await this.#untilWritten(() =>
      outbox.writeResult({ ...result, result_id: this.id() }, {
        stdout: output.buffer("stdout"),
        stderr: output.buffer("stderr"),
      })
    );
    if (!isWritten || !await this.#untilWritten(() => ledger.close(this.#command.request_id))) {
      return false;
    }
    outbox.release(this.id());
    live.end(output);
    log.info("command reported", {
      ...this.ids(),
      exitCode: result.exit_code,
      skipped: result.skipped,
      reason: result.outcome_reason,
    });
    return true;
  }

  async #putStarted(startedAt: string): Promise<void> {
    const { exec_id, request_id, id, version, timeout_secs, retry } = this.#command;
    if (exec_id === null) return;
    await this.#tools.outbox.putStarted({
      result_id: this.id(),
      request_id,
      exec_id,
      pc_id: this.#tools.pcId,
      started_at: startedAt,
      manifest_id: id,
      version,
      timeout_secs: timeoutWithRetriesSecs(timeout_secs, retry),
    });
  }

  /** False: abandoned before. */
  #untilWritten(write: () => Promise<void>): Promise<boolean> {
    return this.#tools.disk.untilWritten({
      write,
      isAbandoned: () => this.#isAbandoned,
      ids: () => this.ids(),
    });
  }

  #note(text: string): void {
    const stderr = this.#output?.since("stderr", 0).bytes;
    const lineFeed = stderr === undefined || stderr.length === 0 || stderr.at(-1) === 0x0a
      ? ""
      : "\n";
    this.append("stderr", Buffer.from(`${lineFeed}kanade: ${text}\n`));
  }
}
