/** Where the time comes from, so that a test can say what time it is. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

/** Where waiting comes from, so that a test can let time pass. */
export interface Timers {
  /** Calls once after so many milliseconds; what it returns calls that off. */
  after(delayMs: number, call: () => void): () => void;
}

/** One time to look at and to wait by. */
export interface Time extends Clock, Timers {}

export const systemClock: Clock = { now: () => Date.now() };

export const systemTimers: Timers = {
  after(delayMs, call) {
    const timer = setTimeout(call, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Of this process: milliseconds since it began, which nobody can set back. */
export const processTime: Time = {
  now: () => performance.now(),
  after: (delayMs, call) => systemTimers.after(delayMs, call),
};

/** Ends after so many milliseconds. @throws the signal's reason as soon as it aborts */
export function pause(delayMs: number, signal: AbortSignal, timers = systemTimers): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const callOff = timers.after(delayMs, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    function onAbort() {
      callOff();
      reject(signal.reason as Error);
    }
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** As `pause`, but an abort ends it as the time does: for loops that ask the signal themselves. */
export async function rest(
  delayMs: number,
  signal: AbortSignal,
  timers = systemTimers,
): Promise<void> {
  await pause(delayMs, signal, timers).catch(() => undefined);
}
