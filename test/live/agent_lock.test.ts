import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { createAgent } from "../../agent/agent.ts";
import { DataLock } from "../../agent/data_lock.ts";
import { Fault } from "../../wire/fault.ts";
import { PC_ID, startEndpoint } from "../harness/agent.ts";
import { startAgentProcess } from "../harness/agent_process.ts";
import { within } from "../harness/wait.ts";

/** A data directory of its own, removed at the end. */
async function dataDirectory() {
  const path = await mkdtemp(join(tmpdir(), "kanade-lock-"));
  const lockFile = join(path, "agent.pid");
  const end = () => rm(path, { recursive: true, force: true });
  return { path, lockFile, [Symbol.asyncDispose]: end };
}

function isConflict(thrown: unknown): boolean {
  return thrown instanceof Fault && thrown.code === "conflict";
}

async function noted(lockFile: string): Promise<{ pid: number; started: string | null }> {
  return JSON.parse(await readFile(lockFile, "utf8")) as { pid: number; started: string | null };
}

describe("the data directory of an agent", () => {
  test("is refused to a second agent of the same process, and free after the first one stopped", async () => {
    await using directory = await dataDirectory();
    const options = { pcId: PC_ID, servers: ["nats://127.0.0.1:1"], dataDir: directory.path };
    const first = createAgent(options);
    await first.start();
    const second = createAgent(options);
    await assert.rejects(second.start(), (thrown) => {
      assert.match(
        (thrown as Error).message,
        new RegExp(`the agent of process ${process.pid} works`),
      );
      return isConflict(thrown);
    });
    await second.stop();
    await assert.rejects(DataLock.take(directory.path), isConflict);
    await first.stop();
    await using third = createAgent(options);
    await third.start();
  });

  test("is refused to another process: one line, exit code 2", async () => {
    await using endpoint = await startEndpoint();
    await endpoint.startAgent();
    const child = spawn(process.execPath, ["--import", "tsx", "scripts/agent.ts"], {
      stdio: ["ignore", "inherit", "pipe"],
      env: {
        PATH: process.env["PATH"],
        KANADE_PC_ID: PC_ID,
        KANADE_AGENT_DATA_DIR: endpoint.dataDir,
        KANADE_NATS_URL: endpoint.broker.url,
      },
    });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => said += chunk.toString());
    const [code] = await within("its end", once(child, "close"), 20_000) as [number];
    assert.equal(code, 2);
    assert.match(
      said,
      /^Cannot use the data directory ".*": the agent of process \d+ works there\n$/,
    );
    const command = await endpoint.send({ script: "echo undisturbed" });
    assert.equal((await endpoint.result(command)).stdout, "undisturbed\n");
  });

  test("is free after kill -9", async () => {
    await using endpoint = await startEndpoint();
    const options = { pcId: PC_ID, servers: [endpoint.broker.url], dataDir: endpoint.dataDir };
    const first = await startAgentProcess(options);
    assert.equal((await noted(join(endpoint.dataDir, "agent.pid"))).pid, first.pid);
    await first.kill();
    await using second = await startAgentProcess(options);
    assert.equal((await noted(join(endpoint.dataDir, "agent.pid"))).pid, second.pid);
  });

  for (
    const [what, content] of [
      ["a process that is gone", { pid: 2 ** 22 + 1, started: null }],
      ["an earlier process of our own number", { pid: process.pid, started: "another boot 5" }],
      ["an earlier process of a number that lives", {
        pid: process.ppid,
        started: "another boot 5",
      }],
      ["nobody", "rubbish"],
    ] as const
  ) {
    test(`is free when its file names ${what}`, {
      skip: process.platform !== "linux" && "needs /proc",
    }, async () => {
      await using directory = await dataDirectory();
      await writeFile(directory.lockFile, JSON.stringify(content));
      const lock = await DataLock.take(directory.path);
      assert.equal((await noted(directory.lockFile)).pid, process.pid);
      await lock.release();
      assert.deepEqual(await readdir(directory.path), []);
    });
  }

  test("is taken by one of twenty that find a dead one's file together", async () => {
    await using directory = await dataDirectory();
    await writeFile(directory.lockFile, JSON.stringify({ pid: 2 ** 22 + 1, started: null }));
    const tries = await Promise.allSettled(
      Array.from({ length: 20 }, () => DataLock.take(directory.path)),
    );
    assert.equal(tries.filter(({ status }) => status === "fulfilled").length, 1);
    for (const attempt of tries) {
      if (attempt.status === "rejected") assert.ok(isConflict(attempt.reason), attempt.reason);
    }
    assert.deepEqual(await readdir(directory.path), ["agent.pid"]);
  });

  test("is not released by an agent that lost it", async () => {
    await using directory = await dataDirectory();
    const lock = await DataLock.take(directory.path);
    await writeFile(directory.lockFile, "another's");
    await lock.release();
    assert.equal(await readFile(directory.lockFile, "utf8"), "another's");
  });
});
