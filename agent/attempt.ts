import type { Ending } from "../machines/agent_command.ts";
import { type Command, isShell } from "../wire/command.ts";
import { messageOf } from "../wire/fault.ts";
import { scriptEnvironment } from "./environment.ts";
import { findProgram } from "../actors/system/find_program.ts";
import { asUser, type RunAs, type RunUser, userEnvironment } from "./run_as.ts";
import { ownPlace, type ScriptPlace, userPlace } from "./script_place.ts";
import type { Script, ScriptSource } from "./script_source.ts";
import { type StagedScript, stageScript } from "./shells.ts";
import { Child, type ChildEnding, type ChildOptions } from "./spawn.ts";

export interface AttemptOptions extends Pick<ChildOptions, "onOutput" | "onTimeout"> {
  readonly command: Command;
  readonly pcId: string;
  readonly resultId: string;
  readonly scripts: ScriptSource;
  readonly runAs: RunAs;
  /** Of this run: made for the script, and removed after it. */
  readonly directory: string;
  /** The agent's own; the script sees an allow-list of it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** One spawn of a command's script: fetched, staged, run, cleaned up. A retry is another attempt. */
export class Attempt {
  readonly #options: AttemptOptions;
  #child: Child | undefined;
  #isEnded = false;

  constructor(options: AttemptOptions) {
    this.#options = options;
  }

  /** Never rejects: whatever goes wrong is an ending. */
  async run(): Promise<Ending> {
    const { command, scripts, runAs } = this.#options;
    const script = await scripts.read(command);
    if (script.kind === "unavailable") {
      return { kind: "failed", reason: "script_unavailable", why: script.why };
    }
    const identity = await runAs.resolve(command);
    switch (identity.kind) {
      case "unavailable":
        return notSpawned(identity.why);
      case "agent":
        return await this.#runStaged(script, undefined);
      case "user":
        return await this.#runStaged(script, identity.user);
    }
  }

  /** Ends what runs, with its tree; nothing is spawned any more. Harmless twice. */
  end(): void {
    this.#isEnded = true;
    this.#child?.end();
  }

  async #runStaged(
    { text }: Extract<Script, { kind: "script" }>,
    user: RunUser | undefined,
  ): Promise<Ending> {
    const { command, directory, environment } = this.#options;
    if (!isShell(command.shell)) return notSpawned(`the shell ${command.shell} is not known`);
    let staged: StagedScript;
    let place: ScriptPlace | undefined;
    try {
      place = user === undefined ? await ownPlace(directory) : await userPlace(directory, user);
      staged = await stageScript(command.shell, text, place);
    } catch (thrown) {
      // As below: the first failure is what is told.
      await place?.remove().catch(() => undefined);
      return notSpawned(`its script cannot be put into a file: ${messageOf(thrown)}`);
    }
    const { program } = staged;
    try {
      // What starts a program in a user's name would report a missing one as the script's own failure.
      const isThere = user === undefined || await findProgram(program, environment["PATH"] ?? "");
      return isThere
        ? endingOf(await this.#runChild(staged, user))
        : notSpawned(`${JSON.stringify(program)} is not installed here`);
    } finally {
      // What cannot be removed now is removed when the agent starts again.
      await staged.remove().catch(() => undefined);
    }
  }

  #runChild({ program, args }: StagedScript, user: RunUser | undefined): Promise<ChildEnding> {
    const { command, pcId, resultId, environment, onOutput, onTimeout } = this.#options;
    const run = { pcId, execId: command.exec_id, resultId };
    const own = scriptEnvironment(environment, run);
    this.#child = new Child({
      ...(user === undefined ? { program, args } : asUser(user, program, args)),
      cwd: command.cwd ?? user?.home ?? null,
      environment: user === undefined ? own : userEnvironment(own, user),
      resultId,
      timeoutMs: command.timeout_secs * 1_000,
      onOutput,
      onTimeout,
    });
    if (this.#isEnded) this.#child.end();
    return this.#child.run();
  }
}

function endingOf(ending: ChildEnding): Ending {
  return ending.kind === "not_spawned" ? notSpawned(ending.why) : ending;
}

function notSpawned(why: string): Ending {
  return { kind: "failed", reason: "spawn_failed", why };
}
