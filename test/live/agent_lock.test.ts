import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
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
  const end = () => rm(path, { recursive: true, force: true });
  return { path, [Symbol.asyncDispose]: end };
}

function isConflict(thrown: unknown): boolean {
  return thrown instanceof Fault && thrown.code === "conflict";
}

/** The numbers of the processes that are named in a data directory. */
async function holders(dataDir: string): Promise<readonly number[]> {
  return (await readdir(join(dataDir, "lock"))).map((name) => parseInt(name, 10));
}

/** Names a process in a data directory, as it would itself. */
async function name(dataDir: string, holder: string): Promise<void> {
  await mkdir(join(dataDir, "lock"), { recursive: true });
  await writeFile(join(dataDir, "lock", holder), "");
}

const NONCE = "0123456789ab";
const OTHER_BOOT = "01234567-89ab-cdef-0123-456789abcdef.5";
const GONE_PID = 2 ** 22 + 1;

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
    assert.deepEqual(await holders(endpoint.dataDir), [first.pid]);
    await first.kill();
    await using second = await startAgentProcess(options);
    assert.deepEqual(await holders(endpoint.dataDir), [second.pid]);
  });

  for (
    const [what, holder] of [
      ["a process that is gone", `${GONE_PID}_unknown_${NONCE}`],
      ["an earlier process of our own number", `${process.pid}_${OTHER_BOOT}_${NONCE}`],
      ["an earlier process of a number that lives", `${process.ppid}_${OTHER_BOOT}_${NONCE}`],
    ] as const
  ) {
    test(`is free when a file names ${what}`, {
      skip: process.platform !== "linux" && "needs /proc",
    }, async () => {
      await using directory = await dataDirectory();
      await name(directory.path, holder);
      const lock = await DataLock.take(directory.path);
      assert.deepEqual(await holders(directory.path), [process.pid]);
      await lock.release();
      assert.deepEqual(await holders(directory.path), []);
    });
  }

  test("is not free when a file names a living process of which no more is known", async () => {
    await using directory = await dataDirectory();
    await name(directory.path, `${process.ppid}_unknown_${NONCE}`);
    await assert.rejects(DataLock.take(directory.path), isConflict);
    assert.deepEqual(await holders(directory.path), [process.ppid]);
  });

  test("is taken by at most one of twenty that come together, whatever a dead one left", async () => {
    await using directory = await dataDirectory();
    await name(directory.path, `${GONE_PID}_unknown_${NONCE}`);
    const tries = await Promise.allSettled(
      Array.from({ length: 20 }, () => DataLock.take(directory.path)),
    );
    const taken = tries.filter(({ status }) => status === "fulfilled").length;
    assert.ok(taken <= 1, `${taken} took it`);
    for (const attempt of tries) {
      if (attempt.status === "rejected") assert.ok(isConflict(attempt.reason), attempt.reason);
    }
    const named = (await holders(directory.path)).filter((pid) => pid === process.pid);
    assert.equal(named.length, taken);
  });
});
