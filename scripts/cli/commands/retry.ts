import type { Command } from "commander";
import { DispatchAnswerBody } from "../../../wire/http.ts";
import { showAccepted, type WaitOptions } from "../accepted_execution.ts";
import { addCommand, connect, type Session } from "../command.ts";
import { EXIT } from "../exit_codes.ts";

interface RetryOptions extends WaitOptions {
  readonly only?: string;
}

const HELP = `
A new execution for exactly those PCs, with the very script that ran then. With --wait it ends with ${EXIT.ok} only
when every PC succeeded, else with ${EXIT.failed}.

Examples:
  kanade retry 0199f3c2-4e0a-7b6e-8d52-5d0c5c1a6b11
  kanade retry 0199f3c2-4e0a-7b6e-8d52-5d0c5c1a6b11 --only failed,missing --wait`;

export function addRetry(
  program: Command,
  session: Session,
  end: (exitCode: number) => void,
): void {
  addCommand(program, "retry <exec_id>", "run again where an execution did not succeed")
    .option("--only <which>", "of failed, expired, missing, skipped, with commas between; all")
    .option("--wait", "wait until every PC has ended")
    .option("-f, --follow", "show what every PC prints, and wait")
    .addHelpText("after", HELP)
    .action(async (execId: string, options: RetryOptions) => {
      const client = await connect(session, options);
      const path = `/api/executions/${encodeURIComponent(execId)}/retry`;
      const body = options.only === undefined ? {} : { only: options.only.split(",") };
      const accepted = await client.postOnce(DispatchAnswerBody, path, body);
      end(await showAccepted(session, client, accepted, options));
    });
}
