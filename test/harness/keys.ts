/** Going through a page by keys alone. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";

/** No page has so many places that can have the focus. */
const PLACES = 80;

/** What has the focus, as it is called; undefined = nothing. */
export function focused(page: Page): Promise<string | undefined> {
  return page.evaluate(() => {
    const place = document.activeElement;
    if (place === null || place === document.body) return undefined;
    const label = (place as HTMLInputElement).labels?.[0];
    return (place.getAttribute("aria-label") ?? label?.textContent ?? place.textContent).trim();
  });
}

/** Presses Tab until what is called so has the focus. */
export async function tabTo(page: Page, name: string | RegExp): Promise<void> {
  const passed: string[] = [];
  for (let left = PLACES; left > 0; left -= 1) {
    await page.keyboard.press("Tab");
    const now = await focused(page) ?? "";
    if (typeof name === "string" ? now === name : name.test(now)) return;
    passed.push(now);
  }
  assert.fail(`no Tab leads to ${String(name)}, but to ${passed.join(" | ")}`);
}

/** Ends when what is called so has the focus. */
export async function hasFocus(page: Page, name: string | RegExp): Promise<void> {
  const pattern = typeof name === "string" ? undefined : name.source;
  await page.waitForFunction(([name, pattern]) => {
    const place = document.activeElement;
    if (place === null || place === document.body) return false;
    const label = (place as HTMLInputElement).labels?.[0];
    const now = (place.getAttribute("aria-label") ?? label?.textContent ?? place.textContent)
      .trim();
    return pattern === undefined ? now === name : new RegExp(pattern).test(now);
  }, [String(name), pattern] as const);
}

/** Opens a question by Enter; ends when the focus is inside of it. */
export async function ask(page: Page): Promise<void> {
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement?.closest("dialog[open]") != null);
}
