/** Runs as rows, with the first of what they printed. */
import type { RunAnswer } from "../../wire/http.ts";
import { outcomeOf } from "../shared/outcomes.ts";
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
      <table class="runs">
        <thead>
          <tr>
            {!onePc && <th scope="col">PC</th>}
            <th scope="col">Job</th>
            <th scope="col">State</th>
            <th scope="col">Started</th>
            <th scope="col">Took</th>
            <th scope="col">Output</th>
          </tr>
        </thead>
        <tbody>{runs.map((run) => <RunRow key={run.result_id} run={run} onePc={onePc} />)}</tbody>
      </table>
    </div>
  );
}

function RunRow({ run, onePc }: { readonly run: RunAnswer; readonly onePc: boolean }) {
  const work = run.job_id === "adhoc" || run.job_id === null ? "ad-hoc script" : run.job_id;
  const href = linkTo(["runs", run.result_id]);
  const exit = run.exit_code === null || run.exit_code === 0 ? undefined : `exit ${run.exit_code}`;
  return (
    <tr>
      {!onePc && (
        <td>
          <a class="strong" href={href}>{run.pc_id}</a>
        </td>
      )}
      <td>{onePc ? <a class="strong" href={href}>{work}</a> : work}</td>
      <td>
        <OutcomeLabel outcome={outcomeOf(run.outcome)} note={exit} />
      </td>
      <td>
        <Time at={run.started_at} />
      </td>
      <td class="number nowrap">
        {run.finished_at === null
          ? <Since at={run.started_at} />
          : shownSpan(spanBetween(run.started_at, run.finished_at))}
      </td>
      <td class="preview mono small">
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
