/** What every benchmark is made of: rounds in turn, medians with their spread, figures against targets. */

export interface BenchContext {
  /** Small enough for CI: proves that the benchmark runs, measures nothing. */
  readonly tiny: boolean;
  /** How often those that compare measure each side. */
  readonly rounds: number;
  readonly say: (line: string) => void;
}

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Smallest and largest of the rounds. */
  readonly spread?: readonly [number, number];
  /** What was to be reached, e.g. `>= 0.8`. */
  readonly target?: string;
}

export interface Benchmark {
  readonly name: string;
  readonly compares: string;
  readonly run: (context: BenchContext) => Promise<readonly Figure[]>;
}

/** The middle of some measurements. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** The value below which so many percent of the values are. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const index = Math.ceil(sorted.length * percent / 100) - 1;
  return sorted[Math.max(0, index)] ?? NaN;
}

/** A figure of several rounds. */
export function figureOf(
  name: string,
  unit: string,
  values: readonly number[],
  target?: string,
): Figure {
  return {
    name,
    unit,
    value: median(values),
    spread: [Math.min(...values), Math.max(...values)],
    ...(target === undefined ? {} : { target }),
  };
}

/** One line of a table. */
export function lineOf({ name, value, unit, spread, target }: Figure): string {
  const shown = [name.padEnd(44), format(value).padStart(12), unit.padEnd(12)];
  if (spread !== undefined) shown.push(`(${format(spread[0])} … ${format(spread[1])})`);
  if (target !== undefined) shown.push(`target ${target}`);
  return shown.join(" ");
}

function format(value: number): string {
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(2);
}
