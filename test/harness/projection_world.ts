/**
 * The write path without a broker: a real database file, the real projection over a real registry, and the reaper's
 * two steps. What an agent would publish is made here byte for byte and read as the projectors read it.
 */
import assert from "node:assert/strict";
import { Announcer } from "../../actors/announcer.ts";
import { createDispatcher } from "../../actors/dispatcher.ts";
import { ExecutionRegistry } from "../../actors/execution_registry.ts";
import { Projection } from "../../actors/projection.ts";
import { passDeadlines, reapRuns } from "../../actors/overdue.ts";
import {
  type Origin,
  plainOutput,
  readResult,
  readStarted,
  type RunMessage,
} from "../../actors/run_messages.ts";
import { type Tenure, WriterLease } from "../../actors/writer_lease.ts";
import type { Database, Row, Statement } from "../../db/client.ts";
import { checkInvariants } from "../../db/invariants.ts";
import { encode } from "../../wire/codec.ts";
import { startDatabase } from "./database.ts";
import { executionRow, insertRow } from "./database_rows.ts";
import { testLog } from "./log.ts";
import { SimulatedTime } from "./simulated_time.ts";

/** A run as its agent knows it; `resultId` empty = an agent older than 0.29. */
export interface PublishedRun {
  readonly resultId: string;
  readonly requestId: string;
  readonly execId: string;
  readonly pcId: string;
}

const EXECUTION_CHECKS = new Set([
  "counters_equal_runs",
  "target_counts_equal_targets",
  "targets_follow_from_runs",
  "status_follows_from_targets",
]);

/** Rows that a broken commit must leave as they were, and that every order of events must lead to. */
const PROJECTED = {
  executions: "SELECT * FROM executions ORDER BY exec_id",
  targets: "SELECT * FROM execution_targets ORDER BY exec_id, pc_id",
  runs: "SELECT * FROM execution_results ORDER BY result_id",
  outputs: "SELECT * FROM run_outputs ORDER BY result_id",
  transitions: "SELECT * FROM execution_transitions ORDER BY exec_id, rev",
  deadLetters: "SELECT sequence, error FROM dead_letters ORDER BY sequence",
} as const;

export class ProjectionWorld implements AsyncDisposable {
  readonly db: Database;
  readonly registry = new ExecutionRegistry();
  readonly time = new SimulatedTime();
  readonly #projection: Projection;
  readonly #tenure: Tenure;
  readonly #close: () => Promise<void>;
  #sequence = 0;

  private constructor(
    db: Database,
    tenure: Tenure,
    announcer: Announcer,
    close: () => Promise<void>,
  ) {
    this.db = db;
    this.#tenure = tenure;
    this.#close = close;
    this.#projection = new Projection({ db, registry: this.registry, clock: this.time, announcer });
  }

  static async open(): Promise<ProjectionWorld> {
    const database = await startDatabase();
    const { log } = testLog();
    const { db } = database;
    const lease = new WriterLease({
      db,
      clock: new SimulatedTime(),
      log,
      holder: "test",
      isDead: () => false,
    });
    await lease.renew();
    assert.ok(lease.tenure);
    return new ProjectionWorld(
      db,
      lease.tenure,
      new Announcer(log),
      async () => await database[Symbol.asyncDispose](),
    );
  }

  /** Dispatches a script to these PCs. Answers the `exec_id`. */
  async dispatch(pcIds: readonly string[]): Promise<string> {
    const dispatcher = createDispatcher({
      db: this.db,
      clock: this.time,
      fleet: {
        allPcIds: () => Promise.resolve([]),
        membersOf: () => [],
        withoutShell: () => Promise.resolve([]),
      },
      jobs: { get: () => Promise.resolve(undefined) },
      storeScript: () => Promise.resolve(),
      scriptDigest: () => Promise.resolve(undefined),
      outboxChanged: () => {},
      published: () => Promise.resolve(true),
      dispatched: () => {},
      rolloutChanged: () => {},
    });
    const outcome = await dispatcher.dispatch({
      source: { kind: "script", shell: "sh", script: "true" },
      plan: { target: { all: false, groups: [], pcs: [...pcIds] } },
      timeoutSecs: 20,
      initiatedBy: "ann",
    });
    assert.ok(outcome.kind === "accepted");
    return outcome.answer.exec_id;
  }

  /** The row of somebody else's dispatch: how many PCs it went to is known, which ones is not. */
  async foreign(execId: string, targetCount: number): Promise<string> {
    const row = executionRow(execId, { targets_listed: 0, target_count: targetCount });
    await this.write(insertRow("executions", row));
    return execId;
  }

  started(run: PublishedRun, members: Record<string, unknown> = {}): RunMessage {
    return readStarted(this.#origin("EVENTS", `events.started.${run.execId}.${run.pcId}`, {
      ...idsOf(run),
      started_at: "2026-05-20T12:00:00Z",
      manifest_id: "probe",
      version: "1",
      ...members,
    }));
  }

  result(run: PublishedRun, members: Record<string, unknown> = {}): RunMessage {
    const origin = this.#origin("RESULTS", `results.${run.requestId}`, {
      ...idsOf(run),
      exit_code: 0,
      stdout: "",
      stderr: "",
      started_at: "2026-05-20T12:00:01Z",
      finished_at: "2026-05-20T12:00:05Z",
      ...members,
    });
    const { end, payload } = readResult(origin);
    const stdout = plainOutput(payload.stdout, false);
    const stderr = plainOutput(payload.stderr, false);
    assert.ok(stdout && stderr);
    return { kind: "result", origin, end, outputs: { stdout, stderr, unavailable: false } };
  }

  async project(
    messages: readonly RunMessage[],
    further: readonly Statement[] = [],
  ): Promise<void> {
    await this.#projection.project(this.#tenure, { messages, unreadable: [], further });
  }

  /** The run's deadline passes, and the reaper sweeps. */
  async reap(resultId: string): Promise<void> {
    await this.write({
      sql: "UPDATE execution_results SET expires_at = 1 WHERE result_id = ? AND outcome IS NULL",
      args: [resultId],
    });
    await this.sweepRuns(2);
  }

  /** The reaper's sweep over runs whose deadline was before this. Answers how many it ended. */
  async sweepRuns(before: number): Promise<number> {
    return (await reapRuns(this.#projection, this.#tenure, before)).rows;
  }

  /** The execution's deadline passes, and the reaper sweeps. */
  async passDeadline(execId: string): Promise<void> {
    await this.write({
      sql: "UPDATE executions SET deadline_at = 1 WHERE exec_id = ?",
      args: [execId],
    });
    await passDeadlines(this.#projection, this.#tenure, 2);
  }

  async write(...steps: readonly Statement[]): Promise<void> {
    await this.db.write((tx) => tx.batch(steps));
  }

  /** Everything that is projected, row by row. */
  async rows(): Promise<Record<keyof typeof PROJECTED, readonly Row[]>> {
    const tables = Object.entries(PROJECTED).map(async ([name, sql]) => [
      name,
      await this.db.query(sql),
    ]);
    return Object.fromEntries(await Promise.all(tables)) as Record<
      keyof typeof PROJECTED,
      readonly Row[]
    >;
  }

  /** The invariant of execution-semantics.md §2 on the rows, and every live actor equal to its row. */
  async assertConsistent(): Promise<void> {
    const checks = await checkInvariants(this.db, { now: this.time.now() });
    const violated = checks.filter(({ name, ok }) => EXECUTION_CHECKS.has(name) && !ok);
    assert.deepEqual(violated, []);
    const rows = new Map(
      (await this.db.query("SELECT * FROM executions")).map((row) => [String(row["exec_id"]), row]),
    );
    for (const [execId, { actor, unlistedMissing }] of this.registry.entries()) {
      const { value, context } = actor.getSnapshot();
      const row = rows.get(execId);
      assert.ok(row, `a live execution without a row: ${execId}`);
      assert.deepEqual({
        status: value,
        rev: context.rev,
        unlisted_missing: unlistedMissing,
        settled_targets: context.settled,
        expired_targets: context.expired,
        missing_targets: context.missing,
        succeeded: context.succeeded,
        failed: context.failed,
        skipped: context.skipped,
        expired_runs: context.expiredRuns,
      }, {
        status: row["status"],
        rev: row["rev"],
        unlisted_missing: row["unlisted_missing"],
        settled_targets: row["settled_targets"],
        expired_targets: row["expired_targets"],
        missing_targets: row["missing_targets"],
        succeeded: row["succeeded"],
        failed: row["failed"],
        skipped: row["skipped"],
        expired_runs: row["expired_runs"],
      });
    }
  }

  /** Empties the tables and the registry, for the next story. */
  async clear(): Promise<void> {
    this.registry.clear();
    this.#sequence = 0;
    await this.write(
      ...[
        "executions",
        "execution_targets",
        "execution_results",
        "run_outputs",
        "execution_transitions",
        "command_outbox",
        "dead_letters",
      ].map((table) => ({ sql: `DELETE FROM ${table}` })),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  #origin(stream: string, subject: string, payload: Record<string, unknown>): Origin {
    this.#sequence += 1;
    return {
      stream,
      streamCreatedAt: 1,
      sequence: this.#sequence,
      subject,
      publishedAt: this.time.now() + this.#sequence,
      payload: encode(payload),
    };
  }
}

function idsOf({ resultId, requestId, execId, pcId }: PublishedRun): Record<string, unknown> {
  return { result_id: resultId, request_id: requestId, exec_id: execId, pc_id: pcId };
}
