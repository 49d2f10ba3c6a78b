import type { Command } from "commander";
import { Fault } from "../../../wire/fault.ts";
import { KillAnswer } from "../../../wire/http.ts";
import { JobKillAnswer, PcKillAnswer, RunKillAnswer } from "../../../wire/http_kills.ts";
import { addCommand, type CommonOptions, connect, type Session, show } from "../command.ts";

interface KillOptions extends CommonOptions {
  readonly job?: string;
  readonly pc?: string;
  readonly run?: string;
}

const HELP = `
A kill is recorded, so it holds for a PC that is away, too. What is said to be reached is what the agent itself said.`;

export function addKill(program: Command, session: Session): void {
  addCommand(program, "kill [exec_id]", "stop an execution everywhere, or what the option names")
    .option("--job <id>", "every execution of a job that has not ended")
    .option("--pc <pc>", "everything that one PC runs or is to run")
    .option("--run <result_id>", "one run")
    .addHelpText("after", HELP)
    .action((execId: string | undefined, options: KillOptions) => kill(session, execId, options));
}

async function kill(
  session: Session,
  execId: string | undefined,
  options: KillOptions,
): Promise<void> {
  const { job, pc, run } = options;
  if ([execId, job, pc, run].filter((one) => one !== undefined).length !== 1) {
    throw new Fault(
      "invalid_input",
      "Cannot kill: name one execution, or one of --job, --pc, --run",
    );
  }
  const client = await connect(session, options);
  if (execId !== undefined) {
    const path = `/api/executions/${encodeURIComponent(execId)}/kill`;
    const answer = await client.postOnce(KillAnswer, path, {});
    show(
      session,
      options,
      answer,
      ({ in_flight }) => `killed, with ${runs(in_flight)} in flight\n`,
    );
  } else if (job !== undefined) {
    const path = `/api/jobs/${encodeURIComponent(job)}/kill`;
    show(session, options, await client.postOnce(JobKillAnswer, path, {}), jobText);
  } else if (pc !== undefined) {
    const path = `/api/agents/${encodeURIComponent(pc)}/kill`;
    show(session, options, await client.postOnce(PcKillAnswer, path, {}), reachedText);
  } else {
    const path = `/api/results/${encodeURIComponent(run ?? "")}/kill`;
    show(session, options, await client.postOnce(RunKillAnswer, path, {}), reachedText);
  }
}

function runs(count: number): string {
  return count === 1 ? "1 run" : `${count} runs`;
}

function jobText({ executions }: JobKillAnswer): string {
  if (executions.length === 0) return "nothing of it was open\n";
  const lines = executions.map(({ exec_id, in_flight }) =>
    `${exec_id}: killed, with ${runs(in_flight)} in flight\n`
  );
  return lines.join("");
}

function reachedText({ pc_id, executions, reached, killed }: PcKillAnswer | RunKillAnswer): string {
  const said = reached
    ? `${pc_id} ends ${runs(killed.length)}`
    : `${pc_id} does not answer; it is killed when it comes back, if its agent is one of ours`;
  const whole = executions.filter((one) => one.whole).map(({ exec_id }) => `${exec_id}: killed\n`);
  return `${said}\n${whole.join("")}`;
}
