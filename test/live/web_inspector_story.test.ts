/** An execution's page of the inspector in a real browser: what it says of each moment is what is stored of it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import type { TransitionAnswer } from "../../wire/http.ts";
import { startWhole, type TestBackend, type TestSystem } from "../harness/backend.ts";
import { startBrowser } from "../harness/browser.ts";
import { lit, openInspector, scrubTo } from "../harness/inspector_page.ts";
import { letRunsExpire } from "../harness/passing_time.ts";
import { eventually } from "../harness/wait.ts";
import { WatchedExecution } from "../harness/watched_execution.ts";

let whole: TestSystem;
let backend: TestBackend;
let browser: Browser;

before(async () => {
  whole = await startWhole({ sweepIntervalMs: 100 });
  ({ backend } = whole);
  browser = await startBrowser();
});

after(async () => {
  await browser.close();
  await whole[Symbol.asyncDispose]();
});

function open(place: string) {
  return openInspector(browser, backend.url, place);
}

/** What the page counts, by its words. */
async function counters(page: Page): Promise<Record<string, number>> {
  const card = page.getByRole("region", { name: "Counters" });
  const names = await card.locator("dt").allInnerTexts();
  const counts = await card.locator("dd").allInnerTexts();
  return Object.fromEntries(names.map((name, index) => [name, Number(counts[index])]));
}

function timelineOf({ execId }: WatchedExecution): Promise<readonly TransitionAnswer[]> {
  return backend.api("GET", `/api/executions/${execId}/timeline`);
}

/** The counts of a stored transition, by the words of the page. */
function worded({ counters: stored }: TransitionAnswer): Record<string, number> {
  const { waiting, succeeded, failed, skipped, expired_runs, missing } = stored;
  return {
    "waited for": waiting,
    succeeded,
    failed,
    skipped,
    "given up": expired_runs,
    missing,
  };
}

test("the scrubber is walked by the keyboard alone from end to end, and each moment counts what is stored", async () => {
  const execution = await WatchedExecution.dispatch(backend, ["pc-1", "pc-2", "pc-3"]);
  const [first, second, third] = ["pc-1", "pc-2", "pc-3"].map((pcId) => execution.run(pcId));
  assert.ok(first && second && third);
  await execution.allStarted([first, second, third]);
  await execution.ended(first);
  await execution.ended(second, { exit_code: 3 });
  await letRunsExpire(whole.database.db, execution.execId);
  await execution.becomes("expired 1/1/0/1");
  await execution.ended(third);
  const stored = await timelineOf(execution);
  assert.deepEqual(stored.map(({ to }) => to), ["pending", "running", "expired", "completed"]);

  await using visitor = await open(`#/executions/${execution.execId}`);
  const { page, complaints } = visitor;
  await lit(page, "completed");
  const scrubber = page.getByRole("slider", { name: "Moment" });
  while (!await scrubber.evaluate((node) => node === document.activeElement)) {
    await page.keyboard.press("Tab");
  }
  const said = () => scrubber.getAttribute("aria-valuetext");
  assert.equal(await said(), "now");
  await page.keyboard.press("Home");
  for (const [index, moment] of stored.entries()) {
    await lit(page, moment.to);
    await eventually(
      `moment ${index + 1}`,
      async () => await said() === `moment ${index + 1} of 4: ${moment.to}`,
    );
    assert.deepEqual(await counters(page), worded(moment));
    await page.keyboard.press("ArrowRight");
  }
  await page.getByRole("heading", { name: "Why it is here" }).waitFor();
  assert.equal(await said(), "now");
  await page.keyboard.press("ArrowRight");
  assert.equal(await said(), "now");
  await page.keyboard.press("ArrowLeft");
  await page.getByRole("heading", { name: "Why it was here" }).waitFor();
  await page.keyboard.press("End");
  await page.getByRole("heading", { name: "Why it is here" }).waitFor();
  assert.deepEqual(complaints, []);
});

test("a button of the scrubber keeps the keyboard at the end to which it leads", async () => {
  const execution = await WatchedExecution.dispatch(backend, ["pc-1"]);
  await execution.ended(execution.run("pc-1"));
  await using visitor = await open(`#/executions/${execution.execId}`);
  const { page } = visitor;
  const earlier = page.getByRole("button", { name: "Earlier" });
  await earlier.focus();
  for (const moment of ["moment 2 of 2: completed", "moment 1 of 2: pending"]) {
    await page.keyboard.press("Enter");
    await page.locator(`[aria-valuetext="${moment}"]`).waitFor();
  }
  assert.equal(await earlier.getAttribute("aria-disabled"), "true");
  await page.keyboard.press("Enter");
  assert.ok(await earlier.evaluate((node) => node === document.activeElement));
  await lit(page, "pending");
});

test("each transition is animated as it is taken, and each moment with the way that led to it", async () => {
  const execution = await WatchedExecution.dispatch(backend, ["pc-1"]);
  const run = execution.run("pc-1");
  await using visitor = await open(`#/executions/${execution.execId}`);
  const { page } = visitor;
  await lit(page, "pending");
  await page.evaluate(() => {
    const walked: string[] = [];
    Object.assign(globalThis, { walked });
    document.addEventListener("animationstart", ({ animationName, target }) => {
      const arrow = (target as Element).closest<SVGElement>("[data-transition], [data-beginning]");
      const { transition, beginning } = arrow?.dataset ?? {};
      if (animationName === "walk") walked.push(transition ?? `to ${beginning}`);
    });
  });
  const last = () => page.evaluate("walked.at(-1)");
  const walks = (way: string) => eventually(way, async () => await last() === way);
  await execution.started(run);
  await walks("pending:RUN_STARTED:0");
  await execution.ended(run);
  await walks("running:RUN_SETTLED:1");
  await scrubTo(page, 0);
  await walks("to pending");
  await scrubTo(page, 1);
  await walks("pending:RUN_STARTED:0");
});

test("a run that was given up, and the truth that comes late, are each told as what they were", async () => {
  const execution = await WatchedExecution.dispatch(backend, ["pc-late"]);
  const run = execution.run("pc-late");
  await execution.started(run);
  await using visitor = await open(`#/executions/${execution.execId}`);
  const { page } = visitor;
  await page.getByText("The run in flight is given up then, unless it ends before.").waitFor();
  await letRunsExpire(whole.database.db, execution.execId);
  await lit(page, "expired");
  await page.getByText("It came here when the run of pc-late was given up.").waitFor();
  await execution.ended(run);
  await lit(page, "completed");
  await page.getByText("pc-late, which had been given up, told its end after all.").waitFor();

  const moments = page.getByRole("region", { name: "Recorded transitions" }).getByRole("listitem");
  for (const [index, outcome] of ["in flight", "expired", "succeeded"].entries()) {
    await moments.nth(index + 1).locator(".outcome", { hasText: outcome }).waitFor();
  }
  await scrubTo(page, 2);
  await page.getByText("It came here when the run of pc-late was given up.").waitFor();

  await moments.nth(2).getByRole("link", { name: "pc-late" }).click();
  await page.getByRole("cell", { name: "given up by the reaper: running → expired" }).waitFor();
  await page.getByRole("cell", { name: "expired → completed" }).waitFor();
});

test("the story of an execution does not wait for its chart", async () => {
  const execution = await WatchedExecution.dispatch(backend, ["pc-1"]);
  await using visitor = await open("#/");
  const { page } = visitor;
  let draw = () => {};
  const drawn = new Promise<void>((resolve) => draw = resolve);
  await page.route("**/layout", async (route) => {
    await drawn;
    await route.continue();
  });
  await page.goto(`${backend.url}/inspector#/executions/${execution.execId}`);
  await page.getByText("It is pending: it was sent to 1 PC, and it has not begun.").waitFor();
  assert.equal(await page.locator(".state").count(), 0);
  draw();
  await lit(page, "pending");
});

test("the messages of a run are told as they come", async () => {
  const execution = await WatchedExecution.dispatch(backend, ["pc-1"]);
  const run = execution.run("pc-1");
  await execution.started(run);
  await using visitor = await open(`#/runs/${run.resultId}`);
  const { page } = visitor;
  await page.getByRole("cell", { name: "result not there yet" }).waitFor();
  await execution.ended(run);
  await page.getByRole("cell", { name: "script ends succeeded, exit 0" }).waitFor();
  assert.equal(await page.getByText("not there yet").count(), 0);
});

test("a kill of what nobody has begun is told on the open page, with the deadline that it brings", async () => {
  const execution = await WatchedExecution.dispatch(backend, ["pc-away"]);
  await using visitor = await open(`#/executions/${execution.execId}`);
  const { page } = visitor;
  await page.getByText("It is pending: it was sent to 1 PC, and it has not begun.").waitFor();
  await page.getByText(/in 1 h \d+ min/).waitFor();
  await backend.api("POST", `/api/executions/${execution.execId}/kill`);
  await page.getByText(/has killed it/).waitFor();
  await page.getByText(/in (2 min|1 min \d+ s)/).waitFor();
  await scrubTo(page, 0);
  await page.getByText("It is pending: 1 command of it has not left for the broker yet.").waitFor();
  assert.equal(await page.getByText(/has killed it/).count(), 0);
});

test("who looked away is told that what was watched has ended, not that it goes on", async () => {
  const execution = await WatchedExecution.dispatch(backend, ["pc-1"]);
  const run = execution.run("pc-1");
  await execution.started(run);
  await using visitor = await open(`#/machines/execution?live=${execution.execId}`);
  const { page } = visitor;
  await page.locator('.state[data-state="running"][data-active="true"]').waitFor();
  await page.getByText("watching", { exact: true }).waitFor();
  await showAs(page, "hidden");
  await eventually("the observer to go", () => !backend.backend.registry.isWatched);
  await execution.ended(run);
  await showAs(page, "visible");
  await page.getByText("It does not live here any more").waitFor();
  assert.equal(await page.locator('.state[data-active="true"]').count(), 0);
  await page.getByRole("link", { name: "its own page" }).click();
  await lit(page, "completed");
});

test("what a page leaves out of a flood is said on it", async () => {
  const execution = await WatchedExecution.dispatch(backend, ["pc-1", "pc-2"]);
  await using visitor = await open("#/activity");
  const { page } = visitor;
  await page.getByText("watching", { exact: true }).waitFor();
  await execution.started(execution.run("pc-1"));
  const { registry } = backend.backend;
  const live = registry.get(execution.execId);
  // As a batch does it that cannot be folded: one event after the other, then the commit.
  for (let sent = 0; sent < 300; sent += 1) {
    live?.actor.send({
      type: "RUNS_SETTLED",
      runs: { succeeded: 0, failed: 0, skipped: 0, expiredRuns: 0 },
      targets: { settled: 0, expired: 0, missing: 0 },
    });
  }
  registry.settle([]);
  await page.getByText(/^sampled: 2\d\d events left out$/).waitFor();
});

test("a page that was looked away from says that it has not seen everything", async () => {
  await using visitor = await open("#/activity");
  const { page } = visitor;
  await page.getByText("watching", { exact: true }).waitFor();
  const missed = page.getByText("what happened while it was not watching is not shown");
  assert.equal(await missed.count(), 0);
  await showAs(page, "hidden");
  await eventually("the observer to go", () => !backend.backend.registry.isWatched);
  await showAs(page, "visible");
  await missed.waitFor();
});

/** As the browser tells a page that its tab was left, or is looked at again. */
async function showAs(page: Page, state: "hidden" | "visible"): Promise<void> {
  await page.evaluate((shown) => {
    Object.defineProperty(document, "visibilityState", { value: shown, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, state);
}
