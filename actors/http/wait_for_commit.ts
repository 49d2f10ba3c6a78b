import type { Announcement } from "../../wire/announcement.ts";
import type { Announcements } from "../announcer.ts";
import { Bell } from "../bell.ts";

/**
 * How often the rows are read while no announcement comes: another backend of the same database
 * may have committed them. Doubles from the first to the last, milliseconds.
 */
const FIRST_LOOK_MS = 1_000;
const LAST_LOOK_MS = 10_000;

export interface WaitOptions<Found> {
  /** Reads what is waited for; undefined = it is not there yet. */
  readonly look: () => Promise<Found | undefined>;
  /** Whether an announcement may be about it. */
  readonly concerns: (announcement: Announcement) => boolean;
  readonly timeoutMs: number;
  /** Each ends the waiting when it aborts. */
  readonly signals: readonly AbortSignal[];
}

/**
 * Waits for something to be committed. It listens before it looks, so nothing falls between.
 * Undefined when time is over or a signal aborted.
 */
export async function waitForCommit<Found>(
  { announcements }: { readonly announcements: Announcements },
  { look, concerns, timeoutMs, signals }: WaitOptions<Found>,
): Promise<Found | undefined> {
  const bell = new Bell();
  const ring = () => bell.ring();
  const unsubscribe = announcements.subscribe((one) => {
    if (one.type === "lagged" || concerns(one)) bell.ring();
  });
  for (const signal of signals) signal.addEventListener("abort", ring);
  const endsAt = performance.now() + timeoutMs;
  try {
    for (let lookMs = FIRST_LOOK_MS;; lookMs = Math.min(lookMs * 2, LAST_LOOK_MS)) {
      const found = await look();
      const leftMs = endsAt - performance.now();
      if (found !== undefined || leftMs <= 0) return found;
      if (signals.some((signal) => signal.aborted)) return undefined;
      await bell.heard(Math.min(leftMs, lookMs));
    }
  } finally {
    unsubscribe();
    for (const signal of signals) signal.removeEventListener("abort", ring);
  }
}
