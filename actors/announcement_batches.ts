/**
 * Announcements as pages and other backends get them: gathered for a moment, so that a flood costs little, and no more of
 * them than somebody can follow. Where some are left out, `lagged` says so: who shows anything loads it again.
 */
import type { Announcement } from "../wire/announcement.ts";
import type { Heard } from "./announcer.ts";
import type { Clock, Timers } from "./system/clock.ts";

/** What comes within this time goes out together, milliseconds: no eye sees it. */
const GATHER_MS = 25;
/** Of one gathering; what comes above it is left out. */
const GATHERED = 100;
/** Everything is loaded again no more often than this, milliseconds. */
const LAG_EVERY_MS = 1_000;

export interface AnnouncementBatch {
  readonly announcements: readonly Announcement[];
  /** Others before now were left out. */
  readonly lagged: boolean;
}

export interface BatchesParts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly tell: (batch: AnnouncementBatch) => void;
}

export class AnnouncementBatches {
  readonly #parts: BatchesParts;
  #gathered: Announcement[] = [];
  #lagged = false;
  #laggedAt = -Infinity;
  #callOff: (() => void) | undefined;

  constructor(parts: BatchesParts) {
    this.#parts = parts;
  }

  take(heard: Heard): void {
    if (heard.type === "lagged" || this.#gathered.length >= GATHERED) this.#lagged = true;
    else this.#gathered.push(heard);
    this.#callOff ??= this.#parts.timers.after(GATHER_MS, () => this.#tell());
  }

  /** Tells nothing any more of what came until now. */
  end(): void {
    this.#callOff?.();
    this.#callOff = undefined;
    this.#gathered = [];
    this.#lagged = false;
  }

  #tell(): void {
    const { clock, timers, tell } = this.#parts;
    const announcements = this.#gathered;
    this.#gathered = [];
    const now = clock.now();
    const lagged = this.#lagged && now - this.#laggedAt >= LAG_EVERY_MS;
    if (lagged) this.#laggedAt = now;
    this.#lagged &&= !lagged;
    // What has to wait for its turn is looked at again, together with what comes meanwhile.
    this.#callOff = this.#lagged ? timers.after(GATHER_MS, () => this.#tell()) : undefined;
    if (announcements.length > 0 || lagged) tell({ announcements, lagged });
  }
}
