/** Viewers of live output at their own pace, over a broker that an agent of the test talks to. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { beginnings } from "../../actors/http/live/place.ts";
import { viewRun } from "../../actors/http/live/run_view.ts";
import { findResult } from "../../db/results.ts";
import { startApi, type TestApi } from "../harness/http_api.ts";
import { runRow, settled } from "../harness/seed.ts";
import { eventually } from "../harness/wait.ts";

const PC = "pc-talks";
const LINE = "0123456789abcde\n";

/** An agent with one run, which is watched: it sends what it is told to, and answers from the byte that is asked for. */
function talkingAgent(api: TestApi, resultId: string) {
  let output = Buffer.alloc(0);
  let questions = 0;
  const send = (offset: number, lose = false) => {
    if (lose) return;
    const data = output.subarray(offset).toString("base64");
    const chunk = { result_id: resultId, stream: "stdout", offset, data };
    api.bus.publish(`job.output.${PC}.${resultId}`, Buffer.from(JSON.stringify(chunk)));
  };
  const answering = api.bus.connection.subscribe(`job.tail.${PC}`, {
    callback: (_error, message) => {
      questions += 1;
      const { stdout_from: from } = message.json<{ stdout_from: number }>();
      const empty = { stdout: "", stderr: "", stdout_truncated: false, stderr_truncated: false };
      const reply = { found: true, running: true, ...empty, stdout_offset: from, stderr_offset: 0 };
      message.respond(JSON.stringify(reply));
      send(from);
    },
  });
  return {
    get questions() {
      return questions;
    },
    get output() {
      return output.toString();
    },
    print(text: string, how: { readonly lose?: boolean } = {}) {
      const offset = output.length;
      output = Buffer.concat([output, Buffer.from(text)]);
      send(offset, how.lose);
    },
    [Symbol.dispose]: () => answering.unsubscribe(),
  };
}

async function openView(api: TestApi, resultId: string) {
  const run = await findResult(api.db, resultId);
  assert.ok(run);
  const end = new AbortController();
  const { outputFeeds: feeds } = api.services;
  return viewRun({ feeds, run, places: beginnings(), signal: end.signal });
}

type View = Awaited<ReturnType<typeof openView>>;

/** The next events of a view up to one of a name; what it printed is put together. */
async function readUntil(view: View, name: string, text = "") {
  const names: string[] = [];
  for (let next = await view.next(); next.done !== true; next = await view.next()) {
    const { event, data } = next.value;
    names.push(event);
    if (event === "restart") text = "";
    if (event === "output") text += (data as { text: string }).text;
    if (event === name) break;
  }
  return { names, text };
}

test("a viewer that reads nothing for long holds up no other, meets a gap, and is whole in the end", async () => {
  await using api = await startApi();
  await api.write(runRow("slow", { pc_id: PC }));
  using agent = talkingAgent(api, "slow");
  const [slow, quick] = [await openView(api, "slow"), await openView(api, "slow")];
  await readUntil(slow, "source");
  await readUntil(quick, "source");
  let seen = "";
  for (let n = 0; n < 20; n += 1) {
    agent.print(LINE.repeat(4_000));
    while (seen.length < agent.output.length) {
      seen = (await readUntil(quick, "output", seen)).text;
    }
  }
  assert.ok(seen === agent.output);
  const late = await readUntil(slow, "gap");
  assert.deepEqual(late.names, ["gap"]);
  await api.write(
    { sql: "DELETE FROM execution_results WHERE result_id = 'slow'", args: [] },
    ...settled("slow", { exitCode: 0, stdout: agent.output }),
  );
  for (const [view, before] of [[slow, ""], [quick, seen]] as const) {
    const { names, text } = await readUntil(view, "settled", before);
    assert.ok(text === agent.output);
    assert.equal(names.includes("restart"), view === slow);
  }
  assert.equal(agent.questions, 1);
});

test("a piece that is lost on the way is asked for again, and nobody misses it", async () => {
  await using api = await startApi();
  await api.write(runRow("lossy", { pc_id: PC }));
  using agent = talkingAgent(api, "lossy");
  const view = await openView(api, "lossy");
  await readUntil(view, "source");
  agent.print("one\n");
  let { text } = await readUntil(view, "output");
  agent.print("two\n", { lose: true });
  agent.print("three\n");
  while (!text.includes("three")) ({ text } = await readUntil(view, "output", text));
  assert.equal(text, "one\ntwo\nthree\n");
  await eventually("no more questions than needed", () => agent.questions === 2);
  await view.return();
  await eventually("the end of the feed", () => api.services.outputFeeds.count === 0);
});
