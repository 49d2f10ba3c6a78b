import assert from "node:assert/strict";
import { test } from "node:test";
import { type FactRow, keepFacts, keepNotes, listInventoryOfJob } from "../../db/inventory.ts";
import { startDatabase } from "../harness/database.ts";

const JOB = "stock";

function factsOf(pcId: string, bytes: number): FactRow {
  return {
    pcId,
    jobId: JOB,
    place: { at: 1, resultId: `r-${pcId}` },
    facts: JSON.stringify({ text: "x".repeat(bytes) }),
  };
}

/** The PCs of each page, to the end of the list. */
async function pagesOf(database: Awaited<ReturnType<typeof startDatabase>>, limit: number) {
  const pages: string[][] = [];
  let cursor: string | undefined;
  do {
    const page = await listInventoryOfJob(database.db, { jobId: JOB, limit, cursor });
    pages.push(page.rows.map(({ pcId }) => pcId));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return pages;
}

test("a list of large facts goes on after a page that is full of bytes before it is full of PCs", async () => {
  await using database = await startDatabase();
  const pcIds = ["a", "b", "c", "d", "e"];
  await database.db.write((tx) =>
    tx.batch([keepFacts(pcIds.map((pcId) => factsOf(pcId, 2_000_000)))])
  );
  assert.deepEqual(await pagesOf(database, 50), [["a", "b", "c"], ["d", "e"]]);
});

test("a PC whose facts alone fill a page is on one with whatever came before it", async () => {
  await using database = await startDatabase();
  await database.db.write((tx) =>
    tx.batch([
      keepFacts([factsOf("a", 10), factsOf("b", 5_000_000), factsOf("c", 10)]),
      keepNotes([{ pcId: "d", jobId: JOB, place: { at: 1, resultId: "r-d" }, note: "no JSON" }]),
    ])
  );
  assert.deepEqual(await pagesOf(database, 50), [["a", "b"], ["c", "d"]]);
});

test("a page holds as many PCs as were asked for", async () => {
  await using database = await startDatabase();
  await database.db.write((tx) =>
    tx.batch([keepFacts(["a", "b", "c"].map((pcId) => factsOf(pcId, 10)))])
  );
  assert.deepEqual(await pagesOf(database, 2), [["a", "b"], ["c"]]);
  assert.deepEqual(await pagesOf(database, 3), [["a", "b", "c"]]);
});
