import { join } from "node:path";
import type { Command } from "commander";
import { readOutbox, restoreStuck } from "../../../agent/stuck.ts";
import type { Environment } from "../../environment.ts";
import { contentText, retriedText } from "../../outbox.ts";
import { type Session, show } from "../command.ts";

interface OutboxOptions {
  readonly json?: boolean;
  readonly dataDir?: string;
}

const HELP = `
These commands work on the files of this machine's agent, whether it runs or not. Its directory is that of
--data-dir, else of KANADE_AGENT_DATA_DIR, else "agent" in KANADE_DATA_DIR.`;

/** What an agent keeps until the broker has it. */
export function addAgentOutbox(agent: Command, session: Session): void {
  const outbox = agent.command("outbox").description("what this machine's agent has not sent yet");

  addLocalCommand(outbox, "list", "what is stuck, and how much waits").action(
    async (options: OutboxOptions) => {
      show(session, options, await readOutbox(dataDirOf(options, session.env)), contentText);
    },
  );

  addLocalCommand(outbox, "retry", "send once more what the broker refused too often").action(
    async (options: OutboxOptions) => {
      const restored = await restoreStuck(dataDirOf(options, session.env));
      show(session, options, { restored }, retriedText);
    },
  );
}

function addLocalCommand(parent: Command, name: string, description: string): Command {
  return parent.command(name)
    .description(description)
    .option("--json", "print JSON, and nothing else on standard output")
    .option("--data-dir <path>", "the agent's data directory")
    .addHelpText("after", HELP);
}

/** The directory that the agent of this machine uses when nobody names one. */
function dataDirOf({ dataDir }: OutboxOptions, env: Environment): string {
  return dataDir ?? env["KANADE_AGENT_DATA_DIR"] ?? join(env["KANADE_DATA_DIR"] ?? "data", "agent");
}
