import type { Command } from "commander";
import { parse } from "../../../wire/codec.ts";
import { Shell } from "../../../wire/command.ts";
import { parseDurationMs } from "../../../wire/duration.ts";
import { DispatchAnswerBody } from "../../../wire/http.ts";
import { showAccepted, type WaitOptions } from "../accepted_execution.ts";
import { addCommand, collect, connect, type Session } from "../command.ts";
import { EXIT } from "../exit_codes.ts";
import { scriptOf } from "../script_text.ts";

interface ScriptOptions extends WaitOptions {
  readonly pc?: readonly string[];
  readonly group?: readonly string[];
  readonly all?: boolean;
  readonly shell: string;
  readonly timeout: string;
  readonly file?: string;
}

const HELP = `
Without --wait or --follow it ends as soon as the execution is accepted. With one of them it ends with ${EXIT.ok} only when
every PC succeeded, else with ${EXIT.failed}. On one PC, kanade run waits and ends with the script's own exit code.

Examples:
  kanade script --all --follow -- 'df -h /'
  kanade script --group lab --pc pc-17 --shell python3 --file check.py --wait`;

/** A script that somebody typed, on any PCs. */
export function addScript(
  program: Command,
  session: Session,
  end: (exitCode: number) => void,
): void {
  addCommand(program, "script [script...]", "run a script that is no job on any PCs")
    .option("--pc <pc>", "a PC (may be given several times)", collect)
    .option("--group <group>", "a group (may be given several times)", collect)
    .option("--all", "every PC that is known")
    .option("--shell <shell>", "what runs it", "sh")
    .option("--timeout <duration>", "when it is ended, such as 30s or 1h 30m", "60s")
    .option("--file <path>", "read the script from a file (- is standard input)")
    .option("--wait", "wait until every PC has ended")
    .option("-f, --follow", "show what every PC prints, and wait")
    .addHelpText("after", HELP)
    .action(async (words: readonly string[], options: ScriptOptions) => {
      end(await run(session, words, options));
    });
}

async function run(
  session: Session,
  words: readonly string[],
  options: ScriptOptions,
): Promise<number> {
  const body = {
    shell: parse(Shell, "shell", options.shell),
    script: await scriptOf(words, options.file),
    timeout_secs: Math.ceil(parseDurationMs(options.timeout) / 1_000),
    target: { all: options.all ?? false, groups: options.group ?? [], pcs: options.pc ?? [] },
  };
  const client = await connect(session, options);
  const accepted = await client.postOnce(DispatchAnswerBody, "/api/executions", body);
  return await showAccepted(session, client, accepted, options);
}
