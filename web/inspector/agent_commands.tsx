/** The commands of an agent on another machine, one of them to be watched. */
import { useEffect, useState } from "preact/hooks";
import type { AgentAnswer } from "../../wire/http.ts";
import type { AgentCommandsAnswer, ChartAnswer, MovedEvent } from "../../wire/http_inspector.ts";
import { ask, withQuery } from "../shared/api.ts";
import { useQuery } from "../shared/queries.ts";
import { setQuery } from "../shared/router.ts";
import { Empty } from "../shared/ui/states.tsx";
import { useFeed } from "./feed.ts";
import { Sampling } from "./sampling.tsx";
import { NOTHING_SEEN, seeing, Still, Watched } from "./watched.tsx";

/** PCs that are proposed for what is typed. */
const PROPOSED = 20;

/** Chooses the PC whose agent is asked. */
export function AgentPicker({ chosen }: { readonly chosen: string | undefined }) {
  const [text, setText] = useState(chosen ?? "");
  // Also where the way back, or a link, has chosen another one.
  useEffect(() => setText(chosen ?? ""), [chosen]);
  const { data: proposed = [] } = useQuery({
    key: ["agents", "proposed", text],
    load: ({ signal }) =>
      ask<readonly AgentAnswer[]>(withQuery("/api/agents", { q: text, limit: PROPOSED }), {
        signal,
      }),
    keep: true,
  });
  const choose = (agent: string) => setQuery({ agent, live: undefined });
  return (
    <form
      class="card padded row"
      aria-label="Agent"
      onSubmit={(event) => {
        event.preventDefault();
        choose(text.trim());
      }}
    >
      <div class="field picker">
        <label for="agent">On which PC</label>
        <input
          id="agent"
          class="input"
          list="proposed-agents"
          placeholder="this process"
          value={text}
          onInput={({ currentTarget: { value } }) => {
            setText(value);
            // Choosing from the list is an input of the whole name.
            if (proposed.some(({ pc_id }) => pc_id === value)) choose(value);
          }}
        />
        <datalist id="proposed-agents">
          {proposed.map(({ pc_id, online }) => (
            <option key={pc_id} value={pc_id} label={online ? "online" : "offline"} />
          ))}
        </datalist>
      </div>
      <button type="submit" class="button">Ask it</button>
    </form>
  );
}

/** What an agent tells, for as long as the page is seen. */
export function AgentCommands({ chart, agent, id }: {
  readonly chart: ChartAnswer;
  readonly agent: string;
  readonly id: string | undefined;
}) {
  const [told, setTold] = useState<AgentCommandsAnswer>();
  const [seen, setSeen] = useState({ of: id, ...NOTHING_SEEN });
  const feed = useFeed({ agent, id }, {
    commands: (answer: AgentCommandsAnswer) => setTold(answer),
    moved: (event: MovedEvent) =>
      setSeen((before) => ({
        of: event.id,
        ...seeing(before.of === event.id ? before : NOTHING_SEEN, event),
      })),
  });
  const { look, moves, leftOut } = seen.of === id ? seen : NOTHING_SEEN;
  const sampling = (
    <Sampling
      {...feed}
      leftOut={leftOut}
      everyMs={told?.telling === "tells" ? told.every_ms : undefined}
    />
  );
  return (
    <>
      <CommandPicker told={told} chosen={id} />
      {told !== undefined && told.telling !== "tells" && <Untold told={told} />}
      {id === undefined || look === null
        ? (
          <>
            {sampling}
            {id !== undefined && told?.telling === "tells" && <Gone agent={agent} />}
            <Still chart={chart} />
          </>
        )
        : <Watched chart={chart} look={look} moves={moves}>{sampling}</Watched>}
    </>
  );
}

function CommandPicker({ told, chosen }: {
  readonly told: AgentCommandsAnswer | undefined;
  readonly chosen: string | undefined;
}) {
  const commands = told?.commands ?? [];
  const isThere = chosen === undefined || commands.some(({ id }) => id === chosen);
  return (
    <section class="card padded row" aria-label="Commands of the agent">
      <div class="field picker">
        <label for="command">Watch a command of it</label>
        <select
          id="command"
          class="select"
          value={chosen ?? ""}
          onChange={(event) => setQuery({ live: event.currentTarget.value })}
        >
          <option value="">{commands.length === 0 ? "it has none now" : "the chart alone"}</option>
          {!isThere && <option value={chosen}>{chosen}</option>}
          {commands.map(({ id, title, states }) => (
            <option key={id} value={id}>{`${title} (${states.at(-1) ?? "ended"})`}</option>
          ))}
        </select>
      </div>
      {told !== undefined && told.left_out > 0 && (
        <span class="muted small">{told.left_out} more are not told</span>
      )}
    </section>
  );
}

/** It has ended, and nobody watched when it did. */
function Gone({ agent }: { readonly agent: string }) {
  return (
    <div class="card">
      <Empty icon="inspector" title={`${agent} does not tell of this command`}>
        <p>It has none of this name now. What a command has done is recorded with its run.</p>
      </Empty>
    </div>
  );
}

/** Why nothing is known of an agent. */
function Untold({ told: { pc_id, telling } }: { readonly told: AgentCommandsAnswer }) {
  return (
    <div class="card">
      <Empty icon="agents" title={`${pc_id} ${TELLING[telling]}`}>
        <p>{WHY[telling]}</p>
      </Empty>
    </div>
  );
}

type Telling = AgentCommandsAnswer["telling"];

const TELLING: Readonly<Record<Telling, string>> = {
  tells: "tells",
  silent: "does not tell of its commands",
  away: "does not answer",
  unreachable: "cannot be asked now",
  busy: "is not asked now",
};

const WHY: Readonly<Record<Telling, string>> = {
  tells: "",
  silent:
    "Its agent is there and does not know the question: it is of another kind, or an older one. Its runs are recorded all the same.",
  away: "It is asked again every few seconds, and shows as soon as it is there.",
  unreachable: "The server has no connection to the broker; it comes back by itself.",
  busy:
    "This server watches as many agents as it may already. Close another page that watches one.",
};
