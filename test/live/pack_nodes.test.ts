/** An agent embedded from the packed tarball, in an empty project, under each Node that the package names. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { PC_ID, startEndpoint } from "../harness/agent.ts";
import { startChild } from "../harness/child.ts";

const run = promisify(execFile);
const NPM = ["--no-audit", "--no-fund", "--prefer-offline"];
const WITHIN = { timeout: 300_000 };
/** Where the registry cannot be reached, only the Node that runs this is tried. */
const MAJORS = ["20", "24"];

/** Ends by itself once the agent has stopped: nothing of the agent keeps a process alive. */
const HOST = `
import { createAgent } from "kanade-actors/agent";

const [server, dataDir] = process.argv.slice(2);
const agent = createAgent({
  pcId: ${JSON.stringify(PC_ID)},
  servers: [server],
  dataDir,
  handlers: {
    version: (command, { stdout }) => {
      stdout.write(process.versions.node);
      return 3;
    },
    leave: () => void setImmediate(() => agent.stop()),
  },
});
await agent.start();
console.log("at work");
`;

describe("the packed agent in an empty project", WITHIN, () => {
  let project = "";

  before(async () => {
    project = await mkdtemp(join(tmpdir(), "kanade-pack-"));
    const packed = await run("npm", ["pack", "--json", "--pack-destination", project]);
    // What prepack prints comes before the JSON.
    const [{ filename }] = JSON.parse(packed.stdout.slice(packed.stdout.indexOf("[\n")));
    await writeFile(join(project, "package.json"), '{"private": true, "type": "module"}');
    await writeFile(join(project, "host.mjs"), HOST);
    await run("npm", ["install", ...NPM, join(project, filename)], { cwd: project });
  }, WITHIN);

  after(() => rm(project, { recursive: true, force: true }));

  for (const major of MAJORS) {
    it(`runs code of its host and scripts under Node ${major}, and leaves`, WITHIN, async (t) => {
      const [program = "", ...args] = await nodeOf(major, project);
      if (program === "") return t.skip(`Node ${major} cannot be had here`);
      await using endpoint = await startEndpoint();
      const host = [...args, "host.mjs", endpoint.broker.url, endpoint.dataDir];
      const env = { HOME: process.env["HOME"] ?? project };
      await using child = startChild(host, env, { program, cwd: project });
      await child.says(/at work/, 60_000);
      const code = await endpoint.result(await endpoint.send({ id: "version" }));
      assert.equal(code.exit_code, 3);
      assert.match(code.stdout, new RegExp(`^${major}\\.`));
      const script = await endpoint.result(await endpoint.send({ script: "echo a script" }));
      assert.equal(script.stdout, "a script\n");
      const leave = await endpoint.send({ id: "leave" });
      assert.equal(await child.ended(), 0, child.said());
      assert.equal((await endpoint.result(leave)).exit_code, 0);
    });
  }
});

/** How to start a Node of this major version; empty where it cannot be had. */
async function nodeOf(major: string, cwd: string): Promise<readonly string[]> {
  if (process.versions.node.startsWith(`${major}.`)) return [process.execPath];
  const npx = ["--yes", "--prefer-offline", `node@${major}`];
  try {
    await run("npx", [...npx, "--version"], { cwd, timeout: 120_000 });
    return ["npx", ...npx];
  } catch {
    // No network, or no such Node for this machine.
    return [];
  }
}
