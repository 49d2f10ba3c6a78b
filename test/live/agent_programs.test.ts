/** What carries an agent besides `npm run agent`: the example, the bundle, the fleet simulator. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { type Endpoint, PC_ID, startEndpoint } from "../harness/agent.ts";
import { startChild } from "../harness/child.ts";
import { programArgs } from "../harness/program.ts";
import { eventually } from "../harness/wait.ts";

const WITHIN_MS = 30_000;

/** Ends with the names of so many PCs that have sent a heartbeat. */
async function heartbeatsOf(endpoint: Endpoint, count: number): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  const heard = endpoint.bus.connection.subscribe("heartbeat.*", {
    callback: (_, message) => void names.add(message.subject.slice("heartbeat.".length)),
  });
  await eventually(`${count} heartbeats`, () => names.size === count, WITHIN_MS);
  heard.unsubscribe();
  return names;
}

describe("the example of an embedded agent", () => {
  test("runs its job as code, others as scripts, and stops at SIGINT", async () => {
    await using endpoint = await startEndpoint();
    await using child = startChild(programArgs("scripts/example_embedded_agent.ts"), {
      KANADE_PC_ID: PC_ID,
      KANADE_NATS_URL: endpoint.broker.url,
      KANADE_AGENT_DATA_DIR: endpoint.dataDir,
    });
    await child.says(/is at work/, WITHIN_MS);
    const free = await endpoint.result(
      await endpoint.send({ id: "disk-free", script: "exit 9" }),
      WITHIN_MS,
    );
    assert.equal(free.exit_code, 0);
    assert.match(free.stdout, /^\{"free_percent":\d+\}\n$/);
    const script = await endpoint.result(await endpoint.send({ script: "echo a script" }));
    assert.equal(script.stdout, "a script\n");
    child.signal("SIGINT");
    assert.equal(await child.ended(), 0);
  });
});

describe("the bundle of the agent", () => {
  let directory = "";
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "kanade-bundle-"));
    const args = programArgs("scripts/bundle_agent.ts", join(directory, "kanade-agent.mjs"));
    await promisify(execFile)(process.execPath, args);
  });
  after(() => rm(directory, { recursive: true, force: true }));

  test("is one file that runs a script, away from the repository", async () => {
    await using endpoint = await startEndpoint();
    assert.deepEqual(await readdir(directory), ["kanade-agent.mjs"]);
    await using child = startChild(["kanade-agent.mjs"], {
      KANADE_PC_ID: PC_ID,
      KANADE_NATS_URL: endpoint.broker.url,
      KANADE_AGENT_DATA_DIR: endpoint.dataDir,
    }, { cwd: directory });
    const result = await endpoint.result(await endpoint.send({ script: "pwd" }), WITHIN_MS);
    assert.equal(result.stdout.trim(), directory);
    child.signal("SIGTERM");
    assert.equal(await child.ended(), 0);
    assert.match(child.said(), /agent stopped/);
  });

  test("says in one line what is wrong with a setting, and ends with 2", async () => {
    await using child = startChild(["kanade-agent.mjs"], { KANADE_PC_ID: "a.b" }, {
      cwd: directory,
    });
    assert.equal(await child.ended(), 2);
    assert.match(child.said(), /^KANADE_PC_ID: .*\n$/);
  });

  test("shows and retries what is stuck, for a person on the endpoint", async () => {
    await using endpoint = await startEndpoint();
    const agent = await endpoint.startAgent();
    await agent.stop();
    await writeFile(join(endpoint.dataDir, "outbox", "stuck", "r-1.json"), "{}");
    const env = { ...process.env, KANADE_AGENT_DATA_DIR: endpoint.dataDir };
    const bundle = (...args: string[]) =>
      promisify(execFile)(process.execPath, ["kanade-agent.mjs", ...args], { cwd: directory, env });
    assert.equal(
      (await bundle("outbox", "list")).stdout,
      "stuck: result r-1\n0 wait to be sent, 1 stuck\n",
    );
    assert.match((await bundle("outbox", "retry")).stdout, /^1 waits to be sent again/);
    await assert.rejects(bundle("outbox", "burn"), { code: 2 });
  });

  test("names no package that it would have to find", async () => {
    const text = await readFile(join(directory, "kanade-agent.mjs"), "utf8");
    const imported = Array.from(
      text.matchAll(/^import .*?from "([^"]+)";$/gm),
      ([, name]) => name ?? "",
    );
    assert.ok(imported.length > 0);
    assert.deepEqual(imported.filter((name) => !name.startsWith("node:")), []);
  });
});

describe("npm run fleet", () => {
  function startFleet(endpoint: Endpoint, ...args: readonly string[]) {
    return startChild(
      programArgs(
        "scripts/fleet.ts",
        ...["--server", endpoint.broker.url],
        ...["--dir", join(endpoint.dataDir, "fleet")],
        ...args,
      ),
      { KANADE_DATA_DIR: join(endpoint.dataDir, "nothing") },
    );
  }

  async function exitCodes(endpoint: Endpoint, requestId: string): Promise<Map<string, number>> {
    const results = await endpoint.stored("RESULTS") as {
      readonly request_id: string;
      readonly pc_id: string;
      readonly exit_code: number;
    }[];
    const own = results.filter(({ request_id }) => request_id === requestId);
    const byPc = new Map(own.map(({ pc_id, exit_code }) => [pc_id, exit_code]));
    assert.equal(byPc.size, own.length, "a PC reported twice");
    return byPc;
  }

  for (const processes of ["1", "2"]) {
    test(`runs a command once on each of 20 agents in ${processes} processes, and counts`, async () => {
      await using endpoint = await startEndpoint();
      const heard = heartbeatsOf(endpoint, 20);
      await using fleet = startFleet(
        endpoint,
        ...["--agents", "20", "--processes", processes, "--fail", "30%", "--die", "10%"],
        ...["--flap", "10%", "--latency", "5ms", "--work", "20ms", "--seed", "7"],
      );
      const names = await heard;
      assert.ok(names.has("fleet-00") && names.has("fleet-19"));
      const command = await endpoint.send({ id: "sim" }, "commands.all");
      await eventually(
        "20 results",
        async () => (await exitCodes(endpoint, command.request_id)).size === 20,
        WITHIN_MS,
      );
      const codes = [...(await exitCodes(endpoint, command.request_id)).values()];
      assert.equal(codes.filter((code) => code === -1).length, 2, "of the 10 % that die");
      const failed = codes.filter((code) => code === 1).length;
      fleet.signal("SIGINT");
      assert.equal(await fleet.ended(), 0);
      const [, begun, succeeded, counted, cutOff, waiting] =
        /total: .* (\d+) runs begun: (\d+) succeeded, (\d+) failed, 0 aborted, (\d+) cut off .* (\d+) results waiting/
          .exec(fleet.said()) ?? [];
      assert.deepEqual([begun, cutOff, waiting], ["20", "2", "0"], fleet.said());
      assert.equal(Number(counted), failed);
      assert.equal(Number(succeeded), 18 - failed);
    });
  }

  test("gives the same runs the same fate for the same seed", async () => {
    const fates: ReadonlyMap<string, number>[] = [];
    for (let life = 0; life < 2; life += 1) {
      await using endpoint = await startEndpoint();
      const heard = heartbeatsOf(endpoint, 20);
      await using fleet = startFleet(endpoint, "--agents", "20", "--fail", "50%", "--work", "1ms");
      await heard;
      const command = await endpoint.send({ id: "sim" }, "commands.all");
      fates.push(
        await eventually("20 results", async () => {
          const codes = await exitCodes(endpoint, command.request_id);
          return codes.size === 20 && codes;
        }, WITHIN_MS),
      );
      fleet.signal("SIGTERM");
      assert.equal(await fleet.ended(), 0);
    }
    const [first, second] = fates.map((fate) =>
      [...fate].toSorted(([a], [b]) => a.localeCompare(b))
    );
    assert.deepEqual(first, second);
    assert.equal(new Set(first?.map(([, code]) => code)).size, 2);
  });

  test("breaks a connection, which comes back, and leaves nothing behind", async () => {
    await using endpoint = await startEndpoint();
    await using fleet = startChild(
      programArgs(
        "scripts/fleet.ts",
        ...["--server", endpoint.broker.url, "--agents", "1", "--flap", "100%", "--seed", "2"],
      ),
      { KANADE_DATA_DIR: "/nowhere", TMPDIR: endpoint.dataDir },
    );
    await fleet.says(/ [1-9]\d* breaks/, WITHIN_MS);
    await heartbeatsOf(endpoint, 1);
    assert.equal((await kept(endpoint)).length, 1);
    fleet.signal("SIGINT");
    assert.equal(await fleet.ended(), 0);
    assert.deepEqual(await kept(endpoint), []);
  });

  async function kept({ dataDir }: Endpoint): Promise<readonly string[]> {
    return (await readdir(dataDir)).filter((name) => name.startsWith("kanade-fleet-"));
  }

  for (
    const [what, args, message] of [
      ["a share that is none", ["--fail", "2"], /must be a percentage such as 5%/],
      ["a number that is none", ["--agents", "many"], /must be a whole number from 1/],
      ["a broker that is not to be found", ["--agents", "1"], /Cannot find a broker/],
    ] as const
  ) {
    test(`says what is wrong with ${what}, and ends with a code above 0`, async () => {
      await using child = startChild(programArgs("scripts/fleet.ts", ...args), {
        KANADE_DATA_DIR: "/nowhere",
      });
      assert.notEqual(await child.ended(), 0);
      assert.match(child.said(), message);
    });
  }
});
