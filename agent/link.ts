import type { Bus } from "../actors/bus.ts";

/**
 * The agent's way to the broker, which is there or not. One bus comes once and reconnects by itself;
 * before it, and while it is disconnected, the agent is offline.
 */
export class Link {
  #bus: Bus | undefined;
  readonly #listeners = new Set<(connected: boolean) => void>();

  /** The bus while it is connected. */
  get bus(): Bus | undefined {
    return this.#bus?.connected ? this.#bus : undefined;
  }

  /** Calls with every change, and at once when it is connected now; returns the unsubscribe. */
  onStatus(listener: (connected: boolean) => void): () => void {
    this.#listeners.add(listener);
    if (this.bus !== undefined) listener(true);
    return () => void this.#listeners.delete(listener);
  }

  /** @throws the signal's reason when it aborts before there is a connection */
  connected(signal: AbortSignal): Promise<Bus> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const stop = this.onStatus(() => {
        if (this.bus === undefined) return;
        settle();
        resolve(this.bus);
      });
      const onAbort = () => {
        settle();
        reject(signal.reason as Error);
      };
      // The listener may have been called before `stop` was there to call.
      const settle = () => {
        queueMicrotask(() => stop());
        signal.removeEventListener("abort", onAbort);
      };
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** For the one who opens the bus. */
  attach(bus: Bus): void {
    this.#bus = bus;
    bus.onStatus(() => this.#announce());
    this.#announce();
  }

  /** For the one who closes it. */
  detach(): void {
    this.#bus = undefined;
    this.#announce();
  }

  #announce(): void {
    const connected = this.bus !== undefined;
    for (const listener of [...this.#listeners]) listener(connected);
  }
}
