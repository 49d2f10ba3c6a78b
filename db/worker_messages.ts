import type { Place } from "./session.ts";
import type { SqlValue, Step } from "./sql.ts";
import type { SqliteError } from "./sqlite_faults.ts";

/** What crosses between `file_session.ts` and `worker.mjs`. */
export interface FileOptions {
  readonly path: string;
  readonly readOnly: boolean;
  /** How long the worker waits for a lock of another process, milliseconds. */
  readonly busyTimeoutMs: number;
}

export type Request =
  & { readonly id: number }
  & (
    | { readonly kind: "run"; readonly steps: readonly Step[]; readonly place: Place }
    | { readonly kind: "commit" | "rollback" | "close" }
  );

/** Rows travel as arrays: their column names once for all. */
export interface RawResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
  readonly changes: number;
}

export type Reply =
  & { readonly id: number }
  & ({ readonly results: readonly RawResult[] } | { readonly error: SqliteError });
