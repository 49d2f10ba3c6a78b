/** Search in a browser: found as it goes, stopped, gone on with, and the way from a match to its run. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { indexed } from "../harness/output_index.ts";
import { settled } from "../harness/seed.ts";
import { startWebWorld, type WebWorld } from "../harness/web_world.ts";

const MINUTE_MS = 60_000;
/** So many that one answer, which comes after a second, does not reach their end on a quick machine either. */
const HOSTILE_RUNS = 320;
/** The engine is linear, and still takes long for those outputs: no index rules them out. */
const HOSTILE = "OLDEST|[0-9a-z]*[a-m][0-9a-z]{80}[^0-9a-z]";
const NOW = Date.now();

let world: WebWorld;
before(async () => {
  world = await startWebWorld();
  const text = irregular(30_000);
  for (let index = 0; index < HOSTILE_RUNS; index += 1) {
    await run(`slow-${index}`, index, { stdout: text });
  }
  await run("oldest", HOSTILE_RUNS, { stdout: "first line\nthe OLDEST says so\n" });
  for (let index = 0; index < 60; index += 1) {
    await run(`many-${index}`, HOSTILE_RUNS + 1 + index, { stderr: `qqneedle ${index}\n` });
  }
  await indexed(world.api.db);
});
after(() => world[Symbol.asyncDispose]());

/** Letters and digits in no order, the same ones each time: they are stored as long as they are. */
function irregular(length: number): string {
  let state = 1;
  return Array.from({ length }, () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor(state / 2 ** 31 * 36).toString(36);
  }).join("");
}

/** A run that ended so many minutes ago. */
async function run(
  resultId: string,
  minutesAgo: number,
  output: { readonly stdout?: string; readonly stderr?: string },
): Promise<void> {
  const at = NOW - minutesAgo * MINUTE_MS;
  const columns = { pc_id: `pc-${resultId}`, job_id: "told", started_at: at, recorded_at: at };
  await world.api.write(...settled(resultId, output, columns));
}

test("a search that takes long says how far it has come, is stopped and goes on, down to a match in the oldest run", async () => {
  await using visitor = await world.open("#/search");
  const { page, complaints } = visitor;
  // The second answer waits until somebody has read the first.
  const further = /\/api\/results\?.*cursor=/;
  await page.route(further, () => {});
  await page.getByLabel("In output").fill(HOSTILE);
  await page.keyboard.press("Enter");
  const found = page.getByRole("region", { name: "Found" });
  await found.getByText(/^\d+ runs tried, 0 found, back to /).waitFor();
  await found.getByRole("button", { name: "Stop" }).click();
  await found.getByText("stopped, there may be more further back").waitFor();
  assert.equal(await found.getAttribute("aria-busy"), "false");
  assert.equal(await found.getByText("the OLDEST says so").count(), 0);
  await page.unroute(further);
  await found.getByRole("button", { name: "Look further back" }).click();
  await found.locator("mark", { hasText: "the OLDEST says so" }).waitFor({ timeout: 60_000 });
  await found.getByRole("link", { name: "pc-oldest" }).click();
  await page.getByRole("heading", { level: 1, name: "pc-oldest" }).waitFor();
  await page.getByText("first line").waitFor();
  assert.deepEqual(complaints, []);
});

test("matches come in pages of 50, newest first, and the address finds them again", async () => {
  await using visitor = await world.open("#/search");
  const { page } = visitor;
  await page.getByLabel("In stderr").fill("qqneedle");
  await page.getByRole("button", { name: "Search" }).click();
  const marks = page.locator("mark");
  await marks.nth(49).waitFor();
  assert.equal(await marks.count(), 50);
  assert.equal(await marks.first().textContent(), "qqneedle 0");
  await page.getByRole("button", { name: "Show more" }).click();
  await marks.nth(59).waitFor();
  assert.equal(await marks.count(), 60);
  assert.match(page.url(), /stderr=qqneedle/);
  await page.reload();
  await marks.nth(49).waitFor();
  await page.getByLabel("State").selectOption("failed");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByText("Nothing is like that").waitFor();
});

test("what is no pattern is said, and a viewer searches as anybody does", async () => {
  await using visitor = await world.openAsViewer("#/search?stdout=(");
  const { page } = visitor;
  await page.getByRole("alert").filter({ hasText: "stdout" }).waitFor();
  await page.getByLabel("In stdout").fill("OLDEST");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByRole("link", { name: "pc-oldest" }).waitFor();
  const buttons = await page.getByRole("main").getByRole("button").allTextContents();
  assert.deepEqual(buttons, ["Search"]);
});
