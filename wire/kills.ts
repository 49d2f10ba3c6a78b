/** Kills [ours beside `kill.{exec_id}`]: what KV `kills` says of an execution, and how one agent is asked to end runs. */
import * as v from "valibot";
import { Id } from "./scalars.ts";

/** Value of KV `kills`: who may not run an execution. */
const KillMark = v.object({
  /** Only these PCs; absent = every one. */
  pcs: v.nullish(v.array(v.string())),
});

/** The PCs that a mark names; undefined = every one. A mark that cannot be read is for everybody: it fails closed. */
export function killedPcs(mark: string): readonly string[] | undefined {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), KillMark), mark);
  return parsed.success ? parsed.output.pcs ?? undefined : undefined;
}

/** Whether a mark keeps a PC from running its execution. */
export function killsPc(mark: string, pcId: string): boolean {
  return killedPcs(mark)?.includes(pcId) ?? true;
}

/**
 * Request to `agents.{pc_id}.kill`: what belongs to a run or an execution there, or everything. Other members are refused,
 * so that no message of another kind is taken for one.
 */
export const KillRunsRequest = v.strictObject({
  result_id: v.nullish(Id),
  exec_id: v.nullish(Id),
  everything: v.optional(v.literal(true)),
});
export type KillRunsRequest = v.InferOutput<typeof KillRunsRequest>;

/** The runs that end by it. */
export const KillRunsReply = v.object({
  killed: v.array(
    v.object({
      /** Null while it is being admitted. */
      result_id: v.nullish(Id),
      exec_id: v.nullish(Id),
    }),
  ),
});
export type KillRunsReply = v.InferOutput<typeof KillRunsReply>;
