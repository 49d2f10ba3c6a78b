import type { Command } from "commander";
import * as v from "valibot";
import { Fault } from "../../../wire/fault.ts";
import {
  CellAnswer,
  ExecutionAnswer,
  ExecutionDetail,
  type RunAnswer,
  SentAnswer,
  TransitionAnswer,
} from "../../../wire/http.ts";
import { addCommand, type Session } from "../command.ts";
import { addPaging, type PageOptions, showOne, showRows } from "../list.ts";
import { type Column, renderFacts, renderTable } from "../table.ts";

interface ListOptions extends PageOptions {
  readonly job?: string;
  readonly status?: string;
  readonly timeline?: boolean;
  readonly targets?: boolean;
  readonly sent?: boolean;
}

const COLUMNS: readonly Column<ExecutionAnswer>[] = [
  { heading: "exec_id", text: (row) => row.exec_id },
  { heading: "job", text: (row) => row.job_id },
  { heading: "status", text: (row) => row.status },
  { heading: "pcs", text: (row) => row.target_count },
  { heading: "ok", text: (row) => row.success_count },
  { heading: "failed", text: (row) => row.failure_count },
  { heading: "skipped", text: (row) => row.skipped_count },
  { heading: "expired", text: (row) => row.expired_count },
  { heading: "missing", text: (row) => row.missing_count },
  { heading: "since", text: (row) => row.initiated_at },
  { heading: "by", text: (row) => row.initiated_by },
];

const RUN_COLUMNS: readonly Column<RunAnswer>[] = [
  { heading: "pc", text: (row) => row.pc_id },
  { heading: "outcome", text: (row) => row.outcome ?? "running" },
  { heading: "exit", text: (row) => row.exit_code },
  { heading: "result_id", text: (row) => row.result_id },
  { heading: "output", text: (row) => row.stdout === "" ? row.stderr : row.stdout },
];

const TRANSITION_COLUMNS: readonly Column<TransitionAnswer>[] = [
  { heading: "at", text: (row) => row.at },
  { heading: "from", text: (row) => row.from },
  { heading: "to", text: (row) => row.to },
  { heading: "event", text: (row) => row.event },
  { heading: "waiting", text: (row) => row.counters.waiting },
  { heading: "ok", text: (row) => row.counters.succeeded },
  { heading: "failed", text: (row) => row.counters.failed },
  { heading: "result_id", text: (row) => row.result_id },
];

const TARGET_COLUMNS: readonly Column<CellAnswer>[] = [
  { heading: "pc", text: (row) => row.pc_id },
  { heading: "state", text: (row) => row.state },
  { heading: "reason", text: (row) => row.reason },
  { heading: "exit", text: (row) => row.exit_code },
  { heading: "since", text: (row) => row.finished_at ?? row.started_at },
  { heading: "result_id", text: (row) => row.result_id },
];

export function addExecutions(program: Command, session: Session): void {
  const executions = addCommand(
    program,
    "executions [exec_id]",
    "the newest executions, or all about one",
  );
  addPaging(executions, "20")
    .option("--job <id>", "only those of a job")
    .option("--status <status>", "pending, running, completed or expired")
    .option("--timeline", "the changes of one execution's state")
    .option("--targets", "how each PC of one execution stands")
    .option("--sent", "what was sent to the PCs of one execution")
    .action((execId: string | undefined, options: ListOptions) =>
      execId === undefined ? list(session, options) : showPart(session, execId, options)
    );
}

async function list(session: Session, options: ListOptions): Promise<void> {
  const { job, status, timeline, targets, sent } = options;
  if (timeline === true || targets === true || sent === true) {
    throw new Fault("invalid_input", "Cannot show a part of an execution: name which one");
  }
  await showRows(session, options, {
    row: ExecutionAnswer,
    path: "/api/executions",
    query: { job_id: job, status },
    columns: COLUMNS,
  });
}

async function showPart(session: Session, execId: string, options: ListOptions): Promise<void> {
  const path = `/api/executions/${encodeURIComponent(execId)}`;
  if (options.timeline === true) {
    const all = { row: TransitionAnswer, path: `${path}/timeline`, columns: TRANSITION_COLUMNS };
    return await showRows(session, options, all);
  }
  if (options.targets === true) {
    const all = { row: CellAnswer, path: `${path}/targets`, columns: TARGET_COLUMNS };
    return await showRows(session, options, all);
  }
  if (options.sent === true) {
    const sent = { schema: v.nullable(SentAnswer), path: `${path}/sent` };
    return await showOne(session, options, sent, sentText);
  }
  const detail = { schema: ExecutionDetail, path };
  await showOne(session, options, detail, (value) => detailText(value, session));
}

/** How it is run, and the script as it is. */
function sentText(sent: SentAnswer | null): string {
  if (sent === null) return "another dispatcher sent it, and kept what it was\n";
  const facts = renderFacts([
    ["shell", sent.shell],
    ["timeout", `${sent.timeout_secs} s`],
    ["as", sent.run_as],
    ["in", sent.cwd],
    ["jitter", sent.jitter_secs === null ? null : `${sent.jitter_secs} s`],
    ["retries", sent.retry_max],
    ["script object", sent.script_object],
  ]);
  return sent.script === "" ? facts : `${facts}\n${sent.script.replace(/\n?$/, "\n")}`;
}

function detailText(
  { execution, results, missing, missing_reasons }: ExecutionDetail,
  session: Session,
): string {
  const { isInteractive, columns } = session.terminal;
  const facts = renderFacts([
    ["exec_id", execution.exec_id],
    ["job", execution.job_id],
    ["version", execution.version],
    ["status", execution.status],
    ["since", execution.initiated_at],
    ["by", execution.initiated_by],
    ["pcs", execution.target_count],
    ["ended", execution.ended_at],
    ["killed", execution.killed_at],
    ["retry of", execution.retry_of],
  ]);
  const runs = renderTable(RUN_COLUMNS, results, isInteractive ? columns : undefined);
  const lines = missing.map((pcId, index) =>
    `missing: ${pcId} (${missing_reasons[index] ?? "silent"})\n`
  );
  return `${facts}\n${runs}${lines.join("")}`;
}
