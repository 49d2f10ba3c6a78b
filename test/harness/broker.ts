import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, within } from "./wait.ts";

export interface BrokerOptions {
  /** JetStream's store; a temporary directory, removed at the end, unless given. */
  readonly storeDir?: string;
  /** More lines of nats-server's configuration. */
  readonly config?: string;
}

/** A real nats-server with JetStream on a free port of loopback, without users. */
export interface TestBroker extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly storeDir: string;
  /** kill -9. */
  kill(): Promise<void>;
  /** Starts it again, after `kill` or not, on the same port and store. */
  restart(): Promise<void>;
}

/** Ends when the broker takes connections. */
export async function startBroker(options: BrokerOptions = {}): Promise<TestBroker> {
  const workDir = await mkdtemp(join(tmpdir(), "kanade-broker-"));
  const storeDir = options.storeDir ?? join(workDir, "store");
  const configFile = join(workDir, "nats-server.conf");
  await writeFile(configFile, options.config ?? "");
  let child = spawnServer(["-sd", storeDir, "-c", configFile, "-p", "-1"], workDir);
  const port = await portOf(child, workDir);

  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    storeDir,
    kill,
    async restart() {
      await kill();
      await rm(join(workDir, `nats-server_${child.pid}.ports`), { force: true });
      child = spawnServer(["-sd", storeDir, "-c", configFile, "-p", String(port)], workDir);
      await portOf(child, workDir);
    },
    async [Symbol.asyncDispose]() {
      await kill();
      await rm(workDir, { recursive: true, force: true });
    },
  };
}

function spawnServer(args: readonly string[], workDir: string): ChildProcess {
  const binary = process.env["KANADE_NATS_SERVER"] ?? "nats-server";
  const path = `${process.env["PATH"]}:/usr/sbin:/usr/local/sbin`;
  return spawn(binary, ["-js", "-a", "127.0.0.1", "--ports_file_dir", workDir, ...args], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, PATH: path },
  });
}

/** The server writes its ports down when it is ready for connections. */
async function portOf(child: ChildProcess, workDir: string): Promise<number> {
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => said += chunk.toString());
  const ended = once(child, "exit").then(() => {
    throw new Error(`nats-server ended at once: ${said}`);
  });
  const port = eventually("nats-server's ports file", async () => {
    const name = (await readdir(workDir)).find((file) => file.endsWith(`_${child.pid}.ports`));
    return name === undefined ? undefined : readPort(join(workDir, name));
  });
  return await within("nats-server", Promise.race([port, ended]));
}

async function readPort(portsFile: string): Promise<number | undefined> {
  const text = await readFile(portsFile, "utf8");
  // It exists for a moment before it is written.
  if (text === "") return undefined;
  const { nats } = JSON.parse(text) as { readonly nats: readonly [string] };
  return Number(new URL(nats[0]).port);
}
