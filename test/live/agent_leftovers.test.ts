import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../actors/system/clock.ts";
import { Facts } from "../../agent/facts.ts";
import { Ledger } from "../../agent/ledger.ts";
import { Link } from "../../agent/link.ts";
import { testLog } from "../harness/log.ts";

test("what a kill left half-written in the ledger is gone after the next start", async () => {
  const directory = await mkdtemp(join(tmpdir(), "kanade-ledger-"));
  const open = () =>
    Ledger.open({
      directory,
      pcId: "pc-1",
      mintId: randomUUID,
      clock: systemClock,
      log: testLog().log,
    });
  const first = await open();
  await first.admit("done", Buffer.from("{}"));
  await first.close("done");
  await first.admit("open", Buffer.from("{}"));
  const [day = ""] = await readdir(join(directory, "closed"));
  const records = await readdir(directory, { recursive: true });
  await writeFile(join(directory, "closed", day, "half.tmp"), "{");
  await writeFile(join(directory, "open", "half.tmp"), "{");
  const second = await open();
  assert.deepEqual((await readdir(directory, { recursive: true })).toSorted(), records.toSorted());
  assert.equal((await second.admit("done", Buffer.from("{}"))).kind, "duplicate");
  await rm(directory, { recursive: true, force: true });
});

test("what a kill left half-written of the mirrored facts is gone after the next start", async () => {
  const directory = await mkdtemp(join(tmpdir(), "kanade-mirror-"));
  await writeFile(join(directory, "kills.json.half.tmp"), "{");
  await Facts.open({ directory, link: new Link(), clock: systemClock, log: testLog().log });
  assert.deepEqual(await readdir(directory), []);
  await rm(directory, { recursive: true, force: true });
});
