/** Runs as rows, with the first of what they printed. */
import type { RunAnswer } from "../../wire/http.ts";
import { outcomeOf } from "../shared/outcomes.ts";
import { noteOf } from "../shared/reasons.ts";
import { linkTo } from "../shared/router.ts";
import { shownSpan, spanBetween } from "../shared/time.ts";
import { OutcomeLabel } from "../shared/ui/outcome.tsx";
import { Since, Time } from "../shared/ui/time.tsx";

export function RunsTable({ runs, onePc = false }: {
  readonly runs: readonly RunAnswer[];
  /** All of the same PC: its name need not stand in every row. */
  readonly onePc?: boolean;
}) {
  return (
    <div class="table-wrap">
      <table class="runs stacked" role="table">
        <thead role="rowgroup">
          <tr role="row">
            {!onePc && <th scope="col" role="columnheader">PC</th>}
            <th scope="col" role="columnheader">Job</th>
            <th scope="col" role="columnheader">State</th>
            <th scope="col" role="columnheader">Started</th>
            <th scope="col" role="columnheader">Took</th>
            <th scope="col" role="columnheader">Output</th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {runs.map((run) => <RunRow key={run.result_id} run={run} onePc={onePc} />)}
        </tbody>
      </table>
    </div>
  );
}

function RunRow({ run, onePc }: { readonly run: RunAnswer; readonly onePc: boolean }) {
  const work = run.job_id === "adhoc" || run.job_id === null ? "ad-hoc script" : run.job_id;
  const href = linkTo(["runs", run.result_id]);
  const outcome = outcomeOf(run.outcome);
  const note = noteOf({ outcome, reason: run.outcome_reason, exitCode: run.exit_code });
  return (
    <tr role="row">
      {!onePc && (
        <td role="cell" class="what">
          <a class="strong" href={href}>{run.pc_id}</a>
        </td>
      )}
      <td role="cell" class={onePc ? "what" : "job"}>
        {onePc ? <a class="strong" href={href}>{work}</a> : work}
      </td>
      <td role="cell" class="state">
        <OutcomeLabel outcome={outcome} note={note} />
      </td>
      <td role="cell" class="when">
        <Time at={run.started_at} />
      </td>
      <td role="cell" class="number nowrap took">
        {run.finished_at === null
          ? <Since at={run.started_at} />
          : shownSpan(spanBetween(run.started_at, run.finished_at))}
      </td>
      <td role="cell" class="preview mono small whole">
        <Preview run={run} />
      </td>
    </tr>
  );
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
