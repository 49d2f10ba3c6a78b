/** How fluent a page is: the times between the pictures that the screen shows. */
import type { Page } from "playwright-core";

/** What a page may take for one picture, milliseconds. */
export const LONGEST_FRAME_MS = 100;
/** Other tests run beside this one: the first calm measurement tells what the page can do. */
const TRIES = 12;

/** The best of some measurements. */
export async function best(measure: () => Promise<number>, wanted: number): Promise<number> {
  let least = Infinity;
  for (let left = TRIES; left > 0 && least >= wanted; left -= 1) {
    least = Math.min(least, await measure());
  }
  return least;
}

/** As text, because what a loader makes of a function names helpers that a page does not have. */
const MEASURE_FRAMES = `
  globalThis.frames_ = { longest: 0, last: 0, on: true };
  requestAnimationFrame(function tick(now) {
    const frames = globalThis.frames_;
    if (frames.last > 0) frames.longest = Math.max(frames.longest, now - frames.last);
    frames.last = now;
    if (frames.on) requestAnimationFrame(tick);
  });
`;

/** The longest time between two pictures of the screen while something is done, milliseconds. */
export async function longestFrame(page: Page, act: () => Promise<void>): Promise<number> {
  await page.evaluate(MEASURE_FRAMES);
  await act();
  return await page.evaluate("globalThis.frames_.on = false, globalThis.frames_.longest") as number;
}

/** Turns the wheel so often, a picture of the screen each. */
export async function wheel(page: Page, times: number): Promise<void> {
  for (let left = times; left > 0; left -= 1) {
    await page.mouse.wheel(0, 700);
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
  }
}
