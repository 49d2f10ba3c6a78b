/** The messages of one run, as a sequence diagram from what was recorded. */
import { useEffect } from "preact/hooks";
import type { SequenceAnswer } from "../../../wire/http_inspector.ts";
import { ask, pathOf } from "../../shared/api.ts";
import { onLiveEvent } from "../../shared/live.ts";
import { refreshSoon, useQuery } from "../../shared/queries.ts";
import { linkTo } from "../../shared/router.ts";
import { utcTime } from "../../shared/time.ts";
import { PageHead } from "../../shared/ui/page.tsx";
import { LoadablePage } from "../../shared/ui/states.tsx";
import { Time } from "../../shared/ui/time.tsx";
import { ArrowHeads } from "../arrow_heads.tsx";
import { Deadlines } from "../deadlines.tsx";

/** Between the lives of the parties, and between messages, pixels. */
const COLUMN = 150;
const ROW = 58;
const HEAD = 52;
const SIDE = 84;
/** It is made smaller to fit, but not so small that it cannot be read. */
const READABLE = 760;

type Step = SequenceAnswer["steps"][number];

export function SequencePage({ resultId }: { readonly resultId: string }) {
  const key = ["sequence", resultId];
  const sequence = useQuery({
    key,
    load: ({ signal }) =>
      ask<SequenceAnswer>(pathOf("api", "inspector", "runs", resultId, "sequence"), { signal }),
  });
  // Its beginning and its end, and a kill of its execution.
  const execId = sequence.data?.exec_id;
  useEffect(
    () =>
      onLiveEvent((event) => {
        const isOfRun = "result_id" in event && event.result_id === resultId;
        const isOfExecution = "exec_id" in event && event.exec_id === execId &&
          event.type !== "run";
        if (isOfRun || isOfExecution) refreshSoon(key);
      }),
    [resultId, execId],
  );
  return (
    <LoadablePage
      query={sequence}
      title="Messages of a run"
      crumbs={<a href="#/executions">Executions</a>}
    >
      {(told) => (
        <>
          <PageHead
            title={`Messages of the run on ${told.pc_id}`}
            crumbs={told.exec_id === null
              ? <a href="#/executions">Executions</a>
              : <a href={linkTo(["executions", told.exec_id])}>Its execution</a>}
          >
            {told.in_flight && (
              <a
                class="button"
                href={linkTo(["machines", "agent_command"], {
                  agent: told.pc_id,
                  live: told.request_id,
                })}
              >
                Watch its command
              </a>
            )}
            <a class="button" href={`/${linkTo(["runs", resultId])}`}>Its output</a>
          </PageHead>
          <p class="lead">
            Drawn from what was recorded and from what the streams still hold, in the order in which
            it happened. Clocks of different machines differ: each time says whose it is.
          </p>
          <Deadlines deadlines={told.deadlines} from={null} />
          <section class="card" aria-label="Sequence">
            <Diagram sequence={told} />
          </section>
          <section class="card" aria-label="The same as a table">
            <Steps
              steps={told.steps}
              titles={new Map(told.parties.map(({ id, title }) => [id, title]))}
            />
          </section>
        </>
      )}
    </LoadablePage>
  );
}

function Diagram({ sequence: { parties, steps } }: { readonly sequence: SequenceAnswer }) {
  const width = SIDE * 2 + COLUMN * (parties.length - 1);
  const height = HEAD + ROW * steps.length + 28;
  const xOf = (id: string) => SIDE + COLUMN * parties.findIndex((party) => party.id === id);
  return (
    <div class="chart-scroller whole" tabIndex={0} role="region" aria-label="Sequence diagram">
      <svg
        class="sequence"
        width={width}
        height={height}
        style={{ minWidth: Math.min(width, READABLE) }}
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label="Messages between the parties; the table below says the same"
      >
        <ArrowHeads ids={["message", "message-not-yet"]} size={8} orient="auto" />
        {parties.map(({ id, title }) => (
          <g key={id} class="party">
            <line x1={xOf(id)} x2={xOf(id)} y1={HEAD - 10} y2={height - 10} />
            <rect x={xOf(id) - 66} y={10} width="132" height="30" rx="8" />
            <text x={xOf(id)} y={30} text-anchor="middle">{cut(title)}</text>
          </g>
        ))}
        {steps.map((step, index) => (
          <Message
            key={`${step.label} ${index}`}
            step={step}
            from={xOf(step.from)}
            to={xOf(step.to)}
            y={HEAD + ROW * index + 40}
          />
        ))}
      </svg>
    </div>
  );
}

function Message({ step, from, to, y }: {
  readonly step: Step;
  readonly from: number;
  readonly to: number;
  readonly y: number;
}) {
  const isOwn = from === to;
  const way = isOwn
    ? `M${from} ${y - 12}h28v16h-22`
    : `M${from} ${y}H${to > from ? to - 3 : to + 3}`;
  const middle = isOwn ? from + 40 : (from + to) / 2;
  return (
    <g class="message" data-happened={step.happened}>
      <path d={way} marker-end={`url(#message${step.happened ? "" : "-not-yet"})`} />
      <text
        class="label"
        x={middle}
        y={y - (isOwn ? 2 : 8)}
        text-anchor={isOwn ? "start" : "middle"}
      >
        {step.label}
      </text>
      <text class="when" x={middle} y={y + 14} text-anchor={isOwn ? "start" : "middle"}>
        {step.at !== null && <title>{utcTime(new Date(step.at))}</title>}
        {whenOf(step)}
      </text>
    </g>
  );
}

function whenOf({ at, happened }: Step): string {
  if (at !== null) {
    return new Date(at).toLocaleTimeString([], {
      hourCycle: "h23",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      fractionalSecondDigits: 3,
    });
  }
  return happened ? "time not recorded" : "not yet";
}

function cut(title: string): string {
  return title.length > 18 ? `${title.slice(0, 17)}…` : title;
}

const CLOCKS: Readonly<Record<Step["clock"], string>> = {
  backend: "the backend's clock",
  broker: "the broker's clock",
  agent: "the agent's clock",
  none: "",
};

function Steps({ steps, titles }: {
  readonly steps: readonly Step[];
  readonly titles: ReadonlyMap<string, string>;
}) {
  return (
    <div class="table-wrap" tabIndex={0} role="region" aria-label="Messages">
      <table>
        <thead>
          <tr>
            <th scope="col">From</th>
            <th scope="col">To</th>
            <th scope="col">What</th>
            <th scope="col">When</th>
            <th scope="col">By</th>
          </tr>
        </thead>
        <tbody>
          {steps.map((step, index) => (
            <tr key={`${step.label} ${index}`}>
              <td>{titles.get(step.from)}</td>
              <td>{step.from === step.to ? "itself" : titles.get(step.to)}</td>
              <td>
                <strong>{step.label}</strong> <span class="muted">{step.detail}</span>
              </td>
              <td>
                {step.at === null
                  ? <span class="muted">{step.happened ? "not recorded" : "not yet"}</span>
                  : <Time at={step.at} />}
              </td>
              <td class="muted">{CLOCKS[step.clock]}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
