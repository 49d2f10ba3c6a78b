/**
 * What the rest of the product says to a database, and the one check of what it says.
 *
 * The lower-level `libsql` package ends the process on a boolean or undefined parameter and gives a parameter that was
 * left out the value of the call before; so every value is checked here, on the thread of its caller.
 */
export type SqlValue = string | number | bigint | null | Uint8Array;

/** A row by column name. Integers come back as numbers, BLOBs as `Uint8Array`. */
export type Row = Readonly<Record<string, SqlValue>>;

export interface Statement {
  readonly sql: string;
  readonly args?: readonly SqlValue[];
}

/** One prepared statement, run once for each row of parameters. */
export interface Bulk {
  readonly sql: string;
  readonly rows: readonly (readonly SqlValue[])[];
}

export interface StepResult {
  /** What a SELECT or a RETURNING clause gave; of a `Bulk`, those of all its rows in order. */
  readonly rows: readonly Row[];
  /** How many rows the statement wrote. */
  readonly changes: number;
}

export interface Reader {
  /** The rows of one statement. */
  query(sql: string, args?: readonly SqlValue[]): Promise<readonly Row[]>;
}

export interface Transaction extends Reader {
  /** Runs the steps in order; one message to the database, however many they are. */
  batch(steps: readonly (Statement | Bulk)[]): Promise<readonly StepResult[]>;
}

export interface Database extends Reader, AsyncDisposable {
  /** Connections of their own, for reads that may take long: nobody who asks the database itself waits behind them. */
  readonly aside: Reader;
  /** How long writes have taken so far, ms: who can wait sees by it how busy others keep the database. */
  readonly writingMs: number;
  /**
   * BEGIN IMMEDIATE … COMMIT around `body`; writes queue first in, first out. Whatever is thrown rolls back and is
   * rethrown; a step that failed fails the whole write, even if `body` swallows it. Never call it from within a body:
   * the inner one would wait for the outer one for ever.
   *
   * @throws {Fault} `database_unavailable` (the environment's: try again), or a constraint violation
   */
  write<T>(body: (tx: Transaction) => Promise<T>): Promise<T>;
  /**
   * Waits for what is queued, then checkpoints and closes. To be awaited before the process exits: libsql aborts a
   * process (exit code 134) that ends while one of its threads is inside a statement.
   */
  close(): Promise<void>;
}

/** SQL text of several statements without parameters; for migrations only. */
export interface Script {
  readonly script: string;
}

export type Step = Statement | Bulk | Script;

/**
 * The same step with every value fit to be bound.
 *
 * @throws {TypeError} naming the parameter (from 1) and the SQL
 */
export function checkStep(step: Step): Step {
  if ("script" in step) return step;
  const { sql } = step;
  const count = parameterCount(sql);
  if ("rows" in step) return { sql, rows: step.rows.map((row) => checkArgs(sql, count, row)) };
  return { sql, args: checkArgs(sql, count, step.args ?? []) };
}

function checkArgs(sql: string, count: number, args: readonly SqlValue[]): readonly SqlValue[] {
  if (args.length !== count) {
    throw new TypeError(`Cannot bind ${args.length} values: ${count} parameters in ${sql}`);
  }
  let copied: SqlValue[] | undefined;
  for (let index = 0; index < count; index += 1) {
    const value = args[index];
    const why = whyNotBindable(value);
    if (why !== undefined) {
      throw new TypeError(`Cannot bind parameter ${index + 1}: ${why}, in ${sql}`);
    }
    if (!(value instanceof Uint8Array) || isCompact(value)) continue;
    copied ??= [...args];
    copied[index] = new Uint8Array(value);
  }
  return copied ?? args;
}

function whyNotBindable(value: unknown): string | undefined {
  switch (typeof value) {
    case "string":
      return undefined;
    case "number":
      return Number.isFinite(value) ? undefined : `it is ${value}`;
    case "bigint":
      return isReadable(value) ? undefined : `${value} could not be read back exactly`;
    case "object":
      return value === null || value instanceof Uint8Array ? undefined : "it is an object";
    default:
      return `it is ${typeof value === "boolean" ? "a boolean" : typeof value}`;
  }
}

function isReadable(value: bigint): boolean {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
}

/** A view sends its whole buffer through `postMessage`, so a small view of a large one is copied out first. */
function isCompact(bytes: Uint8Array): boolean {
  return bytes.byteLength === bytes.buffer.byteLength;
}

const NOT_CODE = /'(?:[^']|'')*'|"[^"]*"|--[^\n]*|\/\*[^]*?\*\//g;
const COUNTED_STATEMENTS = 1_000;
const counts = new Map<string, number>();

/** How many parameters a statement has: `?` each one, `?n` the highest n. */
function parameterCount(sql: string): number {
  const known = counts.get(sql);
  if (known !== undefined) return known;
  let count = 0;
  for (const [, number] of sql.replaceAll(NOT_CODE, "").matchAll(/\?(\d*)/g)) {
    count = number ? Math.max(count, Number(number)) : count + 1;
  }
  if (counts.size >= COUNTED_STATEMENTS) counts.clear();
  counts.set(sql, count);
  return count;
}
