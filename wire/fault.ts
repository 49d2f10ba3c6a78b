/**
 * What somebody outside the process may be told. One class, one list of codes; ARCHITECTURE.md
 * holds the table of what each means and a test keeps the two equal.
 */
export const FAULT_CODES = [
  "bad_setting",
  "broker_missing",
  "broker_unavailable",
  "conflict",
  "database_from_the_future",
  "database_unavailable",
  "forbidden",
  "internal",
  "invalid_input",
  "lease_lost",
  "no_targets",
  "not_found",
  "not_writable",
  "port_in_use",
  "stale",
  "timed_out",
  "too_large",
  "unauthenticated",
] as const;

export type FaultCode = (typeof FAULT_CODES)[number];

/** A value that JSON can hold. */
export type Json = string | number | boolean | null | readonly Json[] | {
  readonly [key: string]: Json | undefined;
};

export interface FaultOptions {
  /** Whether the same call may succeed later with nothing changed by the caller. */
  readonly retryable?: boolean;
  /** JSON facts about the fault; `path` names the place of bad input (RFC 6901 is not used: dots). */
  readonly details?: Readonly<Record<string, Json>>;
  readonly cause?: unknown;
}

/**
 * An ending that a person or a program outside may be told. The message reads
 * "Cannot" + verb + object + ": " + the present state.
 */
export class Fault extends Error {
  override readonly name = "Fault";
  readonly code: FaultCode;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, Json>>;

  constructor(code: FaultCode, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.details = options.details ?? {};
  }
}

/** The message of anything that was thrown, for a log field or a dead letter. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
