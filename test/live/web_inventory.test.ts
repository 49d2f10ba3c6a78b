/** The inventory in a browser: by job, by PC, and how it has changed, as runs tell of it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { encode } from "../../wire/codec.ts";
import type { JobInventoryAnswer } from "../../wire/http_inventory.ts";
import { agentRow } from "../harness/seed.ts";
import { eventually } from "../harness/wait.ts";
import { startWebWorld, type WebWorld } from "../harness/web_world.ts";

const JOB = {
  id: "disks",
  version: "1",
  execute: { shell: "sh", script: "true", timeout: "20s" },
  inventory: {
    display: [{ field: "free", label: "Free", type: "bytes" }, { field: "os", label: "System" }],
  },
};

let world: WebWorld;
before(async () => {
  world = await startWebWorld();
  await world.api.write(agentRow("till-1"), agentRow("till-2"));
});
after(() => world[Symbol.asyncDispose]());

/** A run that an agent made by a schedule of its own. */
async function tell(pcId: string, minute: number, facts: unknown): Promise<void> {
  const at = new Date(Date.UTC(2026, 4, 20, 12, minute)).toISOString();
  await world.api.bus.publishAcked(
    `results.request-${pcId}-${minute}`,
    encode({
      result_id: `run-${pcId}-${minute}`,
      request_id: `request-${pcId}-${minute}`,
      pc_id: pcId,
      manifest_id: JOB.id,
      exit_code: 0,
      stdout: JSON.stringify(facts),
      stderr: "",
      started_at: at,
      finished_at: at,
    }),
  );
}

test("what runs tell of their PCs fills the open page, is shown as the job says, and leads to each PC's history", async () => {
  await using visitor = await world.open("#/inventory");
  const { page, complaints } = visitor;
  await page.getByText("No job tells what machines are made of").waitFor();
  await world.api.post("/api/jobs", JOB);
  await eventually("the projection to know of the hint", async () => {
    const answer = await world.api.get<JobInventoryAnswer>("/api/inventory/by-job/disks");
    return answer.display !== null;
  });
  await page.reload();
  await page.getByText("No machine has told anything yet").waitFor();
  await tell("till-1", 0, { free: 4_200_000, os: "linux" });
  const machines = page.getByRole("region", { name: "Machines" });
  await machines.getByRole("cell", { name: "4.2 MB" }).waitFor();
  await tell("till-2", 0, { free: 900, os: "linux" });
  await machines.getByRole("cell", { name: "900 B" }).waitFor();
  await tell("till-1", 5, { free: 3_100_000, os: "linux" });
  await machines.getByRole("cell", { name: "3.1 MB" }).waitFor();
  await machines.getByRole("link", { name: "till-1" }).click();
  const card = page.getByRole("region", { name: "Inventory of disks" });
  await card.getByText("3.1 MB").waitFor();
  await card.getByText("How it has changed").click();
  const history = card.getByRole("list", { name: "History of disks" }).getByRole("listitem");
  await history.filter({ hasText: "free: 4200000 → 3100000" }).waitFor();
  assert.equal(await history.count(), 2);
  await history.last().getByRole("link").click();
  await page.getByText('"free":4200000').first().waitFor();
  assert.deepEqual(complaints, []);
});

test("a run that told nothing says why, and what was told before stays", async () => {
  await using visitor = await world.open("#/agents/till-2");
  const { page } = visitor;
  const card = page.getByRole("region", { name: "Inventory of disks" });
  await card.getByText("900 B").waitFor();
  await tell("till-2", 9, "no facts");
  await card.locator(".notice").waitFor();
  await card.getByText("900 B").waitFor();
});

test("a viewer reads the inventory and finds nothing to run", async () => {
  await world.api.post("/api/jobs", { ...JOB, id: "never" });
  for (const place of ["#/inventory", "#/inventory/disks", "#/inventory/never"]) {
    await using visitor = await world.openAsViewer(place);
    const main = visitor.page.getByRole("main");
    await visitor.page.locator(".skeleton").first().waitFor({ state: "detached" });
    assert.equal(await main.getByRole("button").count(), 0, place);
    assert.equal(await main.getByRole("link", { name: /^Run / }).count(), 0, place);
  }
});
