import type { Reader, Statement, Transaction } from "./client.ts";
import { numberOf, textOf } from "./rows.ts";

/** A lease as its row says. Instants in ms since the epoch. */
export interface LeaseRow {
  readonly holder: string;
  /** Grows with every change of the holder: the fencing term (ARCHITECTURE.md, "What always holds"). */
  readonly term: number;
  readonly expiresAt: number;
}

/** The row of a lease; undefined while nobody ever held it. */
export async function readLease(reader: Reader, name: string): Promise<LeaseRow | undefined> {
  const [row] = await reader.query("SELECT holder, term, expires_at FROM leases WHERE name = ?", [
    name,
  ]);
  if (row === undefined) return undefined;
  return {
    holder: textOf(row, "holder"),
    term: numberOf(row, "term"),
    expiresAt: numberOf(row, "expires_at"),
  };
}

/**
 * Takes or renews a lease. `evict` names a holder that is known to be dead, whose lease need not run out.
 *
 * @returns the fencing term, or undefined while somebody else holds it
 */
export async function takeLease(
  tx: Transaction,
  lease: {
    readonly name: string;
    readonly holder: string;
    readonly now: number;
    readonly expiresAt: number;
    readonly evict: string | null;
  },
): Promise<number | undefined> {
  const [taken] = await tx.batch([{
    sql: `INSERT INTO leases (name, holder, term, expires_at) VALUES (?, ?, 1, ?)
      ON CONFLICT (name) DO UPDATE SET term = leases.term + (leases.holder <> excluded.holder),
        holder = excluded.holder, expires_at = excluded.expires_at
      WHERE leases.holder = excluded.holder OR leases.expires_at < ? OR leases.holder = ?
      RETURNING term`,
    args: [lease.name, lease.holder, lease.expiresAt, lease.now, lease.evict],
  }]);
  const row = taken?.rows[0];
  return row === undefined ? undefined : numberOf(row, "term");
}

/** Gives a lease up, so that the next holder need not wait; another holder's stays. */
export function releaseLease(name: string, holder: string): Statement {
  return {
    sql: "UPDATE leases SET expires_at = 0 WHERE name = ? AND holder = ?",
    args: [name, holder],
  };
}

/** Answers one row while the holder still has this term: the first statement of every write of the holder. */
export function assertLease(name: string, holder: string, term: number): Statement {
  return {
    sql: "SELECT 1 AS held FROM leases WHERE name = ? AND holder = ? AND term = ?",
    args: [name, holder, term],
  };
}
