/** Cases 11, 12 and 19 of execution-semantics.md §7: the backend's process is killed where it hurts most. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Bus } from "../../actors/bus.ts";
import type { DispatchAnswer } from "../../actors/dispatch_types.ts";
import { openDatabase } from "../../db/client.ts";
import type { ConsumerName, StreamName } from "../../wire/streams.ts";
import { PROBE } from "../harness/backend.ts";
import { startVictim, type Victim } from "../harness/backend_process.ts";
import { type FakeRun, publishResult, publishStarted } from "../harness/fleet_messages.ts";
import { holdWriteLock } from "../harness/other_process.ts";
import { eventually, within } from "../harness/wait.ts";
import { assertInvariants, WatchedExecution } from "../harness/watched_execution.ts";

const PROJECTOR_OF = {
  RESULTS: "backend_results_projector",
  EVENTS: "backend_events_projector",
} as const satisfies Partial<Record<StreamName, ConsumerName>>;

async function dispatch(victim: Victim, pcs: readonly string[]): Promise<DispatchAnswer> {
  await victim.api("POST", "/api/jobs", PROBE);
  return await victim.api("POST", "/api/exec/probe", { target: { pcs } });
}

function runOf({ exec_id: execId, request_id: requestId }: DispatchAnswer, pcId: string): FakeRun {
  return { resultId: `run on ${pcId}`, requestId, execId, pcId };
}

/** How many messages of a stream were delivered to the projector and not acked. */
async function unacked(peer: Bus, stream: keyof typeof PROJECTOR_OF): Promise<number> {
  const manager = await peer.connection.jetstreamManager();
  return (await manager.consumers.info(stream, PROJECTOR_OF[stream])).num_ack_pending;
}

/** Redelivery comes when the broker has waited 5 s for the ack. */
const REDELIVERED_WITHIN_MS = 20_000;

for (const stream of ["RESULTS", "EVENTS"] as const) {
  test(`case 11: killed between the commit of ${stream} and its ack, the counters are right after the restart`, async () => {
    await using victim = await startVictim();
    const { peer, proxy } = victim;
    const dispatched = await dispatch(victim, ["a", "b", "c"]);
    const cut = proxy.cutAt("to the broker", `$JS.ACK.${stream}.`);
    const runs = ["a", "b"].map((pcId) => runOf(dispatched, pcId));
    for (const run of runs) {
      if (stream === "RESULTS") await publishResult(peer, run);
      else await publishStarted(peer, run);
    }
    await within("the ack to be cut off", cut);
    await using replacement = await victim.killAndReplace(async () => {
      assert.ok(await unacked(peer, stream) > 0);
      await using left = await openDatabase({ url: `file:${victim.databasePath}` });
      const committed = await left.query("SELECT result_id FROM execution_results");
      assert.ok(committed.length > 0);
    });
    const { backend } = replacement;
    await eventually(
      "everything to be acked",
      async () => await unacked(peer, stream) === 0,
      REDELIVERED_WITHIN_MS,
    );
    const execution = new WatchedExecution(backend, dispatched);
    assert.equal((await execution.runs()).length, 2);
    assert.equal(
      await execution.stands(),
      stream === "RESULTS" ? "running 2/0/0/0" : "running 0/0/0/0",
    );
    for (const pcId of ["a", "b", "c"]) await execution.ended(runOf(dispatched, pcId));
    assert.equal(await execution.stands(), "completed 3/0/0/0");
    await assertInvariants(backend);
  });
}

test("case 12: killed between fetch and commit, nothing is lost and nothing doubled", async () => {
  await using victim = await startVictim();
  const { peer, databasePath } = victim;
  const dispatched = await dispatch(victim, ["a", "b", "c"]);
  const lock = await holdWriteLock(databasePath);
  for (const pcId of ["a", "b"]) await publishStarted(peer, runOf(dispatched, pcId));
  for (const pcId of ["a", "b", "c"]) await publishResult(peer, runOf(dispatched, pcId));
  await eventually("the messages to be fetched", async () => await unacked(peer, "RESULTS") === 3);
  await using replacement = await victim.killAndReplace(() => lock.release());
  const { backend } = replacement;
  await eventually(
    "everything to be acked",
    async () => await unacked(peer, "RESULTS") === 0 && await unacked(peer, "EVENTS") === 0,
    REDELIVERED_WITHIN_MS,
  );
  const execution = new WatchedExecution(backend, dispatched);
  assert.equal(await execution.stands(), "completed 3/0/0/0");
  assert.equal((await execution.runs()).length, 3);
  await assertInvariants(backend);
});

/** The sequence of the newest command that the broker holds. */
async function newestCommand(bus: Bus): Promise<number> {
  const manager = await bus.connection.jetstreamManager();
  return (await manager.streams.info("EXEC")).state.last_seq;
}

async function commandFor(bus: Bus, pcId: string): Promise<{ readonly exec_id?: string }> {
  const manager = await bus.connection.jetstreamManager();
  const query = { last_by_subj: `commands.pc.${pcId}` };
  return await manager.streams.getMessage("EXEC", query).then((found) => found.json(), () => ({}));
}

test("case 19: killed after the execution is written and before the command is published, it goes out after the restart", async () => {
  await using victim = await startVictim();
  const { peer, broker } = victim;
  await dispatch(victim, ["another"]);
  const before = await newestCommand(peer);
  await broker.kill();
  const dispatched = await victim.api<DispatchAnswer>("POST", "/api/exec/probe", {
    target: { pcs: ["a"] },
  });
  assert.equal(dispatched.published, false);
  await using replacement = await victim.killAndReplace(() => broker.restart());
  const { backend } = replacement;
  await eventually(
    "the command to go out",
    async () => (await commandFor(backend.bus, "a")).exec_id === dispatched.exec_id,
  );
  const execution = new WatchedExecution(backend, dispatched);
  await execution.ended(runOf(dispatched, "a"));
  assert.equal(await execution.stands(), "completed 1/0/0/0");
  assert.equal(await newestCommand(backend.bus) - before, 1);
  await assertInvariants(backend);
});

test("killed between a command's publication and the note that it left, the stream holds it once", async () => {
  await using victim = await startVictim();
  const { peer, proxy } = victim;
  await dispatch(victim, ["another"]);
  const before = await newestCommand(peer);
  const cut = proxy.cutAt("from the broker", '"stream":"EXEC"');
  const dispatching = dispatch(victim, ["a"]).catch(() => undefined);
  await within("the broker's answer to be cut off", cut);
  await using replacement = await victim.killAndReplace();
  assert.equal(await dispatching, undefined);
  const { db } = replacement;
  await eventually("the note that it left", async () => {
    const [row] = await db.query(
      "SELECT state FROM command_outbox WHERE subject = 'commands.pc.a'",
    );
    return row?.["state"] === "sent";
  });
  assert.equal(await newestCommand(peer) - before, 1);
  await assertInvariants(replacement.backend);
});
