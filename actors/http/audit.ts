import type { Transaction } from "../../db/client.ts";
import type { Json } from "../../wire/fault.ts";
import type { Call } from "./route.ts";

/**
 * Leaves the audit entry of a call that changed something outside of the database; it goes out through the outbox. It
 * comes after the change, which another part of the world may refuse: the log must not tell of what never was.
 */
export async function audit(
  { services, caller }: Call,
  action: string,
  target: string,
  payload: Json,
): Promise<void> {
  await services.dispatcher.audit({ actor: caller.name, action, target, payload });
}

/** Changes the database and leaves the entry in the same transaction. What the change throws, nothing is done. */
export async function audited(
  { services, caller }: Call,
  action: string,
  change: (tx: Transaction) => Promise<{ readonly target: string; readonly payload: Json }>,
): Promise<void> {
  await services.dispatcher.audited(async (tx) => ({
    actor: caller.name,
    action,
    ...await change(tx),
  }));
}
