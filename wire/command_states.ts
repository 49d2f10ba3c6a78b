/** What an agent tells of its commands to who watches them [ours]: asked again and again, it is a sample. */
import * as v from "valibot";
import { Count, Id, Instant } from "./scalars.ts";

/** How long an agent notes moves after one request, seconds. */
const MAX_COMMANDS_WATCH_SECS = 30;

/** Request to `agents.{pc_id}.commands`. */
export const CommandStatesRequest = v.object({
  /** For so long moves are noted; 0 = nobody goes on watching. */
  watch_secs: v.pipe(
    Count,
    v.maxValue(MAX_COMMANDS_WATCH_SECS, `must be ${MAX_COMMANDS_WATCH_SECS} or less`),
  ),
  /** Of the reply before: moves up to `after` are known, if they were noted since then. */
  since: v.nullish(Instant),
  after: v.nullish(Count),
});
export type CommandStatesRequest = v.InferOutput<typeof CommandStatesRequest>;

/** One command as it is. */
export const CommandState = v.object({
  request_id: Id,
  exec_id: v.nullish(Id),
  /** Null while it is being admitted. */
  result_id: v.nullish(Id),
  job_id: v.string(),
  version: v.string(),
  /** Of the command machine: names of its states, from the outermost. */
  states: v.array(v.string()),
  context: v.record(v.string(), v.unknown()),
  /** It is reported, and was seen to be. */
  ended: v.boolean(),
});
export type CommandState = v.InferOutput<typeof CommandState>;

/** One transition of a command, with the ids that its chart has of it. */
export const CommandMove = v.object({
  /** Counted over all commands, from 1. */
  seq: Count,
  at: Instant,
  request_id: Id,
  event: v.string(),
  transitions: v.array(v.string()),
  states: v.array(v.string()),
});
export type CommandMove = v.InferOutput<typeof CommandMove>;

export const CommandStatesReply = v.object({
  at: Instant,
  /** Since when moves are noted without a gap; null = they are not. */
  since: v.nullish(Instant),
  /** Oldest first, together with the newest of those that ended since then. */
  commands: v.array(CommandState),
  /** Commands that are not told, because there are too many. */
  left_out: Count,
  /** Oldest first; a `seq` that is passed over is of a move that is not told. */
  moves: v.array(CommandMove),
});
export type CommandStatesReply = v.InferOutput<typeof CommandStatesReply>;
