/** Runs as rows, with the first of what they printed. */
import type { RunAnswer } from "../../wire/http.ts";
import { outcomeOf } from "../shared/outcomes.ts";
import { noteOf } from "../shared/reasons.ts";
import { linkTo } from "../shared/router.ts";
import { shownSpan, spanBetween } from "../shared/time.ts";
import { OutcomeLabel } from "../shared/ui/outcome.tsx";
import { type Column, Table } from "../shared/ui/table.tsx";
import { Since, Time } from "../shared/ui/time.tsx";

const PC: Column<RunAnswer> = {
  head: "PC",
  kind: "what",
  cell: (run) => <a class="strong" href={linkTo(["runs", run.result_id])}>{run.pc_id}</a>,
};
const JOB: Column<RunAnswer> = { head: "Job", kind: "job", cell: workOf };
const LINKED_JOB: Column<RunAnswer> = {
  head: "Job",
  kind: "what",
  cell: (run) => <a class="strong" href={linkTo(["runs", run.result_id])}>{workOf(run)}</a>,
};
const FURTHER: readonly Column<RunAnswer>[] = [
  { head: "State", kind: "state", cell: stateOf },
  { head: "Started", kind: "when", cell: ({ started_at }) => <Time at={started_at} /> },
  {
    head: "Took",
    kind: "number nowrap took",
    cell: ({ started_at, finished_at }) =>
      finished_at === null
        ? <Since at={started_at} />
        : shownSpan(spanBetween(started_at, finished_at)),
  },
  { head: "Output", kind: "preview mono small whole", cell: (run) => <Preview run={run} /> },
];
const OF_ANY_PC = [PC, JOB, ...FURTHER];
/** Of the same PC: its name need not stand in every row. */
const OF_ONE_PC = [LINKED_JOB, ...FURTHER];

export function RunsTable({ runs, onePc = false }: {
  readonly runs: readonly RunAnswer[];
  readonly onePc?: boolean;
}) {
  return (
    <Table
      label="Runs as rows"
      kind="runs"
      rows={runs}
      columns={onePc ? OF_ONE_PC : OF_ANY_PC}
      keyOf={({ result_id }) => result_id}
    />
  );
}

function workOf({ job_id }: RunAnswer): string {
  return job_id === "adhoc" || job_id === null ? "ad-hoc script" : job_id;
}

function stateOf(run: RunAnswer) {
  const outcome = outcomeOf(run.outcome);
  const note = noteOf({ outcome, reason: run.outcome_reason, exitCode: run.exit_code });
  return <OutcomeLabel outcome={outcome} note={note} />;
}

/** The line that was found, else the first one. */
function Preview({ run }: { readonly run: RunAnswer }) {
  const found = run.stdout_match ?? run.stderr_match;
  if (found != null && found !== "") return <mark>{plain(found)}</mark>;
  const first = (run.stdout === "" ? run.stderr : run.stdout).trimStart().split("\n", 1)[0] ?? "";
  return <span class="muted">{plain(first)}</span>;
}

/** Without what a terminal would take for a colour. */
function plain(text: string): string {
  return text.replaceAll(/\u001b\[[0-9;:]*[A-Za-z]/g, "");
}
