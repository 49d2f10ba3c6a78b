/** What runs print, over the whole way: a script line by line, its agent, the broker, the backend, its viewers. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { AgentOptions } from "../../agent/agent.ts";
import type { RunAnswer } from "../../wire/http.ts";
import { type TestSystem, TOKEN } from "../harness/backend.ts";
import { openViewer, type Viewer, type ViewerOptions } from "../harness/event_reader.ts";
import { startWholeWithAgents, type WholeWithAgents } from "../harness/whole_agents.ts";
import { eventually, within } from "../harness/wait.ts";

const PC = "pc-1";

let whole: WholeWithAgents;
let system: TestSystem;

before(async () => {
  whole = await startWholeWithAgents();
  ({ system } = whole);
  await whole.startAgent(PC);
});

after(() => whole[Symbol.asyncDispose]());

const dispatch = (script: string, pcs: readonly string[] = [PC]) => whole.dispatch(script, { pcs });

/** Runs a script; ends when its run is known. */
async function start(script: string, pcs: readonly string[] = [PC]): Promise<string> {
  const { exec_id } = await dispatch(script, pcs);
  return await eventually("the run", async () => {
    const path = `/api/executions/${exec_id}`;
    const { results } = await system.backend.api<{ results: RunAnswer[] }>("GET", path);
    return results[0]?.result_id;
  });
}

function view(resultId: string, options: ViewerOptions = {}): Promise<Viewer> {
  return openViewer(`${system.backend.url}/api/results/${resultId}/stream`, options);
}

const stored = (resultId: string) =>
  system.backend.api<RunAnswer>("GET", `/api/results/${resultId}`);

let gates = 0;

/** A file that scripts wait for. */
function gate(): { readonly wait: string; readonly open: () => Promise<void> } {
  gates += 1;
  const path = join(whole.folder, `gate-${gates}`);
  return {
    wait: `until [ -e ${path} ]; do sleep 0.02; done`,
    open: () => writeFile(path, ""),
  };
}

/** Ends when the stream has ended; whatever the viewer put together is what is stored. */
async function endsWhole(viewer: Viewer, resultId: string): Promise<RunAnswer> {
  await within("the end of the stream", viewer.ended, 20_000);
  const run = await stored(resultId);
  const last = viewer.events.at(-1);
  assert.equal(last?.event, "settled");
  assert.equal(last?.data["outcome"], run.outcome);
  for (const stream of ["stdout", "stderr"] as const) {
    const seen = viewer.textOf(stream);
    // Not by equal(): of megabytes it would print a difference.
    assert.ok(seen === run[stream], `${stream}: ${seen.length} of ${run[stream].length}`);
  }
  return run;
}

describe("the stream of a run", () => {
  test("shows each line as it is printed, and ends with the row and all of the stored output", async () => {
    const [first, second] = [gate(), gate()];
    const resultId = await start(
      `echo one; ${first.wait}; echo two; echo oh >&2; ${second.wait}; printf 'three\\0four'; exit 3`,
    );
    await using viewer = await view(resultId);
    assert.equal((await viewer.heard("run")).data["pc_id"], PC);
    await viewer.saw("one\n");
    assert.equal((await viewer.heard("source")).data["state"], "watched");
    await first.open();
    await viewer.saw("two\n");
    await viewer.saw("oh\n", "stderr");
    assert.equal(viewer.events.some(({ event }) => event === "settled"), false);
    await second.open();
    const run = await endsWhole(viewer, resultId);
    assert.deepEqual([run.stdout, run.exit_code], ["one\ntwo\nthree\0four", 3]);
    assert.equal(viewer.events.some(({ event }) => event === "restart" || event === "gap"), false);
  });

  test("is one for any number of viewers: the agent is asked by one of them only", async () => {
    const end = gate();
    const resultId = await start(`echo one; ${end.wait}; echo two`);
    const questions: unknown[] = [];
    const listening = system.backend.bus.connection.subscribe(`job.tail.${PC}`, {
      callback: (_error, message) => void questions.push(message.json()),
    });
    const viewers: Viewer[] = [];
    for (let n = 0; n < 12; n += 1) {
      const viewer = await view(resultId);
      await viewer.saw("one\n");
      viewers.push(viewer);
    }
    assert.equal(system.backend.backend.services.outputFeeds.count, 1);
    await end.open();
    for (const viewer of viewers) await endsWhole(viewer, resultId);
    listening.unsubscribe();
    assert.ok(questions.length <= 3, `${questions.length} questions`);
    await eventually(
      "the end of the feed",
      () => system.backend.backend.services.outputFeeds.count === 0,
    );
  });

  test("of three readers that come late ends with the same bytes as the tail and the row", async () => {
    const steps = [gate(), gate(), gate(), gate()];
    const [a, b, c, d] = steps.map(({ wait }) => wait);
    const resultId = await start(
      `for n in 1 2 3 4 5; do echo line $n; sleep 0.05; done; ${a}; printf 'caf\\303'; ${b}; printf '\\251 \\377'; ${c}; echo tail; ${d}`,
    );
    const readers: Viewer[] = [];
    for (const step of steps.slice(0, 3)) {
      readers.push(await view(resultId));
      await step.open();
    }
    const path = `/api/results/${resultId}/tail`;
    await eventually(
      "the tail",
      async () =>
        (await system.backend.api<{ stdout: string }>("GET", path)).stdout.endsWith("tail\n"),
    );
    for (const reader of readers) await reader.saw("tail\n");
    await steps[3]?.open();
    for (const reader of readers) {
      const run = await endsWhole(reader, resultId);
      assert.equal(run.stdout, "line 1\nline 2\nline 3\nline 4\nline 5\ncafé \uFFFDtail\n");
      assert.equal(reader.events.some(({ event }) => event === "restart"), false);
    }
    const tail = await system.backend.api<{ stdout: string; live: boolean }>("GET", path);
    assert.deepEqual([tail.stdout, tail.live], [(await stored(resultId)).stdout, false]);
  });

  test("goes on after the last event that a viewer has, inside of bytes that are no text", async () => {
    const [first, second] = [gate(), gate()];
    const resultId = await start(
      `printf 'a\\377\\376b\\342\\202'; ${first.wait}; printf '\\254c'; ${second.wait}; echo d`,
    );
    let before = "";
    let lastId = "";
    {
      await using viewer = await view(resultId);
      await viewer.saw("b");
      before = viewer.textOf("stdout");
      lastId = viewer.lastId;
    }
    assert.equal(before, "a\uFFFD\uFFFDb");
    await first.open();
    await using again = await view(resultId, { lastId });
    await again.saw("c");
    await second.open();
    await within("the end", again.ended);
    const run = await stored(resultId);
    assert.equal(run.stdout, "a\uFFFD\uFFFDb€cd\n");
    assert.equal(before + again.textOf("stdout"), run.stdout);
    assert.equal(again.events.some(({ event }) => event === "restart"), false);
  });

  test("goes on, too, on a backend that was started meanwhile", async () => {
    const [first, second] = [gate(), gate()];
    const resultId = await start(`echo one; ${first.wait}; echo two; ${second.wait}; echo three`);
    let lastId = "";
    {
      await using viewer = await view(resultId);
      await viewer.saw("one\n");
      lastId = viewer.lastId;
    }
    await system.restart();
    await first.open();
    await using again = await view(resultId, { lastId });
    await again.saw("two\n");
    await second.open();
    await within("the end", again.ended);
    assert.equal(again.textOf("stdout"), "two\nthree\n");
  });

  test("shows a run that is over from its row, and whoever has seen the end nothing more", async () => {
    const resultId = await start("echo over; exit 1");
    await eventually("its end", async () => (await stored(resultId)).outcome !== null);
    await using viewer = await view(resultId);
    const run = await endsWhole(viewer, resultId);
    assert.equal(run.stdout, "over\n");
    const path = `${system.backend.url}/api/results/${resultId}/stream`;
    const headers = { authorization: `Bearer ${TOKEN}`, "last-event-id": viewer.lastId };
    assert.equal((await fetch(path, { headers })).status, 204);
  });

  test("says what has left the agent's ring, and fills it in the end", async () => {
    const end = gate();
    const resultId = await start(`seq 1 100000; ${end.wait}; echo last`);
    await eventually("the output", async () => {
      const tail = await system.backend.api<{ stdout: string }>(
        "GET",
        `/api/results/${resultId}/tail`,
      );
      return tail.stdout.endsWith("\n100000\n");
    });
    await using viewer = await view(resultId);
    const gap = await viewer.heard("gap");
    const bytes = Buffer.byteLength(
      Array.from({ length: 100_000 }, (_, n) => `${n + 1}\n`).join(""),
    );
    assert.deepEqual([gap.data["offset"], gap.data["bytes"]], [0, bytes - 131_072]);
    await viewer.saw("\n100000\n");
    await end.open();
    await endsWhole(viewer, resultId);
    const restart = viewer.events.find(({ event }) => event === "restart");
    assert.equal(restart?.data["why"], "missed");
  });

  test("of more than an agent keeps begins again with head and tail of it", async () => {
    const [begin, end] = [gate(), gate()];
    const resultId = await start(
      `echo begin; ${begin.wait}; head -c 9000000 /dev/zero | tr '\\0' x; ${end.wait}; echo end`,
    );
    await using viewer = await view(resultId);
    await viewer.saw("begin\n");
    await begin.open();
    await viewer.saw("xxx");
    await end.open();
    const run = await endsWhole(viewer, resultId);
    assert.match(run.stdout, /bytes of output were dropped here/);
    assert.ok(viewer.events.some(({ event }) => event === "restart"));
  });

  test("begins again with what the agent's next life reports when the agent is cut off", async () => {
    const pcId = "pc-cut";
    const agent = await whole.startAgent(pcId);
    const resultId = await start("echo unlucky; sleep 60", [pcId]);
    await using viewer = await view(resultId);
    await viewer.saw("unlucky\n");
    await agent.stop(AbortSignal.abort());
    await whole.startAgent(pcId);
    const run = await endsWhole(viewer, resultId);
    assert.equal(run.outcome_reason, "agent_restarted");
    assert.equal(viewer.events.find(({ event }) => event === "restart")?.data["why"], "differs");
  });

  test("is refused after an id that is none of its own, and for a run that is not known", async () => {
    const resultId = await start("true");
    const headers = { authorization: `Bearer ${TOKEN}`, "last-event-id": "7" };
    const refused = await fetch(`${system.backend.url}/api/results/${resultId}/stream`, {
      headers,
    });
    assert.equal(refused.status, 400);
    assert.equal((await refused.json() as { path: string }).path, "Last-Event-ID");
    const unknown = await fetch(`${system.backend.url}/api/results/none/stream`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    assert.equal(unknown.status, 404);
  });
});

test("the stream of an agent that cannot be watched is made of its tails, whole in the end", async () => {
  const pcId = "pc-old";
  await system.backend.hear(pcId);
  const { exec_id } = await dispatch("true", [pcId]);
  const ids = { result_id: "old-1", request_id: "old-request", exec_id, pc_id: pcId };
  const at = new Date().toISOString();
  let stdout = "one\nhalf \uFFFD";
  let isTruncated = false;
  const answering = system.backend.bus.connection.subscribe(`job.tail.${pcId}`, {
    callback: (_error, message) => {
      const rest = { stderr: "", stderr_truncated: false };
      const reply = { found: true, running: true, stdout, stdout_truncated: isTruncated, ...rest };
      message.respond(JSON.stringify(reply));
    },
  });
  const { jetstream } = system.backend.bus;
  const started = { ...ids, started_at: at, manifest_id: "job", version: "1" };
  await jetstream.publish(`events.started.${exec_id}.${pcId}`, JSON.stringify(started));
  await eventually("the run", () => stored("old-1").catch(() => undefined));

  await using viewer = await view("old-1");
  await viewer.saw("half ");
  assert.equal((await viewer.heard("source")).data["state"], "polled");
  stdout = "one\nhalf é, two\n";
  await viewer.saw("two\n");
  [stdout, isTruncated] = ["two\nthree\n", true];
  await viewer.heard("gap");
  await viewer.saw("three\n");
  const whole = "one\nhalf é, two\nthree\n";
  const result = {
    ...ids,
    exit_code: 0,
    stdout: whole,
    stderr: "",
    started_at: at,
    finished_at: at,
  };
  await jetstream.publish("results.old-request", JSON.stringify(result));
  await endsWhole(viewer, "old-1");
  answering.unsubscribe();
});

test("the stream of a run whose agent is away says so, and shows its output when that comes", async () => {
  const pcId = "pc-away";
  await system.backend.hear(pcId);
  const { exec_id } = await dispatch("true", [pcId]);
  const ids = { result_id: "away-1", request_id: "away-request", exec_id, pc_id: pcId };
  const at = new Date().toISOString();
  const { jetstream } = system.backend.bus;
  const started = { ...ids, started_at: at, manifest_id: "job", version: "1" };
  await jetstream.publish(`events.started.${exec_id}.${pcId}`, JSON.stringify(started));
  await eventually("the run", () => stored("away-1").catch(() => undefined));
  await using viewer = await view("away-1");
  assert.equal((await viewer.heard("source")).data["state"], "away");
  const result = {
    ...ids,
    exit_code: 0,
    stdout: "late\n",
    stderr: "",
    started_at: at,
    finished_at: at,
  };
  await jetstream.publish("results.away-request", JSON.stringify(result));
  assert.equal((await endsWhole(viewer, "away-1")).stdout, "late\n");
});

describe("the stream of an execution", () => {
  const viewAll = (execId: string) =>
    openViewer(`${system.backend.url}/api/executions/${execId}/stream`);

  test("shows what all its PCs print, those that are over too, and ends with it", async () => {
    const pcs = ["pc-a", "pc-b", "pc-c"];
    for (const pcId of pcs) await whole.startAgent(pcId);
    const end = gate();
    const { exec_id } = await dispatch(
      `echo "begin $KANADE_PC_ID"; test $KANADE_PC_ID = pc-c && exit 2; ${end.wait}; echo end`,
      pcs,
    );
    await eventually("the end of one", async () => {
      const path = `/api/executions/${exec_id}`;
      const { results } = await system.backend.api<{ results: RunAnswer[] }>("GET", path);
      return results.length === 3 && results.some(({ outcome }) => outcome === "failed");
    });
    await using viewer = await viewAll(exec_id);
    await viewer.saw("begin pc-a\n");
    await viewer.saw("begin pc-b\n");
    await viewer.saw("begin pc-c\n");
    await end.open();
    await within("the end of the stream", viewer.ended);
    assert.equal(viewer.events[0]?.event, "execution");
    const last = viewer.events.at(-1);
    assert.deepEqual([last?.event, last?.data["status"], last?.data["success_count"]], [
      "end",
      "completed",
      2,
    ]);
    const settled = viewer.events.filter(({ event }) => event === "settled");
    assert.deepEqual(settled.map(({ data }) => String(data["pc_id"])).toSorted(), pcs);
    for (const { data } of settled) {
      const resultId = String(data["result_id"]);
      assert.equal(viewer.textOf("stdout", resultId), (await stored(resultId)).stdout);
    }
  });

  test("follows fifty runs at a time, says how many wait, and shows the others when they end", async () => {
    const pcs = Array.from({ length: 53 }, (_, n) => `many-${n}`);
    let go = () => {};
    const gone = new Promise<void>((resolve) => go = resolve);
    const handlers: AgentOptions["handlers"] = {
      "*": async (_command, { stdout }) => {
        stdout.write("begin\n");
        await gone;
        stdout.write("end\n");
      },
    };
    await Promise.all(pcs.map((pcId) => whole.startAgent(pcId, { handlers })));
    const { exec_id } = await dispatch("true", pcs);
    await eventually("all runs", async () => {
      const path = `/api/executions/${exec_id}`;
      const { results } = await system.backend.api<{ results: RunAnswer[] }>("GET", path);
      return results.length === pcs.length;
    });
    await using viewer = await viewAll(exec_id);
    const limit = await viewer.heard("limit");
    assert.deepEqual([limit.data["watched"], limit.data["waiting"]], [50, 3]);
    await eventually(
      "fifty beginnings",
      () => begun(viewer) === 50,
    );
    assert.equal(system.backend.backend.services.outputFeeds.count, 50);
    go();
    await within("the end of the stream", viewer.ended, 20_000);
    const settled = viewer.events.filter(({ event }) => event === "settled");
    assert.equal(settled.length, pcs.length);
    for (const { data } of settled) {
      assert.equal(viewer.textOf("stdout", String(data["result_id"])), "begin\nend\n");
    }
  });
});

function begun(viewer: Viewer): number {
  return viewer.events.filter(({ event, data }) => event === "output" && data["offset"] === 0)
    .length;
}
