/** What the pages may weigh, how fast they are, and that everybody can use them. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { dashboardLink } from "../../actors/http/server.ts";
import { startBrowser, type Visit, visit } from "../harness/browser.ts";
import { best, LONGEST_FRAME_MS, longestFrame, wheel } from "../harness/frames.ts";
import { insertRow } from "../harness/database_rows.ts";
import { startApi, type TestApi, TOKEN } from "../harness/http_api.ts";
import { agentRow, deadLetterRow, executionRow, NOON, runRow, settled } from "../harness/seed.ts";

const MANY = 10_000;
const DASHBOARD_BYTES = 250_000;
const INSPECTOR_BYTES = 500_000;
const FIRST_PAINT_MS = 1_000;

let api: TestApi;
let browser: Browser;
let axe: string;

before(async () => {
  axe = await readFile("node_modules/axe-core/axe.min.js", "utf8");
  api = await startApi();
  browser = await startBrowser();
  await api.write(
    executionRow("many", { target_count: MANY, succeeded: 9_000, failed: 900 }),
    ...Array.from({ length: MANY }, (_, index) => targetOf(index)),
    ...Array.from({ length: MANY }, (_, index) => runOf(index)),
    executionRow("few", { target_count: 2, status: "completed", ended_at: NOON + 9_000 }),
    ...settled("few-1", { stdout: "\u001b[32mgreen\u001b[0m\nplain\n" }, { exec_id: "few" }),
    ...settled("few-2", { exitCode: 1, stderr: "no" }, { exec_id: "few", pc_id: "pc-2" }),
    agentRow("pc-1", { last_heard_at: Date.now() }),
    deadLetterRow(7),
  );
});

after(async () => {
  await browser.close();
  await api[Symbol.asyncDispose]();
});

const pcOf = (index: number) => `pc-${String(index).padStart(5, "0")}`;

function targetOf(index: number) {
  const columns = { exec_id: "many", pc_id: pcOf(index), state: "settled" };
  return insertRow("execution_targets", columns);
}

function runOf(index: number) {
  const columns = { exec_id: "many", pc_id: pcOf(index) };
  const ended = { finished_at: NOON + 1_000 + index };
  if (index % 100 === 0) return runRow(`many-${index}`, columns);
  const failed = index % 10 === 1;
  return runRow(`many-${index}`, {
    ...columns,
    ...ended,
    outcome: failed ? "failed" : "succeeded",
    exit_code: failed ? 1 : 0,
  });
}

async function open(place: string, options: Parameters<typeof visit>[2] = {}): Promise<Visit> {
  const visitor = await visit(browser, dashboardLink(api.url, TOKEN), options);
  await visitor.page.getByText("live", { exact: true }).waitFor({ state: "attached" });
  await visitor.page.goto(api.url + place);
  await visitor.page.getByRole("heading", { level: 1 }).waitFor();
  return visitor;
}

/** Bytes of everything that a page loads before it is shown, as they travel. */
async function weightOf(path: string): Promise<number> {
  await using visitor = await visit(browser, dashboardLink(api.url, TOKEN));
  const { page, context } = visitor;
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.setCacheDisabled", { cacheDisabled: true });
  let bytes = 0;
  const assets = new Set<string>();
  session.on("Network.responseReceived", ({ requestId, response }) => {
    if (response.url.includes("/assets/") || response.url === api.url + path) assets.add(requestId);
  });
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    if (assets.has(requestId)) bytes += encodedDataLength;
  });
  await page.goto(api.url + path);
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.evaluate(() => document.fonts.ready.then(() => undefined));
  return bytes;
}

test("the dashboard weighs less than 250 kB on its first load, and the inspector less than 500 kB", async (t) => {
  const dashboard = await weightOf("/");
  const inspector = await weightOf("/inspector");
  t.diagnostic(`dashboard ${dashboard} bytes, inspector ${inspector} bytes`);
  assert.ok(dashboard > 20_000 && dashboard < DASHBOARD_BYTES, `${dashboard} bytes`);
  assert.ok(inspector > 20_000 && inspector < INSPECTOR_BYTES, `${inspector} bytes`);
});

test("the dashboard is painted within a second", async (t) => {
  const painted = await best(async () => {
    await using visitor = await open("/#/");
    const { page } = visitor;
    await page.goto("about:blank");
    await page.goto(`${api.url}/`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    return await page.evaluate(() =>
      performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Infinity
    );
  }, FIRST_PAINT_MS);
  t.diagnostic(`first contentful paint after ${Math.round(painted)} ms`);
  assert.ok(painted < FIRST_PAINT_MS, `${painted} ms`);
});

test("a table of 10,000 runs scrolls without a picture that takes 100 ms", async (t) => {
  const longest = await best(async () => {
    await using visitor = await open("/#/executions/many?view=table");
    const { page } = visitor;
    const rows = page.getByRole("region", { name: "PCs as rows" }).getByRole("row");
    await rows.nth(5).waitFor();
    assert.ok(await rows.count() < 120, "only rows in view are in the document");
    await page.getByRole("region", { name: "PCs as rows" }).hover();
    return await longestFrame(page, () => wheel(page, 60));
  }, LONGEST_FRAME_MS);
  t.diagnostic(`the longest frame took ${Math.round(longest)} ms`);
  assert.ok(longest < LONGEST_FRAME_MS, `${longest} ms`);
});

test("a matrix of 10,000 PCs moves and is pointed at without a picture that takes 100 ms", async (t) => {
  const longest = await best(async () => {
    await using visitor = await open("/#/executions/many");
    const { page } = visitor;
    const matrix = page.getByRole("application", { name: /10000 PCs/ });
    await matrix.waitFor();
    await page.getByText("What was sent").waitFor();
    const box = await matrix.boundingBox();
    return await longestFrame(page, async () => {
      for (let step = 0; step < 40; step += 1) {
        await page.mouse.move((box?.x ?? 0) + step * 20, (box?.y ?? 0) + 20 + step * 5);
      }
      await wheel(page, 30);
    });
  }, LONGEST_FRAME_MS);
  t.diagnostic(`the longest frame took ${Math.round(longest)} ms`);
  assert.ok(longest < LONGEST_FRAME_MS, `${longest} ms`);
});

test("each PC of the matrix is reached by keys and said in words", async () => {
  await using visitor = await open("/#/executions/many");
  const { page } = visitor;
  const matrix = page.getByRole("application", { name: /10000 PCs: 9,000|10000 PCs/ });
  await matrix.focus();
  await page.keyboard.press("Home");
  await page.getByRole("status").filter({ hasText: "pc-00000: in flight" }).waitFor();
  await page.keyboard.press("ArrowRight");
  await page.getByRole("status").filter({ hasText: "pc-00001: failed, exit 1" }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "pc-00001" }).waitFor();
});

const PLACES = [
  "/#/",
  "/#/executions",
  "/#/executions/many",
  "/#/executions/many?view=table",
  "/#/executions/few",
  "/#/runs/few-1",
  "/#/run-now",
  "/#/search",
  "/#/jobs",
  "/#/jobs/new",
  "/#/schedules",
  "/#/schedules/new",
  "/#/rollouts",
  "/#/rollouts/new",
  "/#/agents",
  "/#/agents/pc-1",
  "/#/config",
  "/#/config/global",
  "/#/config/pcs/pc-1",
  "/#/inventory",
  "/#/audit",
  "/#/dead-letters",
  "/#/settings",
  "/#/nowhere",
  "/inspector",
];

interface Violation {
  readonly id: string;
  readonly impact: string | null;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** Serious faults that axe finds, each with where. */
async function faultsOf(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe);
  const violations = await page.evaluate(
    // The bundle puts itself there.
    "axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations)",
  ) as readonly Violation[];
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
}

for (const colorScheme of ["light", "dark"] as const) {
  test(`axe finds no serious fault on any page in ${colorScheme}, and the browser refuses nothing`, async () => {
    const width = colorScheme === "light" ? 1280 : 390;
    await using visitor = await open("/#/", { colorScheme, viewport: { width, height: 844 } });
    const { page, complaints } = visitor;
    for (const place of PLACES) {
      await page.goto(api.url + place);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.locator(".skeleton").first().waitFor({ state: "detached" });
      assert.deepEqual(await faultsOf(page), [], place);
      const isWider = await page.evaluate(() =>
        document.documentElement.scrollWidth > document.documentElement.clientWidth
      );
      assert.equal(isWider, false, `${place} is wider than the screen`);
    }
    assert.deepEqual(complaints, []);
  });
}
