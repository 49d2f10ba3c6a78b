import type { Ending } from "../machines/agent_command.ts";
import type { Command } from "../wire/command.ts";
import { messageOf } from "../wire/fault.ts";
import { scriptEnvironment } from "./environment.ts";
import type { ScriptSource } from "./script_source.ts";
import { type StagedScript, stageScript } from "./shells.ts";
import { Child, type ChildEnding, type ChildOptions } from "./spawn.ts";

export interface AttemptOptions extends Pick<ChildOptions, "onOutput" | "onTimeout"> {
  readonly command: Command;
  readonly pcId: string;
  readonly resultId: string;
  readonly scripts: ScriptSource;
  /** Private to this run: made for the script, and removed after it. */
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
    const { command, scripts, directory } = this.#options;
    const script = await scripts.read(command);
    if (script.kind === "unavailable") {
      return { kind: "failed", reason: "script_unavailable", why: script.why };
    }
    let staged: StagedScript;
    try {
      staged = await stageScript(command.shell, script.text, directory);
    } catch (thrown) {
      return notSpawned(`its script cannot be put into a file: ${messageOf(thrown)}`);
    }
    const ending = endingOf(await this.#runChild(staged));
    // What cannot be removed now is removed when the agent starts again.
    await staged.remove().catch(() => undefined);
    return ending;
  }

  /** Ends what runs, with its tree; nothing is spawned any more. Harmless twice. */
  end(): void {
    this.#isEnded = true;
    this.#child?.end();
  }

  #runChild({ program, args }: StagedScript): Promise<ChildEnding> {
    const { command, pcId, resultId, environment, onOutput, onTimeout } = this.#options;
    this.#child = new Child({
      program,
      args,
      cwd: command.cwd ?? null,
      environment: scriptEnvironment(environment, { pcId, execId: command.exec_id, resultId }),
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
