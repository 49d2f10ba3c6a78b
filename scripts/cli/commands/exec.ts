import type { Command } from "commander";
import { DispatchAnswerBody, type ExecutionAnswer } from "../../../wire/http.ts";
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
import { EXIT } from "../exit_codes.ts";
import { followExecution } from "../follow_execution.ts";
import { createProgressView } from "../progress.ts";

interface ExecOptions extends CommonOptions {
  readonly pc?: readonly string[];
  readonly group?: readonly string[];
  readonly all?: boolean;
  readonly jitter?: string;
  readonly deadline?: string;
  readonly wait?: boolean;
}

const HELP = `
Without --wait it ends as soon as the execution is accepted. With --wait it ends with ${EXIT.ok} only when
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
  const accepted = await client.postOnce(DispatchAnswerBody, path, plan);
  if (options.wait !== true) {
    show(session, options, accepted, acceptedLine);
    return EXIT.ok;
  }
  session.terminal.err(acceptedLine(accepted));
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

function endLine(execution: ExecutionAnswer): string {
  const { success_count, failure_count, skipped_count, expired_count, missing_count } = execution;
  const counts = [
    `${success_count} succeeded`,
    `${failure_count} failed`,
    `${skipped_count} skipped`,
    `${expired_count} expired`,
    `${missing_count} missing`,
  ];
  return `${execution.status}: ${counts.join(", ")}\n`;
}

/** A second run of a PC may have failed where the first succeeded: that is no success either. */
function allSucceeded(execution: ExecutionAnswer): boolean {
  const { failure_count, skipped_count, expired_count, missing_count } = execution;
  return execution.status === "completed" &&
    failure_count + skipped_count + expired_count + missing_count === 0;
}
