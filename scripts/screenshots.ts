/**
 * `npm run screenshots [-- <folder>]`: the pictures of the README, taken of a system that really runs, so that they
 * stay true. It needs Chromium, as the tests do.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { type Browser, chromium, type Page } from "playwright-core";
import { dashboardLink } from "../actors/http/server.ts";
import { type History, history } from "./screenshots/history.ts";
import { startWorld, type World } from "./screenshots/world.ts";

const CHROMIUM = process.env["KANADE_CHROMIUM"] ?? "/usr/bin/chromium";
const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 390, height: 780 };
const WITHIN_MS = 20_000;

interface Picture {
  readonly name: string;
  readonly place: (made: History) => string;
  readonly viewport: { readonly width: number; readonly height: number };
  readonly colorScheme: "light" | "dark";
  /** Resolves when what the picture is of is there. */
  readonly ready: (page: Page) => Promise<unknown>;
}

const PICTURES: readonly Picture[] = [
  {
    name: "now",
    place: () => "/#/",
    viewport: WIDE,
    colorScheme: "light",
    ready: (page) => page.getByRole("link", { name: "clean-temp" }).first().waitFor(),
  },
  {
    name: "execution",
    place: ({ running }) => `/#/executions/${running}`,
    viewport: WIDE,
    colorScheme: "light",
    ready: (page) => page.locator(".pc-tile[data-outcome=succeeded]").first().waitFor(),
  },
  {
    name: "run",
    place: ({ run }) => `/#/runs/${run}`,
    viewport: WIDE,
    colorScheme: "dark",
    ready: (page) => page.locator(".ansi-fg-2").first().waitFor(),
  },
  {
    name: "inspector",
    place: ({ running }) => `/inspector#/executions/${running}`,
    viewport: WIDE,
    colorScheme: "light",
    ready: (page) => page.locator('.state[data-state="running"][data-active="true"]').waitFor(),
  },
  {
    name: "phone",
    place: ({ running }) => `/#/executions/${running}`,
    viewport: NARROW,
    colorScheme: "dark",
    ready: (page) => page.locator(".pc-tile[data-outcome=succeeded]").first().waitFor(),
  },
];

const [folder = "docs/images"] = process.argv.slice(2);
await mkdir(folder, { recursive: true });
await using world = await startWorld();
const made = await history(world);
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
try {
  for (const picture of PICTURES) {
    await take(browser, world, { picture, made, path: join(folder, `${picture.name}.png`) });
  }
} finally {
  await browser.close();
}

async function take(
  browser: Browser,
  { url, token }: World,
  { picture, made, path }: {
    readonly picture: Picture;
    readonly made: History;
    readonly path: string;
  },
): Promise<void> {
  const { viewport, colorScheme } = picture;
  const context = await browser.newContext({
    viewport,
    colorScheme,
    locale: "en-GB",
    // What moves is not in a picture half-way.
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(WITHIN_MS);
  await page.goto(dashboardLink(url, token));
  await page.getByText("live", { exact: true }).waitFor({ state: "attached" });
  await page.goto(url + picture.place(made));
  await page.getByRole("heading", { level: 1 }).waitFor();
  await picture.ready(page);
  await page.locator(".skeleton").first().waitFor({ state: "detached" });
  await page.evaluate("document.fonts.ready.then(() => undefined)");
  await page.screenshot({ path });
  await context.close();
  process.stdout.write(`${path}\n`);
}
