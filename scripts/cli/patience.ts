/** Where a call that is safe to send again stands. */
export interface Absence {
  /** How often it was tried. */
  readonly attempts: number;
  /** How long ago the first of them failed. */
  readonly awayMs: number;
  /** Whether one of them may have reached a backend, which went away before it answered. */
  readonly mayBeHeard: boolean;
}

/** A backend that is being replaced. */
const UNHEARD_PATIENCE_MS = 8_000;
/** It may have begun what was asked for: a person has the time to start it again, and the truth is told after all. */
const HEARD_PATIENCE_MS = 300_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 4_000;

/** How long to wait before the next attempt, milliseconds; undefined = no more of them. */
export function nextPauseMs({ attempts, awayMs, mayBeHeard }: Absence): number | undefined {
  const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (attempts - 1), LONGEST_PAUSE_MS);
  const patienceMs = mayBeHeard ? HEARD_PATIENCE_MS : UNHEARD_PATIENCE_MS;
  return awayMs + pauseMs > patienceMs ? undefined : pauseMs;
}
