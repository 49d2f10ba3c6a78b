import { Fault } from "../../wire/fault.ts";

/** How many letters may differ for a name to be worth a question. */
const FAR = 3;

/** What is meant, as commander asks it of commands; empty when nothing is near. */
function didYouMean(name: string, known: readonly string[]): string {
  const [nearest] = known
    .map((each) => ({ each, distance: distanceOf(name.toLowerCase(), each.toLowerCase()) }))
    .filter(({ each, distance }) => distance <= FAR && distance < Math.max(each.length, 2) / 2 + 1)
    .toSorted((a, b) => a.distance - b.distance);
  return nearest === undefined ? "" : ` (Did you mean ${nearest.each}?)`;
}

/**
 * Does something with a thing that has a name; where there is none, the fault asks what was meant.
 *
 * @param known the names that there are, looked up only then
 */
export async function orSuggest<T>(
  name: string,
  known: () => Promise<readonly string[]>,
  act: () => Promise<T>,
): Promise<T> {
  try {
    return await act();
  } catch (thrown) {
    if (!(thrown instanceof Fault) || thrown.code !== "not_found") throw thrown;
    // The fault itself is what matters, should the list not be had.
    const meant = didYouMean(name, await known().catch(() => []));
    throw new Fault("not_found", thrown.message + meant, {
      details: thrown.details,
      cause: thrown,
    });
  }
}

/** Letters to insert, leave out or change to make one text of the other. */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const changed = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(changed, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
