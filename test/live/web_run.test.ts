/** The page of a run while its stream does not do what it should: it heals by itself, and says what cannot. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { startWebWorld, type WebWorld } from "../harness/web_world.ts";
import { eventually } from "../harness/wait.ts";

let world: WebWorld;
before(async () => {
  world = await startWebWorld();
  await world.startAgents(["desk-1"]);
});
after(() => world[Symbol.asyncDispose]());

/** A run in flight that has said `first` and says `second` when it is let go on. */
async function startRun(name: string): Promise<{ readonly place: string; goOn(): Promise<void> }> {
  const gate = join(world.directory, name);
  await world.api.post("/api/run", {
    pc_id: "desk-1",
    shell: "sh",
    script: `echo first; until [ -e ${gate} ]; do sleep 0.05; done; echo second`,
    wait_secs: 0,
  });
  const id = await eventually("its run", async () => {
    const [row] = await world.api.db.query(
      "SELECT result_id FROM execution_results WHERE outcome IS NULL",
    );
    return row && String(row["result_id"]);
  });
  return { place: `#/runs/${id}`, goOn: () => writeFile(gate, "") };
}

const line = (page: Page, text: string) => page.getByText(text, { exact: true });

/** Chromium without a window takes every tab for one that is seen. */
async function becomes(page: Page, state: DocumentVisibilityState): Promise<void> {
  await page.evaluate((value) => {
    Object.defineProperty(document, "visibilityState", { value, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, state);
}

test("a stream that is refused is asked for again by itself, and the output is whole", async () => {
  const run = await startRun("refused");
  await using visitor = await world.open();
  const { page } = visitor;
  await page.route("**/stream", (route) => route.fulfill({ status: 503, body: "" }), { times: 1 });
  await page.goto(`${world.api.url}/${run.place}`);
  await page.getByText("The connection is lost; the output goes on where it stopped").waitFor();
  await line(page, "first").waitFor();
  await page.getByText("The connection is lost").waitFor({ state: "detached" });
  await run.goOn();
  await line(page, "second").waitFor();
  assert.equal(await line(page, "first").count(), 1);
});

test("a page that nobody sees holds no stream, and shows everything when it is seen again", async () => {
  const run = await startRun("hidden");
  await using visitor = await world.open(run.place);
  const { page } = visitor;
  await line(page, "first").waitFor();
  const ended = page.waitForEvent("requestfailed", (request) => request.url().endsWith("/stream"));
  await becomes(page, "hidden");
  await ended;
  await run.goOn();
  await becomes(page, "visible");
  await line(page, "second").waitFor();
  await page.getByRole("definition").filter({ hasText: "succeeded" }).waitFor();
  assert.equal(await line(page, "first").count(), 1);
});

test("what a newer server says and this page cannot read is said, with the way on", async () => {
  const run = await startRun("newer");
  await using visitor = await world.open();
  const { page } = visitor;
  await page.route("**/stream", (route) =>
    route.fulfill({
      headers: { "content-type": "text/event-stream" },
      body: 'event: run\ndata: {"result": "of another shape"}\n\n',
    }), { times: 1 });
  await page.goto(`${world.api.url}/${run.place}`);
  const alert = page.getByRole("alert").filter({ hasText: "this page cannot read" });
  await alert.waitFor();
  await alert.getByRole("button", { name: "Try again" }).click();
  await line(page, "first").waitFor();
  await run.goOn();
  await line(page, "second").waitFor();
});
