import type { Command } from "commander";
import {
  type ActorAnswer,
  AgentCommandsAnswer,
  ExecutionStory,
  SequenceAnswer,
  SystemAnswer,
} from "../../../wire/http_inspector.ts";
import { addCommand, type CommonOptions, type Session } from "../command.ts";
import { showOne } from "../list.ts";
import { type Column, renderTable } from "../table.ts";

type Step = SequenceAnswer["steps"][number];

const ACTOR_COLUMNS: readonly Column<ActorAnswer>[] = [
  { heading: "actor", text: ({ path }) => path },
  { heading: "state", text: ({ state }) => state },
  { heading: "restarts", text: ({ restarts }) => restarts },
  { heading: "handled", text: ({ handled }) => handled },
  { heading: "of", text: ({ handles }) => handles },
  { heading: "waiting", text: waitingOf },
  { heading: "last failure", text: ({ last_failure }) => last_failure },
];

const STEP_COLUMNS: readonly Column<Step>[] = [
  { heading: "at", text: ({ at, happened }) => at ?? (happened ? "not recorded" : "not yet") },
  { heading: "clock", text: ({ clock }) => clock === "none" ? null : clock },
  { heading: "from", text: ({ from }) => from },
  { heading: "to", text: ({ to }) => to },
  { heading: "what", text: ({ label }) => label },
  { heading: "detail", text: ({ detail }) => detail },
];

type AgentCommand = AgentCommandsAnswer["commands"][number];

const COMMAND_COLUMNS: readonly Column<AgentCommand>[] = [
  { heading: "request", text: ({ id }) => id },
  { heading: "job", text: ({ title }) => title },
  { heading: "state", text: ({ states }) => states.at(-1) ?? null },
  { heading: "run", text: ({ result_id }) => result_id },
];

/** Of an agent that tells nothing. */
const TELLING: Readonly<Record<AgentCommandsAnswer["telling"], string>> = {
  tells: "",
  silent: "is there and does not tell of its commands: it is of another kind, or an older one",
  away: "does not answer",
  unreachable: "cannot be asked: the backend has no connection to the broker",
  busy: "is not asked: too many agents are watched",
};

/** What the inspector shows, for who has no browser at hand. */
export function addInspect(program: Command, session: Session): void {
  addCommand(program, "actors", "every actor of the backend's process, as its supervisor has it")
    .action((options: CommonOptions) => {
      const path = "/api/inspector/system";
      return showOne(
        session,
        options,
        { schema: SystemAnswer, path },
        ({ systems }) => renderTable(ACTOR_COLUMNS, systems.flatMap(({ actors }) => actors)),
      );
    });

  addCommand(program, "commands <pc_id>", "what an agent does now: each command and its state")
    .action((pcId: string, options: CommonOptions) => {
      const path = `/api/inspector/agents/${encodeURIComponent(pcId)}/commands`;
      return showOne(session, options, { schema: AgentCommandsAnswer, path }, commandsText);
    });

  addCommand(
    program,
    "why <exec_id>",
    "why an execution is where it is, what comes next, and by when",
  )
    .action((execId: string, options: CommonOptions) => {
      const path = `/api/inspector/executions/${encodeURIComponent(execId)}`;
      return showOne(session, options, { schema: ExecutionStory, path }, storyText);
    });

  addCommand(program, "messages <result_id>", "the messages of one run between all who took part")
    .action((resultId: string, options: CommonOptions) => {
      const path = `/api/inspector/runs/${encodeURIComponent(resultId)}/sequence`;
      return showOne(
        session,
        options,
        { schema: SequenceAnswer, path },
        ({ steps }) => renderTable(STEP_COLUMNS, steps),
      );
    });
}

function commandsText(answer: AgentCommandsAnswer): string {
  const { pc_id, telling, commands, left_out } = answer;
  if (telling !== "tells") return `${pc_id} ${TELLING[telling]}\n`;
  const more = left_out > 0 ? `${left_out} more are not told\n` : "";
  return `${renderTable(COMMAND_COLUMNS, commands)}${more}`;
}

function waitingOf({ lag, waiting }: ActorAnswer): number | null {
  if (waiting !== null) return waiting;
  return lag.length === 0 ? null : lag.reduce((sum, one) => sum + one.pending + one.unacked, 0);
}

function storyText({ now: { story: { why, next, deadlines } } }: ExecutionStory): string {
  const by = deadlines.map(({ at, words }) => at === null ? words : `${at}: ${words}`);
  return `${[why, ...next, ...by].join("\n")}\n`;
}
