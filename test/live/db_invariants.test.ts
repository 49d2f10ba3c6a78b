import assert from "node:assert/strict";
import { test } from "node:test";
import type { Database } from "../../db/client.ts";
import { checkInvariants } from "../../db/invariants.ts";
import { startDatabase } from "../harness/database.ts";
import { executionRow, insertRows, runRow, targetRow } from "../harness/database_rows.ts";

const NOW = 1_000_000_000_000;
const DAY_MS = 86_400_000;

type Columns = Readonly<Record<string, string | number | null>>;

/** One execution "e" as it might be found. */
interface Found {
  readonly execution: Columns;
  /** `pc_id` → state */
  readonly targets?: Readonly<Record<string, string>>;
  /** `pc_id`, outcome, further columns */
  readonly runs?: readonly (readonly [string, string | null, Columns?])[];
}

async function store(db: Database, { execution, targets = {}, runs = [] }: Found): Promise<void> {
  await insertRows(db, "executions", [executionRow("e", execution)]);
  await insertRows(
    db,
    "execution_targets",
    Object.entries(targets).map(([pcId, state]) => targetRow("e", pcId, state)),
  );
  await insertRows(
    db,
    "execution_results",
    runs.map(([pcId, outcome, columns], index) =>
      runRow(`r${index}`, { exec_id: "e", pc_id: pcId, outcome, recorded_at: NOW, ...columns })
    ),
  );
}

/** The names of the checks that do not hold. */
async function violated(db: Database): Promise<string[]> {
  const checks = await checkInvariants(db, { now: NOW });
  assert.ok(
    checks.every(({ ok, count, examples }) =>
      ok === (count === 0) && ok === (examples.length === 0)
    ),
  );
  return checks.filter(({ ok }) => !ok).map(({ name }) => name);
}

const RIGHT: Readonly<Record<string, Found>> = {
  "nobody was heard of": { execution: {}, targets: { pc1: "waiting" } },
  "one of two is in flight": {
    execution: { target_count: 2, status: "running" },
    targets: { pc1: "waiting", pc2: "waiting" },
    runs: [["pc1", null]],
  },
  "one succeeded and one failed": {
    execution: {
      target_count: 2,
      status: "completed",
      settled_targets: 2,
      succeeded: 1,
      failed: 1,
    },
    targets: { pc1: "settled", pc2: "settled" },
    runs: [["pc1", "succeeded"], ["pc2", "failed"]],
  },
  "a PC settled twice, once reaped, and its target counts once": {
    execution: { status: "completed", settled_targets: 1, skipped: 1, expired_runs: 1 },
    targets: { pc1: "settled" },
    runs: [["pc1", "skipped"], ["pc1", "expired"]],
  },
  "a PC outside the list counts by outcome only": {
    execution: { status: "running", succeeded: 1 },
    targets: { pc1: "waiting" },
    runs: [["pc9", "succeeded"]],
  },
  "a run with a parent is never counted": {
    execution: {},
    targets: { pc1: "waiting" },
    runs: [["pc1", "failed", { parent_result_id: "r" }]],
  },
  "all expired": {
    execution: { status: "expired", expired_targets: 1, expired_runs: 2 },
    targets: { pc1: "expired" },
    runs: [["pc1", "expired"], ["pc1", "expired"]],
  },
  "the deadline passed with one in flight and one never heard of": {
    execution: { target_count: 2, status: "running", missing_targets: 1, deadline_passed_at: 1 },
    targets: { pc1: "waiting", pc2: "missing" },
    runs: [["pc1", null]],
  },
  "a missing one started late": {
    execution: { status: "expired", missing_targets: 1, deadline_passed_at: 1 },
    targets: { pc1: "missing" },
    runs: [["pc1", null]],
  },
  "a foreign dispatcher's, one of two heard of": {
    execution: {
      targets_listed: 0,
      target_count: 2,
      status: "running",
      settled_targets: 1,
      succeeded: 1,
    },
    targets: { pc1: "settled" },
    runs: [["pc1", "succeeded"]],
  },
  "a foreign dispatcher's, whose remainder is missing": {
    execution: {
      targets_listed: 0,
      target_count: 3,
      status: "expired",
      settled_targets: 1,
      succeeded: 1,
      missing_targets: 2,
      unlisted_missing: 2,
      deadline_passed_at: 1,
    },
    targets: { pc1: "settled" },
    runs: [["pc1", "succeeded"]],
  },
  "a foreign dispatcher's, of more PCs than it told": {
    execution: { targets_listed: 0, status: "completed", settled_targets: 2, succeeded: 2 },
    targets: { pc1: "settled", pc2: "settled" },
    runs: [["pc1", "succeeded"], ["pc2", "succeeded"]],
  },
};
for (const [what, found] of Object.entries(RIGHT)) {
  test(`the invariant holds: ${what}`, async () => {
    await using database = await startDatabase();
    await store(database.db, found);
    assert.deepEqual(await violated(database.db), []);
  });
}

const SETTLED = { status: "completed", settled_targets: 1, succeeded: 1 };
const WRONG: Readonly<Record<string, readonly [Found, ...string[]]>> = {
  "a counter is above its rows": [
    {
      execution: { ...SETTLED, succeeded: 2 },
      targets: { pc1: "settled" },
      runs: [["pc1", "succeeded"]],
    },
    "counters_equal_runs",
  ],
  "a run was not counted": [
    { execution: { status: "running" }, targets: { pc1: "waiting" }, runs: [["pc9", "failed"]] },
    "counters_equal_runs",
  ],
  "a target that settled still waits": [
    {
      execution: { status: "running", succeeded: 1 },
      targets: { pc1: "waiting" },
      runs: [["pc1", "succeeded"]],
    },
    "targets_follow_from_runs",
  ],
  "a target settled without a run": [
    { execution: { ...SETTLED, succeeded: 0 }, targets: { pc1: "settled" } },
    "targets_follow_from_runs",
  ],
  "a target is missing before the deadline": [
    { execution: { status: "expired", missing_targets: 1 }, targets: { pc1: "missing" } },
    "targets_follow_from_runs",
  ],
  "a target that was never heard of waits after the deadline": [
    { execution: { deadline_passed_at: 1 }, targets: { pc1: "waiting" } },
    "targets_follow_from_runs",
  ],
  "a foreign PC with a run is no target": [
    {
      execution: { targets_listed: 0, status: "running", succeeded: 1 },
      runs: [["pc1", "succeeded"]],
    },
    "targets_follow_from_runs",
  ],
  "target counts differ from the targets": [
    {
      execution: { ...SETTLED, settled_targets: 0, expired_targets: 1, status: "expired" },
      targets: { pc1: "settled" },
      runs: [["pc1", "succeeded"]],
    },
    "target_counts_equal_targets",
  ],
  "the list has fewer targets than were dispatched": [
    { execution: { target_count: 2 }, targets: { pc1: "waiting" } },
    "target_counts_equal_targets",
  ],
  "the remainder of a foreign one is missing before the deadline": [
    {
      execution: { targets_listed: 0, status: "expired", missing_targets: 1, unlisted_missing: 1 },
    },
    "target_counts_equal_targets",
  ],
  "pending with a run": [
    { execution: {}, targets: { pc1: "waiting" }, runs: [["pc1", null]] },
    "status_follows_from_targets",
  ],
  "running with nobody waiting": [
    {
      execution: { ...SETTLED, status: "running" },
      targets: { pc1: "settled" },
      runs: [["pc1", "succeeded"]],
    },
    "status_follows_from_targets",
  ],
  "completed with one expired": [
    {
      execution: { status: "completed", expired_targets: 1, expired_runs: 1 },
      targets: { pc1: "expired" },
      runs: [["pc1", "expired"]],
    },
    "status_follows_from_targets",
  ],
};
for (const [what, [found, ...names]] of Object.entries(WRONG)) {
  test(`the invariant is broken: ${what}`, async () => {
    await using database = await startDatabase();
    await store(database.db, found);
    assert.deepEqual(await violated(database.db), names);
  });
}

test("a run in flight may pass its deadline by the slack and no more, one without by a day and the slack", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const latest = NOW - 300_000;
  await insertRows(db, "execution_results", [
    runRow("known", { recorded_at: 0, expires_at: latest }),
    runRow("unknown", { recorded_at: latest - DAY_MS }),
    runRow("settled", { recorded_at: 0, expires_at: 0, outcome: "expired" }),
  ]);
  assert.deepEqual(await violated(db), []);
  const [check] = (await checkInvariants(db, { now: NOW + 1 })).filter(({ ok }) => !ok);
  assert.deepEqual(check, {
    name: "runs_end_by_their_deadline",
    ok: false,
    count: 2,
    examples: ["known", "unknown"],
  });
});

test("what waits in the outbox longer than the slack once it is due is told", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const message = { kind: "audit", subject: "audit.a.b", msg_id: "m", created_at: 0 };
  await insertRows(db, "command_outbox", [
    { ...message, created_at: NOW - 60_000 },
    { ...message, not_before: NOW - 60_000 },
    { ...message, state: "sent" },
  ]);
  assert.deepEqual(await violated(db), []);
  await insertRows(db, "command_outbox", [message]);
  assert.deepEqual(await violated(db), ["outbox_is_published"]);
});

test("a message in the outbox knows when it came", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const before = Date.now();
  await insertRows(db, "command_outbox", [{ kind: "audit", subject: "audit.a.b", msg_id: "m" }]);
  const [row] = await db.query("SELECT created_at FROM command_outbox");
  const createdAt = Number(row?.["created_at"]);
  assert.ok(createdAt >= before - 1 && createdAt <= Date.now() + 1, `${createdAt}`);
});

test("dead letters are told", async () => {
  await using database = await startDatabase();
  const { db } = database;
  await insertRows(
    db,
    "dead_letters",
    [{
      stream: "RESULTS",
      stream_created_at: 1,
      sequence: 1,
      subject: "results.pc.e",
      payload: "",
      error: "not JSON",
      published_at: 1,
      recorded_at: 1,
    }].map((row) => ({ ...row, payload: new Uint8Array() })),
  );
  assert.deepEqual(await violated(db), ["no_dead_letters"]);
});

test("every execution of a large database is checked, and only some examples are named", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const ids = Array.from({ length: 2_500 }, (_, index) => `e${index}`);
  await insertRows(db, "executions", ids.map((id) => executionRow(id, { status: "completed" })));
  await insertRows(db, "execution_targets", ids.map((id) => targetRow(id, "pc1", "waiting")));
  const check = (await checkInvariants(db, { now: NOW })).find(({ name }) =>
    name.startsWith("status")
  );
  assert.deepEqual([check?.count, check?.examples.length], [2_500, 10]);
});
