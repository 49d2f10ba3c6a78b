/** How deep JSON of others may nest; what people and programs write has fewer than 20 levels. */
export const MAX_JSON_DEPTH = 64;

/** Whether a JSON value nests deeper than that: whoever walks it by recursion would run out of stack. */
export function isTooDeep(value: unknown): boolean {
  const left: (readonly [value: unknown, depth: number])[] = [[value, 1]];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const [present, depth] = next;
    if (typeof present !== "object" || present === null) continue;
    if (depth > MAX_JSON_DEPTH) return true;
    for (const member of Object.values(present)) left.push([member, depth + 1]);
  }
  return false;
}
