import * as v from "valibot";

/** What the HTTP API answers to kills of more or less than one execution [ours]. */

const Whole = v.number();

export const JobKillAnswer = v.object({
  job_id: v.string(),
  /** That had not ended, with how many of their runs were in flight. */
  executions: v.array(v.object({ exec_id: v.string(), in_flight: Whole })),
});
export type JobKillAnswer = v.InferOutput<typeof JobKillAnswer>;

/** What the agent itself said. */
const reached = {
  /** False when it did not answer: it is away, or is none that can be asked. */
  reached: v.boolean(),
  /** The runs that it ends, by `result_id`. */
  killed: v.array(v.string()),
};

/** What is recorded of a kill on one PC: it holds when the PC comes back, too. */
const recorded = {
  pc_id: v.string(),
  /**
   * `whole`: all of the execution is killed, because it is for this PC alone; else only agents of ours can tell that
   * one PC is meant.
   */
  executions: v.array(v.object({ exec_id: v.string(), whole: v.boolean() })),
};

export const PcKillAnswer = v.object({ ...recorded, in_flight: Whole, ...reached });
export type PcKillAnswer = v.InferOutput<typeof PcKillAnswer>;

export const RunKillAnswer = v.object({ result_id: v.string(), ...recorded, ...reached });
export type RunKillAnswer = v.InferOutput<typeof RunKillAnswer>;

/** What is committed, before the agent is asked. */
export type RecordedPcKill = Omit<PcKillAnswer, "reached" | "killed">;
export type RecordedRunKill = Omit<RunKillAnswer, "reached" | "killed">;
