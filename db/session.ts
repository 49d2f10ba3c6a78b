import type { Step, StepResult } from "./sql.ts";

/**
 * Where a run of steps stands: by itself, first in a transaction, or within one. `inside` fails when the connection
 * holds no transaction (any more), so that nothing is ever committed by itself that was meant to be part of one.
 */
export type Place = "alone" | "begin" | "inside";

/** One connection, a file's or a server's. Calls take effect in the order in which they were made. */
export interface Session {
  run(steps: readonly Step[], place: Place): Promise<readonly StepResult[]>;
  commit(): Promise<void>;
  /** Undoes what is open; nothing open is no error. */
  rollback(): Promise<void>;
  close(): Promise<void>;
}
