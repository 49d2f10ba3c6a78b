import type { Command } from "commander";
import { writePrivateFile } from "../../../actors/private_file.ts";
import { EnrolAnswer } from "../../../wire/http.ts";
import { addCommand, type CommonOptions, connect, type Session, show } from "../command.ts";

interface EnrolOptions extends CommonOptions {
  readonly out?: string;
  readonly broker?: string;
}

const HELP = `
What it prints is a secret of that PC: the settings of its agent, one on each line.

Example:
  kanade agent enrol till-17 --out till-17.env
  (there)  sudo scripts/install_agent.sh --bundle kanade-agent.mjs --credentials till-17.env`;

/** Agents on other machines: let in with a credential of their own, and shut out. */
export function addEnrolment(agent: Command, session: Session): void {
  addCommand(agent, "enrol <pc>", "give a PC a credential of its own, and say what its agent needs")
    .option("--out <file>", "write it into a file that only you may read, and print nothing of it")
    .option("--broker <url>", "where that PC finds the broker, if not where we say")
    .addHelpText("after", HELP)
    .action((pcId: string, options: EnrolOptions) => enrol(session, pcId, options));

  addCommand(agent, "revoke <pc>", "take a PC's credential away and end its connection")
    .action(async (pcId: string, options: CommonOptions) => {
      const client = await connect(session, options);
      await client.send("POST", `${pathOf(pcId)}/revoke`);
      show(session, options, { pc_id: pcId }, () => `${pcId} is shut out\n`);
    });
}

async function enrol(session: Session, pcId: string, options: EnrolOptions): Promise<void> {
  const client = await connect(session, options);
  const answer = await client.post(EnrolAnswer, `${pathOf(pcId)}/enrol`);
  const servers = options.broker === undefined ? answer.servers : [options.broker];
  const settings = settingsText({ ...answer, servers });
  if (!answer.reachable && options.broker === undefined) {
    session.terminal.err(
      "the broker listens for its own machine only: set KANADE_NATS_BIND there\n",
    );
  }
  if (options.out !== undefined) {
    await writePrivateFile(options.out, settings);
    show(session, options, { pc_id: pcId, file: options.out }, ({ file }) => `wrote ${file}\n`);
  } else show(session, options, { ...answer, servers }, () => settings);
}

function pathOf(pcId: string): string {
  return `/api/agents/${encodeURIComponent(pcId)}`;
}

/** As systemd and a shell read it. */
function settingsText(answer: EnrolAnswer): string {
  const settings = [
    ["KANADE_PC_ID", answer.pc_id],
    ["KANADE_NATS_URL", answer.servers.join(",")],
    ["KANADE_NATS_USER", answer.user],
    ["KANADE_NATS_PASSWORD", answer.password],
    ["KANADE_COMMAND_KEYS", answer.command_keys.join(",")],
  ];
  return settings
    .filter(([, value]) => value !== "")
    .map(([name, value = ""]) => `${name}=${quoted(value)}\n`)
    .join("");
}

function quoted(value: string): string {
  return /^[\w.:/,@+=-]*$/.test(value) ? value : `"${value.replaceAll(/["\\$`]/g, "\\$&")}"`;
}
