import { join } from "node:path";
import { type Actor, createActor } from "xstate";
import type { Log } from "../actors/log.ts";
import type { Clock } from "../actors/system/clock.ts";
import { agentCommand, type Effect, type Ending } from "../machines/agent_command.ts";
import type { Command } from "../wire/command.ts";
import { timeoutWithRetriesSecs } from "../wire/deadlines.ts";
import { messageOf } from "../wire/fault.ts";
import { formatInstant } from "../wire/time.ts";
import { Attempt, type AttemptOptions } from "./attempt.ts";
import type { Facts } from "./facts.ts";
import { closedGate, readGateFacts } from "./gates.ts";
import { HandlerAttempt } from "./handler_attempt.ts";
import type { Handlers, JobHandler } from "./handlers.ts";
import type { Admission, Ledger } from "./ledger.ts";
import type { OpenRecord } from "./ledger_record.ts";
import type { LiveOutput, LiveOutputs } from "./live_output.ts";
import type { Outbox } from "./outbox.ts";
import type { PatientDisk } from "./patient_disk.ts";
import { endTree } from "./process_tree.ts";
import { noteOf, resultWithoutOutput } from "./result.ts";
import type { RunAs } from "./run_as.ts";
import type { ScriptSource } from "./script_source.ts";
import type { JudgedCommand } from "./signature_gate.ts";
import type { Slots } from "./slots.ts";
import { whyUnsupported } from "./supported.ts";

const MAX_TIMER_MS = 2 ** 31 - 1;
/** What the agent's own files are written in. */
const WRITING: ReadonlySet<Effect["type"]> = new Set([
  "ADMIT",
  "RECORD_KILL",
  "RECORD_START",
  "REPORT",
]);

/** What a command run touches; one set for all commands of an agent. */
export interface CommandTools {
  readonly pcId: string;
  readonly ledger: Ledger;
  readonly facts: Facts;
  readonly slots: Slots;
  readonly outbox: Outbox;
  readonly live: LiveOutputs;
  readonly scripts: ScriptSource;
  /** Run in place of a shell where one fits. */
  readonly handlers: Handlers;
  readonly runAs: RunAs;
  /** Where each run has a private directory for its script. */
  readonly runsDirectory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whole numbers in [0, below). */
  readonly random: (below: number) => number;
  readonly clock: Clock;
  readonly log: Log;
  readonly disk: PatientDisk;
}

/** What became of the admission of a command. */
export type Taken = Admission["kind"] | "unwritable";

/**
 * Carries out what the command machine asks for, and tells it what came of it. One per request.
 */
export class CommandRun {
  readonly command: Command;
  /** Resolves when the command is durably admitted or known not to be. */
  readonly taken: Promise<Taken>;
  /** Resolves when the machine has come to its end. */
  readonly ended: Promise<void>;
  readonly #tools: CommandTools;
  readonly #admit: () => Promise<Admission>;
  readonly #actor: Actor<typeof agentCommand>;
  readonly #handler: JobHandler | undefined;
  /** Of what was admitted once and could not be admitted any more. */
  readonly #refusal: string | undefined;
  #setTaken: (taken: Taken) => void = () => undefined;
  #record: OpenRecord | undefined;
  #output: LiveOutput | undefined;
  #startedAt: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #attempt: Attempt | HandlerAttempt | undefined;
  #releaseSlot: () => void = () => undefined;
  /** Effects that write into the agent's files. */
  readonly #writing = new Set<Promise<void>>();
  #isAbandoned = false;

  /** @param admit asks the ledger, or answers with the record that a crash left behind */
  constructor(
    { command, refusal }: JudgedCommand,
    admit: () => Promise<Admission>,
    tools: CommandTools,
  ) {
    this.command = command;
    this.#refusal = refusal;
    this.#admit = admit;
    this.#tools = tools;
    this.#handler = tools.handlers.of(command);
    this.taken = new Promise((resolve) => this.#setTaken = resolve);
    this.#actor = createActor(agentCommand, {
      id: command.request_id,
      input: {
        jitterSecs: command.jitter_secs ? tools.random(command.jitter_secs) : 0,
        timeoutSecs: command.timeout_secs,
        retriesMax: command.retry?.max ?? 0,
        retryBackoffSecs: command.retry?.backoff_secs ?? 0,
      },
    });
    this.#actor.on("*", (effect) => void this.#follow(effect));
    this.ended = new Promise((resolve) => {
      this.#actor.subscribe({
        complete: () => {
          clearTimeout(this.#timer);
          this.#releaseSlot();
          resolve();
        },
      });
    });
  }

  /** The id under which this run is reported, once it is admitted. */
  get resultId(): string | undefined {
    return this.#record?.result_id;
  }

  /** For who watches it. */
  get machine(): Actor<typeof agentCommand> {
    return this.#actor;
  }

  start(): void {
    this.#actor.start();
  }

  /** Answers whether it ends by a kill: not when it is over already. */
  kill(): boolean {
    this.#actor.send({ type: "KILL" });
    return this.#actor.getSnapshot().context.killed;
  }

  /** Leaves a command that has not started for the next life of the agent. */
  suspend(): void {
    this.#actor.send({ type: "STOP" });
  }

  /** Ends a command that runs, and reports it as what it was. */
  stopNow(): void {
    this.#actor.send({ type: "STOP_NOW" });
  }

  /** Drops it as a crash would: what runs is ended, nothing is reported, the record stays open. */
  async abandon(): Promise<void> {
    this.#isAbandoned = true;
    this.#actor.stop();
    this.#attempt?.end();
    await Promise.all(this.#writing);
  }

  /** Never rejects: one command must not end the process. */
  async #follow(effect: Effect): Promise<void> {
    const done = this.#perform(effect).catch((error: unknown) => this.#failed(effect, error));
    if (!WRITING.has(effect.type)) return done;
    this.#writing.add(done);
    await done;
    this.#writing.delete(done);
  }

  /** What nobody expected ends the command as far as it came; what it had written is there for the next start. */
  #failed(effect: Effect, error: unknown): void {
    this.#tools.log.error("cannot go on with a command", {
      ...this.#ids(),
      step: effect.type,
      error,
    });
    const why = `the agent could not go on with it: ${messageOf(error)}`;
    const ending = { kind: "failed", reason: "spawn_failed", why } as const;
    switch (effect.type) {
      case "ADMIT":
        this.#actor.send({ type: "UNWRITABLE" });
        return this.#setTaken("unwritable");
      case "CHECK_GATES":
        return this.#actor.send({ type: "GATE_CLOSED", ending });
      case "SPAWN":
        return this.#actor.send({ type: "ENDED", ending });
      default:
    }
  }

  async #perform(effect: Effect): Promise<void> {
    switch (effect.type) {
      case "ADMIT":
        return this.#admitted();
      case "CHECK_GATES":
        return this.#checkGates();
      case "SLEEP":
        return this.#sleep(effect.seconds);
      case "TAKE_SLOT":
        return this.#takeSlot();
      case "RECORD_KILL":
        return this.#recordKill();
      case "RECORD_START":
        return this.#recordStart();
      case "SPAWN":
        return this.#spawn(effect.attempt);
      case "END_TREE":
        return this.#attempt?.end();
      case "ANNOUNCE_RETRY":
        return this.#announceRetry(effect);
      case "REPORT":
        return this.#report(effect.ending);
    }
  }

  async #admitted(): Promise<void> {
    let admission: Admission;
    try {
      admission = await this.#admit();
    } catch (error) {
      this.#tools.log.error("cannot admit a command", { ...this.#ids(), error });
      this.#actor.send({ type: "UNWRITABLE" });
      return this.#setTaken("unwritable");
    }
    if ("record" in admission) this.#record = admission.record;
    this.#setTaken(admission.kind);
    await this.#enter(admission);
  }

  async #enter(admission: Admission): Promise<void> {
    switch (admission.kind) {
      case "duplicate":
        return this.#actor.send({ type: "DUPLICATE" });
      case "conflict":
        return this.#actor.send({ type: "CONFLICT" });
      case "unreadable":
        return this.#actor.send({
          type: "INTERRUPTED",
          why: "the agent's record of it is damaged: it may have started before",
        });
      case "admitted":
        return this.#enterAdmitted(admission.record);
    }
  }

  async #enterAdmitted(record: OpenRecord): Promise<void> {
    if (record.started_at === null) {
      if (record.killed) this.#actor.send({ type: "KILL" });
      this.#tools.log.info("command admitted", this.#ids());
      return this.#actor.send({ type: "ADMITTED" });
    }
    // What the crash left running must not outlive the report that it failed.
    await endTree(null, record.result_id);
    this.#startedAt = record.started_at;
    this.#actor.send({ type: "INTERRUPTED", why: "the agent ended while it ran" });
  }

  async #checkGates(): Promise<void> {
    const { facts, clock, runAs, pcId } = this.#tools;
    const [read, unsupported] = await Promise.all([
      readGateFacts(facts, this.command, pcId),
      this.#handler === undefined ? whyUnsupported(this.command, runAs) : undefined,
    ]);
    const gateFacts = { ...read, refusal: this.#refusal, unsupported, now: clock.now() };
    const ending = closedGate(this.command, gateFacts);
    this.#actor.send(
      ending === undefined ? { type: "GATES_OPEN" } : { type: "GATE_CLOSED", ending },
    );
  }

  #sleep(seconds: number): void {
    this.#timer = setTimeout(
      () => this.#actor.send({ type: "SLEPT" }),
      Math.min(seconds * 1_000, MAX_TIMER_MS),
    );
  }

  #takeSlot(): void {
    if (this.command.bypass_local_limit) {
      return this.#actor.send({ type: "SLOT_GRANTED", waited: false });
    }
    this.#releaseSlot = this.#tools.slots.take((waited) =>
      this.#actor.send({ type: "SLOT_GRANTED", waited })
    );
  }

  async #recordKill(): Promise<void> {
    try {
      await this.#tools.ledger.markKilled(this.command.request_id);
    } catch (error) {
      // The kill holds for as long as the agent lives; and KV `kills` remembers it, too.
      this.#tools.log.error("cannot record a kill", { ...this.#ids(), error });
    }
  }

  async #recordStart(): Promise<void> {
    const startedAt = formatInstant(this.#tools.clock.now());
    this.#startedAt = startedAt;
    this.#output = this.#tools.live.begin(this.#id());
    await this.#untilWritten(async () => {
      if (this.#actor.getSnapshot().context.killed) return;
      await Promise.all([
        this.#tools.ledger.markStarted(this.command.request_id, startedAt),
        this.#putStarted(startedAt),
      ]);
    });
    this.#actor.send({ type: "START_RECORDED" });
  }

  async #putStarted(startedAt: string): Promise<void> {
    const { command } = this;
    if (command.exec_id === null) return;
    await this.#tools.outbox.putStarted({
      result_id: this.#id(),
      request_id: command.request_id,
      exec_id: command.exec_id,
      pc_id: this.#tools.pcId,
      started_at: startedAt,
      manifest_id: command.id,
      version: command.version,
      timeout_secs: timeoutWithRetriesSecs(command.timeout_secs, command.retry),
    });
  }

  async #spawn(attempt: number): Promise<void> {
    this.#tools.log.info("command starts", { ...this.#ids(), attempt });
    this.#attempt = this.#newAttempt(attempt);
    this.#actor.send({ type: "ENDED", ending: await this.#attempt.run() });
  }

  #newAttempt(attempt: number): Attempt | HandlerAttempt {
    const { pcId, scripts, runAs, runsDirectory, environment } = this.#tools;
    const common: Pick<
      AttemptOptions,
      "command" | "resultId" | "onOutput" | "onTimeout"
    > = {
      command: this.command,
      resultId: this.#id(),
      onOutput: (stream, chunk) => this.#output?.append(stream, chunk),
      onTimeout: () => this.#actor.send({ type: "TIMED_OUT" }),
    };
    if (this.#handler !== undefined) {
      return new HandlerAttempt({ ...common, attempt, handler: this.#handler });
    }
    const directory = join(runsDirectory, this.#id());
    return new Attempt({ ...common, pcId, scripts, runAs, directory, environment });
  }

  /** Says in stderr what happened to an attempt that is not the last. */
  #announceRetry({ attempt, ending, seconds }: Extract<Effect, { type: "ANNOUNCE_RETRY" }>): void {
    const what = ending?.kind === "exited"
      ? `exit code ${ending.exitCode}`
      : ending && noteOf(ending);
    this.#note(`attempt ${attempt}: ${what}; the next in ${seconds} s`);
  }

  async #report(ending: Ending): Promise<void> {
    const { pcId, clock, outbox, ledger, live, log } = this.#tools;
    const finishedAt = formatInstant(clock.now());
    this.#output ??= live.begin(this.#id());
    const output = this.#output;
    const note = noteOf(ending);
    if (note !== undefined) this.#note(note);
    const result = resultWithoutOutput({
      command: this.command,
      pcId,
      resultId: this.#id(),
      ending,
      startedAt: this.#startedAt ?? finishedAt,
      finishedAt,
    });
    const isWritten = await this.#untilWritten(() =>
      outbox.writeResult({ ...result, result_id: this.#id() }, {
        stdout: output.buffer("stdout"),
        stderr: output.buffer("stderr"),
      })
    );
    if (!isWritten || !await this.#untilWritten(() => ledger.close(this.command.request_id))) {
      return;
    }
    outbox.release(this.#id());
    live.end(output);
    log.info("command reported", {
      ...this.#ids(),
      exitCode: result.exit_code,
      skipped: result.skipped,
      reason: result.outcome_reason,
    });
    this.#actor.send({ type: "REPORTED" });
  }

  /** False: abandoned before. */
  #untilWritten(write: () => Promise<void>): Promise<boolean> {
    return this.#tools.disk.untilWritten({
      write,
      isAbandoned: () => this.#isAbandoned,
      ids: () => this.#ids(),
    });
  }

  #note(text: string): void {
    const stderr = this.#output?.since("stderr", 0).bytes;
    const lineFeed = stderr === undefined || stderr.length === 0 || stderr.at(-1) === 0x0a
      ? ""
      : "\n";
    this.#output?.append("stderr", Buffer.from(`${lineFeed}kanade: ${text}\n`));
  }

  #id(): string {
    if (this.#record === undefined) throw new TypeError("The command is not admitted yet");
    return this.#record.result_id;
  }

  #ids(): Record<string, unknown> {
    return {
      requestId: this.command.request_id,
      execId: this.command.exec_id,
      resultId: this.#record?.result_id,
    };
  }
}
