/** What a caller was answered under an `Idempotency-Key`, stored in the transaction of what it made (http-api.md). */
import type { Reader, Statement } from "../db/client.ts";
import { findAnswer, storeAnswer } from "../db/idempotency_keys.ts";
import { encode } from "../wire/codec.ts";
import type { Idempotency, Outcome } from "./dispatch_types.ts";

/** The answer that the request's key was given before, if any. */
export async function answerOf<Answer>(
  reader: Reader,
  { idempotency }: { readonly idempotency?: Idempotency },
  asAnswer: (stored: unknown) => Answer,
): Promise<Outcome<Answer> | undefined> {
  if (idempotency === undefined) return undefined;
  const stored = await findAnswer(reader, idempotency);
  if (stored === undefined) return undefined;
  if (stored.requestHash !== idempotency.requestHash) return { kind: "conflict" };
  const answer = asAnswer(JSON.parse(new TextDecoder().decode(stored.answer)));
  return { kind: "accepted", answer, replayed: true };
}

/** The step that stores an answer, where it came with a key. @param createdAt ms since the epoch */
export function storedAnswer(
  idempotency: Idempotency | undefined,
  answer: object,
  createdAt: number,
): Statement[] {
  if (idempotency === undefined) return [];
  return [storeAnswer({ ...idempotency, status: 200, answer: encode(answer), createdAt })];
}
