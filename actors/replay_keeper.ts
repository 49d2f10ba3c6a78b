/**
 * Makes the durables on EXEC by which each agent reads its newest commands, when it is first heard of and when its
 * groups change (wire.md §3): a fenced agent may use them but not make them.
 */
import { messageOf } from "../wire/fault.ts";
import type { ChangedAgent } from "./agent_directory.ts";
import { defineActor } from "./backend.ts";
import { pause } from "./system/clock.ts";

/** Agents looked after at the same time. */
const WINDOW = 20;
const RETRY_MS = 1_000;

export const replayKeeper = defineActor({
  name: "replay_keeper",
  permissions: { agents: true, replayConsumers: true, connection: true },
  handles: "agents",
  run: async ({ agents, replayConsumers, connection, log, signal, ready, handled }) => {
    ready();
    while (!signal.aborted) {
      const changed = await agents.changed(signal);
      await connection.connected(signal);
      const failed: ChangedAgent[] = [];
      for (let from = 0; from < changed.length; from += WINDOW) {
        const window = changed.slice(from, from + WINDOW);
        const outcomes = await Promise.allSettled(window.map((agent) => replayConsumers(agent)));
        for (const [index, outcome] of outcomes.entries()) {
          if (outcome.status === "fulfilled") continue;
          log.warn("replay consumers not made", { error: messageOf(outcome.reason) });
          failed.push(window[index] as ChangedAgent);
        }
      }
      handled(changed.length - failed.length);
      if (failed.length === 0) continue;
      agents.retry(failed);
      await pause(RETRY_MS, signal);
    }
  },
});
