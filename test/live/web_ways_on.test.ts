/** From a page to what stands behind it: a file of the output, the machine that decided, the agent's log, a second try. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { encode } from "../../wire/codec.ts";
import { resultBody } from "../../wire/exec_result.ts";
import { deadLetterRow } from "../harness/seed.ts";
import { startWebWorld, type WebWorld } from "../harness/web_world.ts";
import { eventually } from "../harness/wait.ts";

let world: WebWorld;
before(async () => {
  world = await startWebWorld();
  await world.startAgents(["desk-1"]);
});
after(() => world[Symbol.asyncDispose]());

const SHELL = { pc_id: "desk-1", shell: "sh" } as const;

/** Says 300 lines, 300 more when it may, and ends when it may. */
async function startLoudRun() {
  const gate = (name: string) => join(world.directory, name);
  const wait = (name: string) => `until [ -e ${gate(name)} ]; do sleep 0.05; done`;
  const script = `seq -f 'line %g' 300; ${wait("more")}; seq -f 'line %g' 301 600; ${wait("end")}`;
  await world.api.post("/api/run", { ...SHELL, script, wait_secs: 0 });
  const resultId = await eventually("its run", async () => {
    const [row] = await world.api.db.query(
      "SELECT result_id FROM execution_results WHERE outcome IS NULL",
    );
    return row && String(row["result_id"]);
  });
  return { resultId, let: (name: "more" | "end") => writeFile(gate(name), "") };
}

test("a live output stands still when it is paused, goes on when it is followed, and is saved as it came", async () => {
  const run = await startLoudRun();
  await using visitor = await world.open(`#/runs/${run.resultId}`);
  const { page, complaints } = visitor;
  const output = page.getByRole("log");
  await output.getByText("line 300", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  await run.let("more");
  await page.locator('[role=log][data-lines="600"]').waitFor();
  assert.equal(await output.getByText("line 300", { exact: true }).isVisible(), true);
  assert.equal(await output.getByText("line 600", { exact: true }).count(), 0);
  await page.getByRole("button", { name: "Follow" }).click();
  await output.getByText("line 600", { exact: true }).waitFor();
  await run.let("end");
  await page.getByRole("definition").filter({ hasText: "succeeded" }).waitFor();

  const saved = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download" }).click();
  const file = await saved;
  assert.equal(file.suggestedFilename(), `desk-1-${run.resultId.slice(0, 8)}.stdout.txt`);
  const lines = Array.from({ length: 600 }, (_, index) => `line ${index + 1}\n`);
  assert.equal(await readFile(await file.path(), "utf8"), lines.join(""));
  assert.deepEqual(complaints, []);
});

test("a run leads to the machine that decided, at the moment that it brought", async () => {
  const response = await world.api.post("/api/run", { ...SHELL, script: "true", wait_secs: 30 });
  const { result_id: resultId } = await response.json() as { result_id: string };
  await using visitor = await world.open(`#/runs/${resultId}`);
  const { page, complaints } = visitor;
  await page.getByRole("link", { name: "Why is it so?" }).click();
  await page.waitForURL(`**/inspector#/executions/*?result=${resultId}`);
  await page.getByRole("heading", { level: 1, name: "ad-hoc script" }).waitFor();
  await page.getByRole("link", { name: "Its messages, one by one" }).waitFor();
  assert.deepEqual(complaints, []);
});

test("an agent says what it did when it is asked for its log", async () => {
  const response = await world.api.post("/api/run", { ...SHELL, script: "exit 7", wait_secs: 30 });
  assert.equal(response.status, 200);
  await using visitor = await world.open("#/agents/desk-1");
  const { page, complaints } = visitor;
  await page.getByRole("button", { name: "Ask for it" }).click();
  await page.getByLabel("Log lines").filter({ hasText: "command reported" }).waitFor();
  assert.deepEqual(complaints, []);
});

test("a message that can be read on a second try becomes its run, and is no dead letter any more", async () => {
  const payload = encode(resultBody({
    result_id: "second-try",
    request_id: "asked-once",
    pc_id: "desk-9",
    exit_code: 0,
    skipped: false,
    stdout: "read at last\n",
    stderr: "",
    started_at: new Date(Date.now() - 2_000).toISOString(),
    finished_at: new Date(Date.now() - 1_000).toISOString(),
  }));
  await world.api.write(deadLetterRow(7, { payload, subject: "results.asked-once" }));
  await using visitor = await world.open("#/dead-letters");
  const { page, complaints } = visitor;
  await page.getByRole("button", { name: "Replay" }).click();
  await page.getByText("Message 7 of RESULTS could be read now.").waitFor();
  await page.getByText("Everything could be read").waitFor();
  await page.goto(`${world.api.url}/#/runs/second-try`);
  await page.getByText("read at last", { exact: true }).waitFor();
  assert.deepEqual(complaints, []);
});
