/** Whether every projector reads its stream live; until then nothing may be reaped (execution-semantics.md §5). */
import type { ConsumerName } from "../wire/streams.ts";

export class CatchUp {
  readonly #needed: readonly ConsumerName[];
  readonly #termOf = new Map<ConsumerName, number>();
  readonly #term: () => number | undefined;

  /** @param term the fencing term that this process holds now */
  constructor(needed: readonly ConsumerName[], term: () => number | undefined) {
    this.#needed = needed;
    this.#term = term;
  }

  /** A projector has closed its gap in this term. */
  done(consumer: ConsumerName, term: number): void {
    this.#termOf.set(consumer, term);
  }

  /** A projector ended: until it runs again nobody knows how far its stream is read. */
  undone(consumer: ConsumerName): void {
    this.#termOf.delete(consumer);
  }

  /** Why it is not complete, or null. */
  get reason(): string | null {
    const term = this.#term();
    if (term === undefined) return "the writer lease is not held";
    const behind = this.#needed.filter((consumer) => this.#termOf.get(consumer) !== term);
    return behind.length === 0 ? null : `${behind.join(", ")} not caught up`;
  }
}
