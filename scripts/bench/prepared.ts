/** What stands before a benchmark of a whole backend: a broker, a database with executions that wait, and what is sent. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bus, connectBus } from "../../actors/bus.ts";
import { createLog } from "../../actors/log.ts";
import { provision } from "../../actors/provision.ts";
import { type Database, openDatabase } from "../../db/client.ts";
import { startBroker } from "../../test/harness/broker.ts";
import { encode } from "../../wire/codec.ts";

/** For a backend as a process of its own, which is not started yet. */
export interface Prepared {
  readonly dataDir: string;
  readonly brokerUrl: string;
  readonly bus: Bus;
  readonly db: Database;
}

/** Prepares all of it in a temporary directory, and takes it away at the end. */
export async function withPrepared<T>(measure: (prepared: Prepared) => Promise<T>): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), "kanade-bench-"));
  const log = createLog({ level: "error", pretty: false });
  try {
    await using broker = await startBroker();
    await using bus = await connectBus(
      { servers: [broker.url], name: "bench", log },
      AbortSignal.timeout(10_000),
    );
    await provision(bus, { replicas: 1, log });
    await using db = await openDatabase({ url: `file:${join(dataDir, "kanade.db")}` });
    return await measure({ dataDir, brokerUrl: broker.url, bus, db });
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Stores executions that wait for every one of these PCs; the first one is the newest. */
export async function storeWaiting(
  db: Database,
  { executions, pcIds }: { readonly executions: number; readonly pcIds: readonly string[] },
): Promise<void> {
  const numbers = `WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers
    WHERE n < ? - 1)`;
  const now = Date.now();
  await db.write((tx) =>
    tx.batch([
      {
        sql: `${numbers} INSERT INTO executions (exec_id, request_id, job_id, version, initiated_by,
            initiated_at, targets_listed, target_count, status, timeout_secs, deadline_at)
          SELECT printf('exec-%06d', n), printf('req-%06d', n), 'bench', '1', 'bench', ? - n, 1, ?,
            'pending', 60, ? FROM numbers`,
        args: [executions, now, pcIds.length, now + 86_400_000],
      },
      {
        sql: `INSERT INTO execution_targets (exec_id, pc_id, state, subject)
          SELECT exec_id, pcs.value, 'waiting', 'commands.all' FROM executions, json_each(?) AS pcs`,
        args: [JSON.stringify(pcIds)],
      },
    ])
  );
}

/** As `storeWaiting` names them. */
export function execIdOf(n: number): string {
  return `exec-${String(n).padStart(6, "0")}`;
}

/** The last result that was projected, by its sequence in the stream. */
export async function projectedResults(db: Database): Promise<number> {
  const [row] = await db.query(
    "SELECT last_sequence FROM projector_positions WHERE consumer = 'backend_results_projector'",
  );
  return Number(row?.["last_sequence"] ?? 0);
}

/** A result of about 600 bytes. */
export function resultOf(
  ids: Readonly<Record<"result_id" | "request_id" | "exec_id" | "pc_id", string>>,
  exitCode = 0,
): Uint8Array {
  const at = new Date().toISOString();
  return encode({
    ...ids,
    exit_code: exitCode,
    stdout: "x".repeat(220),
    stderr: "",
    started_at: at,
    finished_at: at,
    manifest_id: "bench",
  });
}
