/** Output that did not fit its message (wire.md §4): whatever became of its object, the result is projected. */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import type { ObjectStore } from "nats";
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
