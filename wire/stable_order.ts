/** An order that looks random and is the same each time: who of a fleet comes first. */

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** 32 bits that every bit of the text has a part in: FNV-1a, and the last mixing of MurmurHash3. */
export function stableHash(text: string): number {
  let hash = FNV_OFFSET;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), FNV_PRIME);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Names by their hash. @param salt another one gives another order */
export function inStableOrder(names: readonly string[], salt: string): readonly string[] {
  return names
    .map((name) => ({ name, rank: stableHash(`${salt}\0${name}`) }))
    .sort((a, b) => a.rank - b.rank || (a.name < b.name ? -1 : 1))
    .map(({ name }) => name);
}
