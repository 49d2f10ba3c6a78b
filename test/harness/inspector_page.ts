/** Pages of the inspector in a real browser. */
import assert from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import { TOKEN } from "./backend.ts";
import { type Visit, visit } from "./browser.ts";

/** A visitor who has signed in. @param place of the inspector, such as `#/machines` */
export async function openInspector(
  browser: Browser,
  url: string,
  place: string,
  options: Parameters<typeof visit>[2] = {},
): Promise<Visit> {
  const visitor = await visit(browser, `${url}/inspector#token=${TOKEN}`, options);
  await visitor.page.getByRole("heading", { level: 1 }).waitFor();
  await visitor.page.goto(`${url}/inspector${place}`);
  return visitor;
}

/** Ends when the statechart has this state lit, and no other beside it. */
export async function lit(page: Page, state: string): Promise<void> {
  await page.locator(`.state[data-state="${state}"][data-active="true"]`).waitFor();
  assert.equal(await page.locator('.state[data-active="true"]').count(), 1);
}

/** Has the scrubber stand at a moment. */
export async function scrubTo(page: Page, moment: number): Promise<void> {
  await page.getByRole("slider", { name: "Moment" }).fill(String(moment));
}
