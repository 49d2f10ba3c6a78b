/** However much a script prints, in whatever form: the agent's memory stays flat, and what is seen is what is stored. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import type { RunAnswer, TailAnswer } from "../../wire/http.ts";
import { type Child, startChild } from "../harness/child.ts";
import { openViewer, type Viewer } from "../harness/event_reader.ts";
import { nodeProgram, programArgs } from "../harness/program.ts";
import { startWholeWithAgents, type WholeWithAgents } from "../harness/whole_agents.ts";
import { eventually, within } from "../harness/wait.ts";

const PC = "pc-flat";
const MOST_MIB = 150;
const LARGE_RESULTS = 6;
const skip = process.platform === "linux" ? false : "reads /proc";

describe("the memory of an agent as endpoints get it", { skip }, () => {
  let whole: WholeWithAgents;
  let start: () => Child;
  let agent: Child;
  before(async () => {
    whole = await startWholeWithAgents();
    const file = join(whole.folder, "kanade-agent.mjs");
    await promisify(execFile)(process.execPath, programArgs("scripts/bundle_agent.ts", file));
    const env = {
      KANADE_PC_ID: PC,
      KANADE_NATS_URL: whole.system.broker.url,
      KANADE_AGENT_DATA_DIR: join(whole.folder, PC),
    };
    const program = await nodeProgram();
    start = () => startChild([file], env, { program });
    agent = start();
    await eventually("the agent", async () => {
      const known = await whole.system.backend.api<unknown[]>("GET", "/api/agents");
      return known.length === 1;
    }, 30_000);
  });
  after(async () => {
    await agent[Symbol.asyncDispose]();
    await whole[Symbol.asyncDispose]();
  });

  /** The most that it ever had resident, MiB. */
  async function peakMib(): Promise<number> {
    const status = await readFile(`/proc/${agent.pid}/status`, "utf8");
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1_024;
  }

  test("is flat under 500 MB, and three readers that come late end with the bytes that are stored", async (t) => {
    const { backend } = whole.system;
    const go = join(whole.folder, "go");
    const { exec_id } = await whole.dispatch(
      `yes 0123456789abcdef | head -c 500000000; echo over; until [ -e ${go} ]; do sleep 0.05; done; echo end`,
      { pcs: [PC] },
    );
    const resultId = await eventually("the run", async () => {
      return (await whole.detail(exec_id)).results[0]?.result_id;
    });
    const path = `/api/results/${resultId}`;
    const readers: Viewer[] = [await openViewer(`${backend.url}${path}/stream`)];
    await eventually("all of it", async () => {
      const { stdout } = await backend.api<TailAnswer>("GET", `${path}/tail`);
      return stdout.endsWith("over\n");
    }, 60_000);
    for (let n = 0; n < 2; n += 1) readers.push(await openViewer(`${backend.url}${path}/stream`));
    for (const reader of readers) await reader.saw("over\n");
    await writeFile(go, "");
    const [run] = await whole.runsOf(exec_id);
    assert.ok(run);
    assert.match(run.stdout, /\n\[kanade: \d+ bytes of output were dropped here\]\n/);
    assert.ok(run.stdout.endsWith("over\nend\n"));
    assert.equal(run.stdout_bytes, Buffer.byteLength(run.stdout));
    for (const reader of readers) {
      await within("the end of a stream", reader.ended, 30_000);
      assert.ok(reader.textOf("stdout") === run.stdout);
    }
    const tail = await backend.api<TailAnswer>("GET", `${path}/tail`);
    assert.ok(tail.stdout === run.stdout);
    const peak = await peakMib();
    t.diagnostic(`peak of ${peak.toFixed(1)} MiB`);
    assert.ok(peak < MOST_MIB, `${peak} MiB`);
  });

  for (
    const [what, script, check] of [
      [
        "a line of 1 MB",
        "head -c 1000000 /dev/zero | tr '\\0' y",
        (run: RunAnswer) => run.stdout === "y".repeat(1_000_000),
      ],
      [
        "200,000 ESC bytes",
        "head -c 200000 /dev/zero | tr '\\0' '\\033'",
        (run: RunAnswer) => run.stdout === "\x1b".repeat(200_000),
      ],
      ["20 MB that are no UTF-8", "head -c 20000000 /dev/zero | tr '\\0' '\\377'", (
        run: RunAnswer,
      ) =>
        /^\uFFFD+\n\[kanade: \d+ bytes of output were dropped here\]\n\uFFFD+$/.test(run.stdout)],
    ] as const
  ) {
    test(`is flat under ${what}, which arrives`, async (t) => {
      const { exec_id } = await whole.dispatch(script, { pcs: [PC] });
      const [run] = await whole.runsOf(exec_id);
      assert.ok(run !== undefined && check(run));
      const peak = await peakMib();
      t.diagnostic(`peak of ${peak.toFixed(1)} MiB`);
      assert.ok(peak < MOST_MIB, `${peak} MiB`);
    });
  }

  test("is flat when many large results of an earlier life go out together after an outage", async (t) => {
    const { broker } = whole.system;
    const go = join(whole.folder, "all-go");
    const data = (name: string) => readdir(join(whole.folder, PC, name));
    const execIds: string[] = [];
    for (let run = 0; run < LARGE_RESULTS; run += 1) {
      const { exec_id } = await whole.dispatch(
        `until [ -e ${go} ]; do sleep 0.05; done; loud() { head -c 9000000 /dev/zero | tr '\\0' '\\377'; }; loud; loud >&2`,
        { pcs: [PC] },
      );
      execIds.push(exec_id);
      await eventually(
        "its admission",
        async () => (await data("ledger/open")).filter(isDocument).length === run + 1,
      );
    }
    await broker.kill();
    await writeFile(go, "");
    await eventually("all results", async () => {
      return (await data("outbox")).filter((name) => name.endsWith(".json")).length ===
        LARGE_RESULTS;
    }, 60_000);
    // Its next life, which has held none of them in memory yet.
    await agent[Symbol.asyncDispose]();
    agent = start();
    await broker.restart();
    for (const execId of execIds) {
      const [run] = await whole.runsOf(execId);
      assert.ok(run !== undefined && run.stdout === run.stderr && run.stdout_truncated);
      // Three bytes for each that is no UTF-8.
      assert.ok(run.stdout_bytes > 3 * 8 * 1_048_576);
    }
    const peak = await peakMib();
    t.diagnostic(`peak of ${peak.toFixed(1)} MiB`);
    assert.ok(peak < MOST_MIB, `${peak} MiB`);
  });
});

/** What is not being written just now. */
function isDocument(name: string): boolean {
  return !name.endsWith(".tmp");
}
