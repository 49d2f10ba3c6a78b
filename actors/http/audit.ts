import type { Transaction } from "../../db/client.ts";
import type { Json } from "../../wire/fault.ts";
import type { Outside } from "../outside.ts";
import type { MadeChange, WantedChange } from "../outside_changes.ts";
import type { Call } from "./route.ts";

/**
 * Makes a change outside of the database and leaves its audit entry, whatever happens in between. A change that is refused
 * leaves the entry of that alone.
 */
export async function changed<T>(
  { services, caller }: Call,
  change: Omit<WantedChange, "actor">,
  make: (outside: Outside) => Promise<MadeChange<T>>,
): Promise<T> {
  return await services.changes.make({ actor: caller.name, ...change }, make);
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
