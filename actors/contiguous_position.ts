/**
 * The highest sequence below which everything that was delivered has been committed. Deliveries come in ascending
 * order the first time; what was delivered to a process before this one comes again, in any order.
 */
export class ContiguousPosition {
  /** In ascending order, since first deliveries are. */
  readonly #outstanding = new Set<number>();
  readonly #redelivered = new Set<number>();
  readonly #deliveredBefore: number;
  readonly #unackedBefore: number;
  readonly #ackFloor: number;
  #highest: number;

  /**
   * @param ackFloor the consumer's ack floor at the start
   * @param deliveredBefore the highest sequence that was delivered before
   * @param unackedBefore how many of those are not acked, and will come again
   */
  constructor(ackFloor: number, deliveredBefore: number, unackedBefore: number) {
    this.#ackFloor = ackFloor;
    this.#deliveredBefore = deliveredBefore;
    this.#unackedBefore = unackedBefore;
    this.#highest = deliveredBefore;
  }

  /** A message arrived, for the first time or again. */
  received(sequence: number): void {
    if (sequence <= this.#deliveredBefore) return;
    if (sequence > this.#highest) {
      this.#highest = sequence;
      this.#outstanding.add(sequence);
    }
  }

  /** The position once these are committed, for the transaction that commits them. */
  after(sequences: ReadonlySet<number>): number {
    if (this.#redeliveredAfter(sequences) < this.#unackedBefore) return this.#ackFloor;
    for (const sequence of this.#outstanding) if (!sequences.has(sequence)) return sequence - 1;
    return this.#highest;
  }

  #redeliveredAfter(sequences: ReadonlySet<number>): number {
    let count = this.#redelivered.size;
    if (count >= this.#unackedBefore) return count;
    for (const sequence of sequences) {
      if (sequence <= this.#deliveredBefore && !this.#redelivered.has(sequence)) count += 1;
    }
    return count;
  }

  /** These are committed. */
  committed(sequences: Iterable<number>): void {
    for (const sequence of sequences) {
      if (sequence > this.#deliveredBefore) this.#outstanding.delete(sequence);
      else if (this.#redelivered.size < this.#unackedBefore) this.#redelivered.add(sequence);
    }
  }
}
