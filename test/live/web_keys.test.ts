/** What changes a fleet, gone through by the keyboard alone: to its end, and with the focus in a sensible place after it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import type { DispatchAnswerBody } from "../../wire/http.ts";
import { ask, focused, hasFocus, tabTo } from "../harness/keys.ts";
import { hangs, startWebWorld, type WebWorld } from "../harness/web_world.ts";

const HANGING = ["hangs-1", "hangs-2"];
const FAILING = ["fails-1", "fails-2"];
const WELL = ["well-1", "well-2", "well-3", "well-4"];

let world: WebWorld;
before(async () => {
  world = await startWebWorld();
  await world.startAgents(HANGING, { "*": hangs });
  await world.startAgents(FAILING, { "*": () => 1 });
  await world.startAgents(WELL, { "*": () => 0 });
  await world.api.post("/api/jobs", {
    id: "sweep",
    version: "1",
    execute: { shell: "sh", script: "true", timeout: "5m" },
  });
});
after(() => world[Symbol.asyncDispose]());

async function dispatch(pcs: readonly string[]): Promise<string> {
  const answer = await world.api.post("/api/exec/sweep", { target: { pcs } });
  return (await answer.json() as DispatchAnswerBody).exec_id;
}

async function untilShown(page: Page, outcome: string, count: number): Promise<void> {
  await page.waitForFunction(
    ([outcome, count]) =>
      document.querySelectorAll(`.pc-tile[data-outcome=${outcome}]`).length === count,
    [outcome, count] as const,
  );
}

test("an execution is killed by keys: its question takes the focus, gives it back, and leaves it at the page's name", async () => {
  const execId = await dispatch(HANGING);
  await using visitor = await world.open(`#/executions/${execId}`);
  const { page, complaints } = visitor;
  await untilShown(page, "running", 2);
  await tabTo(page, "Kill");
  await ask(page);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await hasFocus(page, "Kill");
  await ask(page);
  await tabTo(page, "Kill 2 runs");
  await page.keyboard.press("Enter");
  await untilShown(page, "failed", 2);
  await page.getByRole("button", { name: "Kill", exact: true }).waitFor({ state: "detached" });
  await hasFocus(page, /^sweep 1/);
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Inspect");
  assert.deepEqual(complaints, []);
});

test("one run is killed by keys, and its end takes its button away but not the focus", async () => {
  const execId = await dispatch(HANGING);
  await using visitor = await world.open(`#/executions/${execId}`);
  const { page } = visitor;
  await untilShown(page, "running", 2);
  await tabTo(page, /^hangs-1/);
  await page.keyboard.press("Enter");
  await hasFocus(page, "hangs-1");
  await tabTo(page, "Kill");
  await ask(page);
  await tabTo(page, "Kill 1 run");
  await page.keyboard.press("Enter");
  await page.getByRole("definition").filter({ hasText: "failed, killed" }).waitFor();
  await hasFocus(page, "hangs-1");
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Why is it so?");
  await world.api.ask(`/api/executions/${execId}/kill`, { method: "POST" });
});

test("the rest is run again by keys: what of it is chosen there, and the focus is at the new execution's name", async () => {
  const execId = await dispatch([...FAILING, "well-1"]);
  await using visitor = await world.open(`#/executions/${execId}`);
  const { page, complaints } = visitor;
  await untilShown(page, "failed", 2);
  await tabTo(page, "Retry the rest");
  await ask(page);
  await hasFocus(page, "2 failed");
  await page.keyboard.press("Space");
  await page.getByRole("button", { name: "Run again on 0 PCs" }).waitFor();
  await tabTo(page, "Run again on 0 PCs");
  await page.keyboard.press("Enter");
  assert.equal(await focused(page), "Run again on 0 PCs", "what is off does nothing");
  await tabTo(page, "2 failed");
  await page.keyboard.press("Space");
  await tabTo(page, "Run again on 2 PCs");
  await page.keyboard.press("Enter");
  await page.getByText("Runs again the rest of").waitFor();
  await hasFocus(page, /^sweep 1/);
  await untilShown(page, "failed", 2);
  assert.deepEqual(complaints, []);
});

test("a rollout is started, paused, resumed and aborted by keys, and the next thing to do has the focus", async () => {
  await using visitor = await world.open("#/rollouts/new?job=sweep");
  const { page, complaints } = visitor;
  await page.getByLabel("Job").getByRole("option", { name: "sweep 1" }).waitFor({
    state: "attached",
  });
  await tabTo(page, "PCs");
  await tabTo(page, "PCs");
  await page.keyboard.type(WELL.join(" "));
  await page.keyboard.press("Enter");
  await tabTo(page, "Watch each wave for");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("1h");
  await page.getByRole("button", { name: "Start on 4 PCs in 2 waves" }).waitFor();
  await tabTo(page, "Start on 4 PCs in 2 waves");
  await ask(page);
  await page.keyboard.press("Escape");
  await hasFocus(page, "Start on 4 PCs in 2 waves");
  await ask(page);
  await tabTo(page, "Start on 4 PCs in 2 waves");
  await page.keyboard.press("Enter");
  await hasFocus(page, /^sweep (waiting|sending|soaking)/);
  await page.getByRole("heading", { level: 1, name: /soaking/ }).waitFor();
  await tabTo(page, "Pause");
  await ask(page);
  await page.keyboard.press("Escape");
  await hasFocus(page, "Pause");
  await ask(page);
  await tabTo(page, "Hold 3 PCs back");
  await page.keyboard.press("Enter");
  await hasFocus(page, "Resume");
  await page.getByRole("heading", { level: 1, name: /paused/ }).waitFor();
  await ask(page);
  await tabTo(page, "Go on to 3 PCs");
  await page.keyboard.press("Enter");
  await hasFocus(page, "Pause");
  await tabTo(page, "Abort");
  await ask(page);
  await tabTo(page, "Never send it to 3 PCs");
  await page.keyboard.press("Enter");
  await hasFocus(page, /^sweep aborted/);
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Its PCs");
  assert.deepEqual(complaints, []);
});

test("a question that is refused says why in front of the page, and the focus stays where it was pressed", async () => {
  await world.api.post("/api/jobs", {
    id: "used",
    version: "1",
    execute: { shell: "sh", script: "true", timeout: "5m" },
  });
  await world.api.post("/api/schedules", {
    id: "uses-it",
    job_id: "used",
    target: { all: true },
    when: { calendar: { at: "02:30" } },
  });
  await using visitor = await world.open("#/jobs/used");
  const { page } = visitor;
  await page.getByRole("button", { name: "Delete" }).waitFor();
  await tabTo(page, "Delete");
  await ask(page);
  await tabTo(page, "Delete 1 job");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").getByRole("alert").filter({ hasText: "uses-it" }).waitFor();
  assert.equal(await focused(page), "Delete 1 job");
  await page.keyboard.press("Escape");
  await hasFocus(page, "Delete");
});
