import type { Command } from "commander";
import * as v from "valibot";
import {
  ExecutionAnswer,
  ExecutionDetail,
  type RunAnswer,
  TransitionAnswer,
} from "../../../wire/http.ts";
import {
  addCommand,
  type CommonOptions,
  connect,
  type Session,
  show,
  showList,
  showMore,
} from "../command.ts";
import { type Column, renderFacts, renderTable } from "../table.ts";

interface ListOptions extends CommonOptions {
  readonly limit?: string;
  readonly cursor?: string;
  readonly job?: string;
  readonly status?: string;
  readonly timeline?: boolean;
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

export function addExecutions(program: Command, session: Session): void {
  addCommand(program, "executions [exec_id]", "the newest executions, or all about one")
    .option("--limit <count>", "how many", "20")
    .option("--cursor <cursor>", "go on where a list ended")
    .option("--job <id>", "only those of a job")
    .option("--status <status>", "pending, running, completed or expired")
    .option("--timeline", "the changes of one execution's state")
    .action((execId: string | undefined, options: ListOptions) =>
      execId === undefined ? list(session, options) : showOne(session, execId, options)
    );
}

async function list(session: Session, options: ListOptions): Promise<void> {
  const client = await connect(session, options);
  const { limit, cursor, job, status } = options;
  const page = await client.page(v.array(ExecutionAnswer), "/api/executions", {
    query: { limit, cursor, job_id: job, status },
  });
  showList(session, options, page.rows, COLUMNS);
  showMore(session, page);
}

async function showOne(session: Session, execId: string, options: ListOptions): Promise<void> {
  const client = await connect(session, options);
  const path = `/api/executions/${encodeURIComponent(execId)}`;
  if (options.timeline === true) {
    const transitions = await client.get(v.array(TransitionAnswer), `${path}/timeline`);
    showList(session, options, transitions, TRANSITION_COLUMNS);
    return;
  }
  const detail = await client.get(ExecutionDetail, path);
  show(session, options, detail, (value) => detailText(value, session));
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
