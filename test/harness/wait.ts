/** Waiting for what will happen, each with a deadline. Nothing here sleeps for a fixed time. */

const DEFAULT_WITHIN_MS = 10_000;

/** What the promise resolves to. @throws when that takes longer, naming what was waited for */
export async function within<T>(
  what: string,
  promise: Promise<T>,
  withinMs = DEFAULT_WITHIN_MS,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late(what, withinMs)), withinMs);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The first value that is not undefined, false or null, asked for again and again. For what announces
 * nothing, such as a row, a file or a process; prefer `within` and an event where there is one.
 */
export async function eventually<T>(
  what: string,
  probe: () => T | undefined | null | false | Promise<T | undefined | null | false>,
  withinMs = DEFAULT_WITHIN_MS,
): Promise<T> {
  const until = Date.now() + withinMs;
  for (;;) {
    const seen = await probe();
    if (seen !== undefined && seen !== null && seen !== false) return seen;
    if (Date.now() >= until) throw late(what, withinMs);
    await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY_MS));
  }
}

/** The first event for which `wanted` holds, of anything that takes a listener and gives the unsubscribe. */
export function nextEvent<T>(
  what: string,
  subscribe: (listener: (event: T) => void) => () => void,
  wanted: (event: T) => boolean = () => true,
  withinMs = DEFAULT_WITHIN_MS,
): Promise<T> {
  let unsubscribe = () => {};
  const event = new Promise<T>((resolve) => {
    unsubscribe = subscribe((event) => {
      if (wanted(event)) resolve(event);
    });
  });
  return within(what, event, withinMs).finally(() => unsubscribe());
}

const PROBE_EVERY_MS = 10;

function late(what: string, withinMs: number): Error {
  return new Error(`waited ${withinMs} ms in vain for ${what}`);
}
