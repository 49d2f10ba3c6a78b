import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { promisify } from "node:util";
import type { Command } from "../wire/command.ts";
import { messageOf } from "../wire/fault.ts";
import { findProgram } from "../actors/system/find_program.ts";

/** A user of this machine in whose name a script can run. */
export interface RunUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** Exists. */
  readonly home: string;
  readonly shell: string;
  /** Of the user's session, when there is one: `/run/user/<uid>`. */
  readonly runtimeDirectory: string | undefined;
}

/** Whose name a script runs in. */
export type RunIdentity =
  /** The agent's own. */
  | { readonly kind: "agent" }
  | { readonly kind: "user"; readonly user: RunUser }
  | { readonly kind: "unavailable"; readonly why: string };

export interface RunAsOptions {
  /** The user for `run_as: user`; the one at the console unless given. */
  readonly userName: string | undefined;
  /** Where programs are found. */
  readonly searchPath: string;
}

/** Changes who runs the script, and leaves nothing of root's rights (util-linux). */
const SETPRIV = "setpriv";
const ROOT = 0;
const LOOKUP_TIMEOUT_MS = 5_000;
/** As useradd allows them, and domain users; none begins with a dash, which a program would take for an option. */
const USER_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.@\\-]*\$?$/;

const run = promisify(execFile);

/** Finds who `run_as` of a command is on this machine, anew for every command: people come and go. */
export class RunAs {
  readonly #options: RunAsOptions;

  constructor(options: RunAsOptions) {
    this.#options = options;
  }

  /** Never rejects: a user that cannot be had is an ending of the command. */
  async resolve({ run_as: runAs }: Pick<Command, "run_as">): Promise<RunIdentity> {
    if (!runAs || runAs === "system") return { kind: "agent" };
    if (runAs !== "user" || process.platform !== "linux") {
      return unavailable(`run_as ${runAs} is not supported on this system`);
    }
    try {
      return await this.#user();
    } catch (thrown) {
      return unavailable(`run_as user: the user cannot be found: ${messageOf(thrown)}`);
    }
  }

  async #user(): Promise<RunIdentity> {
    if (process.geteuid?.() !== ROOT) {
      return unavailable("run_as user needs an agent that runs as root");
    }
    if (await findProgram(SETPRIV, this.#options.searchPath) === undefined) {
      return unavailable(`run_as user needs the program ${SETPRIV} of util-linux`);
    }
    const name = this.#options.userName ?? await this.#atTheConsole();
    if (name === undefined) {
      return unavailable(
        "run_as user: nobody is at the console, and KANADE_RUN_AS_USER is not set",
      );
    }
    const user = USER_NAME.test(name) ? await this.#lookUp(name) : undefined;
    if (user === undefined) return unavailable(`run_as user: there is no user ${quoted(name)}`);
    if (user.uid === ROOT) return unavailable(`run_as user: ${quoted(name)} is root`);
    return { kind: "user", user };
  }

  /** The name of who has the active session of the first seat. */
  async #atTheConsole(): Promise<string | undefined> {
    const loginctl = await findProgram("loginctl", this.#options.searchPath);
    if (loginctl === undefined) return undefined;
    const session = await propertyOf(loginctl, ["show-seat", "seat0"], "ActiveSession");
    if (session === "") return undefined;
    const show = (property: string) => propertyOf(loginctl, ["show-session", session], property);
    // A greeter has a session, too.
    if (await show("Class") !== "user") return undefined;
    return await show("Name") || undefined;
  }

  async #lookUp(name: string): Promise<RunUser | undefined> {
    const getent = await findProgram("getent", this.#options.searchPath) ?? "getent";
    let line: string;
    try {
      line = (await run(getent, ["passwd", name], { timeout: LOOKUP_TIMEOUT_MS })).stdout;
    } catch (thrown) {
      // Its exit code 2 says that there is no such entry.
      if (thrown instanceof Error && "code" in thrown && thrown.code === 2) return undefined;
      throw thrown;
    }
    return await userOf(line.trim());
  }
}

/** How to start a program in a user's name. Groups are the user's; nothing that root may do is left. */
export function asUser(
  { uid, gid }: RunUser,
  program: string,
  args: readonly string[],
): { readonly program: string; readonly args: readonly string[] } {
  const who = [`--reuid=${uid}`, `--regid=${gid}`, "--init-groups", "--inh-caps=-all"];
  return { program: SETPRIV, args: [...who, "--", program, ...args] };
}

/** The environment of a script, with its user in place of the agent's. */
export function userEnvironment(
  environment: Readonly<Record<string, string>>,
  user: RunUser,
): Readonly<Record<string, string>> {
  // Root's directory for temporary files may be closed to others.
  const { TMPDIR: _, ...rest } = environment;
  return {
    ...rest,
    HOME: user.home,
    USER: user.name,
    LOGNAME: user.name,
    SHELL: user.shell,
    ...(user.runtimeDirectory === undefined ? {} : { XDG_RUNTIME_DIR: user.runtimeDirectory }),
  };
}

/** A line of passwd(5). */
async function userOf(line: string): Promise<RunUser | undefined> {
  const [name = "", , uid = "", gid = "", , home = "", shell = ""] = line.split(":");
  if (name === "" || !/^\d+$/.test(uid) || !/^\d+$/.test(gid)) return undefined;
  const runtimeDirectory = `/run/user/${uid}`;
  return {
    name,
    uid: Number(uid),
    gid: Number(gid),
    home: await isThere(home) ? home : "/",
    shell: shell || "/bin/sh",
    runtimeDirectory: await isThere(runtimeDirectory) ? runtimeDirectory : undefined,
  };
}

async function isThere(path: string): Promise<boolean> {
  try {
    return path !== "" && (await stat(path)).isDirectory();
  } catch {
    // What cannot be looked at is of no use to the script either.
    return false;
  }
}

async function propertyOf(
  loginctl: string,
  what: readonly string[],
  property: string,
): Promise<string> {
  const args = [...what, `--property=${property}`, "--value"];
  return (await run(loginctl, args, { timeout: LOOKUP_TIMEOUT_MS })).stdout.trim();
}

function unavailable(why: string): RunIdentity {
  return { kind: "unavailable", why };
}

function quoted(name: string): string {
  return JSON.stringify(name);
}
