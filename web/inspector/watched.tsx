/** A machine that is watched, wherever it lives: its chart with the state of now lit, and what it did. */
import type { ComponentChildren } from "preact";
import type { ChartAnswer, LookAnswer, MovedEvent } from "../../wire/http_inspector.ts";
import { linkTo } from "../shared/router.ts";
import { Time } from "../shared/ui/time.tsx";
import { Chart } from "./chart.tsx";
import { Deadlines } from "./deadlines.tsx";
import { Options, possibleOf } from "./options.tsx";

/** What was seen of it. */
export interface Seen {
  /** Null: it does not live any more, or nothing was told yet. */
  readonly look: LookAnswer | null;
  readonly moves: MovedEvent["moves"];
  readonly leftOut: number;
}

export const NOTHING_SEEN: Seen = { look: null, moves: [], leftOut: 0 };

/** Moves that are kept. */
const KEPT = 50;

/** What was seen before, together with what came. */
export function seeing(before: Seen, { look, moves, left_out }: MovedEvent): Seen {
  return {
    look,
    moves: [...before.moves, ...moves].slice(-KEPT),
    leftOut: before.leftOut + left_out,
  };
}

/** The machine by itself. */
export function Still({ chart }: { readonly chart: ChartAnswer }) {
  return (
    <section class="card" aria-label="Statechart">
      <Chart chart={chart} states={[]} taken={[]} move="" />
    </section>
  );
}

/** @param children says how it is watched */
export function Watched({ chart, look, moves, children }: {
  readonly chart: ChartAnswer;
  readonly look: LookAnswer;
  readonly moves: MovedEvent["moves"];
  readonly children: ComponentChildren;
}) {
  const last = moves.at(-1);
  return (
    <div class="columns wide-left">
      <section class="card" aria-label="Statechart">
        <Chart
          chart={chart}
          states={look.states}
          taken={last?.transitions ?? []}
          possible={possibleOf(look.options)}
          move={last?.at ?? ""}
        />
      </section>
      <div class="stack">
        {children}
        <Looked look={look} />
        <Moves moves={moves} />
      </div>
    </div>
  );
}

function Looked({ look }: { readonly look: LookAnswer }) {
  return (
    <>
      <section class="card padded stack" aria-label="Now">
        <h2 class="break">{look.title}</h2>
        <p class="row">
          {look.states.map((state) => (
            <span key={state} class="badge" data-tone="busy">{state}</span>
          ))}
        </p>
        {look.story !== null && (
          <>
            <p>{look.story.why}</p>
            <Deadlines deadlines={look.story.deadlines} from={null} />
          </>
        )}
        {look.machine === "execution" && (
          <a href={linkTo(["executions", look.id])}>Its whole timeline</a>
        )}
        <details>
          <summary>Context</summary>
          <pre class="code-block" tabIndex={0}>{JSON.stringify(look.context, null, 2)}</pre>
        </details>
      </section>
      <section class="card padded stack" aria-labelledby="options">
        <h2 id="options">What each event would do</h2>
        <Options options={look.options} />
      </section>
    </>
  );
}

function Moves({ moves }: { readonly moves: MovedEvent["moves"] }) {
  return (
    <section class="card padded stack" aria-labelledby="moves">
      <h2 id="moves">Events as they come</h2>
      {moves.length === 0
        ? <p class="muted">None since this page was opened.</p>
        : (
          <ol class="moves" tabIndex={0} aria-label="Newest first">
            {moves.toReversed().map(({ at, event, states }, index) => (
              <li key={`${at} ${event} ${moves.length - index}`}>
                <Time at={at} />
                <code>{event}</code>
                <span class="muted">{states.at(-1)}</span>
              </li>
            ))}
          </ol>
        )}
    </section>
  );
}
