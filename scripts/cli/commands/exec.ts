import type { Command } from "commander";
import { DispatchAnswerBody } from "../../../wire/http.ts";
import { decodePlan } from "../../../wire/plan.ts";
import type { ApiClient } from "../api_client.ts";
import {
  addCommand,
  collect,
  type CommonOptions,
  connect,
  type Session,
  show,
} from "../command.ts";
import { orSuggest } from "../suggest.ts";
import { jobIds } from "./jobs.ts";
import { EXIT } from "../exit_codes.ts";
import { allSucceeded, endLine } from "../execution_end.ts";
import { followExecution } from "../follow_execution.ts";
import { followToEnd } from "../follow_outputs.ts";
import { createProgressView } from "../progress.ts";

interface ExecOptions extends CommonOptions {
  readonly pc?: readonly string[];
  readonly group?: readonly string[];
  readonly all?: boolean;
  readonly jitter?: string;
  readonly deadline?: string;
  readonly wait?: boolean;
  readonly follow?: boolean;
}

const HELP = `
Without --wait or --follow it ends as soon as the execution is accepted. With one of them it ends with ${EXIT.ok} only when
every PC succeeded, else with ${EXIT.failed}.

Examples:
  kanade exec inventory --all --jitter 5m
  kanade exec patch --group canary --pc pc-17 --wait`;

export function addExec(program: Command, session: Session, end: (exitCode: number) => void): void {
  addCommand(program, "exec <job>", "fire a job at PCs")
    .option("--pc <pc>", "a PC (may be given several times)", collect)
    .option("--group <group>", "a group (may be given several times)", collect)
    .option("--all", "every PC that is known")
    .option("--jitter <duration>", "each PC waits up to this long before it starts")
    .option("--deadline <time>", "no PC starts after this RFC 3339 time")
    .option("--wait", "wait until every PC has ended")
    .option("-f, --follow", "show what every PC prints, and wait")
    .addHelpText("after", HELP)
    .action(async (jobId: string, options: ExecOptions) => {
      end(await exec(session, jobId, options));
    });
}

async function exec(session: Session, jobId: string, options: ExecOptions): Promise<number> {
  const plan = decodePlan({
    target: { all: options.all ?? false, groups: options.group ?? [], pcs: options.pc ?? [] },
    ...(options.jitter === undefined ? {} : { jitter: options.jitter }),
    ...(options.deadline === undefined ? {} : { deadline_at: options.deadline }),
  });
  const client = await connect(session, options);
  const path = `/api/exec/${encodeURIComponent(jobId)}`;
  const accepted = await orSuggest(
    jobId,
    () => jobIds(client),
    () => client.postOnce(DispatchAnswerBody, path, plan),
  );
  if (options.wait !== true && options.follow !== true) {
    show(session, options, accepted, acceptedLine);
    return EXIT.ok;
  }
  session.terminal.err(acceptedLine(accepted));
  if (options.follow === true) return followToEnd(session, client, accepted.exec_id, options);
  return waitForEnd(session, client, accepted.exec_id, options);
}

async function waitForEnd(
  session: Session,
  client: ApiClient,
  execId: string,
  options: ExecOptions,
): Promise<number> {
  const view = createProgressView(session.terminal);
  const follow = followExecution(client, execId, view.update, session.signal);
  const detail = await follow.finally(() => view.close());
  show(session, options, detail, ({ execution }) => endLine(execution));
  return allSucceeded(detail.execution) ? EXIT.ok : EXIT.failed;
}

function acceptedLine(
  { exec_id, job_id, version, target_count, published }: DispatchAnswerBody,
): string {
  const pcs = target_count === 1 ? "1 PC" : `${target_count} PCs`;
  const later = published ? "" : "; it goes out when the broker is back";
  return `${exec_id}: ${job_id} ${version} on ${pcs}${later}\n`;
}
