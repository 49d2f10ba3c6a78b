/** Output that did not fit its message (wire.md §4): whatever became of its object, the result is projected. */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import type { ObjectStore } from "nats";
import { putObject } from "../../actors/bus_objects.ts";
import { startWhole, type TestBackend, type TestSystem } from "../harness/backend.ts";
import { assertInvariants, WatchedExecution } from "../harness/watched_execution.ts";

interface Whole {
  readonly stdout: string;
  readonly output_unavailable: boolean;
}

let system: TestSystem;
let backend: TestBackend;
let store: ObjectStore;
before(async () => {
  system = await startWhole();
  ({ backend } = system);
  store = await backend.bus.jetstream.views.os("result_output");
});
after(() => system[Symbol.asyncDispose]());
afterEach(() => assertInvariants(backend));

const LONG = `${"long ".repeat(60_000)}end\0.`;

async function put(name: string): Promise<{ readonly chunks: string }> {
  const { nuid } = await store.putBlob({ name }, new TextEncoder().encode(LONG));
  return { chunks: `$O.result_output.C.${nuid}` };
}

async function purge(subject: string): Promise<void> {
  const manager = await backend.bus.connection.jetstreamManager();
  await manager.streams.purge("OBJ_result_output", { filter: subject });
}

/** A result whose stdout is in this object, and what is known of it once it is projected. */
async function project(name: string): Promise<Whole> {
  const execution = await WatchedExecution.dispatch(backend, ["a"]);
  const run = execution.run("a");
  await execution.ended(run, { stdout_object: name });
  assert.equal(await execution.stands(), "completed 1/0/0/0");
  return await backend.api<Whole>("GET", `/api/results/${run.resultId}`);
}

test("output in an object is fetched whole and its object deleted", async () => {
  await put("whole");
  const { stdout, output_unavailable } = await project("whole");
  assert.equal(stdout, LONG);
  assert.equal(output_unavailable, false);
  assert.equal(await store.info("whole"), null);
});

test("a result whose object is gone is projected, and says that its output is unavailable", async () => {
  assert.equal((await project("never put")).output_unavailable, true);
  await put("deleted");
  await store.delete("deleted");
  assert.equal((await project("deleted")).output_unavailable, true);
});

test("a result whose object lost its chunks is projected, and says that its output is unavailable", async () => {
  const { chunks } = await put("hollow");
  await purge(chunks);
  assert.equal((await project("hollow")).output_unavailable, true);
});

test("a result whose object is corrupt is projected, and says that its output is unavailable", async () => {
  const { chunks } = await put("corrupt");
  const manager = await backend.bus.connection.jetstreamManager();
  const { state } = await manager.streams.info("OBJ_result_output", { subjects_filter: chunks });
  await purge(chunks);
  for (let chunk = 0; chunk < (state.subjects?.[chunks] ?? 0); chunk += 1) {
    await backend.bus.publishAcked(chunks, new TextEncoder().encode("something else"));
  }
  assert.equal((await project("corrupt")).output_unavailable, true);
});

/** What an agent may write in the place where an object's description belongs. */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  "is no JSON": "garbage",
  "is no description": "[]",
  "names pieces as no subject can": described({ nuid: "a b" }),
  "names pieces that would be everything": described({ nuid: ">" }),
  "tells of a billion pieces": described({ chunks: 1_000_000_000 }),
  "tells of more than a store holds": described({ size: 2 ** 40 }),
  "leads to another store": described({ options: { link: { bucket: "nowhere", name: "x" } } }),
};

function described(members: Record<string, unknown>): string {
  return JSON.stringify({ name: "x", nuid: "n1", size: 1, chunks: 1, digest: "x", ...members });
}

for (const [what, description] of Object.entries(DESCRIPTIONS)) {
  test(`a result whose object's description ${what} is projected without its output`, async () => {
    const name = `described/${what}`;
    const encoded = Buffer.from(name).toString("base64url");
    const padded = encoded.padEnd(Math.ceil(encoded.length / 4) * 4, "=");
    const bytes = new TextEncoder().encode(description);
    await backend.bus.publishAcked(`$O.result_output.M.${padded}`, bytes);
    assert.equal((await project(name)).output_unavailable, true);
  });
}

for (const name of ["\u65e5\u672c/stdout", "x".repeat(20_000), " ", "*", "\0"]) {
  test(`a result whose object is called ${JSON.stringify(name.slice(0, 20))} (${name.length}) and is not there is projected`, async () => {
    assert.equal((await project(name)).output_unavailable, true);
  });
}

test("output in an object of any name is fetched whole, as agents put it", async () => {
  for (const name of ["gr\u00f6\u00dfe/stdout", "\u5370\u5237/stdout", "a b/\u{1f5a8}"]) {
    await putObject(backend.bus, "result_output", name, new TextEncoder().encode(LONG));
    assert.deepEqual(await project(name).then((run) => run.stdout === LONG), true, name);
  }
});
