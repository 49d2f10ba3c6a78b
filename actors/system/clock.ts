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

export const systemClock: Clock = { now: () => Date.now() };

export const systemTimers: Timers = {
  after(delayMs, call) {
    const timer = setTimeout(call, delayMs);
    return () => clearTimeout(timer);
  },
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
