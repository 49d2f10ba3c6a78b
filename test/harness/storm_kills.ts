/** Kills at random moments, from a seed. */
import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "../../scripts/fleet/random.ts";
import type { Part } from "./storm_parts.ts";

export function pick<T>(random: Random, from: readonly T[]): T {
  const chosen = from[Math.floor(random() * from.length)];
  if (chosen === undefined) throw new RangeError("Cannot pick from nothing");
  return chosen;
}

/** Between one kill and the next, and how long what was killed stays away. */
const BETWEEN_MS = [300, 2_500] as const;
const AWAY_MS = [0, 1_500] as const;

/**
 * Kills one part after the other, each started again after a while, until the signal aborts; several may be away at
 * once. Ends when none is about to be started any more. Answers how often each was killed, by name.
 * @throws what a part threw that could not be killed or started
 */
export async function killAtRandom(
  parts: readonly Part[],
  random: Random,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const kills = new Map<string, number>();
  const away = new Map<Part, Promise<void>>();
  const failures: unknown[] = [];
  while (!signal.aborted && failures.length === 0) {
    await delay(between(random, BETWEEN_MS));
    const present = parts.filter((part) => !away.has(part));
    if (signal.aborted || present.length === 0) continue;
    const part = pick(random, present);
    kills.set(part.name, (kills.get(part.name) ?? 0) + 1);
    const awayMs = between(random, AWAY_MS);
    const bounced = bounce(part, awayMs)
      .catch((thrown: unknown) => void failures.push(thrown))
      .finally(() => away.delete(part));
    away.set(part, bounced);
  }
  await Promise.all(away.values());
  if (failures.length > 0) throw failures[0];
  return kills;
}

async function bounce(part: Part, awayMs: number): Promise<void> {
  await part.kill();
  await delay(awayMs);
  await part.start();
}

function between(random: Random, [least, most]: readonly [number, number]): number {
  return Math.round(least + random() * (most - least));
}
