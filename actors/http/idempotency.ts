import { Fault } from "../../wire/fault.ts";
import type {
  Dispatcher,
  DispatchOutcome,
  DispatchRequest,
  Idempotency,
  Outcome,
} from "../dispatch_types.ts";
import type { Caller } from "./auth.ts";

const PRINTABLE = /^[\x20-\x7e]{1,255}$/;

/**
 * The caller's `Idempotency-Key`, if there is one.
 *
 * @param use `route`: the path as the table of routes names it, the scope of the key with the caller; `hash`: of what
 *   is asked for
 * @throws {Fault} `invalid_input`
 */
export function idempotencyOf(
  request: Request,
  use: { readonly route: string; readonly caller: Caller; readonly hash: () => string },
): Idempotency | undefined {
  const key = request.headers.get("idempotency-key");
  if (key === null) return undefined;
  if (!PRINTABLE.test(key)) {
    throw new Fault(
      "invalid_input",
      "Cannot use the Idempotency-Key: it must have 1 to 255 printable ASCII characters",
      { details: { path: "Idempotency-Key" } },
    );
  }
  return { caller: use.caller.name, route: use.route, key, requestHash: use.hash() };
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

/** What the header of such a route says, for its route. */
export const REPLAYED = { "Idempotency-Replayed": "true: the answer of an earlier request" };

/** What tells a caller that the answer is the one of an earlier request. */
export function replayedHeader(replayed: boolean): Record<string, string> {
  return replayed ? { "idempotency-replayed": "true" } : {};
}
