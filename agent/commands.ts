import { Watchable } from "../actors/system/watchable.ts";
import type { Ending } from "../machines/agent_command.ts";
import type { Command } from "../wire/command.ts";
import { EXIT_CODES } from "../wire/exec_result.ts";
import { messageOf } from "../wire/fault.ts";
import { key, sha256Hex } from "../wire/ids.ts";
import type { SignatureHeaders } from "../wire/signing.ts";
import { type KillRunsReply, type KillRunsRequest, killsPc } from "../wire/kills.ts";
import { formatInstant } from "../wire/time.ts";
import { CommandRun, type Taken } from "./command_run.ts";
import type { CommandTools } from "./command_tools.ts";
import type { OpenRecord } from "./ledger_record.ts";
import { endTree } from "./process_tree.ts";
import { Refusals, refused } from "./refusals.ts";
import type { CommandIds } from "./result.ts";
import type { JudgedCommand, SignatureGate } from "./signature_gate.ts";
import { readIds, writeUnrun } from "./unrun.ts";

export interface CommandsTools extends CommandTools {
  readonly signatures: SignatureGate;
}

/**
 * Every command of an agent from its bytes to its report: the one intake behind live subscriptions,
 * replay and recovery (agent.md §1).
 */
export class Commands {
  readonly #tools: CommandsTools;
  readonly #refusals: Refusals;
  readonly #running = new Set<CommandRun>();
  /** The machine of each command that is not reported, under its request, for who watches them. */
  readonly machines = new Watchable();
  #isStopping = false;

  constructor(tools: CommandsTools) {
    this.#tools = tools;
    this.#refusals = new Refusals(tools);
  }

  get count(): number {
    return this.#running.size;
  }

  /** Each command that is not reported, once, in the order in which they came. */
  active(): readonly CommandRun[] {
    return [...this.#running].filter((run) => this.#isShown(run));
  }

  /** The one of a request. */
  find(requestId: string): CommandRun | undefined {
    return this.active().find(({ command }) => command.request_id === requestId);
  }

  /**
   * Takes the bytes of a command, with what its headers say of who signed them. Never rejects: one bad command must
   * not end the process.
   *
   * @returns whether they may be acked: they are durably admitted or refused, known already, or no command at all
   */
  async take(bytes: Uint8Array, headers: SignatureHeaders): Promise<boolean> {
    const { signatures, disk } = this.#tools;
    if (this.#isStopping || disk.isBlocked) return false;
    let judged: JudgedCommand;
    try {
      judged = signatures.judge(bytes, headers);
    } catch (thrown) {
      return await this.#reportUnreadable(bytes, headers, messageOf(thrown));
    }
    const { command, refusal } = judged;
    if (refusal !== undefined) return await this.#refuse(command, bytes, refusal);
    try {
      return await this.#admit(judged, bytes, headers);
    } catch (thrown) {
      return await this.#giveUp(command, { bytes, headers, why: messageOf(thrown) });
    }
  }

  /** What a later version of the backend asks for is no silence: whoever sent it hears that it cannot be run here. */
  async #reportUnreadable(
    bytes: Uint8Array,
    headers: SignatureHeaders,
    why: string,
  ): Promise<boolean> {
    const { pcId, signatures, log } = this.#tools;
    const { request_id, recipient, ...ids } = readIds(bytes);
    await this.#observe("command_unreadable", sha256Hex(Buffer.from(bytes).toString("hex")), {
      request_id,
      why,
    });
    const isOurs = recipient === null || recipient === pcId;
    if (request_id === null || !isOurs || !signatures.isTrusted(bytes, headers)) return true;
    try {
      await this.#refusals.report({ ...ids, request_id }, {
        kind: "skipped",
        exitCode: EXIT_CODES.unsupported,
        why: `this agent cannot read it: ${why}`,
      });
      return true;
    } catch (error) {
      log.error("cannot report a command", { requestId: request_id, error });
      return false;
    }
  }

  async #admit(
    judged: JudgedCommand,
    bytes: Uint8Array,
    headers: SignatureHeaders,
  ): Promise<boolean> {
    const { command } = judged;
    const { ledger } = this.#tools;
    const taken = await this.#begin(
      judged,
      () => ledger.admit(command.request_id, bytes, headers),
    );
    if (taken === "conflict") {
      await this.#observe("command_conflict", sha256Hex(Buffer.from(bytes).toString("hex")), {
        request_id: command.request_id,
        exec_id: command.exec_id,
        why: "another command was admitted under this request_id",
      });
    }
    return taken !== "unwritable";
  }

  /** Ends a command that this agent cannot even begin with, so that it does not come again for ever. */
  async #giveUp(
    command: Command,
    { bytes, headers, why }: {
      readonly bytes: Uint8Array;
      readonly headers: SignatureHeaders;
      readonly why: string;
    },
  ): Promise<boolean> {
    const { ledger, log } = this.#tools;
    const { request_id, exec_id } = command;
    await this.#observe("command_failed", sha256Hex(Buffer.from(bytes).toString("hex")), {
      request_id,
      exec_id,
      why,
    });
    try {
      const admission = await ledger.admit(request_id, bytes, headers);
      if ("record" in admission) {
        const ending = { kind: "failed", reason: "spawn_failed", why } as const;
        await this.#reportUnrun(admission.record, command, ending);
      }
      return true;
    } catch (error) {
      log.error("cannot report a command", { requestId: request_id, error });
      return false;
    }
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

  /** Kills what belongs to a run or an execution, or everything, here alone. Answers what ends by it. */
  killHere({ result_id, exec_id, everything }: KillRunsRequest): KillRunsReply["killed"] {
    const { facts, clock } = this.#tools;
    if (exec_id) facts.noteKill(key(exec_id), JSON.stringify({ at: formatInstant(clock.now()) }));
    const isMeant = (run: CommandRun) =>
      everything === true || (!!result_id && run.resultId === result_id) ||
      (!!exec_id && run.command.exec_id === exec_id);
    return [...this.#running].filter((run) => isMeant(run) && run.kill()).map((run) => ({
      result_id: run.resultId ?? null,
      exec_id: run.command.exec_id,
    }));
  }

  /** Kills what was killed while the agent did not hear of it. */
  async killForgotten(): Promise<void> {
    const { facts, pcId } = this.#tools;
    const execIds = new Set([...this.#running].map((run) => run.command.exec_id));
    for (const execId of execIds) {
      if (execId === null) continue;
      const mark = (await facts.read("kills", key(execId)))?.value;
      if (mark && killsPc(mark, pcId)) this.kill(execId);
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
    const { signatures, log } = this.#tools;
    const bytes = Buffer.from(record.command, "base64");
    try {
      const judged = signatures.judge(bytes, record.headers ?? {});
      log.info("command taken up again", {
        requestId: record.request_id,
        mayHaveStarted: record.started_at !== null,
      });
      await this.#begin(judged, () => Promise.resolve({ kind: "admitted", record }));
    } catch (error) {
      // What an older version of the agent admitted, this one may not be able to read.
      log.error("cannot resume a command", { requestId: record.request_id, error });
      await endTree(null, record.result_id);
      await this.#reportUnrun(record, readIds(bytes), {
        kind: "failed",
        reason: "agent_restarted",
        why: `the agent ended before it was over and cannot take it up again: ${messageOf(error)}`,
      });
    }
  }

  /** Reports what no run reports, and closes its record. @throws the system's error when it cannot be written */
  async #reportUnrun(
    record: OpenRecord,
    ids: Pick<CommandIds, "exec_id" | "id">,
    ending: Ending,
  ): Promise<void> {
    const { ledger, outbox } = this.#tools;
    const { request_id, result_id, started_at } = record;
    await writeUnrun(this.#tools, {
      ids: { id: ids.id, exec_id: ids.exec_id, request_id },
      resultId: result_id,
      ending,
      startedAt: started_at,
    });
    await ledger.close(request_id);
    outbox.release(result_id);
  }

  /** Whether the refusal is on its way, or was told before. */
  async #refuse(command: Command, bytes: Uint8Array, why: string): Promise<boolean> {
    const { ledger, log } = this.#tools;
    try {
      // What was admitted with a signature may come again without: it is no news.
      if (!await ledger.isKnown(command.request_id, bytes)) {
        await this.#refusals.report(command, refused(why));
      }
      return true;
    } catch (error) {
      log.error("cannot report a refusal", { requestId: command.request_id, error });
      return false;
    }
  }

  #begin(
    command: JudgedCommand,
    admit: ConstructorParameters<typeof CommandRun>[1],
  ): Promise<Taken> {
    const run = new CommandRun(command, admit, this.#tools);
    this.#running.add(run);
    // What comes once more while it runs is watched as little as it runs.
    if (this.machines.get(run.command.request_id) === undefined) {
      this.machines.add(run.machine, `${run.command.id} ${run.command.version}`);
    }
    void run.ended.then(() => {
      this.#running.delete(run);
      this.machines.remove(run.machine);
    });
    run.start();
    return run.taken;
  }

  #isShown({ command, machine }: CommandRun): boolean {
    return this.machines.get(command.request_id)?.actor === machine;
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
