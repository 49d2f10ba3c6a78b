import type { ComponentChildren } from "preact";
import type { RunAnswer } from "../../../wire/http.ts";
import { outcomeOf } from "../../shared/outcomes.ts";
import { isReal, noteOf } from "../../shared/reasons.ts";
import { linkTo } from "../../shared/router.ts";
import { shownBytes, shownSpan, spanBetween, utcTime } from "../../shared/time.ts";
import { Mark, OutcomeLabel } from "../../shared/ui/outcome.tsx";
import { PageHead } from "../../shared/ui/page.tsx";
import { Problem, Skeleton } from "../../shared/ui/states.tsx";
import { Since, Time } from "../../shared/ui/time.tsx";
import type { PageProps } from "../page_props.ts";
import { KillRunButton } from "../run/kill_run.tsx";
import { OutputView } from "../run/output_view.tsx";
import { type RunStream, useRunStream } from "../run/run_stream.ts";

export function RunPage({ id = "" }: PageProps) {
  const stream = useRunStream(id);
  const { run, error, again } = stream;
  if (run === undefined) {
    if (error === undefined) return <Skeleton />;
    return (
      <>
        <PageHead title="Run" crumbs={<a href="#/search">Runs</a>} />
        <Problem error={error} retry={again} />
      </>
    );
  }
  return (
    <>
      <RunHead run={run} />
      {error !== undefined && <Problem error={error} retry={again} />}
      <RunFacts run={run} />
      <StreamState stream={stream} />
      <OutputView
        output={stream.output}
        version={stream.version}
        isLive={run.outcome === null}
        name={`${run.pc_id}-${run.result_id.slice(0, 8)}`}
        nothing={nothingOf(run)}
      />
    </>
  );
}

function RunHead({ run }: { readonly run: RunAnswer }) {
  const outcome = outcomeOf(run.outcome);
  return (
    <PageHead
      title={`Run on ${run.pc_id}`}
      name={
        <>
          <Mark outcome={outcome} /> {run.pc_id}
        </>
      }
      crumbs={run.exec_id === null ? "A run without an execution" : (
        <>
          <a href="#/executions">Executions</a> /{" "}
          <a href={linkTo(["executions", run.exec_id])}>{run.job_id ?? "ad-hoc script"}</a>
        </>
      )}
    >
      {run.exec_id !== null && (
        <a
          class="button"
          href={`/inspector${linkTo(["executions", run.exec_id], { result: run.result_id })}`}
        >
          Why is it so?
        </a>
      )}
      <KillRunButton run={run} />
    </PageHead>
  );
}

function RunFacts({ run }: { readonly run: RunAnswer }) {
  const outcome = outcomeOf(run.outcome);
  return (
    <section class="card padded" aria-label="Facts">
      <dl class="facts">
        <Fact name="State">
          <OutcomeLabel outcome={outcome} note={whyOf(run)} />
        </Fact>
        <Fact name="Exit code">
          <ExitCode run={run} />
        </Fact>
        <Fact name="Started">
          <Time at={run.started_at} />
        </Fact>
        <Fact name={run.finished_at === null ? "Runs for" : "Took"}>
          {run.finished_at === null
            ? <Since at={run.started_at} />
            : (
              <span class="number" title={`ended ${utcTime(new Date(run.finished_at))}`}>
                {shownSpan(spanBetween(run.started_at, run.finished_at))}
              </span>
            )}
        </Fact>
        <Fact name="Output">
          {run.outcome === null
            ? <span class="muted">as it comes</span>
            : `${shownBytes(run.stdout_bytes)} stdout, ${shownBytes(run.stderr_bytes)} stderr`}
        </Fact>
        <Fact name="PC">
          <a href={linkTo(["agents", run.pc_id])}>{run.pc_id}</a>
        </Fact>
        <Fact name="Run id">
          <span class="mono small">{run.result_id}</span>
        </Fact>
      </dl>
      <Notes run={run} />
    </section>
  );
}

function Fact({ name, children }: {
  readonly name: string;
  readonly children: ComponentChildren;
}) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Beside the outcome: the exit code has a place of its own. */
function whyOf({ outcome, outcome_reason: reason, exit_code: exitCode }: RunAnswer) {
  if (reason === null && outcome !== "skipped") return undefined;
  return noteOf({ outcome: outcomeOf(outcome), reason, exitCode });
}

function ExitCode({ run }: { readonly run: RunAnswer }) {
  const outcome = outcomeOf(run.outcome);
  if (run.exit_code === null) return <span class="muted">not known yet</span>;
  if (isReal({ outcome, exitCode: run.exit_code })) {
    return <span class="number">{run.exit_code}</span>;
  }
  return <span class="muted">nobody knows: it was given up</span>;
}

/** What one should know before one believes one's eyes. */
function Notes({ run }: { readonly run: RunAnswer }) {
  const notes = [
    run.late && "It was given up, and then its real result came: this is the truth.",
    run.output_unavailable && "Its output was gone from the broker when it was fetched.",
  ].filter((note) => note !== false);
  if (notes.length === 0) return null;
  return <p class="run-notes muted">{notes.join(" ")}</p>;
}

const SOURCES: Readonly<Record<string, string>> = {
  polled: "This agent is too old to send output as it is printed: it is asked each second.",
  away: "The agent does not answer now. Output goes on when it is back, and is whole in the end.",
  busy: "Too many runs are watched at once: the output appears when the run has ended.",
};

function StreamState({ stream: { run, source, connection } }: { readonly stream: RunStream }) {
  if (run?.outcome !== null) return null;
  const words = connection === "broken"
    ? "The connection is lost; the output goes on where it stopped when it is back."
    : SOURCES[source ?? ""];
  return words === undefined ? null : <p class="notice" role="status">{words}</p>;
}

function nothingOf(run: RunAnswer): string {
  if (run.outcome === null) return "Nothing printed yet.";
  if (run.outcome === "expired") return "Nothing was heard of this run any more.";
  return "It printed nothing.";
}
