import { execFile } from "node:child_process";
import { delimiter } from "node:path";
import { promisify } from "node:util";
import { Fault, messageOf } from "../wire/fault.ts";
import type { Log } from "./log.ts";
import { findProgram } from "./system/find_program.ts";

export interface BrokerBinary {
  readonly path: string;
  /** Such as `2.9.10`. */
  readonly version: string;
}

export interface FindOptions {
  /** `KANADE_NATS_SERVER`: used or refused, never replaced by another. */
  readonly explicit?: string | undefined;
  /** `PATH` as the system writes it. */
  readonly path: string;
  readonly platform: NodeJS.Platform;
  /** Where package managers put it though a user's PATH may lack it; the usual ones unless given. */
  readonly moreDirectories?: readonly string[];
  readonly log: Log;
}

const run = promisify(execFile);
const NAME = "nats-server";
const MORE_DIRECTORIES = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"];
const VERSION = /v?(\d+\.\d+\.\d+)/;

/**
 * The nats-server to run: the one named, else on the PATH, else what the system's package manager
 * installs, which is logged before it is done.
 *
 * @throws {Fault} `broker_missing`, naming the ways to get one
 */
export async function findBroker(options: FindOptions): Promise<BrokerBinary> {
  if (options.explicit !== undefined) return await asked(options.explicit);
  const present = await onPath(NAME, options);
  if (present !== undefined) return await asked(present);
  await install(options);
  const installed = await onPath(NAME, options);
  if (installed !== undefined) return await asked(installed);
  throw missing("it is not installed and could not be");
}

/**
 * Why running that version is a risk that its operator should know; null when it is none. Before
 * these releases JetStream could lose or repeat messages after a crash.
 */
export function brokerRisk(version: string): string | null {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  const isFixed = major > 2 || minor > 11 || (minor === 11 && patch >= 1) ||
    (minor === 10 && patch >= 26);
  if (major >= 2 && isFixed) return null;
  return `nats-server ${version} is older than 2.10.26 / 2.11.1 and may lose stored messages in a crash`;
}

async function asked(path: string): Promise<BrokerBinary> {
  try {
    const { stdout } = await run(path, ["--version"]);
    const version = VERSION.exec(stdout)?.[1];
    if (version !== undefined) return { path, version };
    throw missing(`${JSON.stringify(path)} does not tell its version`);
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    throw missing(`${JSON.stringify(path)} does not run (${messageOf(thrown)})`, thrown);
  }
}

function onPath(
  name: string,
  { path, platform, moreDirectories = MORE_DIRECTORIES }: FindOptions,
): Promise<string | undefined> {
  return findProgram(name, [path, ...moreDirectories].join(delimiter), platform);
}

/** The commands that install it on this platform, one after the other. */
function installers(platform: NodeJS.Platform): readonly (readonly string[])[] {
  switch (platform) {
    case "linux": {
      const root = process.getuid?.() === 0 ? [] : ["sudo", "--non-interactive"];
      return [
        // A new machine has no list of packages yet.
        [...root, "apt-get", "update"],
        [...root, "apt-get", "install", "--yes", "--no-install-recommends", NAME],
      ];
    }
    case "darwin":
      return [["brew", "install", NAME]];
    case "win32":
      return [["winget", "install", "--silent", "--id", "NATSAuthors.NATSServer"]];
    default:
      return [];
  }
}

async function install(options: FindOptions): Promise<void> {
  for (const [name = "", ...args] of installers(options.platform)) {
    const program = await onPath(name, options);
    if (program === undefined) continue;
    options.log.info("installing nats-server", { command: [name, ...args].join(" ") });
    try {
      await run(program, args, { env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } });
    } catch (thrown) {
      options.log.warn("cannot install nats-server", { error: thrown });
    }
  }
}

function missing(why: string, cause?: unknown): Fault {
  return new Fault(
    "broker_missing",
    `Cannot start the broker: ${why}. Install nats-server (apt-get install nats-server, ` +
      `brew install nats-server, winget install NATSAuthors.NATSServer), or set KANADE_NATS_SERVER ` +
      `to its path, or set KANADE_NATS_URL to a broker that runs already`,
    cause === undefined ? {} : { cause },
  );
}
