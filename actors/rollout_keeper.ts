/**
 * Takes rollouts from wave to wave (execution-semantics.md §4): looks at each that is open, tells its machine what is
 * so, and writes what the machine makes of it.
 *
 * 1. Everything that it knows is in rows: a backend that takes over goes on exactly there.
 * 2. A decision, its audit event and the commands of its wave are one transaction, which asserts the term.
 * 3. Where it cannot be known whether the fleet is frozen or the job revoked, no wave begins.
 * 4. Where there is a limit, a wave is judged when everybody whom the one before reached has ended: who is there and has
 *    not begun is waited for, too, for as long as a command may wait for its start.
 * 5. A rollout whose row no machine can be in is left as it is, and the others go on.
 */
import type { Database } from "../db/client.ts";
import { countUnsent, readWaves } from "../db/rollout_waves.ts";
import { readOpenRollouts, type Rollout } from "../db/rollouts.ts";
import { type RolloutEvent, whyOverLimit } from "../machines/rollout.ts";
import type { Announcement } from "../wire/announcement.ts";
import { messageOf } from "../wire/fault.ts";
import { defineActor } from "./backend.ts";
import type { BrokerClock } from "./broker_clock.ts";
import { closeEnded } from "./close_rollout.ts";
import type { KvAccess } from "./kv_access.ts";
import type { Log } from "./log.ts";
import type { OutboxSignal } from "./outbox_signal.ts";
import { assertHeld, inEachTenure, type Tenure } from "./writer_lease.ts";
import type { Projection } from "./projection.ts";
import {
  changeOf,
  hasEnded,
  rolloutAnnouncement,
  type RolloutChange,
  writeChange,
} from "./rollout_decisions.ts";
import { whetherHeld } from "./rollout_holds.ts";
import { countUnjudged } from "./rollout_judgement.ts";
import { type Clock, pause } from "./system/clock.ts";

/** Between two looks, ms. */
const LOOK_EVERY_MS = 500;
/** Who decides what nobody asked for. */
const ACTOR = "backend";

export const rolloutKeeper = defineActor({
  name: "rollout_keeper",
  permissions: {
    db: "write",
    lease: true,
    projection: true,
    outbox: true,
    kv: { fleet_config: "read", script_status: "read" },
    hostZone: true,
    brokerClock: true,
    announce: true,
    health: true,
  },
  handles: "decisions",
  run: async (grants) => {
    const { lease, health, signal, ready } = grants;
    ready();
    await inEachTenure(lease, signal, async (tenure, held) => {
      const counted = new Map<string, number>();
      while (!held.aborted) {
        health(await lookAtAll({ ...grants, tenure, counted }));
        await pause(LOOK_EVERY_MS, held);
      }
    });
  },
});

interface KeeperContext {
  readonly db: Database;
  readonly tenure: Tenure;
  /** Failed runs of an execution at the last count of its waves. */
  readonly counted: Map<string, number>;
  readonly projection: Projection;
  readonly outbox: OutboxSignal;
  readonly kv: KvAccess;
  readonly hostZone: string;
  readonly brokerClock: BrokerClock;
  readonly announce: (announcement: Announcement) => void;
  readonly handled: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Answers what is wrong with one of them, if anything is. */
async function lookAtAll(context: KeeperContext): Promise<string | null> {
  let problem: string | null = null;
  for (const rollout of await readOpenRollouts(context.db)) {
    const why = await lookAt(context, rollout);
    if (why !== undefined) problem ??= `rollout ${rollout.execId}: ${why}`;
  }
  return problem;
}

/** Takes a rollout as far as it can go now. Answers why it cannot be taken any further although it should. */
async function lookAt(context: KeeperContext, rollout: Rollout): Promise<string | undefined> {
  let now = rollout;
  try {
    while (!hasEnded(now)) {
      const change = await nextChange(context, now);
      if (change === undefined || !await commit(context, change)) return undefined;
      now = { ...now, ...change.to };
    }
    context.counted.delete(rollout.execId);
    const brokerNow = await context.brokerClock.now();
    return await closeEnded(context.projection, context.tenure, {
      execId: rollout.execId,
      brokerNow,
    });
  } catch (thrown) {
    if (context.tenure.signal.aborted) throw thrown;
    // The others go on; this one is looked at again.
    return messageOf(thrown);
  }
}

/** What is next for a rollout; undefined while it has to wait. */
async function nextChange(
  context: KeeperContext,
  rollout: Rollout,
): Promise<RolloutChange | undefined> {
  for (const look of [limitEvent, progressEvent]) {
    const event = await look(context, rollout);
    const by = { actor: ACTOR, at: context.clock.now() };
    const change = event && changeOf(rollout, event, by);
    if (change !== undefined) return change;
  }
  return undefined;
}

/** The counts, where they could be over the limit and were not when so many runs had failed. */
async function limitEvent(
  { db, counted }: KeeperContext,
  { execId, limit, failedRuns }: Rollout,
): Promise<RolloutEvent | undefined> {
  const least = limit.percent === null ? limit.failures ?? Infinity : 1;
  if (failedRuns < least || counted.get(execId) === failedRuns) return undefined;
  const waves = (await readWaves(db.aside, execId)).filter(({ beganAt }) => beganAt !== null);
  if (whyOverLimit(limit, waves) !== undefined) return { type: "COUNTED", waves };
  counted.set(execId, failedRuns);
  return undefined;
}

async function progressEvent(
  context: KeeperContext,
  rollout: Rollout,
): Promise<RolloutEvent | undefined> {
  const at = context.clock.now();
  switch (rollout.pausedIn ?? rollout.status) {
    case "waiting":
      return await beginEvent(context, rollout, at);
    case "sending":
      return await countUnsent(context.db, rollout.execId, rollout.wave) === 0
        ? { type: "SENT", at }
        : undefined;
    case "soaking":
      return at < (rollout.soakUntil ?? 0)
        ? undefined
        : { type: "SOAKED", at, unjudged: await countUnjudged(context.db, rollout, at) };
  }
  return undefined;
}

async function beginEvent(
  { kv, hostZone }: KeeperContext,
  { dueAts, wave, jobId, pausedIn, startBy }: Rollout,
  at: number,
): Promise<RolloutEvent | undefined> {
  if (pausedIn !== null) return undefined;
  if (startBy !== null && startBy < at) return { type: "TOO_LATE" };
  if (at < (dueAts[wave] ?? 0)) return undefined;
  return await whetherHeld({ kv, hostZone }, jobId, at) ?? { type: "DUE", at };
}

/** False when somebody else has changed the rollout meanwhile: it is read anew at the next look. */
async function commit(context: KeeperContext, change: RolloutChange): Promise<boolean> {
  const { db, tenure, outbox, announce, handled, log } = context;
  const written = await db.write(async (tx) => {
    await assertHeld(tx, tenure);
    return await writeChange(tx, change);
  });
  if (!written) return false;
  handled();
  outbox.poke();
  announce(rolloutAnnouncement(change));
  const { to, event } = change;
  log.info("rollout changed", {
    execId: to.execId,
    event: event.type,
    to: to.status,
    wave: to.wave,
    why: to.reason ?? to.held,
  });
  return true;
}
