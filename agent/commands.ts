import { decodeCommand } from "../wire/command.ts";
import type { Command } from "../wire/command.ts";
import { messageOf } from "../wire/fault.ts";
import { key, sha256Hex } from "../wire/ids.ts";
import { formatInstant } from "../wire/time.ts";
import { CommandRun, type CommandTools, type Taken } from "./command_run.ts";
import type { OpenRecord } from "./ledger_record.ts";

/**
 * Every command of an agent from its bytes to its report: the one intake behind live subscriptions,
 * replay and recovery (agent.md §1).
 */
export class Commands {
  readonly #tools: CommandTools;
  readonly #running = new Set<CommandRun>();
  #isStopping = false;

  constructor(tools: CommandTools) {
    this.#tools = tools;
  }

  get count(): number {
    return this.#running.size;
  }

  /**
   * Takes the bytes of a command.
   *
   * @returns whether they may be acked: they are durably admitted, known already, or no command at all
   */
  async take(bytes: Uint8Array): Promise<boolean> {
    if (this.#isStopping || this.#tools.disk.blockedWrites > 0) return false;
    let command: Command;
    try {
      command = decodeCommand(bytes);
    } catch (thrown) {
      await this.#observe("command_unreadable", sha256Hex(Buffer.from(bytes).toString("hex")), {
        why: messageOf(thrown),
      });
      return true;
    }
    const { ledger } = this.#tools;
    const taken = await this.#begin(command, () => ledger.admit(command.request_id, bytes));
    if (taken === "conflict") {
      await this.#observe("command_conflict", sha256Hex(Buffer.from(bytes).toString("hex")), {
        request_id: command.request_id,
        exec_id: command.exec_id,
        why: "another command was admitted under this request_id",
      });
    }
    return taken !== "unwritable";
  }

  /** Takes up what an earlier life of the agent admitted and did not report. */
  async recover(): Promise<void> {
    const { ledger, outbox } = this.#tools;
    for (const record of ledger.unfinished()) {
      // Its result is on its way: only the closing of the record is missing.
      if (!(await outbox.hasResult(record.result_id))) await this.#resume(record);
      else await ledger.close(record.request_id);
    }
  }

  /** Kills what belongs to an execution, now and when its command comes later. */
  kill(execId: string): void {
    const { facts, clock } = this.#tools;
    facts.noteKill(key(execId), JSON.stringify({ at: formatInstant(clock.now()) }));
    for (const run of this.#running) if (run.command.exec_id === execId) run.kill();
  }

  /** Kills what was killed while the agent did not hear of it. */
  async killForgotten(): Promise<void> {
    const { facts } = this.#tools;
    const execIds = new Set([...this.#running].map((run) => run.command.exec_id));
    for (const execId of execIds) {
      if (execId !== null && (await facts.read("kills", key(execId)))?.value) this.kill(execId);
    }
  }

  /**
   * Takes nothing any more, gives what runs so many milliseconds, then ends it. What has not started
   * stays in the ledger for the next start (agent.md §5).
   */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    const runs = [...this.#running];
    await Promise.all(runs.map((run) => run.taken));
    for (const run of runs) run.suspend();
    const grace = setTimeout(() => {
      for (const run of this.#running) run.stopNow();
    }, graceMs);
    await Promise.all(runs.map((run) => run.ended));
    clearTimeout(grace);
  }

  /** Drops what is still on, as a crash would; its records stay open. Ends when nothing of it is being written. */
  async abandon(): Promise<void> {
    await Promise.all([...this.#running].map((run) => run.abandon()));
  }

  async #resume(record: OpenRecord): Promise<void> {
    const { log } = this.#tools;
    let command: Command;
    try {
      command = decodeCommand(Buffer.from(record.command, "base64"));
    } catch (error) {
      return log.error("cannot resume a command", { requestId: record.request_id, error });
    }
    log.info("command taken up again", {
      requestId: record.request_id,
      mayHaveStarted: record.started_at !== null,
    });
    await this.#begin(command, () => Promise.resolve({ kind: "admitted", record }));
  }

  #begin(command: Command, admit: ConstructorParameters<typeof CommandRun>[1]): Promise<Taken> {
    const run = new CommandRun(command, admit, this.#tools);
    this.#running.add(run);
    void run.ended.then(() => this.#running.delete(run));
    run.start();
    return run.taken;
  }

  async #observe(kind: string, id: string, payload: Record<string, unknown>): Promise<void> {
    const { pcId, outbox, clock, log } = this.#tools;
    log.error(kind.replace("_", " "), payload);
    try {
      await outbox.putObservation(`${kind}-${id}`, {
        pc_id: pcId,
        at: formatInstant(clock.now()),
        kind,
        source: "agent",
        event_record_id: null,
        payload,
      });
    } catch (error) {
      log.error("cannot record an observation", { kind, error });
    }
  }
}
