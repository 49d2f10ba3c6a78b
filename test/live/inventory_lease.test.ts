/** Facts with two backends on one database and one broker: one takes them in, both serve them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JobInventoryAnswer } from "../../wire/http_inventory.ts";
import { publishResult } from "../harness/fleet_messages.ts";
import { type BackendProcess, type Backends, startBackends } from "../harness/start_backends.ts";
import { eventually } from "../harness/wait.ts";

const TAKEOVER_MS = 15_000;
/** A message that a backend took along is delivered again when the broker has waited for its ack. */
const DONE_WITHIN_MS = 60_000;

const PCS = Array.from({ length: 20 }, (_, index) => `pc-${index}`);
/** Runs of each PC, one a minute. Two and two tell the same, so that a fact lost or taken twice shows in the history. */
const RUNS = 6;
const JOB = {
  id: "disks",
  version: "1",
  execute: { shell: "sh", script: "true", timeout: "20s" },
  inventory: { display: [{ field: "level", label: "Level" }] },
};

/** Not long ago: what is older than runs are kept is deleted by whoever takes the lease. */
const BEGAN_AT = Date.now() - 3_600_000;
const minute = (run: number) => BEGAN_AT + run * 60_000;
const levelOf = (run: number) => Math.floor(run / 2);

async function publish({ bus }: Backends, pcId: string, run: number): Promise<void> {
  const ids = { resultId: `${pcId}/${run}`, requestId: `request-${pcId}-${run}`, pcId };
  const finished_at = new Date(minute(run)).toISOString();
  await publishResult(bus, { ...ids, execId: ids.requestId }, {
    exec_id: null,
    manifest_id: JOB.id,
    started_at: finished_at,
    finished_at,
    stdout: JSON.stringify({ level: levelOf(run) }),
  });
}

/** Some runs of every PC; later ones first for every other PC. */
async function publishRuns(backends: Backends, runs: readonly number[]): Promise<void> {
  for (const [index, pcId] of PCS.entries()) {
    const ordered = index % 2 === 0 ? runs : runs.toReversed();
    for (const run of ordered) await publish(backends, pcId, run);
  }
}

async function takenOverBy(backends: Backends, backend: BackendProcess): Promise<void> {
  await eventually(
    "the takeover",
    async () => (await backends.holder())?.pid === backend.pid,
    TAKEOVER_MS,
  );
}

/** What has changed on each PC, as it must be whatever happened: every two runs are one stretch. */
function wholeHistory(): readonly string[] {
  const stretches = Array.from({ length: RUNS / 2 }, (_, level) => level);
  return PCS.flatMap((pcId) =>
    stretches.map((level) =>
      [pcId, minute(2 * level), minute(2 * level + 1), JSON.stringify({ level })].join(" ")
    )
  ).toSorted();
}

async function history({ db }: Backends): Promise<readonly string[]> {
  const rows = await db.query("SELECT pc_id, since, until, facts FROM inventory_history");
  return rows.map(({ pc_id, since, until, facts }) =>
    [pc_id, since, until, new TextDecoder().decode(facts as Uint8Array)].join(" ")
  ).toSorted();
}

test("each run's facts are taken in once when the holder freezes, wakes up, and the next one is killed", async () => {
  await using backends = await startBackends();
  const first = await backends.start();
  await eventually("a holder", () => backends.holder());
  const second = await backends.start();
  await second.api("POST", "/api/jobs", JOB);
  await publishRuns(backends, [3, 0]);
  await backends.freeze(first);
  await publishRuns(backends, [4, 1]);
  await takenOverBy(backends, second);
  first.signal("SIGCONT");
  await eventually("its loss", () => first.stderr().includes("writer lease lost"), TAKEOVER_MS);
  await publishRuns(backends, [5, 2]);
  second.signal("SIGKILL");
  await takenOverBy(backends, first);
  const wanted = wholeHistory();
  let seen: readonly string[] = [];
  await eventually("the whole history", async () => {
    const [row] = await backends.db.query("SELECT count(*) AS due FROM inventory_due");
    seen = await history(backends);
    return row?.["due"] === 0 && seen.length >= wanted.length &&
      seen.join("\n") === wanted.join("\n");
  }, DONE_WITHIN_MS).catch(() => assert.deepEqual(seen, wanted));
  const third = await backends.start();
  const answers = await Promise.all(
    [first, third].map((backend) =>
      backend.api<JobInventoryAnswer>("GET", `/api/inventory/by-job/${JOB.id}?limit=500`)
    ),
  );
  assert.deepEqual(answers[0], answers[1]);
  assert.deepEqual(
    answers[0]?.rows.map(({ facts }) => facts),
    PCS.map(() => ({ level: levelOf(RUNS - 1) })),
  );
});
