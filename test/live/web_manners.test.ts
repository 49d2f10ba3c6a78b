/** How the pages behave to whoever uses them: words in place of codes, a focus that is never lost, and always a way on. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { dashboardLink } from "../../actors/http/server.ts";
import { startBrowser, visit } from "../harness/browser.ts";
import { jwt, TOKEN } from "../harness/http_api.ts";
import { executionRow, NOON, settled, targetRow } from "../harness/seed.ts";
import { hangs, startWebWorld, type WebWorld } from "../harness/web_world.ts";

let world: WebWorld;
before(async () => {
  world = await startWebWorld();
});
after(() => world[Symbol.asyncDispose]());

const focused = (page: Page) =>
  page.evaluate(() =>
    document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent ?? ""
  );

const MISSING = [
  ["silent", "nothing was heard of it"],
  ["superseded", "a newer command took its place"],
  ["killed", "it was killed before it began"],
  ["not_sent", "its wave was never sent"],
] as const;

test("a PC that is missing says why in words, on its mark and in the table", async () => {
  await world.api.write(
    executionRow("gaps", { target_count: 4, missing_targets: 4, status: "expired" }),
    ...MISSING.map(([reason]) => targetRow("gaps", `pc-${reason}`, { state: "missing", reason })),
  );
  await using visitor = await world.open("#/executions/gaps");
  const { page } = visitor;
  for (const [reason, words] of MISSING) {
    await page.locator(".pc-tile", { hasText: `pc-${reason}` }).and(
      page.getByTitle(`missing, ${words}`),
    ).waitFor();
  }
  await page.getByRole("button", { name: "Table" }).click();
  for (const [, words] of MISSING) {
    await page.getByRole("cell", { name: `missing, ${words}` }).waitFor();
  }
});

test("a run that was given up shows no exit code, because nobody knows one", async () => {
  await world.api.write(
    executionRow("lost", { target_count: 1, expired_runs: 1, status: "expired" }),
    targetRow("lost", "pc-lost", { state: "expired" }),
    ...settled("lost-run", { exitCode: -1, outcome: "expired", stderr: "given up" }, {
      exec_id: "lost",
      pc_id: "pc-lost",
    }),
  );
  await using visitor = await world.open("#/runs/lost-run");
  const { page } = visitor;
  await page.getByText("nobody knows: it was given up").waitFor();
  assert.equal(await page.getByText("-1", { exact: true }).count(), 0);
  await page.goto(`${world.api.url}/#/executions/lost?view=table`);
  await page.getByRole("cell", { name: "expired", exact: true }).waitFor();
  assert.equal(await page.getByText("-1").count(), 0);
});

test("a page of something that is not there has a name and a way back", async () => {
  await using visitor = await world.open();
  const { page } = visitor;
  const places = [
    ["/#/executions/nothing", "Execution", "Executions"],
    ["/#/runs/nothing", "Run", "Runs"],
    ["/#/rollouts/nothing", "Rollout", "Rollouts"],
    ["/#/schedules/nothing", "nothing", "Schedules"],
    ["/inspector#/executions/nothing", "Execution", "Executions"],
    ["/inspector#/machines/nothing", "Machine", "Machines"],
    ["/inspector#/runs/nothing", "Messages of a run", "Executions"],
  ] as const;
  for (const [place, name, back] of places) {
    await page.goto(world.api.url + place);
    await page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
    await page.getByRole("navigation", { name: "Where you are" })
      .getByRole("link", { name: back }).waitFor();
    await page.getByRole("alert").filter({ hasText: /Cannot find/ }).waitFor();
    assert.equal(await page.title(), `${name} · kanade`);
  }
});

test("a question gives the focus back to what asked it", async () => {
  await world.api.write(executionRow("asked", { status: "running" }), targetRow("asked", "pc-1"));
  await using visitor = await world.open("#/executions/asked");
  const { page } = visitor;
  const kill = page.getByRole("button", { name: "Kill", exact: true });
  await kill.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(await focused(page), "Kill");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(await focused(page), "Kill");
});

test("who searches goes on in the same field", async () => {
  await using visitor = await world.open("#/search");
  const { page } = visitor;
  await page.getByLabel("In stdout").fill("nowhere to be found");
  await page.keyboard.press("Enter");
  await page.getByText("Nothing is like that").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.id), "stdout");
  assert.equal(await page.getByLabel("In stdout").inputValue(), "nowhere to be found");
});

test("a session that ends is said, and whoever signs in again is where they were", async () => {
  const token = await jwt({ role: "operator" });
  await using visitor = await visit(world.browser, `${world.api.url}/#token=${token}`);
  const { page, context } = visitor;
  await page.getByText("live", { exact: true }).waitFor();
  await page.goto(`${world.api.url}/#/jobs`);
  await page.getByRole("heading", { name: "Jobs" }).waitFor();
  await context.clearCookies();
  await page.goto(`${world.api.url}/#/agents`);
  await page.getByText("Your session has ended").waitFor();
  await page.getByLabel("Token").fill(token);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Agents" }).waitFor();
  await page.getByText("live", { exact: true }).waitFor();
});

test("a page that is first opened while the server is away comes with the server", async () => {
  await using visitor = await world.open();
  const { page, context } = visitor;
  await context.setOffline(true);
  // An open stream outlives that switch: what ends it is the server's end.
  await page.evaluate(() => globalThis.dispatchEvent(new Event("online")));
  await page.getByText("The server cannot be reached").first().waitFor();
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByText("This part of the page could not be fetched").waitFor();
  await context.setOffline(false);
  await page.getByRole("heading", { level: 1, name: "Settings" }).waitFor();
});

test("what is wrong with a manifest stands under it by line, and keys lead out of its text", async () => {
  await using visitor = await world.open("#/jobs/new");
  const { page, complaints } = visitor;
  await page.getByLabel("YAML of the manifest").focus();
  await page.keyboard.press("Control+A");
  // As somebody types, over what was chosen.
  await page.keyboard.type("id: typed\nversion: 1\n");
  const wrong = page.getByRole("list", { name: "What is wrong" });
  await wrong.getByText(/^Line 2\s+version: must be text/).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Save");
  assert.deepEqual(complaints, []);
});

test("one run is killed from its page, and the others go on", async () => {
  await world.startAgents(["twin-1", "twin-2"], { "*": hangs });
  await world.api.post("/api/jobs", {
    id: "twins",
    version: "1",
    execute: { shell: "sh", script: "true", timeout: "5m" },
  });
  await using visitor = await world.open();
  const { page, complaints } = visitor;
  await world.api.post("/api/exec/twins", { target: { pcs: ["twin-1", "twin-2"] } });
  await page.getByRole("link", { name: "twins 1" }).click();
  await page.getByRole("link", { name: /^twin-1/ }).click();
  await page.getByRole("button", { name: "Kill" }).click();
  await page.getByRole("button", { name: "Kill 1 run" }).click();
  await page.getByText("twin-1 ends it now.").waitFor();
  await page.getByRole("definition").filter({ hasText: "failed, killed" }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Kill" }).count(), 0);
  await page.goBack();
  await page.getByTitle("failed, killed").waitFor();
  await page.locator(".pc-tile[data-outcome=running]", { hasText: "twin-2" }).waitFor();
  await world.api.ask("/api/jobs/twins/kill", { method: "POST" });
  assert.deepEqual(complaints, []);
});

test("a script is run by the keyboard alone, from the first page to its output", async () => {
  await world.startAgents(["keys-1"]);
  await using visitor = await world.open();
  const { page } = visitor;
  const tabTo = async (name: string) => {
    for (let left = 60; left > 0; left -= 1) {
      await page.keyboard.press("Tab");
      if ((await focused(page)).trim() === name) return;
    }
    assert.fail(`no Tab leads to ${name}`);
  };
  await page.getByRole("heading", { name: "Now" }).waitFor();
  await tabTo("Run a script");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Run now" }).waitFor();
  await tabTo("PCs");
  await tabTo("PCs");
  await page.keyboard.type("keys-1");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Without keys-1" }).waitFor();
  for (
    let left = 20;
    left > 0 && await page.evaluate(() => document.activeElement?.id) !== "script";
  ) {
    left -= 1;
    await page.keyboard.press("Tab");
  }
  await page.keyboard.type("echo typed by hand");
  await tabTo("Run on keys-1");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "ad-hoc script" }).waitFor();
  await page.locator(".pc-tile[data-outcome=succeeded]", { hasText: "keys-1" }).waitFor();
  await tabTo("keys-1succeeded");
  await page.keyboard.press("Enter");
  await page.getByText("typed by hand", { exact: true }).waitFor();
});

test("on a phone the menu opens and closes by keys, and the focus is back at its button", async () => {
  await using visitor = await world.open("#/jobs", { viewport: { width: 390, height: 780 } });
  const { page } = visitor;
  await page.getByRole("heading", { name: "Jobs" }).waitFor();
  await page.getByRole("button", { name: "Menu" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("navigation", { name: "Pages" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("navigation", { name: "Pages" }).waitFor({ state: "hidden" });
  assert.equal(await focused(page), "Menu");
});

test("going back leads to where one was on a long page, and a new page begins at its top", async () => {
  const many = Array.from({ length: 45 }, (_, index) => `long-${index}`);
  await world.api.write(...many.flatMap((execId) => [
    executionRow(execId, { job_id: execId, status: "completed", ended_at: NOON + 1_000 }),
    targetRow(execId, "pc-1", { state: "settled" }),
  ]));
  await using visitor = await world.open("#/executions");
  const { page } = visitor;
  const link = page.getByRole("link", { name: "long-40 1.0" });
  await link.scrollIntoViewIfNeeded();
  const depth = await page.evaluate(() => scrollY);
  assert.ok(depth > 0);
  await link.click();
  await page.getByRole("heading", { level: 1, name: "long-40" }).waitFor();
  assert.equal(await page.evaluate(() => scrollY), 0);
  await page.goBack();
  await page.getByRole("heading", { level: 1, name: "Executions" }).waitFor();
  await page.waitForFunction((depth) => scrollY === depth, depth);
});

test("lists that are filled fit a phone, whatever things are called", async () => {
  const long = "a-name-that-somebody-thought-was-a-good-idea-for-the-quarterly-maintenance";
  const execute = { shell: "sh", script: "true", timeout: "5m" };
  const { api } = world;
  await api.post("/api/jobs", { id: long, version: "1", description: long, execute });
  await api.post("/api/schedules", {
    id: `nightly-${long}`,
    job_id: long,
    target: { all: true },
    when: { calendar: { at: "02:30" } },
  });
  await api.post(`/api/exec/${long}`, { target: { pcs: [`pc-${long}`] } });
  await using visitor = await world.open("#/jobs", { viewport: { width: 390, height: 780 } });
  const { page } = visitor;
  const lists = ["", "executions", "jobs", "schedules", "config", "audit", "search", "agents"];
  for (
    const place of [...lists, `schedules/nightly-${long}`, `jobs/${long}`, `agents/pc-${long}`]
  ) {
    await page.goto(`${api.url}/#/${place}`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.locator(".skeleton").first().waitFor({ state: "detached" });
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 390, `${place} is ${width} pixels wide`);
    const sideways = await page.locator(".table-wrap").evaluateAll((tables) =>
      tables.filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
        .map((table) => table.getAttribute("aria-label"))
    );
    assert.deepEqual(sideways, [], `${place} is scrolled sideways`);
  }
});

test("over plain HTTP and by another name than localhost a script can be run and its output copied", async () => {
  await world.startAgents(["lan-1"]);
  const args = ["--host-resolver-rules=MAP fleet.test 127.0.0.1"];
  const browser = await startBrowser({ args });
  try {
    const url = world.api.url.replace("127.0.0.1", "fleet.test");
    await using visitor = await visit(browser, dashboardLink(url, TOKEN));
    const { page, complaints } = visitor;
    await page.getByText("live", { exact: true }).waitFor();
    assert.equal(await page.evaluate("isSecureContext"), false);
    await page.goto(`${url}/#/run-now?pc=lan-1`);
    await page.getByLabel("Script").fill("echo over the network");
    await page.getByRole("button", { name: "Run on lan-1" }).click();
    await page.getByRole("link", { name: /^lan-1/ }).click();
    await page.getByText("over the network", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Copy" }).click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    assert.deepEqual(complaints, []);
  } finally {
    await browser.close();
  }
});

test("a PC that is away or unknown is said before something is sent to it", async () => {
  const { api } = world;
  await api.db.write((tx) =>
    tx.batch([{
      sql: "INSERT INTO agents (pc_id, first_heard_at, last_heard_at) VALUES ('asleep', ?, ?)",
      args: [NOON, NOON],
    }])
  );
  await using visitor = await world.open("#/run-now");
  const { page } = visitor;
  await page.getByLabel("PCs", { exact: true }).fill("asleep nobody");
  await page.keyboard.press("Enter");
  await page.getByText("asleep, offline").waitFor();
  await page.getByText("nobody, never heard of").waitFor();
  await page.getByRole("button", { name: "All PCs" }).click();
  await page.getByRole("button", { name: /^Run on all \d+ PCs$/ }).waitFor();
});
