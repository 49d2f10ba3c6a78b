/**
 * What a process counts and tells to Prometheus. Batches, restarts and instants of schedules are counted as they
 * come; everything else is looked up when somebody asks, and at most once a second.
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Clock } from "./system/clock.ts";

/** One batch of a projector that was committed. */
export interface MeasuredBatch {
  readonly consumer: string;
  readonly messages: number;
  readonly seconds: number;
}

/** An instant of a schedule, and what was decided of it. */
export interface DecidedInstant {
  readonly state: "fired" | "missed" | "skipped";
  /** Why it did not fire. */
  readonly reason: string | null;
}

/** A number that is looked up, under the values of its one label; `""` where it has none. */
export type Lookup = () => Promise<Readonly<Record<string, number>>>;

export interface LookedUp {
  readonly name: string;
  readonly help: string;
  readonly label?: string;
  /** What throws is left out of the answer: an unknown number is not 0. */
  readonly lookup: Lookup;
}

const FRESH_MS = 1_000;
const BATCH_SIZES = [1, 5, 10, 50, 100, 250, 500];
const BATCH_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

export class Metrics {
  readonly #registry = new Registry();
  readonly #batchSizes: Histogram<"consumer">;
  readonly #batchSeconds: Histogram<"consumer">;
  readonly #restarts: Counter<"actor">;
  readonly #instants: Counter<"state" | "reason">;
  readonly #viewers: Gauge;
  readonly #clock: Clock;
  readonly #lookups: (() => Promise<void>)[] = [];
  #lookedUpAt = -Infinity;
  #answer: Promise<string> = Promise.resolve("");

  constructor(clock: Clock) {
    this.#clock = clock;
    const registers = [this.#registry];
    const labelNames = ["consumer"] as const;
    this.#batchSizes = new Histogram({
      name: "kanade_batch_messages",
      help: "Messages of a committed batch of a projector",
      labelNames,
      buckets: BATCH_SIZES,
      registers,
    });
    this.#batchSeconds = new Histogram({
      name: "kanade_batch_seconds",
      help: "How long the commit of a batch took",
      labelNames,
      buckets: BATCH_SECONDS,
      registers,
    });
    this.#restarts = new Counter({
      name: "kanade_actor_restarts_total",
      help: "How often an actor failed and was started again",
      labelNames: ["actor"],
      registers,
    });
    this.#instants = new Counter({
      name: "kanade_schedule_instants_total",
      help:
        "Instants of schedules that this process decided: fired, missed or skipped, and why not fired",
      labelNames: ["state", "reason"],
      registers,
    });
    this.#viewers = new Gauge({
      name: "kanade_viewers",
      help: "Event streams that are open",
      registers,
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  batch({ consumer, messages, seconds }: MeasuredBatch): void {
    this.#batchSizes.observe({ consumer }, messages);
    this.#batchSeconds.observe({ consumer }, seconds);
  }

  instant({ state, reason }: DecidedInstant): void {
    this.#instants.inc({ state, reason: reason ?? "" });
  }

  restarted(actor: string): void {
    this.#restarts.inc({ actor });
  }

  /** An event stream was opened; the function that it returns says, once, that it was closed. */
  viewing(): () => void {
    this.#viewers.inc();
    let isOpen = true;
    return () => {
      if (isOpen) this.#viewers.dec();
      isOpen = false;
    };
  }

  /** Has a number looked up whenever somebody asks. */
  lookUp({ name, help, label, lookup }: LookedUp): void {
    const labelNames = label === undefined ? [] : [label];
    const gauge = new Gauge({ name, help, labelNames, registers: [this.#registry] });
    this.#lookups.push(async () => {
      gauge.reset();
      if (label === undefined) gauge.remove();
      const found = Object.entries(await lookup());
      for (const [value, number] of found) {
        gauge.set(label === undefined ? {} : { [label]: value }, number);
      }
    });
  }

  /** Everything, in the text format of Prometheus. */
  async text(): Promise<string> {
    const now = this.#clock.now();
    if (now - this.#lookedUpAt >= FRESH_MS) {
      this.#lookedUpAt = now;
      this.#answer = this.#collected();
    }
    return await this.#answer;
  }

  async #collected(): Promise<string> {
    const outcomes = await Promise.allSettled(this.#lookups.map((lookUp) => lookUp()));
    const failed = outcomes.filter(({ status }) => status === "rejected").length;
    const failures = "# HELP kanade_lookups_failed Numbers that could not be looked up now\n" +
      `# TYPE kanade_lookups_failed gauge\nkanade_lookups_failed ${failed}\n`;
    return await this.#registry.metrics() + failures;
  }
}
