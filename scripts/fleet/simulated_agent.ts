/** One real agent whose runs are simulated, and whose world may be unkind. */
import { setTimeout as delay } from "node:timers/promises";
import { type Agent, type AgentOptions, createAgent, type JobHandler } from "../../agent/agent.ts";
import { between, type Random } from "./random.ts";
import type { Relay } from "./relay.ts";

/** A broken connection: how long it held, and how long it is away. */
const HOLDS_MS = [4_000, 16_000] as const;
const AWAY_MS = [200, 3_000] as const;
/** After being torn down. */
const DOWN_MS = [100, 1_000] as const;
/** The next one is not started before, so that a thousand handshakes do not time each other out. */
const CONNECTS_WITHIN_MS = 3_000;
const LOOK_MS = 20;
const FAILED_EXIT_CODE = 1;

export interface SimulatedOptions {
  readonly agent: Omit<AgentOptions, "handlers" | "random">;
  /** The way to the broker; needed where it breaks. */
  readonly relay: Relay | undefined;
  readonly random: Random;
  readonly workMs: number;
  /** Share of the runs. */
  readonly fail: number;
  readonly flaps: boolean;
  readonly dies: boolean;
}

export class SimulatedAgent {
  /** What has been done here, by `Totals` name. */
  readonly counts = { begun: 0, succeeded: 0, failed: 0, aborted: 0, cutOff: 0, breaks: 0 };
  readonly #options: SimulatedOptions;
  readonly #stopping = new AbortController();
  #agent: Agent;
  #flapping: Promise<void> = Promise.resolve();
  #reviving: Promise<void> | undefined;

  constructor(options: SimulatedOptions) {
    this.#options = options;
    this.#agent = this.#newAgent();
  }

  get connected(): boolean {
    return this.#agent.connected;
  }

  get waitingResults(): number {
    return this.#agent.waitingResults;
  }

  /** Ends when it is connected, or would have been. */
  async start(): Promise<void> {
    await this.#agent.start();
    const until = performance.now() + CONNECTS_WITHIN_MS;
    while (!this.#agent.connected && performance.now() < until) await this.#unlessStopping(LOOK_MS);
    if (this.#options.flaps) this.#flapping = this.#flap();
  }

  /** Aborting the signal ends the waiting at once. */
  async stop(signal?: AbortSignal): Promise<void> {
    this.#stopping.abort();
    await this.#flapping;
    await this.#reviving;
    await this.#agent.stop(signal);
    await this.#options.relay?.[Symbol.asyncDispose]();
  }

  #newAgent(): Agent {
    const { agent, random } = this.#options;
    return createAgent({
      ...agent,
      random: (below) => Math.floor(random() * below),
      handlers: { "*": this.#run },
    });
  }

  readonly #run: JobHandler = async (command, { stdout, stderr, signal, attempt }) => {
    const { random, workMs, fail, dies } = this.#options;
    this.counts.begun += 1;
    const fails = random() < fail;
    stdout.write(`${command.id} ${command.version}, attempt ${attempt}\n`);
    try {
      await delay(between(random, [workMs / 2, workMs * 3 / 2]) / 2, undefined, { signal });
      if (dies && !this.#stopping.signal.aborted) return await this.#cutOff(signal);
      await delay(between(random, [workMs / 2, workMs * 3 / 2]) / 2, undefined, { signal });
    } catch (thrown) {
      this.counts.aborted += 1;
      throw thrown;
    }
    this.counts[fails ? "failed" : "succeeded"] += 1;
    if (!fails) return 0;
    stderr.write("failed, as the simulator was asked to\n");
    return FAILED_EXIT_CODE;
  };

  /** Ends when the agent that ran it is gone: what is answered here nobody hears. */
  async #cutOff(signal: AbortSignal): Promise<void> {
    this.counts.cutOff += 1;
    this.#reviving ??= this.#dieAndRevive().finally(() => this.#reviving = undefined);
    await aborted(signal);
  }

  async #dieAndRevive(): Promise<void> {
    await this.#agent.stop(AbortSignal.abort());
    await this.#unlessStopping(between(this.#options.random, DOWN_MS));
    this.#agent = this.#newAgent();
    await this.#agent.start();
  }

  async #flap(): Promise<void> {
    const { relay, random } = this.#options;
    while (!this.#stopping.signal.aborted) {
      await this.#unlessStopping(between(random, HOLDS_MS));
      if (this.#stopping.signal.aborted) return;
      relay?.break();
      this.counts.breaks += 1;
      await this.#unlessStopping(between(random, AWAY_MS));
      relay?.mend();
    }
  }

  /** Waits; less when the fleet stops. */
  async #unlessStopping(delayMs: number): Promise<void> {
    await delay(delayMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
