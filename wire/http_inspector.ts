import * as v from "valibot";
import { Id, Name } from "./scalars.ts";

/** What the inspector's routes answer and stream [ours]. Times are RFC 3339 in UTC; what is not known is null. */

const Time = v.string();
const Text = v.nullable(v.string());
const Whole = v.number();
const Texts = v.array(v.string());

/** A permission that an actor declared, and what it asked of it. */
const PermissionAnswer = v.object({ name: v.string(), of: Texts });

/** What the broker says of a durable consumer. */
export const LagAnswer = v.object({
  consumer: v.string(),
  /** Messages of the stream that were not delivered yet. */
  pending: Whole,
  /** Delivered, and not acked yet. */
  unacked: Whole,
});
export type LagAnswer = v.InferOutput<typeof LagAnswer>;

/** One actor, or a group of them, as its supervisor has it. */
export const ActorAnswer = v.object({
  /** Names from the root on, joined by slashes. */
  path: v.string(),
  name: v.string(),
  kind: v.picklist(["actor", "group"]),
  state: v.string(),
  since: Time,
  restarts: Whole,
  last_failure: Text,
  restart_in_ms: v.nullable(Whole),
  permissions: v.array(PermissionAnswer),
  /** The pieces of work that it counts, such as `results`; null = it does nothing that could be counted. */
  handles: Text,
  /** How many of them since it was first started; null = it counts none. */
  handled: v.nullable(Whole),
  /** Over the last seconds; null = not known yet, or it counts none. */
  per_second: v.nullable(v.number()),
  /** Of the consumers that it reads; empty = it reads none, or the broker does not answer. */
  lag: v.array(LagAnswer),
  /** What waits for it in this process or the database; null = it has no queue. */
  waiting: v.nullable(Whole),
});
export type ActorAnswer = v.InferOutput<typeof ActorAnswer>;

export const SystemAnswer = v.object({
  at: Time,
  /** How often it is looked at while somebody watches, milliseconds. */
  every_ms: Whole,
  /** Whether this process holds the writer lease; without it the projectors rest. */
  writes: v.boolean(),
  broker: v.object({ connected: v.boolean() }),
  /** Each a tree of its own, its actors in the order of starting, a group before what is in it. */
  systems: v.array(v.object({ name: v.string(), actors: v.array(ActorAnswer) })),
});
export type SystemAnswer = v.InferOutput<typeof SystemAnswer>;

export const MachineSummary = v.object({
  name: v.string(),
  title: v.string(),
  describes: v.string(),
  states: Whole,
  /** Live ones that can be watched; null = this process has none of its kind to look at. */
  live: v.nullable(Whole),
});
export type MachineSummary = v.InferOutput<typeof MachineSummary>;

const Point = v.tuple([v.number(), v.number()]);
const Box = { x: v.number(), y: v.number(), width: v.number(), height: v.number() };

export const ChartTransition = v.object({
  /** Unique within the machine. */
  id: v.string(),
  from: v.string(),
  /** Null = it stays where it is. */
  to: Text,
  event: v.string(),
  /** Of a delayed transition. */
  delay: Text,
  guard: Text,
  actions: Texts,
});
export type ChartTransition = v.InferOutput<typeof ChartTransition>;

export const ChartState = v.object({
  /** Names from the root on, joined by dots; the root is empty. */
  id: v.string(),
  name: v.string(),
  kind: v.picklist(["atomic", "compound", "parallel", "final", "history"]),
  parent: Text,
  initial: Text,
  entry: Texts,
  exit: Texts,
  tags: Texts,
});
export type ChartState = v.InferOutput<typeof ChartState>;

/** A machine as it is drawn: laid out on the server, in pixels. */
export const ChartAnswer = v.object({
  name: v.string(),
  title: v.string(),
  describes: v.string(),
  width: v.number(),
  height: v.number(),
  states: v.array(v.object({
    ...ChartState.entries,
    ...Box,
    /** What stands in its box under its name, a line each. */
    notes: v.array(v.object({ text: v.string(), transition: Text })),
  })),
  /** Those with a way are drawn as arrows; the others stand in the box of their state. */
  transitions: v.array(v.object({
    ...ChartTransition.entries,
    way: v.array(Point),
    label: v.nullable(v.object({ ...Box, lines: Texts })),
  })),
  /** From the dot to the state in which the machine, or a state of states, begins. */
  beginnings: v.array(v.object({ state: v.string(), dot: Point, way: v.array(Point) })),
});
export type ChartAnswer = v.InferOutput<typeof ChartAnswer>;

/** What one event would do to a machine as it is. */
export const OptionAnswer = v.object({
  event: v.string(),
  /** In which case, in plain words; null = in every case. */
  when: Text,
  does: v.picklist(["moves", "stays", "nothing", "refused", "depends"]),
  transition: Text,
  /** The states that it would be in. */
  to: Texts,
  words: v.string(),
});
export type OptionAnswer = v.InferOutput<typeof OptionAnswer>;

/** By when something happens by itself. */
const DeadlineAnswer = v.object({
  /** What the words are about; null = they say why there is no such instant. */
  at: v.nullable(Time),
  words: v.string(),
});
export type DeadlineAnswer = v.InferOutput<typeof DeadlineAnswer>;

/** Why it is where it is, what can happen next, and by when. */
export const StoryAnswer = v.object({
  why: v.string(),
  next: Texts,
  deadlines: v.array(DeadlineAnswer),
});
export type StoryAnswer = v.InferOutput<typeof StoryAnswer>;

/** A live machine at one moment. */
export const LookAnswer = v.object({
  machine: v.string(),
  id: v.string(),
  title: v.string(),
  at: Time,
  /** Ids of the states that are active, outermost first. */
  states: Texts,
  context: v.record(v.string(), v.unknown()),
  options: v.array(OptionAnswer),
  story: v.nullable(StoryAnswer),
});
export type LookAnswer = v.InferOutput<typeof LookAnswer>;

/** One live machine of a list. */
export const LiveAnswer = v.object({ id: v.string(), title: v.string(), states: Texts });
export type LiveAnswer = v.InferOutput<typeof LiveAnswer>;

/** What is known of the commands of an agent that lives elsewhere: it is asked, so this is a sample. */
export const AgentCommandsAnswer = v.object({
  pc_id: v.string(),
  /**
   * Whether it tells of them: `silent` answers pings and not this (another implementation, or an older one), `away`
   * answers nothing, `unreachable` = there is no broker to ask through, `busy` = too many agents are watched here.
   */
  telling: v.picklist(["tells", "silent", "away", "unreachable", "busy"]),
  /** By the agent's clock; null unless it tells. */
  at: v.nullable(Time),
  /** How often it is asked while somebody watches, milliseconds. */
  every_ms: Whole,
  /** Oldest first; those that ended while somebody watched are among them. */
  commands: v.array(v.object({
    ...LiveAnswer.entries,
    exec_id: Text,
    result_id: Text,
    ended: v.boolean(),
  })),
  /** Commands that are not told, because there are too many. */
  left_out: Whole,
});
export type AgentCommandsAnswer = v.InferOutput<typeof AgentCommandsAnswer>;

export const MomentAnswer = v.object({
  at: Time,
  from: Text,
  to: v.string(),
  event: v.string(),
  /** The arrow of the chart; null = none that is known. */
  transition: Text,
  result_id: Text,
  /** Of that run. */
  pc_id: Text,
  /** How it stood at that moment; null = in flight, or there is no such run. */
  outcome: Text,
  counters: v.record(v.string(), v.number()),
  states: Texts,
  options: v.array(OptionAnswer),
  story: StoryAnswer,
});
export type MomentAnswer = v.InferOutput<typeof MomentAnswer>;

/** An execution, live or long ended: each recorded moment, and how it is now. */
export const ExecutionStory = v.object({
  exec_id: v.string(),
  title: v.string(),
  /** The execution whose rest this one runs again. */
  retry_of: Text,
  target_count: Whole,
  status: v.string(),
  ended: v.boolean(),
  deadline_at: v.nullable(Time),
  /** Oldest first. */
  moments: v.array(MomentAnswer),
  /** False = there were more moments than are told. */
  complete: v.boolean(),
  now: MomentAnswer,
});
export type ExecutionStory = v.InferOutput<typeof ExecutionStory>;

export const SequenceAnswer = v.object({
  result_id: v.string(),
  request_id: v.string(),
  exec_id: Text,
  pc_id: v.string(),
  /** Its command is still on the agent. */
  in_flight: v.boolean(),
  /** In the order of their columns. */
  parties: v.array(v.object({ id: v.string(), title: v.string() })),
  /** In the order in which they happened, as far as clocks agree. */
  steps: v.array(v.object({
    from: v.string(),
    to: v.string(),
    label: v.string(),
    detail: v.string(),
    /** Null = it has not happened, or it has and nothing tells when: neither a row nor a message that is still stored. */
    at: v.nullable(Time),
    /** Whose clock says so. */
    clock: v.picklist(["backend", "broker", "agent", "none"]),
    /** False = it has not happened yet. */
    happened: v.boolean(),
  })),
  /** While it is in flight. */
  deadlines: v.array(DeadlineAnswer),
});
export type SequenceAnswer = v.InferOutput<typeof SequenceAnswer>;

/** Event `moved` of the stream: what a watched machine has done since the last one. */
export const MovedEvent = v.object({
  machine: v.string(),
  id: v.string(),
  /** Newest last. */
  moves: v.array(v.object({
    at: Time,
    event: v.string(),
    transitions: Texts,
    states: Texts,
  })),
  /** Moves that are left out because there were too many. */
  left_out: Whole,
  /** As it is now; null = it lives no more in this process. */
  look: v.nullable(LookAnswer),
});
export type MovedEvent = v.InferOutput<typeof MovedEvent>;

/** Event `activity` of the stream: what all machines of this process did since the last one. */
export const ActivityEvent = v.object({
  at: Time,
  seen: Whole,
  /** A sample, newest last; fewer than `seen` where there were too many. */
  told: v.array(v.object({
    at: Time,
    machine: v.string(),
    id: v.string(),
    event: v.string(),
    states: Texts,
  })),
});
export type ActivityEvent = v.InferOutput<typeof ActivityEvent>;

export const MachinePath = v.object({ machine: Name });
export const LivePath = v.object({ machine: Name, id: Id });

const Wanted = v.optional(
  v.pipe(v.picklist(["0", "1"], "must be 1 or 0"), v.transform((text) => text === "1")),
  "0",
);

/** What a stream of the inspector tells: nothing that was not asked for is watched. */
export const InspectorEventsQuery = v.object({
  /** The supervision trees, every second and on each change. */
  system: Wanted,
  /** A sample of what all machines do. */
  activity: Wanted,
  /** One machine, together with its id. */
  machine: v.optional(Name),
  id: v.optional(Id),
  /** In place of a machine: the commands of the agent of this PC, and with an id that one. */
  agent: v.optional(Name),
});
export type InspectorEventsQuery = v.InferOutput<typeof InspectorEventsQuery>;
