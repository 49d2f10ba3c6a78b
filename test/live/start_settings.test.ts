/** What whoever starts the process can mend: one line on standard error, exit code 2, and nothing left running. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { openDatabase } from "../../db/client.ts";
import { freePort } from "../harness/free_port.ts";
import { dataDirectory, startProgram, startServing } from "../harness/start_process.ts";
import { within } from "../harness/wait.ts";

const HERE = "127.0.0.1:0";

interface Mistake {
  readonly what: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly line: RegExp;
}

const UNUSABLE = /^Cannot use the data directory \S+: \w+: [^\n]+$/;
const MISTAKES: readonly Mistake[] = [
  {
    what: "a missing nats-server",
    settings: { KANADE_NATS_SERVER: "/nowhere/nats-server" },
    line: /^Cannot start the broker: "\/nowhere\/nats-server" does not run .*KANADE_NATS_URL/,
  },
  {
    what: "a data directory below a file",
    settings: { KANADE_DATA_DIR: join(process.cwd(), "package.json", "data") },
    line: UNUSABLE,
  },
  {
    what: "a data directory where nothing can be made",
    settings: { KANADE_DATA_DIR: "/proc/kanade/data" },
    line: UNUSABLE,
  },
  {
    what: "an agent's data directory below a file",
    settings: {
      KANADE_AGENT_DATA_DIR: join(process.cwd(), "package.json", "agent"),
      KANADE_LOG: "silent",
    },
    line: UNUSABLE,
  },
  {
    what: "a database below a file",
    settings: { KANADE_DB_URL: `file:${join(process.cwd(), "package.json", "kanade.db")}` },
    line: /^Cannot open the database \S+: EEXIST/,
  },
  {
    what: "a log level that does not exist",
    settings: { KANADE_LOG: "loud" },
    line: /^KANADE_LOG: "loud" is none of debug, info, warn, error, silent$/,
  },
  {
    what: "an address that is not one of this machine",
    settings: { KANADE_BIND: "203.0.113.1:8080" },
    line: /^Cannot listen on 203\.0\.113\.1:8080: /,
  },
  {
    what: "an API without authentication that others can reach",
    settings: { KANADE_BIND: "0.0.0.0:0", KANADE_AUTH_DISABLE: "1" },
    line: /^KANADE_AUTH_DISABLE: /,
  },
];

async function refused(settings: Readonly<Record<string, string>>, line: RegExp): Promise<void> {
  await using program = startProgram("start", settings);
  const ending = await within("its end", program.ended, 30_000);
  assert.match(ending.stderr, /^[^\n]+\n$/, "exactly one line");
  assert.match(ending.stderr.trimEnd(), line);
  assert.deepEqual([ending.exitCode, ending.stdout], [2, ""]);
}

/** The processes whose command line holds a text. */
async function processesOf(text: string): Promise<readonly string[]> {
  const lines = await Promise.all(
    (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map((pid) =>
      readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")
    ),
  );
  return lines.filter((line) => line.includes(text));
}

describe("npm start ends with one line and exit code 2 for", () => {
  for (const { what, settings, line } of MISTAKES) {
    test(what, async () => {
      await using directory = await dataDirectory();
      await refused({ KANADE_DATA_DIR: directory.path, KANADE_BIND: HERE, ...settings }, line);
      assert.deepEqual(await processesOf(directory.path), []);
    });
  }

  test("a port that is in use", async () => {
    await using directory = await dataDirectory();
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const settings = { KANADE_DATA_DIR: directory.path, KANADE_BIND: `127.0.0.1:${port}` };
    await refused(settings, new RegExp(`^Cannot listen on 127\\.0\\.0\\.1:${port}: `));
    server.close();
  });

  test("a database from the future", async () => {
    await using directory = await dataDirectory();
    const db = await openDatabase({ url: `file:${join(directory.path, "kanade.db")}` });
    await db.write((tx) =>
      tx.query("INSERT INTO migrations VALUES (9999, '9999_tomorrow.sql', '0', 0)")
    );
    await db.close();
    const settings = { KANADE_DATA_DIR: directory.path, KANADE_BIND: HERE };
    await refused(settings, /^Cannot open the database: .*9999_tomorrow\.sql/);
  });

  test("a data directory in which another one runs, which goes on", async () => {
    await using directory = await dataDirectory();
    await using first = await startServing(directory);
    const settings = { KANADE_DATA_DIR: directory.path, KANADE_BIND: HERE };
    await refused(settings, new RegExp(`^Cannot start the broker: process ${first.pid} runs one`));
    assert.equal((await directory.ask("/api/invariants")).status, 200);
  });
});

test("what others can reach without encryption is warned of in the log", async () => {
  await using directory = await dataDirectory();
  const open = { KANADE_BIND: "0.0.0.0:0", KANADE_NATS_BIND: "0.0.0.0:0" };
  await using program = await startServing(directory, open);
  assert.match(program.stderr(), /the API is reached without encryption/);
  assert.match(program.stderr(), /the broker is reached without encryption/);
});

describe("npm start ends with one line and exit code 1 for", () => {
  /** Another nats-server: a shell script that can tell its version. */
  async function program(folder: string, script: string): Promise<string> {
    const path = join(folder, "nats-server");
    const version = `[ "$1" = --version ] && echo "nats-server: v2.10.29" && exit`;
    await writeFile(path, `#!/bin/sh\n${version}\n${script}\n`, { mode: 0o755 });
    return path;
  }

  async function failed(settings: Readonly<Record<string, string>>, line: RegExp): Promise<void> {
    await using started = startProgram("start", { KANADE_LOG: "silent", ...settings });
    const ending = await within("its end", started.ended, 60_000);
    assert.match(ending.stderr, /^[^\n]+\n$/, "exactly one line");
    assert.match(ending.stderr, line);
    assert.deepEqual([ending.exitCode, ending.stdout], [1, ""]);
  }

  test("a nats-server that cannot keep running", async () => {
    await using directory = await dataDirectory();
    // As one whose store is damaged.
    const broken = `echo "[1] [FTL] the store is damaged" >&2; exit 7`;
    await failed({
      KANADE_DATA_DIR: directory.path,
      KANADE_BIND: HERE,
      KANADE_NATS_SERVER: await program(directory.path, broken),
    }, /^Cannot keep .* exit code 7, the store is damaged$/m);
  });

  test("a port that somebody takes while it starts", async () => {
    await using directory = await dataDirectory();
    const port = await freePort();
    // It takes the port, and only then starts what it is to start.
    const thief = join(directory.path, "thief.cjs");
    const pidFile = join(directory.path, "thief.pid");
    await writeFile(
      thief,
      `require("node:net").createServer().listen(${port}, "127.0.0.1", () =>
        require("node:fs").writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)));`,
    );
    const real = process.env["KANADE_NATS_SERVER"] ?? "/usr/sbin/nats-server";
    const thiefArgs = "Deno" in globalThis ? `run --allow-all ${thief}` : thief;
    const binary = await program(
      directory.path,
      `${process.execPath} ${thiefArgs} >/dev/null 2>&1 &\n` +
        `until [ -s ${pidFile} ]; do kill -0 $PPID || exit 1; sleep 0.05; done\nexec ${real} "$@"`,
    );
    await failed({
      KANADE_DATA_DIR: directory.path,
      KANADE_BIND: `127.0.0.1:${port}`,
      KANADE_NATS_SERVER: binary,
    }, new RegExp(`^Cannot keep .* Cannot listen on 127\\.0\\.0\\.1:${port}: `));
    process.kill(Number(await readFile(pidFile, "utf8")), "SIGKILL");
  });
});
