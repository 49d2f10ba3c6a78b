import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { getObject } from "../../actors/bus_objects.ts";
import { type Endpoint, startEndpoint } from "../harness/agent.ts";
import type { ExecResult } from "../../wire/exec_result.ts";
import { eventually } from "../harness/wait.ts";

/** The whole standard output of a result, wherever it went. */
async function stdoutOf(endpoint: Endpoint, result: ExecResult): Promise<string> {
  if (!result.stdout_object) return result.stdout;
  const content = await getObject(endpoint.bus, "result_output", result.stdout_object);
  return Buffer.from(content ?? "").toString("utf8");
}

describe("the output of a script", () => {
  let endpoint: Endpoint;
  before(async () => {
    endpoint = await startEndpoint();
    await endpoint.startAgent();
    await endpoint.result(await endpoint.send({}));
  });
  after(() => endpoint[Symbol.asyncDispose]());

  const run = async (script: string, shell: "sh" | "python3" = "sh") =>
    await endpoint.result(await endpoint.send({ script, shell }), 30_000);

  test("keeps its NUL bytes", async () => {
    assert.equal((await run(`printf 'a\\0b'`)).stdout, "a\0b");
  });

  test("that is not UTF-8 is kept lossily, and the exit code with it", async () => {
    const result = await run(`printf 'before\\377\\376after'; exit 4`);
    assert.equal(result.stdout, "before\uFFFD\uFFFDafter");
    assert.equal(result.exit_code, 4);
  });

  test("keeps a byte order mark", async () => {
    assert.equal((await run(`printf '\\357\\273\\277x'`)).stdout, "\uFEFFx");
  });

  test("of exactly 262144 bytes goes inline, one byte more to the object store", async () => {
    const inline = await run(`head -c 262144 /dev/zero | tr '\\0' x`);
    assert.equal(inline.stdout.length, 262_144);
    assert.equal(inline.stdout_object, undefined);
    const moved = await run(`head -c 262145 /dev/zero | tr '\\0' x`);
    assert.equal(moved.stdout, "");
    assert.equal(moved.stdout_object, `${moved.result_id}/stdout`);
    assert.equal((await stdoutOf(endpoint, moved)).length, 262_145);
  });

  test("can be read from the object store by the client's own means", async () => {
    const result = await run(`head -c 300000 /dev/zero | tr '\\0' y`);
    const store = await endpoint.bus.jetstream.views.os("result_output");
    const content = await store.getBlob(result.stdout_object ?? "");
    assert.equal(Buffer.from(content ?? "").toString(), "y".repeat(300_000));
  });

  test("of 200000 ESC bytes arrives though its JSON is six times as long", async () => {
    const result = await run(`head -c 200000 /dev/zero | tr '\\0' '\\033'`);
    assert.equal(await stdoutOf(endpoint, result), "\x1b".repeat(200_000));
  });

  test("of both streams, each too long in JSON, arrives", async () => {
    const result = await run(
      `head -c 150000 /dev/zero | tr '\\0' '\\033'; head -c 150000 /dev/zero | tr '\\0' '\\033' >&2`,
    );
    assert.equal((await stdoutOf(endpoint, result)).length, 150_000);
    const stderr = result.stderr_object
      ? await getObject(endpoint.bus, "result_output", result.stderr_object)
      : Buffer.from(result.stderr);
    assert.equal(stderr?.length, 150_000);
  });

  test("of 20 MB keeps its first two thirds and last third of 8 MiB, and says what it dropped", async () => {
    const result = await run(`seq 1 2700000`);
    const stdout = await stdoutOf(endpoint, result);
    const cut = /\n\[kanade: (\d+) bytes of output were dropped here\]\n/.exec(stdout);
    assert.ok(cut);
    const kept = stdout.length - cut[0].length;
    assert.equal(kept, 8 * 1_048_576);
    assert.ok(stdout.startsWith("1\n2\n3\n"));
    assert.ok(stdout.endsWith("2699999\n2700000\n"));
    const printed = Array.from(
      { length: 7 },
      (_, digits) => digits === 6 ? (2_700_000 - 999_999) * 8 : 9 * 10 ** digits * (digits + 2),
    ).reduce((a, b) => a + b);
    assert.equal(Number(cut[1]), printed - kept);
    assert.deepEqual([result.stdout_truncated, result.stderr_truncated], [true, undefined]);
  });

  test("with a large text in many tiny writes arrives whole", async () => {
    const result = await run(
      `import os\nfor i in range(20000): os.write(1, b"%06d\\n" % i)`,
      "python3",
    );
    const lines = result.stdout.trim().split("\n");
    assert.equal(lines.length, 20_000);
    assert.equal(lines.at(-1), "019999");
  });

  test("goes inline, cut and marked, when the object store is not there", async () => {
    await using other = await startEndpoint();
    const manager = await other.bus.connection.jetstreamManager();
    await manager.streams.delete("OBJ_result_output");
    await other.startAgent();
    const command = await other.send({ script: `seq 1 100000; echo fine >&2` });
    const result = await other.result(command);
    assert.equal(result.stdout_truncated, true);
    assert.equal(result.stderr_truncated, undefined);
    assert.ok(Buffer.byteLength(result.stdout) <= 262_144);
    assert.match(result.stdout, /^1\n2\n[^]*bytes of output were dropped here[^]*\n100000\n$/);
    assert.equal(result.stderr, "fine\n");
  });

  test("goes inline, cut and marked, when the object store is full, and the agent keeps nothing back", async () => {
    await using other = await startEndpoint();
    const manager = await other.bus.connection.jetstreamManager();
    await manager.streams.update("OBJ_result_output", { max_bytes: 65_536 });
    const agent = await other.startAgent();
    const result = await other.result(await other.send({ script: `seq 1 100000; exit 3` }));
    assert.deepEqual([result.exit_code, result.stdout_truncated], [3, true]);
    assert.match(result.stdout, /^1\n2\n[^]*bytes of output were dropped here[^]*\n100000\n$/);
    await eventually("an empty outbox", () => agent.waitingResults === 0);
  });

  test("goes inline, cut to what the broker takes, when ESC bytes do not fit either", async () => {
    await using other = await startEndpoint();
    const manager = await other.bus.connection.jetstreamManager();
    await manager.streams.delete("OBJ_result_output");
    await other.startAgent();
    const command = await other.send({ script: `head -c 300000 /dev/zero | tr '\\0' '\\033'` });
    const result = await other.result(command);
    assert.equal(result.stdout_truncated, true);
    assert.match(result.stdout, /^\x1b{50000}/);
  });
});
