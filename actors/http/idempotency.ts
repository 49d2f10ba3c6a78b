import { Fault } from "../../wire/fault.ts";
import type {
  Dispatcher,
  DispatchOutcome,
  DispatchRequest,
  Idempotency,
  Outcome,
} from "../dispatch_types.ts";
import { requestHash } from "./input.ts";
import type { Call } from "./route.ts";

const PRINTABLE = /^[\x20-\x7e]{1,255}$/;

/**
 * The caller's `Idempotency-Key`, if there is one.
 *
 * @param route the path as the table of routes names it: the scope of the key, with the caller
 * @param body the body as it was read; its canonical form is part of the hash
 * @throws {Fault} `invalid_input`
 */
export function idempotencyOf(call: Call, route: string, body: unknown): Idempotency | undefined {
  const key = call.request.headers.get("idempotency-key");
  if (key === null) return undefined;
  if (!PRINTABLE.test(key)) {
    throw new Fault(
      "invalid_input",
      "Cannot use the Idempotency-Key: it must have 1 to 255 printable ASCII characters",
      { details: { path: "Idempotency-Key" } },
    );
  }
  return { caller: call.caller.name, route, key, requestHash: requestHash(call, body) };
}

/** Dispatches; a key that was used for another body is a fault. @throws {Fault} `conflict`, and those of the dispatcher */
export async function dispatchOnce(
  dispatcher: Dispatcher,
  request: DispatchRequest,
): Promise<Extract<DispatchOutcome, { kind: "accepted" }>> {
  return accepted(await dispatcher.dispatch(request));
}

/** What was answered, now or under this key before. @throws {Fault} `conflict` when the key was used for another body */
export function accepted<Answer>(
  outcome: Outcome<Answer>,
): Extract<Outcome<Answer>, { kind: "accepted" }> {
  if (outcome.kind === "accepted") return outcome;
  throw new Fault(
    "conflict",
    "Cannot use the Idempotency-Key: it was used for a request with another body",
    { details: { path: "Idempotency-Key" } },
  );
}

/** What tells a caller that the answer is the one of an earlier request. */
export function replayedHeader(replayed: boolean): Record<string, string> {
  return replayed ? { "idempotency-replayed": "true" } : {};
}
