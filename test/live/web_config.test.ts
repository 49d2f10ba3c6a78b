/** The config page in a browser: layers, where a value comes from, changes that cross, kill switches and the freeze. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import type { AgentConfigAnswer } from "../../wire/http_config.ts";
import { agentRow } from "../harness/seed.ts";
import { eventually } from "../harness/wait.ts";
import { startWebWorld, type WebWorld } from "../harness/web_world.ts";

let world: WebWorld;
before(async () => {
  world = await startWebWorld();
  await world.api.write(
    agentRow("till-1", { last_heard_at: Date.now() }),
    agentRow("till-2", { last_heard_at: Date.now() }),
  );
  await put("/api/agents/till-1/groups", { groups: ["tills"] });
});
after(() => world[Symbol.asyncDispose]());

async function put(path: string, body: unknown): Promise<void> {
  const response = await world.api.ask(path, { method: "PUT", body: JSON.stringify(body) });
  assert.equal(response.status, 200);
}

/** The row of a table that begins so. */
const rowOf = (page: Page, name: string) =>
  page.getByRole("row").filter({ has: page.getByRole("cell", { name, exact: true }) });

test("a layer that is typed is what its PCs go by, and each value says which layer it comes from", async () => {
  await using visitor = await world.open("#/config");
  const { page, complaints } = visitor;
  await page.getByText("Every agent goes by what is built in").waitFor();
  await page.getByRole("link", { name: "For every PC" }).click();
  await page.getByLabel("Heartbeat").fill("45s");
  await page.getByLabel("Runs at a time").fill("3");
  await page.getByRole("button", { name: "Save for 2 PCs" }).click();
  await page.getByText("as it is stored").waitFor();
  await page.goto(`${world.api.url}/#/config/groups/tills`);
  await page.getByLabel("Runs at a time").fill("1");
  await page.getByRole("button", { name: "Save for 1 PC" }).click();
  await page.getByText("as it is stored").waitFor();
  await page.goto(`${world.api.url}/#/agents/till-1`);
  const heartbeat = rowOf(page, "Heartbeat");
  await heartbeat.getByRole("cell", { name: "45s" }).waitFor();
  await heartbeat.getByRole("link", { name: "every PC" }).waitFor();
  await rowOf(page, "Runs at a time").getByRole("link", { name: "the group tills" }).waitFor();
  await rowOf(page, "Agent's version").getByText("built in").waitFor();
  const { fields } = await world.api.get<AgentConfigAnswer>("/api/agents/till-1/config");
  assert.deepEqual(fields.max_local_concurrent, { value: 1, from: "groups/tills" });
  await page.getByRole("link", { name: "the group tills" }).click();
  await page.getByRole("button", { name: "Take away" }).click();
  await page.getByRole("button", { name: "Take 1 field away from 1 PC" }).click();
  await page.getByRole("link", { name: "Config", exact: true }).last().click();
  await page.getByRole("cell", { name: "heartbeat 45s, runs at a time 3" }).waitFor();
  await page.getByRole("link", { name: "the group tills" }).waitFor({ state: "detached" });
  assert.deepEqual(complaints, []);
});

test("a change that was decided on an older value is not stored: the page says whose is newer, and what it says", async () => {
  const path = "/api/config/pcs/till-2";
  await using visitor = await world.open("#/config/pcs/till-2");
  const { page } = visitor;
  await page.getByLabel("Heartbeat").fill("10s");
  await put(path, { heartbeat_interval: "20s", target_version: "1.2" });
  await eventually("the audit log to tell of it", async () => {
    const entries = await world.api.get<{ readonly target: string | null }[]>("/api/audit");
    return entries.some(({ target }) => target === "pcs/till-2");
  });
  await page.getByRole("button", { name: "Save for 1 PC" }).click();
  const alert = page.getByRole("alert").filter({ hasText: "Not saved: " });
  await alert.filter({ hasText: / changed it meanwhile, at \d/ }).waitFor();
  await alert.filter({ hasText: "heartbeat 20s, agent's version 1.2" }).waitFor();
  assert.equal(await page.getByLabel("Heartbeat").inputValue(), "10s");
  await alert.getByRole("button", { name: "Show theirs" }).click();
  await page.waitForFunction(() =>
    (document.getElementById("heartbeat_interval") as HTMLInputElement).value === "20s"
  );
  await page.getByLabel("Heartbeat").fill("15s");
  await put(path, { heartbeat_interval: "25s" });
  await page.getByRole("button", { name: "Save for 1 PC" }).click();
  await alert.getByRole("button", { name: "Save mine over it" }).click();
  await alert.waitFor({ state: "detached" });
  assert.deepEqual(await world.api.get(path), { heartbeat_interval: "15s", target_version: "1.2" });
});

test("a value that cannot be used is refused in the server's words, at its field", async () => {
  await using visitor = await world.open("#/config/groups/cellar");
  const { page } = visitor;
  await page.getByLabel("Runs at a time").fill("many");
  await page.getByRole("button", { name: /^Save for/ }).click();
  await page.getByRole("alert").filter({ hasText: "max_local_concurrent" }).waitFor();
  assert.equal(await page.getByLabel("Runs at a time").getAttribute("aria-invalid"), "true");
  assert.equal(await page.getByLabel("Heartbeat").getAttribute("aria-invalid"), "false");
  assert.deepEqual(await world.api.get("/api/config/groups/cellar"), {});
});

test("a job is revoked and allowed again where all jobs stand, with the version that agents run", async () => {
  await world.api.post("/api/jobs", {
    id: "sweep",
    version: "2",
    execute: { shell: "sh", script: "true", timeout: "10s" },
  });
  await using visitor = await world.open("#/config");
  const { page } = visitor;
  const row = rowOf(page, "sweep");
  await row.getByText("version 2 alone").waitFor();
  await row.getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("button", { name: "Revoke 1 job" }).click();
  await row.getByText("nothing of it").waitFor();
  await row.getByRole("button", { name: "Allow again" }).click();
  await row.getByText("version 2 alone").waitFor();
});

test("a viewer reads every layer and finds no button that it may not press", async () => {
  await put("/api/config/pcs/till-1", { target_version: "1.4" });
  for (const place of ["#/config", "#/config/global", "#/config/pcs/till-1"]) {
    await using visitor = await world.openAsViewer(place);
    const main = visitor.page.getByRole("main");
    await visitor.page.locator(".skeleton").first().waitFor({ state: "detached" });
    const names = await main.getByRole("button").allTextContents();
    assert.deepEqual(names.filter((name) => name !== "Open"), [], place);
    if (place !== "#/config") {
      assert.equal(await main.getByLabel("Heartbeat").getAttribute("readonly"), "");
    }
  }
});
