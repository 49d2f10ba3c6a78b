/** Answers that were given under an `Idempotency-Key`, stored in the transaction of what they tell of (http-api.md). */
import type { Reader, Statement } from "./client.ts";
import { bytesOf, numberOf, textOf } from "./rows.ts";

/** How long a key is kept. */
const KEPT_MS = 7 * 86_400_000;

/** A key belongs to its caller and route. */
export interface KeyScope {
  readonly caller: string;
  readonly route: string;
  readonly key: string;
}

export interface StoredAnswer {
  /** SHA-256 of method, path and canonical body. */
  readonly requestHash: string;
  /** HTTP status. */
  readonly status: number;
  readonly answer: Uint8Array;
  /** Ms since the epoch, by the backend's clock. */
  readonly createdAt: number;
}

/** Ask it inside the transaction that stores the answer: two requests may come at once. */
export async function findAnswer(
  reader: Reader,
  scope: KeyScope,
): Promise<StoredAnswer | undefined> {
  const [row] = await reader.query(
    `SELECT request_hash, status, answer, created_at FROM idempotency_keys
      WHERE caller = ? AND route = ? AND key = ?`,
    [scope.caller, scope.route, scope.key],
  );
  if (row === undefined) return undefined;
  return {
    requestHash: textOf(row, "request_hash"),
    status: numberOf(row, "status"),
    answer: bytesOf(row, "answer"),
    createdAt: numberOf(row, "created_at"),
  };
}

/** Keeps the answer of a call for whoever repeats it with the same key; written with what the call changes. */
export function storeAnswer(stored: KeyScope & StoredAnswer): Statement {
  return {
    sql:
      `INSERT INTO idempotency_keys (caller, route, key, request_hash, status, answer, created_at)
      VALUES (?, ?, ?, ?, ?, ?, ?)`,
    args: [
      stored.caller,
      stored.route,
      stored.key,
      stored.requestHash,
      stored.status,
      stored.answer,
      stored.createdAt,
    ],
  };
}

/** Forgets keys that are older than seven days. */
export function deleteOldAnswers(now: number): Statement {
  return { sql: "DELETE FROM idempotency_keys WHERE created_at < ?", args: [now - KEPT_MS] };
}
