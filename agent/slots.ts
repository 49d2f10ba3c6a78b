/** How many scripts run side by side; the rest wait in line, first come first served (agent.md §1.5). */
export class Slots {
  #limit: number;
  #taken = 0;
  #line: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many wait for one. */
  get inLine(): number {
    return this.#line.length;
  }

  /** Takes effect at once for those in line; who has a slot keeps it. */
  setLimit(limit: number): void {
    this.#limit = limit;
    this.#serve();
  }

  /**
   * Calls `granted` when a slot is free, at once if one is.
   *
   * @returns gives the slot back, or leaves the line; harmless twice
   */
  take(granted: (waited: boolean) => void): () => void {
    let state: "waiting" | "holding" | "left" = "waiting";
    const serve = (waited: boolean) => {
      state = "holding";
      this.#taken += 1;
      granted(waited);
    };
    const inLine = () => serve(true);
    if (this.#taken < this.#limit && this.#line.length === 0) serve(false);
    else this.#line.push(inLine);
    return () => {
      if (state === "waiting") this.#line = this.#line.filter((other) => other !== inLine);
      if (state === "holding") this.#taken -= 1;
      state = "left";
      this.#serve();
    };
  }

  #serve(): void {
    while (this.#taken < this.#limit) {
      const next = this.#line.shift();
      if (next === undefined) return;
      next();
    }
  }
}
