import type { Command } from "commander";
import { Fault } from "../../../wire/fault.ts";
import { RunAnswer } from "../../../wire/http.ts";
import type { ApiClient } from "../api_client.ts";
import { addCommand, type CommonOptions, connect, type Session } from "../command.ts";
import { EXIT } from "../exit_codes.ts";
import { followOutput } from "../follow_output.ts";
import { followToEnd, showOutputs } from "../follow_outputs.ts";
import { addPaging, type PageOptions, showOne, showRows } from "../list.ts";
import { literal } from "../literal.ts";
import { type Column, renderFacts } from "../table.ts";

interface ListOptions extends PageOptions {
  readonly pc?: string;
  readonly job?: string;
  readonly exec?: string;
  readonly status?: string;
  readonly since?: string;
}

interface TailOptions extends CommonOptions {
  readonly follow?: boolean;
}

const COLUMNS: readonly Column<RunAnswer>[] = [
  { heading: "result_id", text: (row) => row.result_id },
  { heading: "pc", text: (row) => row.pc_id },
  { heading: "job", text: (row) => row.job_id },
  { heading: "outcome", text: (row) => row.outcome ?? "running" },
  { heading: "exit", text: (row) => row.exit_code },
  { heading: "started", text: (row) => row.started_at },
  { heading: "output", text: (row) => row.stdout === "" ? row.stderr : row.stdout },
];

export function addResults(
  program: Command,
  session: Session,
  end: (exitCode: number) => void,
): void {
  addPaging(addCommand(program, "results [result_id]", "the newest runs, or one whole"), "20")
    .option("--pc <regex>", "only those of PCs that match")
    .option("--job <regex>", "only those of jobs that match")
    .option("--exec <exec_id>", "only those of one execution")
    .option("--status <status>", "success, failure, failed, running, skipped or expired")
    .option("--since <time>", "only those that started at or after this RFC 3339 time")
    .action((resultId: string | undefined, options: ListOptions) =>
      resultId === undefined ? list(session, options) : showRun(session, resultId, options)
    );

  addCommand(program, "tail <id>", "the output of a run so far, or of all runs of an execution")
    .option("-f, --follow", "go on until it ends; of a run, end with its exit code")
    .action(async (id: string, options: TailOptions) => {
      const client = await connect(session, options);
      end(await tail(session, client, id, options));
    });
}

/** An id of no run may be that of an execution. */
async function tail(
  session: Session,
  client: ApiClient,
  id: string,
  options: TailOptions,
): Promise<number> {
  try {
    return await followOutput(session, client, id, options);
  } catch (thrown) {
    if (!(thrown instanceof Fault) || thrown.code !== "not_found") throw thrown;
  }
  if (options.follow !== true) {
    await showOutputs(client, id, session.terminal);
    return EXIT.ok;
  }
  return await followToEnd(session, client, id, options);
}

function list(session: Session, options: ListOptions): Promise<void> {
  const { pc, job, exec, status, since } = options;
  const exec_id = exec === undefined ? undefined : `^${literal(exec)}$`;
  return showRows(session, options, {
    row: RunAnswer,
    path: "/api/results",
    query: { pc_id: pc, job_id: job, exec_id, status, since },
    columns: COLUMNS,
  });
}

function showRun(session: Session, resultId: string, options: ListOptions): Promise<void> {
  const path = `/api/results/${encodeURIComponent(resultId)}`;
  return showOne(session, options, { schema: RunAnswer, path }, runText);
}

function runText(run: RunAnswer): string {
  const facts = renderFacts([
    ["result_id", run.result_id],
    ["exec_id", run.exec_id],
    ["pc", run.pc_id],
    ["job", run.job_id],
    ["version", run.version],
    ["outcome", run.outcome ?? "running"],
    ["reason", run.outcome_reason],
    ["exit", run.exit_code],
    ["started", run.started_at],
    ["finished", run.finished_at],
  ]);
  return `${facts}${section("stdout", run.stdout)}${section("stderr", run.stderr)}`;
}

function section(name: string, text: string): string {
  if (text === "") return "";
  return `\n--- ${name}\n${text}${text.endsWith("\n") ? "" : "\n"}`;
}
