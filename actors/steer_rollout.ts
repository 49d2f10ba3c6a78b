/** What a person wants of a rollout. Effective with its commit: the keeper reads the row before everything that it does. */
import type { Transaction } from "../db/client.ts";
import { findRollout, type Rollout } from "../db/rollouts.ts";
import type { RolloutEvent } from "../machines/rollout.ts";
import { Fault } from "../wire/fault.ts";
import type { SteerRequest } from "./dispatch_types.ts";
import type { DispatcherHost } from "./dispatcher_host.ts";
import { changeOf, hasEnded, type RolloutChange, writeChange } from "./rollout_decisions.ts";

/** Undefined when there is no such rollout. @throws {Fault} `conflict` when it has ended otherwise */
export async function steerRollout(
  host: DispatcherHost,
  request: SteerRequest,
): Promise<Rollout | undefined> {
  const at = host.clock.now();
  const { change, rollout } = await host.db.write((tx) => steer(tx, request, at));
  if (change !== undefined) {
    host.outboxChanged();
    host.rolloutChanged(change);
  }
  return rollout;
}

interface Steered {
  readonly rollout: Rollout | undefined;
  /** Undefined when it was so already. */
  readonly change?: RolloutChange;
}

async function steer(
  tx: Transaction,
  { execId, wish, actor }: SteerRequest,
  at: number,
): Promise<Steered> {
  const rollout = await findRollout(tx, execId);
  if (rollout === undefined || (wish === "abort" && rollout.status === "aborted")) {
    return { rollout };
  }
  if (hasEnded(rollout)) {
    throw new Fault("conflict", `Cannot ${wish} the rollout ${execId}: it is ${rollout.status}`);
  }
  const change = changeOf(rollout, eventOf(wish, actor), { actor, at });
  if (change === undefined) return { rollout };
  await writeChange(tx, change);
  return { rollout: await findRollout(tx, execId), change };
}

function eventOf(wish: SteerRequest["wish"], by: string): RolloutEvent {
  switch (wish) {
    case "pause":
      return { type: "PAUSE" };
    case "resume":
      return { type: "RESUME" };
    case "abort":
      return { type: "ABORT", by };
  }
}
