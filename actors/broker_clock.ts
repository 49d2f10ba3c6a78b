/**
 * The broker's time (execution-semantics.md §5): local time corrected by the publish time of a probe message that is
 * at most a minute old. Deadlines count from the broker's publish times, so they are compared with its clock.
 */
import type { Clock } from "./system/clock.ts";

const PROBE_MAX_AGE_MS = 60_000;

/** Publishes one message and answers when the broker stored it, ms since the epoch. */
export type Probe = () => Promise<number>;

export class BrokerClock {
  readonly #clock: Clock;
  readonly #probe: Probe;
  #correctionMs = 0;
  #probedAt = -Infinity;

  constructor(clock: Clock, probe: Probe) {
    this.#clock = clock;
    this.#probe = probe;
  }

  /** The broker's time now, ms since the epoch. @throws {Fault} of the probe when the broker is away */
  async now(): Promise<number> {
    const before = this.#clock.now();
    if (Math.abs(before - this.#probedAt) > PROBE_MAX_AGE_MS) {
      const storedAt = await this.#probe();
      // The message was stored between the two; the earlier one errs towards reaping later.
      this.#correctionMs = storedAt - this.#clock.now();
      this.#probedAt = this.#clock.now();
    }
    return this.#clock.now() + this.#correctionMs;
  }
}
