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
import { Outbox } from "../../agent/outbox.ts";
import { OutputBuffer } from "../../agent/output_buffer.ts";
import { MAX_INLINE_OUTPUT_BYTES } from "../../wire/streams.ts";
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

test("what a kill left half-written in the outbox is gone after the next start, and what waits is whole", async () => {
  const directory = await mkdtemp(join(tmpdir(), "kanade-outbox-"));
  const { log } = testLog();
  const first = await Outbox.open(directory, log);
  const large = new OutputBuffer();
  large.append(new Uint8Array(MAX_INLINE_OUTPUT_BYTES + 1).fill(0x78));
  const at = "2026-05-20T12:00:00Z";
  const result = { result_id: "r-1", request_id: "q-1", pc_id: "pc-1", exit_code: 0 };
  await first.writeResult(
    { ...result, skipped: false, stdout: "", stderr: "", started_at: at, finished_at: at },
    { stdout: large, stderr: new OutputBuffer() },
  );
  const whole = await readdir(directory, { recursive: true });
  assert.ok(whole.includes(join("outbox", "r-1.stdout")));
  for (const name of ["r-2.json.0123.tmp", "r-2.stdout", "r-3.stderr.4567.tmp"]) {
    await writeFile(join(directory, "outbox", name), "{");
  }
  await writeFile(join(directory, "events-outbox", "e-1.json.89ab.tmp"), "{");
  const second = await Outbox.open(directory, log);
  await second.scan();
  assert.deepEqual((await readdir(directory, { recursive: true })).toSorted(), whole.toSorted());
  assert.equal(second.waitingResults, 1);
  await rm(directory, { recursive: true, force: true });
});
