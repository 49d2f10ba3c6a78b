import type { Clock } from "../../actors/system/clock.ts";

/** A clock that goes as the real one does, from another time on; what must wait for a time of day need not. */
export class ShiftedClock implements Clock {
  #aheadMs: number;

  /** @param now RFC 3339 */
  constructor(now: string) {
    this.#aheadMs = Date.parse(now) - Date.now();
  }

  now(): number {
    return Date.now() + this.#aheadMs;
  }

  /** From now on it is this time. @param now RFC 3339 */
  set(now: string): void {
    this.#aheadMs = Date.parse(now) - Date.now();
  }
}
