import { type Actor, createActor } from "xstate";
import { agentCommand, type Effect, type Ending } from "../machines/agent_command.ts";
import type { Command } from "../wire/command.ts";
import { messageOf } from "../wire/fault.ts";
import { admissionEvents } from "./admission_events.ts";
import type { Attempt } from "./attempt.ts";
import type { CommandTools } from "./command_tools.ts";
import { closedGate, readGateFacts } from "./gates.ts";
import type { HandlerAttempt } from "./handler_attempt.ts";
import type { JobHandler } from "./handlers.ts";
import type { Admission } from "./ledger.ts";
import { newAttempt } from "./new_attempt.ts";
import { RunPapers } from "./run_papers.ts";
import type { JudgedCommand } from "./signature_gate.ts";
import { whyUnsupported } from "./supported.ts";

const MAX_TIMER_MS = 2 ** 31 - 1;
/** What the agent's own files are written in. */
const WRITING: ReadonlySet<Effect["type"]> = new Set([
  "ADMIT",
  "RECORD_KILL",
  "RECORD_START",
  "REPORT",
]);

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
  readonly #papers: RunPapers;
  #setTaken: (taken: Taken) => void = () => undefined;
  #callOffSleep: () => void = () => undefined;
  #attempt: Attempt | HandlerAttempt | undefined;
  #releaseSlot: () => void = () => undefined;
  /** Effects that write into the agent's files. */
  readonly #writing = new Set<Promise<void>>();

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
    this.#papers = new RunPapers(command, tools);
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
          this.#callOffSleep();
          this.#releaseSlot();
          resolve();
        },
      });
    });
  }

  /** The id under which this run is reported, once it is admitted. */
  get resultId(): string | undefined {
    return this.#papers.resultId;
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
    this.#papers.abandon();
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
      ...this.#papers.ids(),
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
        // Its record stays open.
        this.#actor.stop();
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
        return this.#papers.recordKill();
      case "RECORD_START":
        return this.#recordStart();
      case "SPAWN":
        return this.#spawn(effect.attempt);
      case "END_TREE":
        return this.#attempt?.end();
      case "ANNOUNCE_RETRY":
        return this.#papers.announceRetry(effect);
      case "ANNOUNCE_LAST":
        return this.#papers.announceLast(effect.why);
      case "REPORT":
        return this.#report(effect.ending);
    }
  }

  async #admitted(): Promise<void> {
    let admission: Admission;
    try {
      admission = await this.#admit();
    } catch (error) {
      this.#tools.log.error("cannot admit a command", { ...this.#papers.ids(), error });
      this.#actor.send({ type: "UNWRITABLE" });
      return this.#setTaken("unwritable");
    }
    if ("record" in admission) this.#papers.admitted(admission.record);
    this.#setTaken(admission.kind);
    for (const event of await admissionEvents(admission)) {
      if (event.type === "ADMITTED") this.#tools.log.info("command admitted", this.#papers.ids());
      this.#actor.send(event);
    }
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
    this.#callOffSleep = this.#tools.timers.after(
      Math.min(seconds * 1_000, MAX_TIMER_MS),
      () => this.#actor.send({ type: "SLEPT" }),
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

  async #recordStart(): Promise<void> {
    await this.#papers.recordStart(() => this.#actor.getSnapshot().context.killed);
    this.#actor.send({ type: "START_RECORDED" });
  }

  async #spawn(attempt: number): Promise<void> {
    this.#tools.log.info("command starts", { ...this.#papers.ids(), attempt });
    this.#attempt = newAttempt(this.#tools, {
      command: this.command,
      handler: this.#handler,
      resultId: this.#papers.id(),
      attempt,
      onOutput: (stream, chunk) => this.#papers.append(stream, chunk),
      onTimeout: () => this.#actor.send({ type: "TIMED_OUT" }),
    });
    this.#actor.send({ type: "ENDED", ending: await this.#attempt.run() });
  }

  async #report(ending: Ending): Promise<void> {
    if (await this.#papers.report(ending)) this.#actor.send({ type: "REPORTED" });
  }
}
