/**
 * Projects heartbeats into `agents` and KV `agents_state`, a second's worth in one transaction (wire.md §3, §4).
 * Presence is judged by our clock.
 */
import { type AgentBeat, upsertAgents } from "../db/agents.ts";
import type { Database } from "../db/client.ts";
import type { Announcement } from "../wire/announcement.ts";
import { decode } from "../wire/codec.ts";
import { messageOf } from "../wire/fault.ts";
import { Heartbeat } from "../wire/heartbeat.ts";
import { key } from "../wire/ids.ts";
import { parseInstant } from "../wire/time.ts";
import { defineActor } from "./backend.ts";

const FLUSH_EVERY_MS = 1_000;
/** The first beat of a PC is written at once, so that a new machine can be used at once. */
const FIRST_FLUSH_MS = 50;
/** Pages are told that the fleet was heard no more often than this. */
const TELL_EVERY_MS = 10_000;

export const heartbeatProjector = defineActor({
  name: "heartbeat_projector",
  permissions: {
    db: "write",
    bus: { subscribe: ["heartbeat.*"], publish: ["$KV.agents_state.*"] },
    announce: true,
    agents: true,
    health: true,
  },
  handles: "heartbeats",
  run: async ({ db, bus, announce, agents, health, clock, log, signal, ready, handled }) => {
    const beats = new Map<string, AgentBeat>();
    const newest = new Map<string, Uint8Array>();
    const known = new Set<string>();
    let toldAt = 0;
    let wakeEarly = () => {};
    await bus.whenConnected(signal);
    bus.subscribe("heartbeat.*", signal, (message) => {
      try {
        const beat = beatOf(decode(Heartbeat, "heartbeat", message.data), clock.now());
        if (message.subject !== `heartbeat.${beat.pcId}`) {
          log.warn("heartbeat of another subject", { subject: message.subject, pcId: beat.pcId });
          return;
        }
        // A later beat that leaves a field out must not hide the earlier one's.
        beats.set(beat.pcId, { ...beats.get(beat.pcId), ...beat });
        newest.set(beat.pcId, message.data);
        if (!known.has(beat.pcId)) wakeEarly();
      } catch (thrown) {
        log.warn("heartbeat not readable", { subject: message.subject, error: messageOf(thrown) });
      }
    });
    ready();
    while (!signal.aborted) {
      await untilFlush(signal, (wake) => wakeEarly = wake);
      const batch = [...beats.values()];
      beats.clear();
      const problem = await flush(db, batch);
      health(problem);
      if (problem !== null) {
        log.warn("heartbeats not stored", { error: problem });
        continue;
      }
      handled(batch.length);
      for (const { pcId } of batch) {
        if (known.has(pcId)) continue;
        known.add(pcId);
        announce({ type: "agent", pc_id: pcId } satisfies Announcement);
      }
      if (batch.length > 0 && clock.now() - toldAt >= TELL_EVERY_MS) {
        toldAt = clock.now();
        announce({ type: "heartbeats" } satisfies Announcement);
      }
      agents.heard(batch.map((beat) => beat.pcId));
      // Without an ack: the next beat tells the same again.
      for (const [pcId, body] of newest) bus.publish(`$KV.agents_state.${key(pcId)}`, body);
      newest.clear();
    }
  },
});

/** A second, or 50 ms after the first beat of a PC that is new to us. @throws the signal's reason */
async function untilFlush(signal: AbortSignal, onWake: (wake: () => void) => void): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve) => {
    let timer = setTimeout(end, FLUSH_EVERY_MS);
    onWake(() => {
      onWake(() => {});
      clearTimeout(timer);
      timer = setTimeout(end, FIRST_FLUSH_MS);
    });
    signal.addEventListener("abort", end);
    function end(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    }
  });
  signal.throwIfAborted();
}

/** Stores what was heard. Answers why it could not, or null: the next beats tell the same again. */
async function flush(db: Database, beats: readonly AgentBeat[]): Promise<string | null> {
  if (beats.length === 0) return null;
  try {
    await db.write((tx) => tx.batch([upsertAgents(beats)]));
    return null;
  } catch (thrown) {
    return messageOf(thrown);
  }
}

function beatOf(heartbeat: Heartbeat, heardAt: number): AgentBeat {
  const { pc_id, at, ...facts } = heartbeat;
  const set = Object.fromEntries(
    Object.entries(facts).filter(([, value]) => value !== null && value !== undefined),
  );
  return { pcId: pc_id, heardAt, reportedAt: parseInstant(at) ?? heardAt, ...set };
}
