/** Schedules in a browser: when they fire next, what they decided, switched off and on, and the freeze of them all. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { FreezeAnswer } from "../../wire/http_schedules.ts";
import { PROBE } from "../harness/backend.ts";
import { eventually } from "../harness/wait.ts";
import { startWebWorld, type WebWorld } from "../harness/web_world.ts";

let world: WebWorld;
before(async () => {
  world = await startWebWorld();
  await world.startAgents(["desk-1"], { "*": () => 0 });
  await world.api.post("/api/jobs", PROBE);
});
after(() => world[Symbol.asyncDispose]());

/** A time of day that does not come while these tests run, in UTC. */
const FAR_OFF = `${new Date(Date.now() + 12 * 3_600_000).toISOString().slice(11, 13)}:30`;

async function makeSchedule(id: string, when: unknown): Promise<void> {
  const target = { pcs: ["desk-1"] };
  await world.api.post("/api/schedules", { id, job_id: PROBE.id, target, when, tz: "utc" });
}

test("a schedule says when it fires next, by its own clocks, and is switched off and on", async () => {
  await makeSchedule("nightly", { calendar: { at: FAR_OFF, days: ["*"] } });
  await using visitor = await world.open("#/schedules");
  const { page, complaints } = visitor;
  const row = page.getByRole("row").filter({ hasText: "nightly" });
  await row.getByText("enabled").waitFor();
  await row.locator("time").waitFor();
  await row.getByRole("link", { name: "nightly" }).click();
  const next = page.getByRole("region", { name: "Next" });
  await next.getByRole("listitem").nth(7).waitFor();
  assert.equal(await next.getByText("fires", { exact: true }).count(), 8);
  const first = await next.getByRole("listitem").first().textContent();
  assert.match(first ?? "", new RegExp(`${FAR_OFF}.*\\+00:00`));
  await page.getByText("Nothing yet: its first time is still to come.").waitFor();
  await page.getByRole("button", { name: "Disable" }).click();
  await page.getByText("nightly fires no more.").waitFor();
  await page.getByRole("button", { name: "Enable" }).waitFor();
  await page.getByRole("navigation", { name: "Where you are" }).getByRole("link").click();
  await row.getByText("disabled").waitFor();
  assert.equal(await row.locator("time").count(), 0);
  await row.getByRole("link", { name: "nightly" }).click();
  await page.getByRole("button", { name: "Enable" }).click();
  await page.getByRole("button", { name: "Disable" }).waitFor();
  assert.deepEqual(complaints, []);
});

test("what a schedule has fired comes into its ledger while one looks, and leads to the execution", async () => {
  await makeSchedule("sweep", { calendar: { at: FAR_OFF, days: ["*"] } });
  await using visitor = await world.open("#/schedules/sweep");
  const { page } = visitor;
  const ledger = page.getByRole("region", { name: "Ledger" });
  await ledger.getByText("Nothing yet").waitFor();
  // Saved again, to fire until each PC succeeded: at once, then.
  await makeSchedule("sweep", { per_pc: "once" });
  const fired = ledger.getByRole("listitem").filter({ hasText: "fired" });
  await fired.getByRole("link", { name: "on 1 PC" }).click();
  await page.getByRole("heading", { level: 1, name: new RegExp(`^${PROBE.id}`) }).waitFor();
  await page.getByText("completed", { exact: true }).first().waitFor();
});

test("a freeze is set with its reason and its end, is shown to all, and lifted", async () => {
  await using visitor = await world.open("#/schedules");
  const { page } = visitor;
  const dialog = page.getByRole("dialog");
  await page.getByRole("button", { name: "Freeze" }).click();
  await dialog.getByLabel("Why, for the others").fill("inventory week");
  await dialog.getByLabel(/^Until/).fill("2199-01-01T10:00");
  await dialog.getByRole("button", { name: "Freeze all schedules" }).click();
  await page.getByRole("status").filter({ hasText: /No schedule fires until.*inventory week/ })
    .waitFor();
  const freeze = await world.api.get<FreezeAnswer>("/api/freeze");
  assert.equal(freeze.frozen, true);
  // What is typed is of the browser's own zone.
  const until = await page.evaluate(() => new Date("2199-01-01T10:00").getTime());
  assert.equal(Date.parse(freeze.until ?? ""), until);
  await page.getByRole("button", { name: "Lift the freeze" }).click();
  await dialog.getByRole("button", { name: "Lift the freeze" }).click();
  await page.getByRole("button", { name: "Freeze", exact: true }).waitFor();
  assert.equal(await world.api.get("/api/freeze"), null);
});

test("a freeze that ends by itself ends on the open page", async () => {
  await using visitor = await world.open("#/schedules");
  const { page } = visitor;
  await page.getByRole("button", { name: "Freeze", exact: true }).waitFor();
  const until = new Date(Date.now() + 8_000).toISOString();
  await world.api.ask("/api/freeze", { method: "PUT", body: JSON.stringify({ until }) });
  await page.getByRole("status").filter({ hasText: "No schedule fires until" }).waitFor();
  await page.getByRole("status").filter({ hasText: "A freeze was set until" }).waitFor();
  await world.api.ask("/api/freeze", { method: "DELETE" });
});

test("a freeze that somebody else was quicker to set is not written over, and the page says whose it is", async () => {
  await using visitor = await world.open("#/schedules");
  const { page } = visitor;
  await page.getByRole("button", { name: "Freeze" }).click();
  await world.api.ask("/api/freeze", { method: "PUT", body: JSON.stringify({ reason: "theirs" }) });
  await eventually("the audit log to tell of it", async () => {
    const entries = await world.api.get<{ readonly payload: unknown }[]>(
      "/api/audit?action=freeze_set",
    );
    return entries.some(({ payload }) => JSON.stringify(payload).includes("theirs"));
  });
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Freeze all schedules" }).click();
  await dialog.getByRole("alert").filter({ hasText: / changed it meanwhile, at \d/ }).waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("status").filter({ hasText: "theirs" }).waitFor();
  await world.api.ask("/api/freeze", { method: "DELETE" });
});

test("a viewer sees schedules and what they decide, and finds no button that it may not press", async () => {
  for (const place of ["#/schedules", "#/schedules/nightly"]) {
    await using visitor = await world.openAsViewer(place);
    await visitor.page.locator(".skeleton").first().waitFor({ state: "detached" });
    const main = visitor.page.getByRole("main");
    assert.equal(await main.getByRole("button").count(), 0, place);
    assert.equal(await main.getByRole("link", { name: "New schedule" }).count(), 0, place);
  }
});
