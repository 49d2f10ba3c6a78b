/** The inspector's pages in a real browser: machines that move, a tree that tells a restart, and the past to scrub. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { startAgentProcess } from "../harness/agent_process.ts";
import { startWhole, type TestBackend, type TestSystem, TOKEN } from "../harness/backend.ts";
import { startBrowser, type Visit, visit } from "../harness/browser.ts";
import { lit, openInspector, scrubTo } from "../harness/inspector_page.ts";
import { eventually } from "../harness/wait.ts";
import { WatchedExecution } from "../harness/watched_execution.ts";

const BUDGET_BYTES = 500_000;
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

let whole: TestSystem;
let backend: TestBackend;
let browser: Browser;

before(async () => {
  whole = await startWhole();
  ({ backend } = whole);
  browser = await startBrowser();
});

after(async () => {
  await browser.close();
  await whole[Symbol.asyncDispose]();
});

function open(place: string, options?: Parameters<typeof openInspector>[3]) {
  return openInspector(browser, backend.url, place, options);
}

test("an execution moves from pending to running to completed while one looks, and can be scrubbed back", async () => {
  const execution = await WatchedExecution.dispatch(backend, ["pc-1"]);
  await using visitor = await open(`#/executions/${execution.execId}`);
  const { page, complaints } = visitor;
  await lit(page, "pending");
  await eventually("the observer", () => backend.backend.registry.isWatched);

  const run = execution.run("pc-1");
  await execution.started(run);
  await lit(page, "running");
  await page.locator('.arrow[data-kind="taken"][data-transition="pending:RUN_STARTED:0"]')
    .waitFor();
  await page.getByText("It is running: 1 of 1 PC has not ended yet.").waitFor();

  await execution.ended(run);
  await lit(page, "completed");
  await page.getByText("It is completed: its PC has answered.").waitFor();

  await scrubTo(page, 0);
  await lit(page, "pending");
  await page.getByRole("heading", { name: "Why it was here" }).waitFor();
  await scrubTo(page, 1);
  await lit(page, "running");
  await page.getByRole("button", { name: "Later" }).click();
  await lit(page, "completed");
  await page.getByRole("button", { name: "Now", exact: true }).click();
  await page.getByRole("heading", { name: "Why it is here" }).waitFor();

  await page.getByRole("link", { name: "pc-1" }).first().click();
  await page.getByRole("heading", { name: "Messages of the run on pc-1" }).waitFor();
  await page.getByRole("cell", { name: /running → completed/ }).waitFor();
  assert.deepEqual(complaints, []);
});

test("who asks about a run is shown the moment that it brought about", async () => {
  const execution = await WatchedExecution.dispatch(backend, ["pc-1"]);
  const run = execution.run("pc-1");
  await execution.started(run);
  await execution.ended(run);
  await using visitor = await open(`#/executions/${execution.execId}?result=${run.resultId}`);
  await lit(visitor.page, "running");
  await visitor.page.getByRole("link", { name: "Its messages, one by one" }).click();
  await visitor.page.getByRole("heading", { name: "Messages of the run on pc-1" }).waitFor();
});

test("when the last page is closed, nothing is observed any more", async () => {
  const execution = await WatchedExecution.dispatch(backend, ["pc-2"]);
  {
    await using visitor = await open(`#/executions/${execution.execId}`);
    await lit(visitor.page, "pending");
    await eventually("the observer", () => backend.backend.registry.isWatched);
  }
  await eventually("the observer to go", () => !backend.backend.registry.isWatched);
});

test("the tree shows an actor that is started again, with its reason, and its supervisor's chart", async () => {
  await using visitor = await open("#/");
  const { page } = visitor;
  const row = page.getByRole("row", { name: /results projector/ });
  await row.getByText("running", { exact: true }).waitFor();
  await page.getByText("watching", { exact: true }).waitFor();
  const manager = await backend.bus.jetstream.jetstreamManager();
  await manager.consumers.delete("RESULTS", "backend_results_projector");
  await row.getByText(/consumer backend_results_projector: it is gone/).waitFor();
  await row.getByRole("cell", { name: "1", exact: true }).waitFor();
  await row.getByRole("link", { name: "results projector" }).click();
  await page.getByRole("heading", { name: "Supervisor of an actor" }).waitFor();
  await page.locator('.state[data-state="active.running"][data-active="true"]').waitFor();
  await page.getByText("When it fails:").waitFor();
});

test("a command on another machine is picked, and seen to run, to be reported and to be done", async () => {
  const directory = await mkdtemp(join(tmpdir(), "kanade-far-"));
  const gate = join(directory, "gate");
  await using _agent = await startAgentProcess({
    pcId: "pc-far",
    servers: [whole.broker.url],
    dataDir: join(directory, "agent"),
    stopGraceMs: 0,
  });
  await backend.api("POST", "/api/jobs", {
    id: "gated",
    version: "1",
    execute: {
      shell: "sh",
      script: `while [ ! -e '${gate}' ]; do sleep 0.05; done`,
      timeout: "60s",
    },
  });
  await using visitor = await open("#/machines/agent_command");
  const { page, complaints } = visitor;
  await eventually("its heartbeat", async () => {
    const agents = await backend.api<{ pc_id: string }[]>("GET", "/api/agents?q=pc-far");
    return agents.length === 1;
  });
  await page.getByLabel("On which PC").fill("pc-far");
  await page.getByRole("button", { name: "Ask it" }).click();
  await page.getByText("sampled: asked every 0.5 s").waitFor();
  await backend.api("POST", "/api/exec/gated", { target: { pcs: ["pc-far"] } });
  const picker = page.getByLabel("Watch a command of it");
  await picker.getByText("gated 1 (running.alive)").waitFor({ state: "attached" });
  await picker.selectOption({ label: "gated 1 (running.alive)" });
  const isLit = (state: string) =>
    page.locator(`.state[data-state="${state}"][data-active="true"]`).waitFor();
  await isLit("running.alive");
  await page.getByText(/It becomes running, ending.*latch kill, record kill/).waitFor();

  await writeFile(gate, "");
  await isLit("done");
  const moves = page.getByRole("list", { name: "Newest first" }).getByRole("listitem");
  await moves.filter({ hasText: "ENDED" }).filter({ hasText: "reporting" }).waitFor();
  await moves.filter({ hasText: "REPORTED" }).filter({ hasText: "done" }).waitFor();
  assert.deepEqual(complaints, []);
  await page.goto(`${backend.url}/inspector#/machines/agent_command?agent=pc-none`);
  await page.getByText("pc-none does not answer").waitFor();
  assert.equal(await page.getByLabel("On which PC").inputValue(), "pc-none");
  const { inspector } = backend.backend.services;
  await eventually("the one that was left to be asked no more", () => inspector.askedAgents === 1);
  await page.close();
  await eventually("the asking to end", () => inspector.askedAgents === 0);
  await rm(directory, { recursive: true, force: true });
});

test("every machine is drawn from its definition, and can be reached by the keyboard alone", async () => {
  await using visitor = await open("#/machines");
  const { page } = visitor;
  const machine = page.getByRole("link", { name: /Command on an agent/ });
  await machine.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Command on an agent" }).waitFor();
  await page.locator('.state[data-state="running.backing_off"]').waitFor();
  const chart = page.getByRole("region", { name: /Command on an agent/ });
  await chart.focus();
  await page.keyboard.press("PageDown");
  await eventually("the chart to scroll", () => chart.evaluate((node) => node.scrollTop > 0));
});

test("a thing that is not there is said, with the way on", async () => {
  await using visitor = await open("#/executions/nothing");
  const { page } = visitor;
  await page.getByText('Cannot find the execution "nothing"').waitFor();
  await page.goto(`${backend.url}/inspector#/machines/execution?live=nothing`);
  await page.getByText("It does not live here any more").waitFor();
});

const PAGES = [
  "#/",
  "#/machines",
  "#/machines/agent_command",
  "#/machines/agent_command?agent=pc-none",
  "#/executions",
  "#/activity",
];

for (const width of [1280, 390]) {
  test(`no page is wider than a window of ${width} pixels, and axe finds no serious fault`, async () => {
    const execution = await WatchedExecution.dispatch(backend, ["pc-3"]);
    const run = execution.run("pc-3");
    await execution.started(run);
    const places = [...PAGES, `#/executions/${execution.execId}`, `#/runs/${run.resultId}`];
    for (const colorScheme of ["light", "dark"] as const) {
      await using visitor = await open("#/", { viewport: { width, height: 800 }, colorScheme });
      for (const place of places) await assertSound(visitor, place);
      assert.deepEqual(visitor.complaints, []);
    }
  });
}

async function assertSound({ page }: Visit, place: string): Promise<void> {
  await page.goto(`${backend.url}/inspector${place}`);
  await page.locator(".skeleton").waitFor({ state: "detached" });
  await page.getByRole("heading", { level: 1 }).waitFor();
  const overflow = await page.evaluate(
    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
  );
  assert.ok(Number(overflow) <= 0, `${place} is ${String(overflow)} px too wide`);
  // By the debugger's way in: the page's own policy lets no such script in.
  await page.evaluate(await readFile(AXE, "utf8"));
  const { violations } = await page.evaluate("axe.run()") as {
    readonly violations: readonly {
      readonly id: string;
      readonly impact: string;
      readonly nodes: readonly { readonly html: string }[];
    }[];
  };
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  assert.deepEqual(serious.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`), [], place);
}

test("the inspector is below 500 KB as it is sent, and the layout library is not in it", async () => {
  const sent: { url: string; bytes: number }[] = [];
  await using visitor = await visit(browser, "about:blank");
  const { page, context } = visitor;
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  const urls = new Map<string, string>();
  session.on(
    "Network.responseReceived",
    ({ requestId, response }) => urls.set(requestId, response.url),
  );
  session.on(
    "Network.loadingFinished",
    ({ requestId, encodedDataLength }) =>
      sent.push({ url: urls.get(requestId) ?? "", bytes: encodedDataLength }),
  );
  await page.goto(`${backend.url}/inspector#token=${TOKEN}`);
  await page.getByRole("row", { name: /results projector/ }).waitFor();
  const files = sent.filter(({ url }) => !url.includes("/api/"));
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  assert.ok(files.length > 2 && bytes < BUDGET_BYTES, `${bytes} bytes`);
});
