/**
 * The commands of agents that live elsewhere, for who watches them. An agent is asked again and again, so what is shown
 * is a sample, and says so.
 *
 * 1. An agent is asked only while somebody watches it, and once for all who do.
 * 2. What an agent tells is read through a schema, and is bounded: by the agent, and by the broker's largest message.
 * 3. One that does not tell is shown as such, and asked more seldom.
 */
import type { CommandState, CommandStatesReply } from "../../wire/command_states.ts";
import type { AgentCommandsAnswer, LookAnswer, MovedEvent } from "../../wire/http_inspector.ts";
import type { Clock, Timers } from "../system/clock.ts";
import { rest } from "../system/clock.ts";
import { askForCommands, type QuestionTools, type Told } from "./agent_question.ts";
import type { CharteredMachine } from "./charts.ts";
import { optionsOf } from "./options.ts";

/** Between an answer and the next question, milliseconds. */
const ASK_EVERY_MS = 500;
/** The same of an agent that told nothing. */
const ASK_AGAIN_MS = 5_000;
/** For so long an agent notes moves after a question: some questions may get lost. */
const WATCH_SECS = 10;
/** Agents that are watched by this process at a time. */
const MAX_AGENTS = 20;

/** Who watches an agent. */
export interface AgentViewer {
  /** The request of the command that is looked at; undefined = none. */
  readonly id: string | undefined;
  commands(answer: AgentCommandsAnswer): void;
  moved(event: MovedEvent): void;
}

export interface RemoteCommandsParts extends QuestionTools {
  /** The command machine. */
  readonly machine: () => CharteredMachine;
  readonly clock: Clock;
  readonly timers: Timers;
}

export class RemoteCommands {
  readonly #parts: RemoteCommandsParts;
  readonly #watched = new Map<string, WatchedAgent>();

  constructor(parts: RemoteCommandsParts) {
    this.#parts = parts;
  }

  /** How many agents are asked now. */
  get size(): number {
    return this.#watched.size;
  }

  /** Asks once, for who does not go on watching. */
  async look(pcId: string): Promise<AgentCommandsAnswer> {
    return answerOf(pcId, await askForCommands(this.#parts, pcId, { watch_secs: 0 }));
  }

  /** Tells a viewer until the function that it returns is called. */
  watch(pcId: string, viewer: AgentViewer): () => void {
    const agent = this.#watched.get(pcId) ?? this.#begin(pcId);
    if (agent === undefined) {
      viewer.commands(answerOf(pcId, { telling: "busy" }));
      return () => {};
    }
    agent.add(viewer);
    return () => {
      if (agent.remove(viewer)) this.#watched.delete(pcId);
    };
  }

  #begin(pcId: string): WatchedAgent | undefined {
    if (this.#watched.size >= MAX_AGENTS) return undefined;
    const agent = new WatchedAgent(pcId, this.#parts);
    this.#watched.set(pcId, agent);
    return agent;
  }
}

/** One agent, and who watches it. */
class WatchedAgent {
  readonly #pcId: string;
  readonly #parts: RemoteCommandsParts;
  readonly #viewers = new Set<AgentViewer>();
  readonly #end = new AbortController();
  #told: Told | undefined;
  /** The newest move that is known. */
  #after = 0;
  /** What viewers were told last, as JSON: what has not changed is not told again. */
  #list = "";
  readonly #looks = new Map<string, string>();

  constructor(pcId: string, parts: RemoteCommandsParts) {
    this.#pcId = pcId;
    this.#parts = parts;
    void this.#follow(this.#end.signal).catch((error: unknown) =>
      parts.log.error("cannot watch an agent", { pcId, error })
    );
  }

  add(viewer: AgentViewer): void {
    this.#viewers.add(viewer);
    if (this.#told === undefined) return;
    viewer.commands(answerOf(this.#pcId, this.#told));
    if (this.#told.telling === "tells") this.#tellLook(viewer, this.#told.reply);
  }

  /** Answers whether it was the last one. */
  remove(viewer: AgentViewer): boolean {
    this.#viewers.delete(viewer);
    if (this.#viewers.size > 0) return false;
    this.#end.abort();
    return true;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const told = await askForCommands(this.#parts, this.#pcId, this.#question());
      if (signal.aborted) return;
      this.#tell(told);
      const pauseMs = told.telling === "tells" ? ASK_EVERY_MS : ASK_AGAIN_MS;
      await rest(pauseMs, signal, this.#parts.timers);
    }
  }

  #question() {
    const since = this.#told?.telling === "tells" ? this.#told.reply.since : null;
    return { watch_secs: WATCH_SECS, since, after: this.#after };
  }

  #tell(told: Told): void {
    const before = this.#told?.telling === "tells" ? this.#told.reply.since : null;
    this.#told = told;
    const answer = answerOf(this.#pcId, told);
    // The time of the answer alone is no news.
    const list = JSON.stringify({ ...answer, at: null });
    if (list !== this.#list) { for (const viewer of this.#viewers) viewer.commands(answer); }
    this.#list = list;
    if (told.telling !== "tells") return;
    const { moves, since } = told.reply;
    if (since !== before) this.#after = 0;
    // Of whatever command: an agent that has no room for them does not tell whose they were.
    const leftOut = Math.max(0, (moves[0]?.seq ?? 0) - this.#after - 1);
    this.#after = moves.at(-1)?.seq ?? this.#after;
    for (const id of new Set([...this.#viewers].flatMap((one) => one.id ?? []))) {
      this.#tellMoves(id, told.reply, leftOut);
    }
  }

  #tellMoves(id: string, reply: CommandStatesReply, leftOut: number): void {
    const moves = reply.moves.filter(({ request_id }) => request_id === id);
    const state = reply.commands.find(({ request_id }) => request_id === id);
    const look = JSON.stringify(state ?? null);
    if (moves.length === 0 && look === this.#looks.get(id)) return;
    this.#looks.set(id, look);
    const event = this.#eventOf(id, state, reply.at);
    for (const viewer of this.#viewers) {
      if (viewer.id === id) viewer.moved({ ...event, moves: moves.map(moveOf), left_out: leftOut });
    }
  }

  #tellLook(viewer: AgentViewer, reply: CommandStatesReply): void {
    const { id } = viewer;
    if (id === undefined) return;
    const state = reply.commands.find(({ request_id }) => request_id === id);
    viewer.moved(this.#eventOf(id, state, reply.at));
  }

  #eventOf(id: string, state: CommandState | undefined, at: string): MovedEvent {
    return {
      machine: "agent_command",
      id,
      moves: [],
      left_out: 0,
      look: state === undefined ? null : lookOf(this.#parts.machine(), state, at),
    };
  }
}

function moveOf(move: CommandStatesReply["moves"][number]): MovedEvent["moves"][number] {
  const { at, event, transitions, states } = move;
  return { at, event, transitions, states };
}

function answerOf(pcId: string, told: Told | { readonly telling: "busy" }): AgentCommandsAnswer {
  const { at = null, commands = [], left_out = 0 } = told.telling === "tells" ? told.reply : {};
  return {
    pc_id: pcId,
    telling: told.telling,
    at,
    every_ms: ASK_EVERY_MS,
    commands: commands.map((command) => ({
      id: command.request_id,
      title: titleOf(command),
      states: command.states,
      exec_id: command.exec_id ?? null,
      result_id: command.result_id ?? null,
      ended: command.ended,
    })),
    left_out,
  };
}

function titleOf({ job_id, version }: CommandState): string {
  return `${job_id} ${version}`;
}

function lookOf({ listed, chart }: CharteredMachine, state: CommandState, at: string): LookAnswer {
  const isKnown = state.states.every((id) => chart.states.some((one) => one.id === id));
  const value = valueOf(state.states);
  return {
    machine: listed.name,
    id: state.request_id,
    title: titleOf(state),
    at,
    states: state.states,
    context: state.context,
    // A state of another version has none that are known.
    options: isKnown && value !== undefined
      ? [...optionsOf(listed, chart, { value, context: state.context })]
      : [],
    story: null,
  };
}

/** The value of a machine's snapshot, from the ids of its active states; none of them is parallel. */
function valueOf(states: readonly string[]): unknown {
  const names = states.at(-1)?.split(".").toReversed() ?? [];
  const [innermost, ...around] = names;
  return around.reduce<unknown>((value, name) => ({ [name]: value }), innermost);
}
