/**
 * The highest sequence up to which everything that was delivered has been committed.
 *
 * 1. What was delivered before it began is committed: the gap was read (`read_gap.ts`).
 * 2. First deliveries come in ascending order, and none is lost on the way: the intake ends at a gap.
 */
export class ContiguousPosition {
  /** In ascending order, since first deliveries are. */
  readonly #outstanding = new Set<number>();
  #highest: number;

  /** @param committed everything up to this sequence is committed */
  constructor(committed: number) {
    this.#highest = committed;
  }

  /** A message arrived, for the first time or again. */
  received(sequence: number): void {
    if (sequence <= this.#highest) return;
    this.#highest = sequence;
    this.#outstanding.add(sequence);
  }

  /** The position once these are committed, for the transaction that commits them. */
  after(sequences: ReadonlySet<number>): number {
    for (const sequence of this.#outstanding) if (!sequences.has(sequence)) return sequence - 1;
    return this.#highest;
  }

  /** These are committed. */
  committed(sequences: Iterable<number>): void {
    for (const sequence of sequences) this.#outstanding.delete(sequence);
  }
}
