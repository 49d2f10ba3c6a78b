import type { Subscription } from "nats";
import { pause } from "../actors/system/clock.ts";
import { key } from "../wire/ids.ts";
import { defineAgentActor } from "./capabilities.ts";
import { type FactBucket, type Facts } from "./facts.ts";
import { configKeys, groupsOf } from "./profile.ts";
import { whenAborted } from "./when_aborted.ts";

/**
 * What is heard on a key's subject has not been stored yet, and may be refused; so the key is read,
 * again after these waits.
 */
const READ_AGAIN_AFTER_MS = [0, 100, 1_000] as const;

/**
 * Keeps the facts about this PC fresh: by core subscriptions on their keys, which permissions can
 * fence, and anew with every connection (agent.md §3, §4).
 */
export const factFollower = defineAgentActor({
  name: "fact_follower",
  permissions: { identity: true, link: true, facts: true },
  handles: "changes",
  run: async ({ identity, link, facts, log, signal, ready, handled }) => {
    const { pcId } = identity;
    ready();
    const bus = await link.connected(signal);
    const read = (bucket: FactBucket, factKey: string) => void readAfterwards(bucket, factKey);
    const subscriptions = followedSubjects(pcId).map(([bucket, filter]) =>
      bus.connection.subscribe(`$KV.${bucket}.${filter}`, {
        callback: (error, message) => {
          if (error !== null) return log.warn("cannot follow facts", { bucket, filter, error });
          handled();
          read(bucket, message.subject.slice(`$KV.${bucket}.`.length));
        },
      })
    );
    const stop = link.onStatus((connected) => {
      if (!connected) return;
      void readOwn(facts, pcId);
      void readKnownJobs(facts);
    });
    try {
      await whenAborted(signal);
    } finally {
      stop();
      for (const subscription of subscriptions) close(subscription);
    }

    async function readAfterwards(bucket: FactBucket, factKey: string): Promise<void> {
      try {
        for (const waitMs of READ_AGAIN_AFTER_MS) {
          await pause(waitMs, signal);
          await facts.read(bucket, factKey);
        }
      } catch {
        // Only the pause throws: the agent stops.
      }
    }
  },
});

/** Which changes concern a PC. Revocations and pins of jobs it never ran count: they may come offline. */
function followedSubjects(pcId: string): readonly (readonly [FactBucket, string])[] {
  return [
    ["agent_groups", key(pcId)],
    ["agent_config", "global"],
    ["agent_config", "groups.*"],
    ["agent_config", `pcs.${key(pcId)}`],
    ["script_status", "*"],
    ["script_current", "*"],
  ];
}

/** Groups first: which config concerns the PC depends on them. */
async function readOwn(facts: Facts, pcId: string): Promise<void> {
  await facts.read("agent_groups", key(pcId));
  for (const factKey of configKeys(pcId, groupsOf(facts, pcId))) {
    await facts.read("agent_config", factKey);
  }
}

/** What was revoked or pinned while the agent was away. */
async function readKnownJobs(facts: Facts): Promise<void> {
  for (const bucket of ["script_status", "script_current"] as const) {
    for (const factKey of facts.keys(bucket)) await facts.read(bucket, factKey);
  }
}

function close(subscription: Subscription): void {
  if (!subscription.isClosed()) subscription.unsubscribe();
}
