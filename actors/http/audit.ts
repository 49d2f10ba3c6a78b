import type { Json } from "../../wire/fault.ts";
import type { Call } from "./route.ts";

/** Leaves the audit entry of a call that changed something; it goes out through the outbox. */
export async function audit(
  { services, caller }: Call,
  action: string,
  target: string,
  payload: Json,
): Promise<void> {
  await services.dispatcher.audit({ actor: caller.name, action, target, payload });
}
