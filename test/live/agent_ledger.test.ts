/** The bounds of an agent's memory of requests, on real files; days pass on a clock that is moved. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { Ledger, type LedgerOptions } from "../../agent/ledger.ts";
import { testLog } from "../harness/log.ts";

const DAY_MS = 86_400_000;
const NOON = Date.parse("2026-05-20T12:00:00Z");
const BYTES = Buffer.from("a command");
const nothingWaits = () => false;

describe("the ledger", () => {
  let directory = "";
  let now = NOON;
  let minted = 0;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "kanade-ledger-"));
    [now, minted] = [NOON, 0];
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const open = (options: Partial<LedgerOptions> = {}): Promise<Ledger> =>
    Ledger.open({
      directory,
      pcId: "pc-1",
      mintId: () => `result-${minted += 1}`,
      clock: { now: () => now },
      log: testLog().log,
      ...options,
    });
  async function finish(ledger: Ledger, requestId: string): Promise<void> {
    assert.equal((await ledger.admit(requestId, BYTES)).kind, "admitted");
    await ledger.close(requestId);
  }
  const days = async () => (await readdir(join(directory, "closed"))).toSorted();

  test("forgets what finished more than eight days ago, unless its result still waits", async () => {
    const ledger = await open();
    await finish(ledger, "sent");
    await finish(ledger, "waits");
    for (let day = 1; day <= 8; day += 1) {
      now += DAY_MS;
      await finish(ledger, `later-${day}`);
    }
    await ledger.prune(nothingWaits);
    assert.equal((await days())[0], "2026-05-20");
    now += DAY_MS;
    await finish(ledger, "today");
    await ledger.prune((resultId) => resultId === "result-2");
    assert.deepEqual(await ledger.isKnown("sent", BYTES), false);
    assert.deepEqual(await ledger.isKnown("waits", BYTES), true);
    await ledger.prune(nothingWaits);
    assert.equal((await days())[0], "2026-05-21");
    assert.deepEqual(await ledger.isKnown("later-1", BYTES), true);
  });

  test("forgets nothing by a clock that is a year ahead for a while, or begins anew in 1970", async () => {
    const ledger = await open();
    await finish(ledger, "before");
    now += 365 * DAY_MS;
    await ledger.prune(nothingWaits);
    await finish(ledger, "ahead");
    await ledger.prune(nothingWaits);
    now = 0;
    await finish(ledger, "behind");
    now = NOON;
    await finish(ledger, "after");
    await ledger.prune(nothingWaits);
    const reopened = await open();
    for (const id of ["before", "ahead", "behind", "after"]) {
      assert.ok(await reopened.isKnown(id, BYTES), id);
    }
  });

  test("holds no more records than its bound, and forgets the oldest first", async () => {
    const ledger = await open({ keptRecords: 20 });
    for (let n = 0; n < 25; n += 1) await finish(ledger, `request-${n}`);
    await ledger.prune(nothingWaits);
    const known = [];
    for (let n = 0; n < 25; n += 1) known.push(await ledger.isKnown(`request-${n}`, BYTES));
    // Seven go: five too many, and a tenth of the bound.
    assert.deepEqual(known.lastIndexOf(false), 6);
    assert.deepEqual(known.indexOf(true), 7);
    const reopened = await open({ keptRecords: 20 });
    assert.equal((await reopened.admit("request-24", BYTES)).kind, "duplicate");
    assert.equal((await reopened.admit("request-0", BYTES)).kind, "admitted");
  });

  test("reads no record but that of the request, whether it opens, admits or closes", async () => {
    const day = join(directory, "closed", "2026-05-20");
    await finish(await open(), "first");
    // Whoever reads one of these sets it aside.
    const others = Array.from({ length: 200 }, (_, n) => `${n}`.padStart(64, "f"));
    for (const name of others) await writeFile(join(day, name), "no record");
    const ledger = await open();
    assert.equal((await ledger.admit("first", BYTES)).kind, "duplicate");
    await finish(ledger, "second");
    assert.equal((await ledger.admit("first", Buffer.from("other"))).kind, "conflict");
    const left = await readdir(day);
    assert.deepEqual(others.filter((name) => !left.includes(name)), []);
    assert.deepEqual(await readdir(join(directory, "unreadable")), []);
  });

  test("knows after a restart what was admitted, in this order, what may have started and what was killed", async () => {
    const ledger = await open();
    for (const id of ["waits", "runs", "dies"]) {
      await ledger.admit(id, BYTES);
      now += 1;
    }
    await ledger.markStarted("runs", "2026-05-20T12:00:01Z");
    await ledger.markKilled("dies");
    const records = (await open()).unfinished();
    assert.deepEqual(
      records.map(({ request_id, result_id, started_at, killed }) => [
        request_id,
        result_id,
        started_at,
        killed,
      ]),
      [
        ["waits", "result-1", null, false],
        ["runs", "result-2", "2026-05-20T12:00:01Z", false],
        ["dies", "result-3", null, true],
      ],
    );
  });
});
