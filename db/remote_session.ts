import {
  type Client,
  createClient,
  type InStatement,
  type InValue,
  type ResultSet,
} from "@libsql/client";
import type { Transaction as ClientTransaction } from "@libsql/client";
import { Fault, messageOf } from "../wire/fault.ts";
import type { Place, Session } from "./session.ts";
import type { Row, SqlValue, Step, StepResult } from "./sql.ts";
import { databaseFault, sqliteErrorOf, unavailable } from "./sqlite_faults.ts";

/**
 * A connection to a libSQL server (`libsql://`, `http://`, `https://`, `ws://`, `wss://`) through `@libsql/client`.
 * Steps of one call travel together; the server itself sets journal, durability and foreign keys.
 */
export class RemoteSession implements Session {
  readonly #client: Client;
  #transaction: ClientTransaction | undefined;
  /** Ends with all that was asked so far. */
  #last: Promise<unknown> = Promise.resolve();

  /** @throws {Fault} `bad_setting` (URL) */
  constructor(options: { readonly url: string; readonly authToken?: string | undefined }) {
    const { url, authToken } = options;
    try {
      this.#client = createClient(authToken === undefined ? { url } : { url, authToken });
    } catch (cause) {
      const why = messageOf(cause);
      throw new Fault("bad_setting", `Cannot open the database ${JSON.stringify(url)}: ${why}`, {
        cause,
      });
    }
  }

  run(steps: readonly Step[], place: Place): Promise<readonly StepResult[]> {
    if (place === "alone") {
      return this.#noted(runBatch((all) => this.#client.batch(all, "read"), steps));
    }
    return this.#inOrder(async () => {
      if (place === "begin") this.#transaction = await this.#client.transaction("write");
      const transaction = this.#open();
      const [only] = steps;
      if (only !== undefined && "script" in only) {
        await transaction.executeMultiple(only.script);
        return [];
      }
      return await runBatch((all) => transaction.batch(all), steps);
    });
  }

  commit(): Promise<void> {
    return this.#inOrder(async () => {
      await this.#open().commit();
      this.#forget();
    });
  }

  rollback(): Promise<void> {
    return this.#inOrder(async () => {
      const transaction = this.#transaction;
      this.#transaction = undefined;
      // A server that cannot be reached any more rolls back by itself.
      if (transaction !== undefined) {
        await transaction.rollback().finally(() => transaction.close());
      }
    });
  }

  close(): Promise<void> {
    return this.#inOrder(() => {
      this.#forget();
      this.#client.close();
      return Promise.resolve();
    });
  }

  #open(): ClientTransaction {
    if (this.#transaction === undefined) throw unavailable("the transaction is gone");
    return this.#transaction;
  }

  #forget(): void {
    this.#transaction?.close();
    this.#transaction = undefined;
  }

  #inOrder<T>(call: () => Promise<T>): Promise<T> {
    return this.#noted(this.#last.then(call));
  }

  async #noted<T>(call: Promise<T>): Promise<T> {
    // Its value would hold every result before it.
    this.#last = Promise.allSettled([this.#last, call]).then(() => undefined);
    try {
      return await call;
    } catch (thrown) {
      throw thrown instanceof Fault ? thrown : databaseFault(sqliteErrorOf(thrown), thrown);
    }
  }
}

/** Bulks become one statement a row; their results are joined again. */
async function runBatch(
  send: (statements: InStatement[]) => Promise<ResultSet[]>,
  steps: readonly Step[],
): Promise<StepResult[]> {
  const groups = steps.map(statementsOf);
  const statements = groups.flat();
  const results = statements.length > 0 ? await send(statements) : [];
  let next = 0;
  return groups.map((group, index) => {
    const own = results.slice(next, next += group.length);
    const rows = own.flatMap(rowsOf);
    // The client counts no change of a statement with RETURNING.
    const returning = /\breturning\b/i.test((steps[index] as { sql: string }).sql);
    const changes = returning
      ? rows.length
      : own.reduce((sum, { rowsAffected }) => sum + rowsAffected, 0);
    return { rows, changes };
  });
}

function statementsOf(step: Step): InStatement[] {
  if ("script" in step) {
    throw new TypeError("Cannot run a script: it is not by itself in a transaction");
  }
  const rows = "rows" in step ? step.rows : [step.args ?? []];
  return rows.map((args) => ({ sql: step.sql, args: args.map(bindable) }));
}

/** The client binds every number as REAL. */
function bindable(value: SqlValue): InValue {
  return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
}

function rowsOf({ columns, rows }: ResultSet): Row[] {
  return rows.map((values) => {
    const row: Record<string, SqlValue> = {};
    for (const [index, column] of columns.entries()) {
      const value = values[index] ?? null;
      row[column] = value instanceof ArrayBuffer ? new Uint8Array(value) : value;
    }
    return row;
  });
}
