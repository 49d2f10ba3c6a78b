import process from "node:process";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

const CHROMIUM = process.env["KANADE_CHROMIUM"] ?? "/usr/bin/chromium";

/** How long a page may take to show what a test waits for. */
const WITHIN_MS = 15_000;

export async function startBrowser(
  { args = [] }: { readonly args?: readonly string[] } = {},
): Promise<Browser> {
  return await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", ...args] });
}

/** A page in a browser of its own, as somebody's who was never here. */
export interface Visit extends AsyncDisposable {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of scripts, what the browser refused by the page's policy, and requests that were not answered well. */
  readonly complaints: readonly string[];
}

export async function visit(
  browser: Browser,
  link: string,
  options: Parameters<Browser["newContext"]>[0] = {},
): Promise<Visit> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(WITHIN_MS);
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  await page.goto(link);
  return { page, context, complaints, [Symbol.asyncDispose]: () => context.close() };
}
