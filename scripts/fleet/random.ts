/** Uniform in [0, 1). */
export type Random = () => number;

/** mulberry32: the same numbers for the same seed. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function between(random: Random, [least, most]: readonly [number, number]): number {
  return least + random() * (most - least);
}

/** So many of the numbers [0, of), the same for the same seed. */
export function pickSome(random: Random, count: number, of: number): ReadonlySet<number> {
  const numbers = Array.from({ length: of }, (_, index) => index);
  for (let left = of; left > 1; left -= 1) {
    const other = Math.floor(random() * left);
    [numbers[left - 1], numbers[other]] = [numbers[other] ?? 0, numbers[left - 1] ?? 0];
  }
  return new Set(numbers.slice(0, count));
}
