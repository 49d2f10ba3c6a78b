import * as v from "valibot";
import { Count, Id } from "./scalars.ts";

/**
 * Events of the streams of live output (http-api.md): `/api/results/{result_id}/stream` and
 * `/api/executions/{exec_id}/stream`, where each event of a run names it besides.
 */

export const OUTPUT_STREAMS = ["stdout", "stderr"] as const;
const Stream = v.picklist(OUTPUT_STREAMS);
export type OutputStream = v.InferOutput<typeof Stream>;

/**
 * `source`: where the output comes from now. `watched`: the agent sends what is printed; `polled`: an agent that cannot
 * is asked each second; `away`: nobody answers; `busy`: this server watches as many runs as it can.
 */
export const SourceEvent = v.object({ state: v.picklist(["watched", "polled", "away", "busy"]) });
export type SourceEvent = v.InferOutput<typeof SourceEvent>;

/** `output`: `offset` counts the bytes of the text before this one, in UTF-8, as the stored output has them. */
export const OutputEvent = v.object({ stream: Stream, offset: Count, text: v.string() });
export type OutputEvent = v.InferOutput<typeof OutputEvent>;

/** `gap`: so many bytes are not to be had while the run goes on; null = nobody knows how many. */
export const GapEvent = v.object({ stream: Stream, offset: Count, bytes: v.nullable(Count) });
export type GapEvent = v.InferOutput<typeof GapEvent>;

/**
 * `restart`: what follows is the stored output from its first byte, and takes the place of all that was sent of this
 * stream. `missed`: there were gaps; `differs`: the agent stored something else, such as head and tail of too much.
 */
export const RestartEvent = v.object({ stream: Stream, why: v.picklist(["missed", "differs"]) });
export type RestartEvent = v.InferOutput<typeof RestartEvent>;

/** Which run of an execution an event is about. */
export const RunName = v.object({ result_id: Id, pc_id: v.string() });
export type RunName = v.InferOutput<typeof RunName>;

/** `limit`: no more than `watched` runs are followed at a time; `waiting` go on unseen until there is room. */
export const LimitEvent = v.object({ watched: Count, waiting: Count });
export type LimitEvent = v.InferOutput<typeof LimitEvent>;
