/** What somebody else changes is shown on the pages that are open, and never under the hands of who types. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { DispatchAnswerBody, ExecutionAnswer } from "../../wire/http.ts";
import { agentRow } from "../harness/seed.ts";
import { hangs, startWebWorld, type WebWorld } from "../harness/web_world.ts";

const SWEEP = {
  id: "sweep",
  version: "1",
  execute: { shell: "sh", script: "true", timeout: "5m" },
};

let world: WebWorld;
before(async () => {
  world = await startWebWorld();
  await world.api.write(agentRow("till-1", { last_heard_at: Date.now() }));
  await world.api.post("/api/jobs", SWEEP);
});
after(() => world[Symbol.asyncDispose]());

/** Somebody else's change. */
async function change(method: "PUT" | "POST" | "DELETE", path: string, body?: unknown) {
  const response = await world.api.ask(path, {
    method,
    headers: { "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  assert.ok(response.ok, `${method} ${path}: ${response.status}`);
}

test("a layer of config that somebody sets or takes away is shown on the open page", async () => {
  await using visitor = await world.open("#/config");
  const { page, complaints } = visitor;
  await page.getByText("Every agent goes by what is built in").waitFor();
  await change("PUT", "/api/config/groups/tills", { heartbeat_interval: "45s" });
  await page.getByRole("link", { name: "the group tills" }).waitFor();
  await page.getByRole("cell", { name: "heartbeat 45s" }).waitFor();
  await change("DELETE", "/api/config/groups/tills");
  await page.getByText("Every agent goes by what is built in").waitFor();
  assert.deepEqual(complaints, []);
});

test("a group that somebody puts a PC into is shown on the PC's open page, with the config that comes with it", async () => {
  await change("PUT", "/api/config/groups/tills", { max_local_concurrent: 3 });
  await using visitor = await world.open("#/agents/till-1");
  const { page } = visitor;
  await page.getByText("In no group").waitFor();
  await change("PUT", "/api/agents/till-1/groups", { groups: ["tills"] });
  await page.getByRole("button", { name: "Out of tills" }).waitFor();
  const row = page.getByRole("row").filter({ hasText: "Runs at a time" });
  await row.getByRole("link", { name: "the group tills" }).waitFor();
});

test("a freeze that somebody sets and lifts is shown on the open page", async () => {
  await using visitor = await world.open("#/schedules");
  const { page } = visitor;
  await page.getByRole("button", { name: "Freeze", exact: true }).waitFor();
  await change("PUT", "/api/freeze", { reason: "stocktaking" });
  await page.getByRole("status").filter({ hasText: "No schedule fires: stocktaking" }).waitFor();
  await page.getByRole("button", { name: "Lift the freeze" }).waitFor();
  await change("DELETE", "/api/freeze");
  await page.getByRole("button", { name: "Freeze", exact: true }).waitFor();
});

test("jobs and schedules that somebody stores, switches and deletes are shown on the open pages", async () => {
  await using visitor = await world.open("#/jobs");
  const { page } = visitor;
  await page.getByRole("link", { name: "sweep" }).waitFor();
  await change("POST", "/api/jobs", { ...SWEEP, id: "mop" });
  await page.getByRole("link", { name: "mop" }).waitFor();
  await change("POST", "/api/scripts/mop/revoke");
  await page.getByRole("cell", { name: "mop revoked" }).waitFor();
  await page.goto(`${world.api.url}/#/schedules`);
  await page.getByText("Nothing runs by itself").waitFor();
  await change("POST", "/api/schedules", {
    id: "mopping",
    job_id: "mop",
    target: { all: true },
    when: { calendar: { at: "02:30" } },
  });
  await page.getByRole("link", { name: "mopping" }).waitFor();
  await change("POST", "/api/schedules/mopping/disable");
  await page.getByRole("cell", { name: "disabled" }).waitFor();
  await change("DELETE", "/api/schedules/mopping");
  await page.getByText("Nothing runs by itself").waitFor();
});

test("an entry of the audit log is there as it is written", async () => {
  await using visitor = await world.open("#/audit?action=config_set");
  const { page } = visitor;
  const rows = page.getByRole("region", { name: "Entries as rows" }).getByRole("row");
  await rows.first().waitFor();
  await change("PUT", "/api/config/pcs/till-77", { heartbeat_interval: "1m" });
  await rows.filter({ hasText: "pcs/till-77" }).waitFor();
});

test("a kill by somebody else takes the button away before anything has ended", async () => {
  await world.api.write(agentRow("till-away", { last_heard_at: 1 }));
  const answer = await world.api.post("/api/exec/sweep", { target: { pcs: ["till-away"] } });
  const { exec_id: execId } = await answer.json() as DispatchAnswerBody;
  await using visitor = await world.open(`#/executions/${execId}`);
  const { page } = visitor;
  await page.getByRole("button", { name: "Kill", exact: true }).waitFor();
  await change("POST", `/api/executions/${execId}/kill`);
  await page.getByText("It was killed: what had not begun does not begin any more.").waitFor();
  await page.getByRole("button", { name: "Kill", exact: true }).waitFor({ state: "detached" });
});

test("why a run failed is told with its end, and asks for nothing", async () => {
  await world.startAgents(["slow-1", "slow-2"], { "*": hangs });
  const answer = await world.api.post("/api/exec/sweep", { target: { pcs: ["slow-1", "slow-2"] } });
  const { exec_id: execId } = await answer.json() as DispatchAnswerBody;
  await using visitor = await world.open(`#/executions/${execId}`);
  const { page } = visitor;
  await page.waitForFunction(() =>
    document.querySelectorAll(".pc-tile[data-outcome=running]").length === 2
  );
  await page.route("**/targets", (route) => route.abort());
  const [run] = await world.api.db.query(
    "SELECT result_id FROM execution_results WHERE exec_id = ? AND pc_id = 'slow-1'",
    [execId],
  );
  await change("POST", `/api/results/${String(run?.["result_id"])}/kill`);
  await page.locator(".pc-tile", { hasText: "slow-1" }).and(page.getByTitle("failed, killed"))
    .waitFor();
  await change("POST", `/api/executions/${execId}/kill`);
});

test("a question about the freeze does not turn round when somebody else is quicker", async () => {
  await using visitor = await world.open("#/schedules");
  const { page } = visitor;
  await page.getByRole("button", { name: "Freeze", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Why, for the others").fill("mine");
  await change("PUT", "/api/freeze", { reason: "theirs" });
  await page.getByRole("status").filter({ hasText: "theirs" }).waitFor();
  assert.equal(await dialog.getByLabel("Why, for the others").inputValue(), "mine");
  await dialog.getByRole("button", { name: "Freeze all schedules" }).click();
  await dialog.getByRole("alert").filter({ hasText: "changed it meanwhile" }).waitFor();
  await change("DELETE", "/api/freeze");
});

test("a text that somebody else stores is shown where nobody has typed, and told where somebody has", async () => {
  const theirs = async (version: number) => {
    const response = await world.api.ask("/api/jobs", {
      method: "POST",
      headers: { "content-type": "application/yaml" },
      body: `id: typed\nversion: "${version}"\nexecute: {shell: sh, script: "true", timeout: 5m}\n`,
    });
    assert.ok(response.ok);
  };
  await theirs(1);
  await using visitor = await world.open("#/jobs/typed");
  const { page, complaints } = visitor;
  const editor = page.getByLabel("YAML of the manifest");
  await editor.filter({ hasText: 'version: "1"' }).waitFor();
  await theirs(2);
  await editor.filter({ hasText: 'version: "2"' }).waitFor();
  await page.getByText("as it is stored").waitFor();
  await editor.focus();
  await page.keyboard.press("Control+Home");
  await page.keyboard.type("# mine\n");
  await page.getByText("not saved yet").waitFor();
  await theirs(3);
  const told = page.getByRole("alert").filter({ hasText: "Somebody has stored another text" });
  await told.waitFor();
  assert.match(await editor.innerText(), /# mine/);
  await told.getByRole("button", { name: "Show theirs" }).click();
  await editor.filter({ hasText: 'version: "3"' }).waitFor();
  await page.getByText("as it is stored").waitFor();
  await told.waitFor({ state: "detached" });
  await editor.focus();
  await page.keyboard.press("Control+Home");
  await page.keyboard.type("# mine again\n");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved typed, version 3.").waitFor();
  await page.getByText("as it is stored").waitFor();
  assert.match(await editor.innerText(), /# mine again/);
  assert.deepEqual(complaints, []);
});

test("what could not be loaded without the broker is loaded by itself when it is back", async () => {
  await using visitor = await world.open();
  const { page } = visitor;
  await page.getByText("Agents online").waitFor();
  await world.api.broker.kill();
  await page.getByRole("alert").filter({ hasText: "broker: not connected" }).waitFor();
  await page.goto(`${world.api.url}/#/jobs`);
  const catalogue = page.getByRole("region", { name: "Catalogue" });
  await catalogue.getByRole("alert").waitFor();
  await world.api.broker.restart();
  await catalogue.getByRole("link", { name: "sweep" }).waitFor({ timeout: 30_000 });
  await catalogue.getByRole("alert").waitFor({ state: "detached" });
});

test("a retry that is pressed again after its answer was lost is the same retry", async () => {
  await world.startAgents(["fails-1"], { "*": () => 1 });
  const answer = await world.api.post("/api/exec/sweep", { target: { pcs: ["fails-1"] } });
  const { exec_id: execId } = await answer.json() as DispatchAnswerBody;
  await using visitor = await world.open(`#/executions/${execId}`);
  const { page } = visitor;
  await page.getByRole("button", { name: "Retry the rest" }).click();
  await page.route("**/retry", async (route) => {
    await route.fetch();
    await route.abort();
  }, { times: 1 });
  const again = page.getByRole("dialog").getByRole("button", { name: "Run again on 1 PC" });
  await again.click();
  await page.getByRole("dialog").getByRole("alert").waitFor();
  await again.click();
  await page.getByText("Runs again the rest of").waitFor();
  const rows = await world.api.get<readonly ExecutionAnswer[]>("/api/executions?limit=500");
  assert.equal(rows.filter(({ retry_of }) => retry_of === execId).length, 1);
});
