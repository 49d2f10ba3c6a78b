/**
 * What a stranger gets: the packed tarball, installed into an empty project. In one file, since packing builds in the
 * working tree: two at once would take away what the other one packs.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { PC_ID, startEndpoint } from "../harness/agent.ts";
import { startChild } from "../harness/child.ts";
import { nodeProgram } from "../harness/program.ts";

const run = promisify(execFile);
const NPM = ["--no-audit", "--no-fund", "--prefer-offline"];
const ROOT = process.cwd();
/** Installing takes as long as the disk and the registry take. */
const WITHIN = { timeout: 300_000 };

/** Where the registry cannot be reached, only the Node that runs this is tried. */
const MAJORS = ["20", "24"];

/** Uses the agent as its declarations describe it; it compiles only when they are whole. */
const CONSUMER = `
import { type Agent, type AgentOptions, createAgent } from "kanade-actors/agent";

const options: AgentOptions = { pcId: "pc-1", servers: ["nats://127.0.0.1:4222"], dataDir: "agent" };
const agent: Agent = createAgent(options);
const count: number = agent.activeCommands;
console.log(agent.pcId, count);
// @ts-expect-error the name of the machine is not optional
createAgent({ servers: [], dataDir: "agent" });
`;

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

describe("the packed tarball in an empty project", WITHIN, () => {
  let project = "";

  before(async () => {
    project = await mkdtemp(join(tmpdir(), "kanade-pack-"));
    const packed = await run("npm", ["pack", "--json", "--pack-destination", project], {
      cwd: ROOT,
    });
    // What prepack prints comes before the JSON.
    const [{ filename }] = JSON.parse(packed.stdout.slice(packed.stdout.indexOf("[\n")));
    await writeFile(join(project, "package.json"), '{"private": true, "type": "module"}');
    await run("npm", ["install", ...NPM, join(project, filename)], { cwd: project });
  }, WITHIN);

  after(() => rm(project, { recursive: true, force: true }));

  it("has a command line that runs from under node_modules", async () => {
    const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
    const { stdout } = await run("npx", ["--no-install", "kanade", "--version"], { cwd: project });
    assert.equal(stdout.trim(), version);
  });

  it("has an agent that plain Node imports, without tsx", async () => {
    const code =
      'import("kanade-actors/agent").then(({ createAgent }) => console.log(typeof createAgent))';
    const { stdout } = await run(await nodeProgram(), ["-e", code], { cwd: project });
    assert.equal(stdout.trim(), "function");
  });

  it("has pages that are bundled where it is installed", async () => {
    const code = `
      import { WebBundle } from "./node_modules/kanade-actors/actors/http/web_bundle.ts";
      const log = { debug: () => {}, error: (_phrase, { error }) => console.error(error) };
      const { files, pages } = await new WebBundle(log).get();
      console.log([...pages.keys()].join(), files.size > 10);
    `;
    await writeFile(join(project, "pages.mjs"), code);
    const args = ["--import", "tsx", "pages.mjs"];
    const { stdout } = await run(await nodeProgram(), args, { cwd: project });
    assert.equal(stdout.trim(), "dashboard,inspector true");
  });

  it("has declarations that a strict project compiles against", async () => {
    await mkdir(join(project, "src"));
    await writeFile(join(project, "src/main.ts"), CONSUMER);
    await writeFile(
      join(project, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: {
          strict: true,
          module: "nodenext",
          target: "es2023",
          lib: ["es2023", "esnext.disposable", "dom"],
          types: ["node"],
          typeRoots: [join(ROOT, "node_modules/@types")],
          skipLibCheck: true,
          noEmit: true,
        },
        include: ["src"],
      }),
    );
    await run(join(ROOT, "node_modules/.bin/tsc"), ["--noEmit"], { cwd: project });
  });

  it("holds no test, no tool of ours and no data", async () => {
    const listing = await run("npm", ["pack", "--json", "--dry-run", "--ignore-scripts"], {
      cwd: ROOT,
    });
    const [{ files }] = JSON.parse(listing.stdout);
    const paths: readonly string[] = files.map(({ path }: { path: string }) => path);
    const ours = /^(test|data|\.ci|scripts\/(check|bench|test\.ts|build_agent))|^\.|^package-lock/;
    assert.deepEqual(paths.filter((path) => ours.test(path)), []);
    for (const needed of ["bin/kanade.mjs", "dist/agent.mjs", "scripts/kanade.ts", "LICENSE"]) {
      assert.ok(paths.includes(needed), `${needed} is not packed`);
    }
  });

  for (const major of MAJORS) {
    it(
      `has an agent that runs code of its host and scripts under Node ${major}, and leaves`,
      WITHIN,
      async (t) => {
        const [program = "", ...args] = await nodeOf(major, project);
        if (program === "") return t.skip(`Node ${major} cannot be had here`);
        await writeFile(join(project, "host.mjs"), HOST);
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
      },
    );
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
