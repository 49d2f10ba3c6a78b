import type { TestContext } from "node:test";

/**
 * The seed of a property, printed so that a failure can be had again: `KANADE_TEST_SEED=… npm test -- property`.
 */
export function printedSeed(t: TestContext): number {
  const given = process.env["KANADE_TEST_SEED"];
  const seed = given === undefined ? Date.now() % 2_147_483_647 : Number(given);
  t.diagnostic(`seed ${seed}`);
  return seed;
}
