/** What the environment does to the projection, and that nothing is lost. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { copyFile, rm } from "node:fs/promises";
import { test } from "node:test";
import type { Heard } from "../../actors/announcer.ts";
import type { Announcement } from "../../wire/announcement.ts";
import { startBackend, startWhole, type TestBackend } from "../harness/backend.ts";
import { publishResult } from "../harness/fleet_messages.ts";
import { testLog } from "../harness/log.ts";
import { holdWriteLock } from "../harness/other_process.ts";
import { eventually, nextEvent } from "../harness/wait.ts";
import { assertInvariants, WatchedExecution } from "../harness/watched_execution.ts";

/** A write waits 5 s for a lock before it fails, and the lease is asked for again after that. */
const LOCKED_WITHIN_MS = 30_000;

type HealthAnnouncement = Extract<Announcement, { type: "health" }>;

/** Ends when a component says that it is well, or not. */
function saysOfItself(
  backend: TestBackend,
  name: string,
  ok: boolean,
): Promise<HealthAnnouncement> {
  const { announcements } = backend.backend.services;
  return nextEvent<Heard>(
    `${name} to say that it is ${ok ? "well" : "not well"}`,
    (listener) => announcements.subscribe(listener),
    (one) => one.type === "health" && one.name === name && one.ok === ok,
    LOCKED_WITHIN_MS,
  ) as Promise<HealthAnnouncement>;
}

test("a commit that fails because another process holds the database loses nothing and makes no dead letter", async () => {
  await using system = await startWhole();
  const { backend, database } = system;
  const execution = await WatchedExecution.dispatch(backend, ["a", "b"]);
  const failed = saysOfItself(backend, "results_projector", false);
  const lock = await holdWriteLock(database.path);
  await publishResult(backend.bus, execution.run("a"));
  assert.match((await failed).detail, /database is locked/);
  assert.equal(await execution.stands(), "pending 0/0/0/0");
  await publishResult(backend.bus, execution.run("b"));
  const wellAgain = saysOfItself(backend, "results_projector", true);
  await lock.release();
  await wellAgain;
  await execution.becomes("completed 2/0/0/0");
  await assertInvariants(backend);
});

test("a database that is full pauses the projection, makes no dead letter, and everything is projected after", async () => {
  await using system = await startWhole();
  const { backend, database: { db } } = system;
  const execution = await WatchedExecution.dispatch(backend, ["a", "b", "c"]);
  // A page less than there is means: what there is, and no page more.
  const limit = (pages: number) => db.write((tx) => tx.query(`PRAGMA max_page_count = ${pages}`));
  const failed = saysOfItself(backend, "results_projector", false);
  await limit(1);
  for (const pcId of ["a", "b", "c"]) {
    const stdout = randomBytes(100_000).toString("hex");
    await publishResult(backend.bus, execution.run(pcId), { stdout });
  }
  assert.match((await failed).detail, /full/);
  assert.match(await execution.stands(), /^(pending|running)/);
  await limit(1_000_000);
  await execution.becomes("completed 3/0/0/0");
  await assertInvariants(backend);
});

test("a consumer that somebody deletes is made again, health says so meanwhile, and nothing is lost or doubled", async () => {
  await using system = await startWhole();
  const { backend } = system;
  const execution = await WatchedExecution.dispatch(backend, ["a", "b"]);
  await execution.ended(execution.run("a"));
  const manager = await backend.bus.connection.jetstreamManager();
  const noticed = saysOfItself(backend, "results_projector", false);
  await manager.consumers.delete("RESULTS", "backend_results_projector");
  assert.match((await noticed).detail, /the consumer backend_results_projector: it is gone/);
  await publishResult(backend.bus, execution.run("b"));
  await execution.becomes("completed 2/0/0/0");
  await eventually(
    "the projector to be well",
    () =>
      backend.backend.health.components().some(({ name, ok }) =>
        name === "results_projector" && ok
      ),
  );
  await assertInvariants(backend);
});

test("a stream that somebody deletes is made again, and what comes then is projected", async () => {
  await using system = await startWhole();
  const { backend } = system;
  const execution = await WatchedExecution.dispatch(backend, ["a", "b"]);
  await execution.ended(execution.run("a"));
  const manager = await backend.bus.connection.jetstreamManager();
  const noticed = saysOfItself(backend, "results_projector", false);
  await manager.streams.delete("RESULTS");
  await noticed;
  await eventually(
    "the stream to be there again",
    () => publishResult(backend.bus, execution.run("b")).then(() => true, () => false),
    30_000,
  );
  await execution.becomes("completed 2/0/0/0");
  await assertInvariants(backend);
});

test("the stream of commands is made again when a command finds it gone, and the command goes out", async () => {
  await using system = await startWhole();
  const { backend } = system;
  const manager = await backend.bus.connection.jetstreamManager();
  await manager.streams.delete("EXEC");
  const { execId } = await WatchedExecution.dispatch(backend, ["a"]);
  await eventually("the command to be in the stream", async () => {
    const info = await manager.streams.info("EXEC").catch(() => undefined); // not made yet
    return info?.state.messages === 1;
  }, 30_000);
  await eventually("the command to be marked as sent", async () => {
    const [row] = await backend.backend.services.db.query(
      "SELECT state FROM command_outbox WHERE exec_id = ? AND kind = 'command'",
      [execId],
    );
    return row?.["state"] === "sent";
  });
});

test("yesterday's database is put back: what was projected since is read again", async () => {
  await using system = await startWhole();
  const { database } = system;
  const backup = `${database.path}.yesterday`;
  const execution = await WatchedExecution.dispatch(system.backend, ["a", "b", "c"]);
  await execution.ended(execution.run("a"));
  await system.restart({
    async meanwhile() {
      await database.db.close();
      await copyFile(database.path, backup);
      await database.reopen();
    },
  });
  const today = execution.seenBy(system.backend);
  const run = today.run("b");
  await today.started(run);
  await today.ended(run, { exit_code: 1 });
  await today.ended(today.run("c"));
  assert.equal(await today.stands(), "completed 2/1/0/0");
  await system.restart({
    async meanwhile() {
      await database.db.close();
      for (const part of ["-wal", "-shm"]) await rm(database.path + part, { force: true });
      await copyFile(backup, database.path);
      await database.reopen();
    },
  });
  const restored = execution.seenBy(system.backend);
  assert.equal(await restored.stands(), "completed 2/1/0/0");
  assert.equal((await restored.runs()).length, 3);
  await assertInvariants(system.backend);
});

test("a database that is new beside old streams has every result read again", async () => {
  await using system = await startWhole();
  const { database } = system;
  const execution = await WatchedExecution.dispatch(system.backend, ["a"]);
  const run = execution.run("a");
  await execution.ended(run, { stdout: "still there" });
  await system.restart({
    async meanwhile() {
      await database.db.close();
      for (const part of ["", "-wal", "-shm"]) await rm(database.path + part, { force: true });
      await database.reopen();
    },
  });
  const { backend } = system;
  const kept = await backend.api<{ stdout: string }>("GET", `/api/results/${run.resultId}`);
  assert.equal(kept.stdout, "still there");
});

test("a backend whose database is locked at the start begins to project when it is unlocked", async () => {
  await using system = await startWhole();
  const { broker, database } = system;
  const execution = await WatchedExecution.dispatch(system.backend, ["a"]);
  await system.backend.stop();
  const lock = await holdWriteLock(database.path);
  const logged = testLog();
  const starting = startBackend({ broker, db: database.db, logged });
  await eventually(
    "the lease to be asked for in vain",
    () => logged.lines.some(({ phrase }) => phrase === "writer lease not renewed"),
  );
  await lock.release();
  await using backend = await starting;
  const again = execution.seenBy(backend);
  await again.ended(again.run("a"));
  assert.equal(await again.stands(), "completed 1/0/0/0");
});
