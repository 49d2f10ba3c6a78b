import { Fault, messageOf } from "../wire/fault.ts";

/** What the environment did to us: the disk, another process, the network. The same call may succeed later. */
const ENVIRONMENT = new Set([
  "SQLITE_ABORT",
  "SQLITE_AUTH",
  "SQLITE_BUSY",
  "SQLITE_CANTOPEN",
  "SQLITE_FULL",
  "SQLITE_INTERRUPT",
  "SQLITE_IOERR",
  "SQLITE_LOCKED",
  "SQLITE_NOMEM",
  "SQLITE_PERM",
  "SQLITE_PROTOCOL",
  "SQLITE_READONLY",
]);
/** The file itself is broken: no use in trying again. */
const BROKEN_FILE = new Set(["SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT"]);
/** What was written is at fault: a constraint, a type of a STRICT table, a size. */
const CONSTRAINT = new Set(["SQLITE_CONSTRAINT", "SQLITE_MISMATCH", "SQLITE_TOOBIG"]);
/** Of a primary key too. A server tells no more of the code than SQLITE_CONSTRAINT. */
const DUPLICATE = /UNIQUE constraint failed/;

/** libsql has no name for some extended codes; their lowest byte is the primary one (sqlite.org/rescode.html). */
const UNNAMED = /^UNKNOWN_SQLITE_ERROR_(\d+)$/;
const PRIMARY_CODES: Readonly<Record<number, string>> = {
  5: "SQLITE_BUSY",
  6: "SQLITE_LOCKED",
  8: "SQLITE_READONLY",
  10: "SQLITE_IOERR",
  11: "SQLITE_CORRUPT",
  14: "SQLITE_CANTOPEN",
  19: "SQLITE_CONSTRAINT",
};
const CONSTRAINT_DATATYPE = 3091;

/** An error of libsql, or of the client of a server, as it crosses a thread. */
export interface SqliteError {
  readonly message: string;
  /** SQLite's name of it, `SQLITE_CONSTRAINT_UNIQUE`; of a server also `SERVER_ERROR` and the like. */
  readonly code?: string | undefined;
}

/**
 * The Fault for an error of the database:
 * - `database_unavailable` for what the environment did, and for what has no SQLite code (network, opening);
 * - `conflict` or `invalid_input` with `details.constraint` for what was written (see {@link isConstraintViolation});
 * - `internal` for our own SQL.
 */
export function databaseFault(error: SqliteError, cause?: unknown): Fault {
  const { message } = error;
  const code = named(error.code ?? "");
  const family = code.split("_", 2).join("_");
  if (CONSTRAINT.has(family)) {
    return new Fault(
      DUPLICATE.test(message) ? "conflict" : "invalid_input",
      `Cannot store the row: ${message}`,
      { details: { constraint: code.replace(/^SQLITE_(CONSTRAINT_)?/, "") }, cause },
    );
  }
  if (family.startsWith("SQLITE_") && !ENVIRONMENT.has(family) && !BROKEN_FILE.has(family)) {
    return new Fault("internal", `Cannot run the statement: ${message}`, { cause });
  }
  return unavailable(message, { retryable: !BROKEN_FILE.has(family), cause });
}

function named(code: string): string {
  const number = Number(UNNAMED.exec(code)?.[1] ?? NaN);
  if (number === CONSTRAINT_DATATYPE) return "SQLITE_CONSTRAINT_DATATYPE";
  return PRIMARY_CODES[number & 0xff] ?? code;
}

/** The Fault for a database that cannot be reached now. */
export function unavailable(
  why: string,
  { retryable = true, cause }: { retryable?: boolean; cause?: unknown } = {},
): Fault {
  return new Fault("database_unavailable", `Cannot use the database: ${why}`, { retryable, cause });
}

/** Whether the rows themselves were refused, and would be again: the message's own fault, not the environment's. */
export function isConstraintViolation(thrown: unknown): thrown is Fault {
  return thrown instanceof Fault && thrown.details["constraint"] !== undefined;
}

/** The message and code of whatever libsql threw. */
export function sqliteErrorOf(thrown: unknown): SqliteError {
  const { code, extendedCode } = thrown as { code?: unknown; extendedCode?: unknown };
  const name = typeof extendedCode === "string" ? extendedCode : code;
  // The client puts the code before the message, more than once.
  const message = messageOf(thrown).replace(/^(SQLITE_\w+: )+/, "");
  return { message, code: typeof name === "string" ? name : undefined };
}
