/** As much as a viewer may lag behind: twice what an agent keeps, bytes. */
const KEPT_BYTES = 262_144;
const FIRST_BYTES = 4_096;

/** A stretch of a stream: `offset` counts bytes from its start. */
export interface Stretch {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** The last bytes of one stream by their offsets, put together of pieces that overlap and come twice. */
export class ByteWindow {
  #ring = new Uint8Array(0);
  /** Offsets of the first byte that is kept and of the one that is to come. */
  #start = 0;
  #end = 0;

  get end(): number {
    return this.#end;
  }

  /** Takes what is new of a piece. Whether it could: else bytes before it are missing. */
  take(offset: number, bytes: Uint8Array): boolean {
    if (offset > this.#end) return false;
    const fresh = bytes.subarray(this.#end - offset);
    const last = fresh.subarray(Math.max(0, fresh.length - KEPT_BYTES));
    this.#grow(Math.min(KEPT_BYTES, this.#end - this.#start + fresh.length));
    this.#end += fresh.length;
    this.#start = Math.max(this.#start, this.#end - this.#ring.length);
    this.#write(this.#end - last.length, last);
    return true;
  }

  /** What comes before this offset will not come any more. */
  skipTo(offset: number): void {
    if (offset > this.#end) this.#start = this.#end = offset;
  }

  /** At most so many bytes from an offset on; they begin later where those before are not kept. */
  from(offset: number, maxBytes: number): Stretch {
    const start = Math.min(this.#end, Math.max(offset, this.#start));
    const bytes = new Uint8Array(Math.min(maxBytes, this.#end - start));
    this.#read(start, bytes);
    return { offset: start, bytes };
  }

  #grow(neededBytes: number): void {
    if (neededBytes <= this.#ring.length) return;
    const kept = this.from(this.#start, KEPT_BYTES);
    const doubled = Math.max(FIRST_BYTES, this.#ring.length * 2, neededBytes);
    this.#ring = new Uint8Array(Math.min(KEPT_BYTES, doubled));
    this.#write(kept.offset, kept.bytes);
  }

  #write(offset: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const at = offset % this.#ring.length;
    const first = bytes.subarray(0, this.#ring.length - at);
    this.#ring.set(first, at);
    this.#ring.set(bytes.subarray(first.length));
  }

  #read(offset: number, into: Uint8Array): void {
    if (into.length === 0) return;
    const at = offset % this.#ring.length;
    const first = this.#ring.subarray(at, at + into.length);
    into.set(first);
    into.set(this.#ring.subarray(0, into.length - first.length), first.length);
  }
}
