/** What a person does and sees in the dashboard, in a real browser over a real backend with real agents. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { encode } from "../../wire/codec.ts";
import { bearer, jwt } from "../harness/http_api.ts";
import { visit } from "../harness/browser.ts";
import { executionRow, runRow, targetRow } from "../harness/seed.ts";
import { hangs, startWebWorld, type WebWorld } from "../harness/web_world.ts";

let world: WebWorld;
before(async () => {
  world = await startWebWorld();
});
after(() => world[Symbol.asyncDispose]());

const outcomes = (page: Page, outcome: string) => page.locator(`.pc-tile[data-outcome=${outcome}]`);

/** Waits until so many PCs are shown to stand so. */
async function untilShown(page: Page, outcome: string, count: number): Promise<void> {
  await page.waitForFunction(
    ([outcome, count]) =>
      document.querySelectorAll(`.pc-tile[data-outcome=${outcome}]`).length === count,
    [outcome, count] as const,
  );
}

test("a script that is typed and run shows each line when it is printed, and its exit code at the end", async () => {
  await world.startAgents(["desk-1"]);
  await using visitor = await world.open("#/run-now");
  const { page, complaints } = visitor;
  const gate = join(world.directory, "gate");
  await page.getByLabel("PCs", { exact: true }).fill("desk-1");
  await page.getByLabel("PCs", { exact: true }).press("Enter");
  await page.getByLabel("Script").fill(
    `echo first; echo '<b>second</b>' >&2; until [ -e ${gate} ]; do sleep 0.05; done; printf '\\033[31mthird\\033[0m\\n'; exit 4`,
  );
  await page.getByRole("button", { name: "Run on desk-1" }).click();
  await page.getByRole("link", { name: /^desk-1/ }).click();
  await page.getByText("first", { exact: true }).waitFor();
  await page.getByText("<b>second</b>").waitFor();
  await page.getByText("not known yet").waitFor();
  assert.equal(await page.getByText("third").count(), 0);
  await writeFile(gate, "");
  await page.locator(".ansi-fg-1", { hasText: "third" }).waitFor();
  await page.getByRole("definition").filter({ hasText: /^4$/ }).waitFor();
  assert.equal(await page.getByText("not known yet").count(), 0);
  await page.getByLabel("Find in output").fill("thi");
  await page.locator("mark", { hasText: "thi" }).waitFor();
  assert.deepEqual(complaints, []);
});

test("an execution over 50 agents fills its PCs live, and a kill names how many it ends", async () => {
  const names = (kind: string, count: number) =>
    Array.from({ length: count }, (_, index) => `${kind}-${index}`);
  await world.startAgents(names("good", 30), { "*": () => 0 });
  await world.startAgents(names("bad", 8), { "*": () => 1 });
  await world.startAgents(names("slow", 12), { "*": hangs });
  await world.api.post("/api/jobs", {
    id: "fifty",
    version: "1",
    execute: { shell: "sh", script: "true", timeout: "5m" },
  });
  await using visitor = await world.open();
  const { page, complaints } = visitor;
  const pcs = [...names("good", 30), ...names("bad", 8), ...names("slow", 12)];
  await world.api.post("/api/exec/fifty", { target: { pcs } });
  await page.getByRole("link", { name: "fifty 1" }).click();
  await untilShown(page, "succeeded", 30);
  await untilShown(page, "failed", 8);
  await untilShown(page, "running", 12);
  await page.getByRole("button", { name: "Kill" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("12 runs", { exact: true }).waitFor();
  await dialog.getByRole("button", { name: "Kill 12 runs" }).click();
  await untilShown(page, "failed", 20);
  await page.getByText("completed", { exact: true }).first().waitFor();
  assert.equal(await page.getByRole("button", { name: "Kill" }).count(), 0);
  await page.getByRole("button", { name: "Table" }).click();
  await page.getByRole("button", { name: /^failed/ }).click();
  await page.getByRole("cell", { name: "failed, killed" }).first().waitFor();
  await page.getByRole("button", { name: "Retry the rest" }).click();
  await dialog.getByLabel("20 failed").waitFor();
  await dialog.getByRole("button", { name: "Run again on 20 PCs" }).click();
  await untilShown(page, "failed", 8);
  await untilShown(page, "running", 12);
  assert.deepEqual(complaints, []);
});

test("a run that was given up shows expired, and the late truth corrects it on the open page", async () => {
  const { api } = world;
  const past = Date.now() - 3_600_000;
  const times = { started_at: past, recorded_at: past, expires_at: past + 1_000 };
  await api.write(
    executionRow("late-exec", { target_count: 1, initiated_at: past, request_id: "late-request" }),
    targetRow("late-exec", "pc-late"),
    runRow("late-run", {
      exec_id: "late-exec",
      pc_id: "pc-late",
      request_id: "late-request",
      ...times,
    }),
  );
  await using visitor = await world.open("#/executions/late-exec");
  const { page } = visitor;
  await outcomes(page, "expired").waitFor();
  await page.getByRole("link", { name: /^pc-late/ }).click();
  await page.getByRole("definition").filter({ hasText: "expired" }).waitFor();
  await api.bus.publishAcked(
    "results.late-request",
    encode({
      result_id: "late-run",
      request_id: "late-request",
      exec_id: "late-exec",
      pc_id: "pc-late",
      exit_code: 0,
      stdout: "better late than never",
      stderr: "",
      started_at: new Date(past).toISOString(),
      finished_at: new Date().toISOString(),
    }),
  );
  await page.getByText("better late than never").waitFor();
  await page.getByText("this is the truth").waitFor();
  await page.goBack();
  await outcomes(page, "succeeded").waitFor();
  await page.getByText("completed", { exact: true }).first().waitFor();
});

test("when the broker is killed the page says so, and when it is back that is gone", async () => {
  await using visitor = await world.open();
  const { page } = visitor;
  await world.api.broker.kill();
  await page.getByRole("alert").filter({ hasText: "broker: not connected" }).waitFor();
  await world.api.broker.restart();
  await page.getByRole("alert").filter({ hasText: "broker" }).waitFor({ state: "detached" });
});

test("a viewer sees no button that it may not press, and the API refuses it anyway", async () => {
  const token = await jwt({ role: "viewer" });
  await using visitor = await visit(world.browser, `${world.api.url}/#token=${token}`);
  const { page } = visitor;
  await page.getByText("ann, viewer").waitFor({ state: "attached" });
  await world.api.write(executionRow("seen", { job_id: "seen-job" }), targetRow("seen", "pc-1"));
  const places = [
    "",
    "executions/seen",
    "run-now",
    "jobs",
    "jobs/fifty",
    "jobs/new",
    "agents/good-1",
  ];
  for (const place of [...places, "schedules", "schedules/new", "dead-letters", "settings"]) {
    await page.goto(`${world.api.url}/#/${place}`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    const actions = page.getByRole("main").getByRole("button", {
      name:
        /^(Run|Kill|Retry|New|Delete|Revoke|Save|Ping|Forget|Add|Freeze|Replay|Throw|Enable|Disable)/,
    });
    assert.equal(await actions.count(), 0, place);
    assert.equal(
      await page.getByRole("main").getByRole("link", { name: /^(Run|New) (a|job|schedule)/ })
        .count(),
      0,
    );
  }
  const refused = await world.api.ask("/api/executions/seen/kill", {
    method: "POST",
    headers: bearer(token),
  });
  assert.equal(refused.status, 403);
});

test("a manifest with a fault is marked at its line before it is sent, and saved when it is right", async () => {
  await using visitor = await world.open("#/jobs/new");
  const { page, complaints } = visitor;
  const editor = page.getByLabel("YAML of the manifest");
  const paste = async (text: string) => {
    await editor.click();
    await page.keyboard.press("Control+A");
    await editor.evaluate((element, text) => {
      const clipboardData = new DataTransfer();
      clipboardData.setData("text/plain", text);
      const options = { clipboardData, bubbles: true, cancelable: true };
      element.dispatchEvent(new ClipboardEvent("paste", options));
    }, text);
  };
  await paste(
    'id: typed\nversion: "1"\nexecute:\n  shell: sh\n  timeout: soon\n  script: "true"\n',
  );
  await page.locator(".cm-lintRange-error", { hasText: "timeout" }).waitFor();
  await paste(
    'id: typed\nversion: "1"\nexecute:\n  shell: sh\n  timeout: 5s\n  script: "true"\n',
  );
  await page.locator(".cm-lintRange-error").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "typed" }).waitFor();
  assert.equal((await world.api.ask("/api/jobs/typed")).status, 200);
  assert.deepEqual(complaints, []);
});

test("a dead letter shows what it says and why it cannot be read, and is gone when it is thrown away", async () => {
  await using visitor = await world.open("#/dead-letters");
  const { page } = visitor;
  await page.getByText("Everything could be read").waitFor();
  await world.api.bus.publishAcked("results.broken", new TextEncoder().encode('{"pc_id": <b>'));
  await page.getByLabel("Payload").filter({ hasText: '{"pc_id": <b>' }).waitFor();
  await page.getByText("it is not JSON").waitFor();
  await page.getByRole("button", { name: "Replay" }).click();
  await page.getByText("It still cannot be read").waitFor();
  await page.getByRole("button", { name: "Throw away" }).click();
  await page.getByRole("button", { name: "Throw 1 message away" }).click();
  await page.getByText("Everything could be read").waitFor();
});

test("a server that goes away is told, and the page comes back by itself", async () => {
  await using visitor = await world.open();
  const { page, context } = visitor;
  await context.setOffline(true);
  // The browser's own way keeps an open stream: the server's end is what a page sees.
  await page.evaluate(() => globalThis.dispatchEvent(new Event("online")));
  await page.getByText("The server cannot be reached").first().waitFor();
  await context.setOffline(false);
  await page.getByText("live", { exact: true }).waitFor();
});

test("a schedule that skips its turn says so on the open page, and why", async () => {
  const { api } = world;
  await world.startAgents(["till-1"]);
  await api.post("/api/jobs", {
    id: "tidy",
    version: "1",
    execute: { shell: "sh", script: "true", timeout: "1m" },
  });
  const schedule = { id: "tidying", job_id: "tidy", target: { pcs: ["till-1"] } };
  await api.post("/api/schedules", { ...schedule, when: { per_pc: "once" }, enabled: false });
  await using visitor = await world.open("#/schedules/tidying");
  const { page, complaints } = visitor;
  const ledger = page.getByRole("region", { name: "Ledger" });
  await ledger.getByText("Nothing yet").waitFor();
  await api.ask("/api/freeze", {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ reason: "stocktaking" }),
  });
  await api.post("/api/schedules/tidying/enable", {});
  await ledger.getByText("skipped").waitFor();
  await ledger.getByText("frozen").waitFor();
  await api.ask("/api/freeze", { method: "DELETE" });
  assert.deepEqual(complaints, []);
});

test("the audit log is narrowed by who, what and outcome, and its address keeps that", async () => {
  const { api } = world;
  const viewer = bearer(await jwt({ role: "viewer" }));
  await api.post("/api/jobs", {
    id: "audited",
    version: "1",
    execute: { shell: "sh", script: "true", timeout: "1m" },
  });
  await api.ask("/api/jobs/none", { method: "DELETE", headers: viewer });
  await using visitor = await world.open("#/audit");
  const { page, complaints } = visitor;
  const rows = page.getByRole("region", { name: "Entries as rows" }).locator("tbody tr");
  await rows.filter({ hasText: "job_create" }).first().waitFor();
  await page.getByLabel("Outcome").selectOption("refused");
  await page.getByLabel("To", { exact: true }).fill("jobs/none");
  await page.getByRole("button", { name: "Filter" }).click();
  await rows.filter({ hasText: "job_create" }).first().waitFor({ state: "detached" });
  // Between the two lists there is a moment without any.
  await rows.filter({ hasText: "DELETE /api/jobs/none" }).waitFor();
  assert.equal(await rows.count(), 1);
  await page.reload();
  await rows.filter({ hasText: "DELETE /api/jobs/none" }).waitFor();
  assert.equal(await page.getByLabel("Outcome").inputValue(), "refused");
  await page.getByLabel("Who").fill("nobody-of-that-name");
  await page.keyboard.press("Enter");
  await page.getByText("No entry is like that").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.id), "actor");
  assert.deepEqual(complaints, []);
});
