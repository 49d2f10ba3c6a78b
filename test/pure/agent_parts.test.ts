import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Log } from "../../actors/log.ts";
import { closedGate } from "../../agent/gates.ts";
import { KEPT_BYTES, OutputBuffer } from "../../agent/output_buffer.ts";
import { LiveOutputs } from "../../agent/live_output.ts";
import { PatientDisk } from "../../agent/patient_disk.ts";
import { Slots } from "../../agent/slots.ts";
import { Fault } from "../../wire/fault.ts";
import type { Command } from "../../wire/command.ts";

const NOTHING = {
  refusal: undefined,
  kill: undefined,
  version: undefined,
  status: undefined,
  unsupported: undefined,
};

function commandWith(partial: Partial<Command>): Command {
  return {
    id: "job",
    version: "1",
    request_id: "q",
    exec_id: "e",
    shell: "sh",
    script: "true",
    timeout_secs: 1,
    ...partial,
  };
}

describe("the deadline gate", () => {
  const deadlineAt = Date.UTC(2026, 0, 1);
  const command = commandWith({ deadline_at: new Date(deadlineAt).toISOString() });
  test("is open exactly at the deadline and closed a millisecond later", () => {
    assert.equal(closedGate(command, { ...NOTHING, now: deadlineAt }), undefined);
    const ending = closedGate(command, { ...NOTHING, now: deadlineAt + 1 });
    assert.equal(ending?.kind === "skipped" && ending.exitCode, 125);
  });
});

describe("the staleness gate", () => {
  const fact = (readAt: number) => ({ value: null, revision: 0, stored_at: 0, read_at: readAt });
  const command = commandWith({ staleness: { mode: "strict", max_cache_age: "1h" } });
  const at = (readAt: number, now: number) =>
    closedGate(command, { ...NOTHING, version: fact(readAt), status: fact(readAt), now });
  test("is open exactly at the age and closed a millisecond later", () => {
    assert.equal(at(0, 3_600_000), undefined);
    const ending = at(0, 3_600_001);
    assert.equal(ending?.kind === "skipped" && ending.exitCode, 127);
  });
  test("is closed for what was read by a clock that was ahead", () => {
    assert.equal(at(60_000, 0), undefined);
    const ending = at(60_001, 0);
    assert.equal(ending?.kind === "skipped" && ending.exitCode, 127);
  });
  test("is closed for an age that cannot be read", () => {
    const odd = commandWith({ staleness: { mode: "strict", max_cache_age: "soon" } });
    const ending = closedGate(odd, { ...NOTHING, version: fact(5), status: fact(5), now: 5 });
    assert.equal(ending?.kind === "skipped" && ending.exitCode, 127);
  });
});

describe("the output buffer", () => {
  function bytesOf(pieces: Iterable<Uint8Array>): number[] {
    return [...pieces].flatMap((piece) => [...piece]);
  }
  test("keeps small output whole, however it was cut into writes", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 3_000 }), { maxLength: 60 }), (chunks) => {
        const buffer = new OutputBuffer();
        for (const chunk of chunks) buffer.append(chunk);
        const all = chunks.flatMap((chunk) => [...chunk]);
        assert.deepEqual(bytesOf(buffer.head()), all);
        assert.deepEqual(bytesOf(buffer.tail()), []);
        assert.deepEqual([...buffer.since(all.length - 100, 50).bytes], all.slice(-50));
      }),
      { numRuns: 100 },
    );
  });

  const HEAD = Math.floor(KEPT_BYTES * 2 / 3);
  const TOTALS = [
    HEAD - 1,
    HEAD,
    HEAD + 1,
    KEPT_BYTES - 1,
    KEPT_BYTES,
    KEPT_BYTES + 1,
    KEPT_BYTES * 2 + 12_345,
  ];
  const printed = new Uint8Array(Math.max(...TOTALS));
  for (let at = 0; at < printed.length; at += 1) printed[at] = (at * 31 + (at >> 8)) & 0xff;

  /** By hand: of megabytes a callback for each byte, and a difference in words, take long. */
  function firstDifference(actual: Uint8Array, expected: Uint8Array): number {
    const length = Math.max(actual.length, expected.length);
    for (let at = 0; at < length; at += 1) if (actual[at] !== expected[at]) return at;
    return -1;
  }
  function joined(parts: readonly Uint8Array[]): Uint8Array {
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let end = 0;
    for (const part of parts) {
      whole.set(part, end);
      end += part.length;
    }
    return whole;
  }

  for (const total of TOTALS) {
    for (const chunkBytes of [65_536, 7_777, 5_000_000]) {
      test(`of ${total} bytes in writes of ${chunkBytes} keeps the first two thirds and the last`, () => {
        const buffer = new OutputBuffer();
        for (let at = 0; at < total; at += chunkBytes) {
          buffer.append(printed.slice(at, Math.min(at + chunkBytes, total)));
        }
        const kept = joined([...buffer.head(), ...buffer.tail()]);
        const dropped = Math.max(0, total - KEPT_BYTES);
        assert.equal(buffer.droppedBytes, dropped);
        const headBytes = Math.min(HEAD, total);
        const expected = joined([
          printed.subarray(0, headBytes),
          printed.subarray(headBytes + dropped, total),
        ]);
        assert.equal(firstDifference(kept, expected), -1);
        const ring = buffer.since(0, 131_072);
        assert.equal(ring.offset, total - 131_072);
        assert.equal(firstDifference(ring.bytes, printed.subarray(ring.offset, total)), -1);
      });
    }
  }
});

describe("the outputs of runs that ended", () => {
  test("are kept, the newest of them and no more than fit into 16 MiB", () => {
    const outputs = new LiveOutputs();
    const loud = new Uint8Array(131_072);
    for (let run = 0; run < 200; run += 1) {
      const output = outputs.begin(`run-${run}`);
      output.append("stdout", loud);
      outputs.end(output);
    }
    const kept = Array.from({ length: 200 }, (_, run) => outputs.find(`run-${run}`) !== undefined);
    assert.equal(kept.indexOf(true), 200 - 128);
    assert.equal(kept.lastIndexOf(false), 200 - 129);
    outputs.clear();
    assert.equal(outputs.find("run-199"), undefined);
  });
});

describe("the slots", () => {
  test("serve first come first served, no more than the limit, also when it changes", () => {
    const slots = new Slots(1);
    const order: string[] = [];
    const give = new Map<string, () => void>();
    for (const name of ["a", "b", "c", "d"]) {
      give.set(name, slots.take((waited) => void order.push(waited ? `${name} waited` : name)));
    }
    assert.deepEqual(order, ["a"]);
    give.get("b")?.();
    give.get("a")?.();
    assert.deepEqual(order, ["a", "c waited"]);
    slots.setLimit(2);
    assert.deepEqual(order, ["a", "c waited", "d waited"]);
    give.get("c")?.();
    give.get("c")?.();
    slots.setLimit(1);
    slots.take(() => void order.push("e"));
    assert.equal(order.length, 3);
    give.get("d")?.();
    assert.equal(order.at(-1), "e");
  });
});

describe("the patience with a disk", () => {
  const quiet: Log = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
    child: () => quiet,
  };
  for (const mistake of [new Fault("invalid_input", "no subject"), new TypeError("undefined")]) {
    test(`is not for a ${mistake.constructor.name}, which no disk will ever take`, async () => {
      const disk = new PatientDisk(quiet);
      const writing = disk.untilWritten({
        write: () => Promise.reject(mistake),
        isAbandoned: () => false,
        ids: () => ({}),
      });
      await assert.rejects(writing, mistake);
      assert.equal(disk.isBlocked, false);
    });
  }
});
