import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";

/**
 * A place in a span that is always the same for one name of one seed, and spread evenly over the names: whole
 * milliseconds from 0 to below `overMs`.
 */
export function spreadMs(seed: string, name: string, overMs: number): number {
  const hash = sha256(utf8ToBytes(`${seed}\0${name}`));
  const [first = 0, second = 0, third = 0, fourth = 0] = hash;
  const fraction = (first * 2 ** 24 + second * 2 ** 16 + third * 2 ** 8 + fourth) / 2 ** 32;
  return Math.floor(fraction * overMs);
}
