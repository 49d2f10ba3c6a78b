/** Rollouts in a browser: planned from a job's page, looked at before they go out, and steered. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { RolloutDetail } from "../../wire/http_rollouts.ts";
import { PROBE } from "../harness/backend.ts";
import { rolloutRows } from "../harness/seed.ts";
import { startWebWorld, type WebWorld } from "../harness/web_world.ts";

const PCS = ["lab-1", "lab-2", "lab-3", "lab-4"];

let world: WebWorld;
before(async () => {
  world = await startWebWorld();
  await world.startAgents(PCS, { "*": () => 0 });
  await world.api.post("/api/jobs", PROBE);
  for (const pcId of PCS.slice(0, 3)) {
    await world.api.ask(`/api/agents/${pcId}/groups`, {
      method: "PUT",
      body: JSON.stringify({ groups: ["lab"] }),
    });
  }
});
after(() => world[Symbol.asyncDispose]());

async function detailOf(execId: string): Promise<RolloutDetail> {
  return await world.api.get<RolloutDetail>(`/api/rollouts/${execId}`);
}

test("a rollout is planned from its job's page, shows whom each wave reaches, and is paused, resumed and aborted", async () => {
  await using visitor = await world.open(`#/jobs/${PROBE.id}`);
  const { page, complaints } = visitor;
  await page.getByRole("link", { name: "Roll out" }).click();
  await page.getByRole("button", { name: "All PCs" }).click();
  await page.getByLabel("Percent of wave 1").fill("25");
  await page.getByLabel("Percent of wave 2").fill("50");
  await page.getByLabel("Watch each wave for").fill("1h");
  const preview = page.getByRole("region", { name: "Waves as rows" }).getByRole("row");
  await preview.filter({ hasText: "up to 25 %" }).filter({ hasText: /lab-\d$/ }).waitFor();
  await preview.filter({ hasText: "up to 100 %" }).filter({ hasText: /lab-\d, lab-\d$/ }).waitFor();
  await page.getByRole("button", { name: "Start on 4 PCs in 3 waves" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("1 PC", { exact: true }).waitFor();
  await dialog.getByText("after failures on 5% of a wave").waitFor();
  await dialog.getByRole("button", { name: "Start on 4 PCs in 3 waves" }).click();
  await page.getByRole("heading", { level: 1, name: new RegExp(`^${PROBE.id}`) }).waitFor();
  await page.getByText("1 succeeded").waitFor();
  const execId = page.url().split("/").at(-1) ?? "";
  assert.equal((await detailOf(execId)).rollout.stop_at.percent, 5);
  await page.getByRole("button", { name: "Pause" }).click();
  await dialog.getByText("2 further waves of 3 PCs").waitFor();
  await dialog.getByRole("button", { name: "Hold 3 PCs back" }).click();
  await page.getByRole("heading", { level: 1, name: /paused/ }).waitFor();
  await page.getByRole("button", { name: "Resume" }).click();
  await dialog.getByRole("button", { name: "Go on to 3 PCs" }).click();
  await page.getByRole("heading", { level: 1, name: /soaking/ }).waitFor();
  await page.getByRole("button", { name: "Abort" }).click();
  await dialog.getByText("Nothing is in flight.").waitFor();
  await dialog.getByRole("button", { name: "Never send it to 3 PCs" }).click();
  await page.getByRole("heading", { level: 1, name: /aborted/ }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Abort" }).count(), 0);
  assert.deepEqual(complaints, []);
});

test("groups go one after the other, each so long after the start, and a PC of two groups counts once", async () => {
  await using visitor = await world.open(`#/rollouts/new?job=${PROBE.id}`);
  const { page } = visitor;
  await page.getByRole("button", { name: "Groups", exact: true }).first().click();
  await page.getByText("Say for each wave which group it is, and when.").waitFor();
  await page.getByLabel("Group of wave 1").fill("lab");
  await page.getByRole("button", { name: "Start on 3 PCs in 1 wave" }).waitFor();
  await page.getByRole("button", { name: "One more wave" }).click();
  await page.getByLabel("Group of wave 2").fill("lab");
  await page.getByLabel("Delay of wave 2").fill("1h");
  await page.getByRole("button", { name: "Start on 3 PCs in 2 waves" }).waitFor();
  const second = page.getByRole("region", { name: "Waves as rows" }).getByRole("row").nth(2);
  assert.deepEqual(await second.getByRole("cell").allTextContents(), [
    "2",
    "lab",
    "0",
    "0",
    "1 h",
    "",
  ]);
  await page.getByRole("button", { name: "Without wave 2" }).click();
  await page.getByRole("button", { name: "Start on 3 PCs in 1 wave" }).waitFor();
});

test("waves that cannot be are refused in the server's words before anything is sent", async () => {
  await using visitor = await world.open(`#/rollouts/new?job=${PROBE.id}`);
  const { page } = visitor;
  await page.getByText("Say where it is to run.").waitFor();
  await page.getByRole("button", { name: "All PCs" }).click();
  await page.getByLabel("Percent of wave 3").fill("90");
  const alert = page.getByRole("alert");
  await alert.filter({ hasText: "the percent of the last wave must be 100" }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Start", exact: true }).isDisabled(), true);
  await page.getByLabel("Percent of wave 3").fill("100");
  await page.getByLabel("Watch each wave for").fill("soon");
  await alert.filter({ hasText: "soak" }).waitFor();
  await page.getByLabel("Watch each wave for").fill("5m");
  // Of four PCs, 1 % and 10 % are the same one.
  await page.getByRole("button", { name: "Start on 4 PCs in 2 waves" }).waitFor();
});

test("a viewer sees how a rollout goes and finds nothing to steer or start", async () => {
  await world.api.write(...rolloutRows("watched"));
  for (const place of ["#/rollouts", "#/rollouts/watched", "#/rollouts/new"]) {
    await using visitor = await world.openAsViewer(place);
    const main = visitor.page.getByRole("main");
    await visitor.page.locator(".skeleton").first().waitFor({ state: "detached" });
    assert.equal(await main.getByRole("button").count(), 0, place);
    assert.equal(await main.getByRole("link", { name: "New rollout" }).count(), 0, place);
  }
});
