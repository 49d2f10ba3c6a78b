/** What a backend throws away by itself, and how an operator hears of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startWhole } from "../harness/backend.ts";
import { deadLetterRow, insertRows } from "../harness/database_rows.ts";
import { KEEP } from "../harness/keep.ts";
import { eventually } from "../harness/wait.ts";

interface AuditEntry {
  readonly actor: string;
  readonly payload: { readonly messages: number; readonly recorded_before: string };
}

test("dead letters that are too old go, a row of the audit log tells how many, and younger ones stay", async () => {
  await using whole = await startWhole();
  const tooOld = Date.now() - KEEP.deadLettersMs - 1;
  const backend = await whole.restart({
    meanwhile: (_, { db }) =>
      insertRows(db, "dead_letters", [
        deadLetterRow(1, tooOld),
        deadLetterRow(2, tooOld),
        deadLetterRow(3, Date.now()),
      ]),
  });
  const told = await eventually("the row of the audit log", async () => {
    const entries = await backend.api<AuditEntry[]>("GET", "/api/audit?action=dead_letters_expire");
    return entries.length > 0 && entries;
  });
  assert.deepEqual(told.map(({ actor, payload }) => [actor, payload.messages]), [["backend", 2]]);
  const left = await backend.api<{ sequence: number }[]>("GET", "/api/dead-letters");
  assert.deepEqual(left.map(({ sequence }) => sequence), [3]);
});
