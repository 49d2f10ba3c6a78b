import type { Command } from "commander";
import {
  RolloutAnswer,
  RolloutDetail,
  type RolloutTransitionAnswer,
  type WaveAnswer,
} from "../../../wire/http_rollouts.ts";
import { addCommand, type CommonOptions, connect, type Session, show } from "../command.ts";
import { addPaging, type PageOptions, showOne, showRows } from "../list.ts";
import { type Column, renderFacts, renderTable } from "../table.ts";

interface ListOptions extends PageOptions {
  readonly status?: string;
}

const COLUMNS: readonly Column<RolloutAnswer>[] = [
  { heading: "exec_id", text: (row) => row.exec_id },
  { heading: "job", text: (row) => row.job_id },
  { heading: "status", text: (row) => row.status },
  { heading: "wave", text: (row) => `${row.wave} of ${row.waves}` },
  { heading: "until", text: (row) => row.due_at ?? row.soak_until },
  { heading: "why", text: (row) => row.reason ?? row.held },
  { heading: "since", text: (row) => row.created_at },
];

const WAVE_COLUMNS: readonly Column<WaveAnswer>[] = [
  { heading: "wave", text: (row) => row.wave },
  { heading: "who", text: (row) => row.group ?? `${row.percent} %` },
  { heading: "pcs", text: (row) => row.target_count },
  { heading: "ok", text: (row) => row.success_count },
  { heading: "failed", text: (row) => row.failure_count },
  { heading: "skipped", text: (row) => row.skipped_count },
  { heading: "running", text: (row) => row.in_flight },
  { heading: "missing", text: (row) => row.missing_count },
  { heading: "began", text: (row) => row.began_at },
  { heading: "sent", text: (row) => row.sent_at },
];

const TRANSITION_COLUMNS: readonly Column<RolloutTransitionAnswer>[] = [
  { heading: "at", text: (row) => row.at },
  { heading: "from", text: (row) => row.from },
  { heading: "to", text: (row) => row.to },
  { heading: "event", text: (row) => row.event },
  { heading: "wave", text: (row) => row.wave },
  { heading: "by", text: (row) => row.actor },
  { heading: "why", text: (row) => row.why },
];

/** Executions in waves. */
export function addRollouts(program: Command, session: Session): void {
  const rollout = program.command("rollout").description("executions in waves");

  addPaging(addCommand(rollout, "list", "the newest rollouts"), "20")
    .option("--status <status>", "such as soaking, paused or stopped")
    .action((options: ListOptions) =>
      showRows(session, options, {
        row: RolloutAnswer,
        path: "/api/rollouts",
        query: { status: options.status },
        columns: COLUMNS,
      })
    );

  addCommand(rollout, "show <exec_id>", "its waves, and what became of it").action(
    (execId: string, options: CommonOptions) =>
      showOne(
        session,
        options,
        { schema: RolloutDetail, path: pathOf(execId) },
        (detail) => detailText(detail, session),
      ),
  );

  addSteering(rollout, session, "pause", "let no further wave begin until it is resumed");
  addSteering(rollout, session, "resume", "go on where the pause began");
  addSteering(rollout, session, "abort", "let no further wave begin, for good; what runs goes on");
}

function addSteering(rollout: Command, session: Session, wish: string, description: string): void {
  addCommand(rollout, `${wish} <exec_id>`, description).action(
    async (execId: string, options: CommonOptions) => {
      const client = await connect(session, options);
      const answer = await client.post(RolloutAnswer, `${pathOf(execId)}/${wish}`);
      show(session, options, answer, stateLine);
    },
  );
}

function pathOf(execId: string): string {
  return `/api/rollouts/${encodeURIComponent(execId)}`;
}

function stateLine({ status, wave, waves }: RolloutAnswer): string {
  return `${status}, wave ${wave} of ${waves}\n`;
}

function detailText({ rollout, waves, transitions }: RolloutDetail, session: Session): string {
  const { isInteractive, columns } = session.terminal;
  const width = isInteractive ? columns : undefined;
  const { failures, percent } = rollout.stop_at;
  const facts = renderFacts([
    ["exec_id", rollout.exec_id],
    ["job", rollout.job_id],
    ["status", rollout.status],
    ["wave", `${rollout.wave} of ${rollout.waves}`],
    ["due", rollout.due_at],
    ["soaks until", rollout.soak_until],
    ["held", rollout.held],
    ["why", rollout.reason],
    ["soak, seconds", rollout.soak_secs],
    ["stops at failures", failures],
    ["stops at percent of a wave", percent],
    ["ended", rollout.ended_at],
  ]);
  const tables = [
    renderTable(WAVE_COLUMNS, waves, width),
    renderTable(TRANSITION_COLUMNS, transitions, width),
  ];
  return `${facts}\n${tables.join("\n")}`;
}
