/** What the machine was and what else it did meanwhile: two cores that are shared make absolute figures drift. */
import { readFile } from "node:fs/promises";
import { availableParallelism, loadavg } from "node:os";
import process from "node:process";

export interface MachineFacts {
  readonly cores: number;
  readonly node: string;
  readonly load: readonly number[];
}

export function machineFacts(): MachineFacts {
  return { cores: availableParallelism(), node: process.version, load: loadavg() };
}

/** Processor time since the machine was started, in clock ticks. */
interface Ticks {
  readonly all: number;
  readonly idle: number;
  /** This process and its children that have ended. */
  readonly own: number;
}

/** Starts to watch; what it gives tells which share of all cores others have used since, 0 to 1; NaN elsewhere than on Linux. */
export async function watchOthers(): Promise<() => Promise<number>> {
  const before = await readTicks();
  return async () => {
    const after = await readTicks();
    const all = after.all - before.all;
    const busy = all - (after.idle - before.idle);
    return (busy - (after.own - before.own)) / all;
  };
}

async function readTicks(): Promise<Ticks> {
  try {
    const [, ...cpu] = (await readFile("/proc/stat", "utf8")).split("\n")[0]?.split(/\s+/) ?? [];
    // user nice system idle iowait irq softirq steal; the guests' are within user.
    const ticks = cpu.slice(0, 8).map(Number);
    const own = (await readFile("/proc/self/stat", "utf8")).split(") ")[1]?.split(" ") ?? [];
    return {
      all: sum(ticks),
      idle: (ticks[3] ?? 0) + (ticks[4] ?? 0),
      // utime stime cutime cstime
      own: sum(own.slice(11, 15).map(Number)),
    };
  } catch {
    // Not Linux.
    return { all: NaN, idle: NaN, own: NaN };
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
