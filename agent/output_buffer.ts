/** Bytes of one stream that are kept: the first two thirds and the last third (agent.md §1.9). */
export const KEPT_BYTES = 8 * 1_048_576;
const HEAD_BYTES = Math.floor(KEPT_BYTES * 2 / 3);
const TAIL_BYTES = KEPT_BYTES - HEAD_BYTES;
const BLOCK_BYTES = 65_536;
/** Of the first block, which grows up to a whole one: most runs print a line or two, and a thousand may run at once. */
const FIRST_BYTES = 1_024;

/** A stretch of a stream: `offset` counts bytes from its start. */
export interface Stretch {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * What is kept of one output stream. Memory is bounded by `KEPT_BYTES` and grows with what was
 * printed, not with the number of writes: the head in blocks, the tail in a ring that doubles.
 */
export class OutputBuffer {
  readonly #head: Uint8Array[] = [];
  #ring = new Uint8Array(0);
  #totalBytes = 0;

  /** Bytes that the stream carried so far, kept or not. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Bytes between head and tail that were dropped. */
  get droppedBytes(): number {
    return Math.max(0, this.#totalBytes - HEAD_BYTES - TAIL_BYTES);
  }

  append(chunk: Uint8Array): void {
    const room = Math.max(0, HEAD_BYTES - this.#totalBytes);
    this.#appendHead(chunk.subarray(0, room));
    this.#totalBytes += Math.min(room, chunk.length);
    if (chunk.length > room) this.#appendTail(chunk.subarray(room));
  }

  /** The kept bytes before the cut, in order; all of them when nothing was dropped. */
  *head(): Generator<Uint8Array> {
    let left = Math.min(this.#totalBytes, HEAD_BYTES);
    for (const block of this.#head) {
      yield block.subarray(0, Math.min(left, BLOCK_BYTES));
      left -= BLOCK_BYTES;
    }
    if (this.droppedBytes === 0) yield* this.#ringFrom(HEAD_BYTES);
  }

  /** The kept bytes after the cut; empty when nothing was dropped. */
  *tail(): Generator<Uint8Array> {
    if (this.droppedBytes > 0) yield* this.#ringFrom(this.#totalBytes - TAIL_BYTES);
  }

  /** What is kept from `offset` on, at most the last `maxBytes`; it may begin later than asked. */
  since(offset: number, maxBytes: number): Stretch {
    const earliest = this.droppedBytes > 0 ? this.#totalBytes - TAIL_BYTES : 0;
    const from = Math.min(
      this.#totalBytes,
      Math.max(offset, earliest, this.#totalBytes - maxBytes),
    );
    const bytes = new Uint8Array(this.#totalBytes - from);
    let at = 0;
    for (const piece of this.#from(from)) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return { offset: from, bytes };
  }

  *#from(offset: number): Generator<Uint8Array> {
    let blockAt = 0;
    for (const block of this.#head) {
      const end = Math.min(BLOCK_BYTES, Math.min(this.#totalBytes, HEAD_BYTES) - blockAt);
      const start = Math.max(0, offset - blockAt);
      if (start < end) yield block.subarray(start, end);
      blockAt += BLOCK_BYTES;
    }
    yield* this.#ringFrom(Math.max(offset, HEAD_BYTES));
  }

  #appendHead(chunk: Uint8Array): void {
    let at = this.#totalBytes;
    let rest = chunk;
    if (at < BLOCK_BYTES) this.#growFirst(Math.min(BLOCK_BYTES, at + chunk.length));
    while (rest.length > 0) {
      const within = at % BLOCK_BYTES;
      if (within === 0 && at > 0) this.#head.push(new Uint8Array(BLOCK_BYTES));
      const piece = rest.subarray(0, BLOCK_BYTES - within);
      this.#head.at(-1)?.set(piece, within);
      rest = rest.subarray(piece.length);
      at += piece.length;
    }
  }

  #growFirst(neededBytes: number): void {
    const first = this.#head[0];
    if (neededBytes <= (first?.length ?? 0)) return;
    const lengths = [FIRST_BYTES, neededBytes, (first?.length ?? 0) * 2];
    const larger = new Uint8Array(Math.min(BLOCK_BYTES, Math.max(...lengths)));
    larger.set(first ?? []);
    this.#head[0] = larger;
  }

  #appendTail(chunk: Uint8Array): void {
    const tailTotal = this.#totalBytes - HEAD_BYTES + chunk.length;
    this.#growRing(Math.min(tailTotal, TAIL_BYTES));
    const useful = chunk.subarray(Math.max(0, chunk.length - TAIL_BYTES));
    let at = (this.#totalBytes - HEAD_BYTES + chunk.length - useful.length) % this.#ring.length;
    let rest = useful;
    while (rest.length > 0) {
      const piece = rest.subarray(0, this.#ring.length - at);
      this.#ring.set(piece, at);
      rest = rest.subarray(piece.length);
      at = 0;
    }
    this.#totalBytes += chunk.length;
  }

  /** Doubles the ring while it has not wrapped yet; its bytes stay where they are. */
  #growRing(neededBytes: number): void {
    if (neededBytes <= this.#ring.length) return;
    const larger = new Uint8Array(
      Math.min(TAIL_BYTES, Math.max(BLOCK_BYTES, this.#ring.length * 2, neededBytes)),
    );
    larger.set(this.#ring);
    this.#ring = larger;
  }

  /** Bytes of the ring from an absolute offset, which must be kept, to the end. */
  *#ringFrom(offset: number): Generator<Uint8Array> {
    if (offset >= this.#totalBytes) return;
    const start = (offset - HEAD_BYTES) % this.#ring.length;
    const length = this.#totalBytes - offset;
    yield this.#ring.subarray(start, Math.min(this.#ring.length, start + length));
    const wrapped = start + length - this.#ring.length;
    if (wrapped > 0) yield this.#ring.subarray(0, wrapped);
  }
}
