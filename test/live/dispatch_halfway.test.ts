/** The broker goes away in the midst of a dispatch. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Bus } from "../../actors/bus.ts";
import { connectPeer, startBackend } from "../harness/backend.ts";
import { startBroker } from "../harness/broker.ts";
import { startProxy } from "../harness/broker_proxy.ts";
import { startDatabase } from "../harness/database.ts";
import { eventually, within } from "../harness/wait.ts";
import { assertInvariants, WatchedExecution } from "../harness/watched_execution.ts";

const GROUPS = ["one", "two", "three"];
const AWAY_MS = 30_000;

/** The request that the stream of commands holds for each group; undefined = none. */
async function requests(bus: Bus): Promise<readonly (string | undefined)[]> {
  const manager = await bus.connection.jetstreamManager();
  return await Promise.all(
    GROUPS.map((group) =>
      manager.streams.getMessage("EXEC", { last_by_subj: `commands.group.${group}` })
        .then((found) => found.json<{ request_id: string }>().request_id, () => undefined)
    ),
  );
}

test("a dispatch to three groups of which one command had not left when the broker stopped goes out whole, each command once", async () => {
  await using broker = await startBroker();
  await using proxy = await startProxy(broker.port);
  await using database = await startDatabase();
  const throughProxy = { ...broker, url: proxy.url };
  await using backend = await startBackend({ broker: throughProxy, db: database.db });
  for (const group of GROUPS) {
    await backend.api("PUT", `/api/agents/pc-${group}/groups`, { groups: [group] });
  }
  const cut = proxy.cutAt("to the broker", "PUB commands.group.three ");
  const execution = await WatchedExecution.dispatch(backend, { groups: GROUPS });
  await within("the third command to be cut off", cut);
  const { request_id, target_count, published } = execution.dispatched;
  assert.deepEqual([target_count, published], [3, false]);
  {
    await using peer = await connectPeer(broker);
    assert.deepEqual(await requests(peer), [request_id, request_id, undefined]);
  }

  await broker.kill();
  proxy.mend();
  await broker.restart();
  await using peer = await connectPeer(broker);
  const whole = GROUPS.map(() => request_id).join();
  await eventually("all commands", async () => (await requests(peer)).join() === whole, AWAY_MS);
  const manager = await peer.connection.jetstreamManager();
  assert.equal((await manager.streams.info("EXEC")).state.last_seq, GROUPS.length);
  for (const group of GROUPS) await execution.ended(execution.run(`pc-${group}`));
  assert.equal(await execution.stands(), "completed 3/0/0/0");
  await assertInvariants(backend);
});
