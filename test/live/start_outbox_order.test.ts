/** What has left but could not be marked as sent: nothing newer on its subject overtakes it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DispatchAnswer } from "../../actors/dispatch_types.ts";
import { startBackends } from "../harness/start_backends.ts";
import { eventually } from "../harness/wait.ts";

const PC = "pc-1";
/** The broker comes back, and an actor that fails is started again after a pause. */
const NOTICED_MS = 30_000;
const REFUSAL = "nothing may be marked as sent now";

test("a command leaves only after the one before it on its subject is marked as sent", async () => {
  await using backends = await startBackends();
  const backend = await backends.start();
  const execute = { shell: "sh", script: "true", timeout: "1m" };
  await backend.api("POST", "/api/jobs", { id: "probe", version: "1", execute });
  const dispatch = () =>
    backend.api<DispatchAnswer>("POST", "/api/exec/probe", { target: { pcs: [PC] } });
  const newest = async () => {
    const manager = await backends.bus.connection.jetstreamManager();
    const subject = `commands.pc.${PC}`;
    const message = await manager.streams.getMessage("EXEC", { last_by_subj: subject });
    return message.json<{ request_id: string }>().request_id;
  };
  // So that the job is known while the broker is away.
  await dispatch();
  await backends.broker.kill();
  const older = await dispatch();
  const newer = await dispatch();
  assert.deepEqual([older.published, newer.published], [false, false]);

  await backends.db.write((tx) =>
    tx.query(
      `CREATE TRIGGER refuse_sent BEFORE UPDATE OF state ON command_outbox WHEN NEW.state = 'sent'
      BEGIN SELECT RAISE(ABORT, '${REFUSAL}'); END`,
    )
  );
  await backends.broker.restart();
  await eventually(
    "two tries to mark the older one",
    () => backend.stderr().split(REFUSAL).length > 2,
    NOTICED_MS,
  );
  await eventually(
    "the older one",
    async () => await newest().catch(() => undefined) === older.request_id,
  );
  await backends.db.write((tx) => tx.query("DROP TRIGGER refuse_sent"));
  await eventually("the newer one", async () => await newest() === newer.request_id, NOTICED_MS);
});
