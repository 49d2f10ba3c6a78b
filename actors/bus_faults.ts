import { NatsError } from "nats";
import { Fault } from "../wire/fault.ts";

/** JetStream's error codes that mean something to us (server/errors.json of nats-server). */
export const API_ERROR = {
  consumerNotFound: 10_014,
  storageExceeded: 10_047,
  messageTooLarge: 10_054,
  streamNotFound: 10_059,
  wrongLastSequence: 10_071,
  storeFailed: 10_077,
} as const;

/** JetStream's own error code of what nats.js threw, when there is one. */
export function apiErrorCode(thrown: unknown): number | undefined {
  return thrown instanceof NatsError ? thrown.api_error?.err_code : undefined;
}

/**
 * What nats.js threw while doing `action` ("publish to X"), as a Fault. `timed_out` and
 * `broker_unavailable` say nothing about the message; every other code is a refusal of it.
 */
export function busFault(action: string, thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown;
  if (!(thrown instanceof NatsError)) {
    return new Fault("internal", `Cannot ${action}: the client failed`, { cause: thrown });
  }
  const apiError = thrown.api_error;
  if (apiError) return refusal(action, apiError.err_code ?? 0, apiError.description, thrown);
  switch (thrown.code) {
    case "TIMEOUT":
      return new Fault("timed_out", `Cannot ${action}: no answer in time`, retryable(thrown));
    case "503":
      return new Fault("broker_unavailable", `Cannot ${action}: nobody answers there`, {
        ...retryable(thrown),
        details: { noResponders: true },
      });
    case "MAX_PAYLOAD_EXCEEDED":
      return new Fault("too_large", `Cannot ${action}: the message exceeds the broker's limit`, {
        cause: thrown,
      });
    case "PERMISSIONS_VIOLATION":
      return new Fault("forbidden", `Cannot ${action}: the broker does not permit it`, {
        cause: thrown,
      });
    case "BAD_SUBJECT":
      return new Fault("invalid_input", `Cannot ${action}: not a subject`, { cause: thrown });
    default:
      return new Fault("broker_unavailable", `Cannot ${action}: ${thrown.code}`, retryable(thrown));
  }
}

/** JetStream refused a request. `details.errCode` is its own code. */
export function refusal(
  action: string,
  errCode: number,
  description: string,
  cause?: unknown,
): Fault {
  const options = { details: { errCode }, ...(cause === undefined ? {} : { cause }) };
  const message = `Cannot ${action}: ${description}`;
  switch (errCode) {
    case API_ERROR.wrongLastSequence:
      return new Fault("conflict", message, options);
    case API_ERROR.messageTooLarge:
      return new Fault("too_large", message, options);
    case API_ERROR.storageExceeded:
    case API_ERROR.storeFailed:
      return new Fault("not_writable", message, { ...options, retryable: true });
    case API_ERROR.streamNotFound:
    case API_ERROR.consumerNotFound:
      return new Fault("not_found", message, { ...options, retryable: true });
    default:
      return new Fault("internal", message, options);
  }
}

function retryable(cause: unknown): { readonly retryable: true; readonly cause: unknown } {
  return { retryable: true, cause };
}
