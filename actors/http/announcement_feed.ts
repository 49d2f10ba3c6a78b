/**
 * The announcements as `GET /api/events` sends them: gathered and written once, however many pages listen. Nothing is
 * gathered while none does.
 */
import { AnnouncementBatches } from "../announcement_batches.ts";
import type { Announcements } from "../announcer.ts";
import type { Clock, Timers } from "../system/clock.ts";
import { frame, LAGGED } from "./event_stream.ts";

export interface FeedParts {
  readonly announcements: Announcements;
  readonly clock: Clock;
  readonly timers: Timers;
}

export class AnnouncementFeed {
  readonly #announcements: Announcements;
  readonly #readers = new Set<(text: string) => void>();
  readonly #batches: AnnouncementBatches;
  #unsubscribe = () => {};

  constructor({ announcements, clock, timers }: FeedParts) {
    this.#announcements = announcements;
    this.#batches = new AnnouncementBatches({
      clock,
      timers,
      tell: ({ announcements, lagged }) => {
        const frames = announcements.map((data) => frame({ event: data.type, data }));
        if (lagged) frames.push(frame(LAGGED));
        const text = frames.join("");
        for (const reader of this.#readers) reader(text);
      },
    });
  }

  /** Calls a reader with what is to be written, until the function that it returns is called. */
  read(reader: (text: string) => void): () => void {
    if (this.#readers.size === 0) {
      this.#unsubscribe = this.#announcements.subscribe((one) => this.#batches.take(one));
    }
    this.#readers.add(reader);
    return () => {
      this.#readers.delete(reader);
      if (this.#readers.size > 0) return;
      this.#unsubscribe();
      this.#batches.end();
    };
  }
}
