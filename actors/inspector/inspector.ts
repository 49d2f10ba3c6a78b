/** Everything that the inspector shows: of this process, and from what was recorded. */
import { findAgent } from "../../db/agents.ts";
import type { Reader } from "../../db/client.ts";
import { findExecution, readTimeline } from "../../db/executions.ts";
import { countMissing, readDepartures, readInFlight } from "../../db/execution_progress.ts";
import { findCommandFor, readOpenExecutions, readRunBriefs } from "../../db/inspection.ts";
import { findResult } from "../../db/results.ts";
import { findRollout } from "../../db/rollouts.ts";
import { activeStates } from "../../machines/chart_ids.ts";
import type { ListedMachine } from "../../machines/machine_list.ts";
import { Fault } from "../../wire/fault.ts";
import type {
  AgentCommandsAnswer,
  ChartAnswer,
  ExecutionStory,
  LiveAnswer,
  LookAnswer,
  MachineSummary,
  SequenceAnswer,
  SystemAnswer,
} from "../../wire/http_inspector.ts";
import { formatInstant } from "../../wire/time.ts";
import type { Announcements } from "../announcer.ts";
import type { Bus } from "../bus.ts";
import type { ExecutionRegistry } from "../execution_registry.ts";
import type { Log } from "../log.ts";
import type { Clock, Timers } from "../system/clock.ts";
import type { System } from "../system/supervisor.ts";
import type { Watchable } from "../system/watchable.ts";
import { Charts } from "./charts.ts";
import type { ExecutionFacts } from "./execution_facts.ts";
import { executionNow, executionStory, MAX_MOMENTS, titleOf } from "./execution_story.ts";
import {
  executionSource,
  type Live,
  type MachineSource,
  WatchableSource,
} from "./machine_source.ts";
import { wordsOf } from "./machine_words.ts";
import { optionsOf } from "./options.ts";
import { type AgentViewer, RemoteCommands } from "./remote_commands.ts";
import { sequenceOf } from "./sequence.ts";
import type { StoredMessages, StoredQuestion } from "./stored_messages.ts";
import { type Queues, SystemView } from "./system_view.ts";
import { type Viewer, Watching } from "./watching.ts";

/** Live machines that a list tells of. */
const LIVE_LIMIT = 200;
/** Characters of an id that tell executions of one job apart for the eye. */
const SHORT_ID = 8;
/** States of an execution that has not ended. */
const OPEN = ["pending", "running"];

export interface InspectorParts {
  readonly machines: readonly ListedMachine[];
  readonly registry: ExecutionRegistry;
  readonly db: Reader;
  /** By which agents are asked. */
  readonly bus: Pick<Bus, "request">;
  /** What the streams hold of a run. */
  readonly stored: (question: StoredQuestion) => Promise<StoredMessages>;
  readonly announcements: Announcements;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  /** Of `SystemView`. */
  readonly system: Omit<ConstructorParameters<typeof SystemView>[0], "clock" | "timers">;
}

export class Inspector {
  readonly #parts: InspectorParts;
  readonly #charts: Charts;
  readonly #view: SystemView;
  readonly #supervisors = new WatchableSource("supervisor");
  readonly #commands = new WatchableSource("agent_command");
  readonly #sources: readonly MachineSource[];
  readonly #watching: Watching;
  readonly #remote: RemoteCommands;

  constructor(parts: InspectorParts) {
    const { registry, machines, bus, announcements, clock, timers, log } = parts;
    this.#parts = parts;
    this.#charts = new Charts(machines);
    this.#view = new SystemView({ ...parts.system, clock, timers });
    this.#sources = [executionSource(registry), this.#commands, this.#supervisors];
    this.#watching = new Watching({
      sources: this.#sources,
      chartOf: (machine) => this.#charts.machine(machine).chart,
      look: (machine, id, snapshot) =>
        snapshot === undefined
          ? this.#lookAtRow(id)
          : this.#look(machine, { id, title: this.#titleOf(machine, id), snapshot }),
      announcements,
      clock,
      timers,
      log,
    });
    const machine = () => this.#charts.machine("agent_command");
    this.#remote = new RemoteCommands({ bus, machine, clock, timers, log });
  }

  /** Shows a supervision tree of this process, too, with what waits for its actors. */
  addSystem(name: string, system: System, queues: Queues = {}): void {
    this.#view.add(name, system, queues);
    this.#supervisors.add(system.machines);
  }

  /** Shows the commands of an agent that lives in this process, too. */
  addCommands(commands: Watchable): void {
    this.#commands.add(commands);
  }

  /** Where live machines can be observed, by kind: for whoever sends it all elsewhere. */
  get sources(): readonly MachineSource[] {
    return this.#sources;
  }

  machines(): MachineSummary[] {
    return this.#charts.all().map(({ listed: { name }, chart }) => ({
      name,
      ...wordsOf(name),
      states: chart.states.length,
      live: this.#sources.find(({ machine }) => machine === name)?.size ?? null,
    }));
  }

  /** @throws {Fault} `not_found` */
  chart(machine: string): Promise<ChartAnswer> {
    return this.#charts.drawn(machine);
  }

  /** @throws {Fault} `not_found` when there is no such machine */
  async live(machine: string): Promise<LiveAnswer[]> {
    if (machine === "execution") return await this.#openExecutions();
    const live = this.#sourceOf(machine)?.live(LIVE_LIMIT) ?? [];
    return live.map(({ id, title, snapshot }) => ({
      id,
      title,
      states: [...activeStates(snapshot.value)],
    }));
  }

  /** One live machine as it is now. @throws {Fault} `not_found` */
  async look(machine: string, id: string): Promise<LookAnswer> {
    const live = this.#sourceOf(machine)?.find(id);
    if (live !== undefined) return await this.#look(machine, live);
    // One that nothing has happened to yet, or that lives in another process.
    const row = machine === "execution" ? await this.#lookAtRow(id) : null;
    if (row !== null && OPEN.includes(row.states[0] ?? "")) return row;
    throw new Fault(
      "not_found",
      `Cannot find a live ${machine} ${JSON.stringify(id)} in this process`,
    );
  }

  /** All that may still move, wherever that will be seen. */
  async #openExecutions(): Promise<LiveAnswer[]> {
    const open = await readOpenExecutions(this.#parts.db, LIVE_LIMIT);
    return open.map((one) => ({
      id: one.execId,
      title: `${titleOf(one)}, ${one.execId.slice(0, SHORT_ID)}`,
      states: [one.status],
    }));
  }

  /** @throws {Fault} `not_found` */
  async execution(execId: string): Promise<ExecutionStory> {
    const facts = await this.#factsOf(execId, MAX_MOMENTS);
    if (facts !== undefined) return executionStory(this.#charts.machine("execution"), facts);
    throw new Fault("not_found", `Cannot find the execution ${JSON.stringify(execId)}`);
  }

  /** What the rows say; of so many of its newest transitions, with the runs that they name. */
  async #factsOf(execId: string, moments: number): Promise<ExecutionFacts | undefined> {
    const { db, clock } = this.#parts;
    const execution = await findExecution(db, execId);
    if (execution === undefined) return undefined;
    const [transitions, departures, inFlight, missingFor, rollout] = await Promise.all([
      readTimeline(db, execId),
      readDepartures(db, execId),
      execution.endedAt === null ? readInFlight(db, execId) : null,
      execution.missingTargets === 0 ? {} : countMissing(db, execId),
      findRollout(db, execId),
    ]);
    const named = transitions.slice(-moments).flatMap(({ resultId }) => resultId ?? []);
    const runs = await readRunBriefs(db, named);
    const now = clock.now();
    return { execution, transitions, departures, inFlight, missingFor, rollout, runs, now };
  }

  /** @throws {Fault} `not_found` */
  async sequence(resultId: string): Promise<SequenceAnswer> {
    const { db } = this.#parts;
    const run = await findResult(db, resultId);
    if (run === undefined) {
      throw new Fault("not_found", `Cannot find the run ${JSON.stringify(resultId)}`);
    }
    // What is known is that there was a started event: nothing else tells the version.
    const facts = { ...run, startKnown: run.version !== null };
    const execution = run.execId === null ? undefined : await findExecution(db, run.execId);
    const [command, transitions] = execution === undefined ? [undefined, []] : await Promise.all([
      findCommandFor(db, execution.execId, run.pcId),
      readTimeline(db, execution.execId),
    ]);
    return sequenceOf({
      run: facts,
      dispatch: execution === undefined
        ? null
        : { ...execution, job: titleOf(execution), command: command ?? null },
      caused: transitions.filter((one) => one.resultId === resultId),
      stored: await this.#parts.stored({ ...run, command: command ?? null }),
    });
  }

  system(): Promise<SystemAnswer> {
    return this.#view.answer();
  }

  /** Tells of the supervision trees until the function that it returns is called. */
  watchSystem(tell: (system: SystemAnswer) => void): () => void {
    return this.#view.watch(tell);
  }

  /** Tells a viewer what machines do until the function that it returns is called. */
  watch(viewer: Viewer): () => void {
    if (viewer.wish.machine !== undefined) this.#charts.machine(viewer.wish.machine);
    return this.#watching.watch(viewer);
  }

  /** The commands of an agent that lives elsewhere, asked once. @throws {Fault} `not_found` when it was never heard of */
  async agentCommands(pcId: string): Promise<AgentCommandsAnswer> {
    if (await findAgent(this.#parts.db, pcId) !== undefined) return await this.#remote.look(pcId);
    throw new Fault("not_found", `Cannot find the PC ${JSON.stringify(pcId)}`);
  }

  /** Tells of the commands of an agent that lives elsewhere until the function that it returns is called. */
  watchAgent(pcId: string, viewer: AgentViewer): () => void {
    return this.#remote.watch(pcId, viewer);
  }

  /** How many agents are asked now, because somebody watches them. */
  get askedAgents(): number {
    return this.#remote.size;
  }

  #sourceOf(machine: string): MachineSource | undefined {
    this.#charts.machine(machine);
    return this.#sources.find((source) => source.machine === machine);
  }

  #titleOf(machine: string, id: string): string {
    return this.#sourceOf(machine)?.find(id)?.title ?? id;
  }

  async #look(machine: string, { id, title, snapshot }: Live): Promise<LookAnswer> {
    const { listed, chart } = this.#charts.machine(machine);
    const { value, context } = snapshot;
    const now = this.#parts.clock.now();
    const options = optionsOf(listed, chart, { value, context, now });
    // Its row is as new as the snapshot: that is told after the commit.
    const facts = machine === "execution" ? await this.#factsOf(id, 1) : undefined;
    return {
      machine,
      id,
      title: facts === undefined ? title : titleOf(facts.execution),
      at: formatInstant(now),
      states: [...activeStates(value)],
      context: { ...context },
      options: [...options],
      story: facts === undefined
        ? null
        : executionNow(this.#charts.machine("execution"), facts).story,
    };
  }

  /** An execution by its row alone; null = there is none. */
  async #lookAtRow(execId: string): Promise<LookAnswer | null> {
    const facts = await this.#factsOf(execId, 1);
    if (facts === undefined) return null;
    const { execution } = facts;
    const now = executionNow(this.#charts.machine("execution"), facts);
    const { at, states, options, counters, story } = now;
    return {
      machine: "execution",
      id: execId,
      title: titleOf(execution),
      at,
      states,
      context: { targetCount: execution.targetCount, ...counters },
      options,
      story,
    };
  }
}
