import type { Event } from "../machines/agent_command.ts";
import type { Admission } from "./ledger.ts";
import { endTree } from "./process_tree.ts";

/** What the machine of a command is told of its admission, in this order. */
export async function admissionEvents(admission: Admission): Promise<readonly Event[]> {
  switch (admission.kind) {
    case "duplicate":
      return [{ type: "DUPLICATE" }];
    case "conflict":
      return [{ type: "CONFLICT" }];
    case "unreadable":
      return [{
        type: "INTERRUPTED",
        why: "the agent's record of it is damaged: it may have started before",
      }];
    case "admitted":
      return await eventsOfAdmitted(admission);
  }
}

async function eventsOfAdmitted(
  { record }: Extract<Admission, { kind: "admitted" }>,
): Promise<readonly Event[]> {
  if (record.started_at === null) {
    return record.killed ? [{ type: "KILL" }, { type: "ADMITTED" }] : [{ type: "ADMITTED" }];
  }
  // What the crash left running must not outlive the report that it failed.
  await endTree(null, record.result_id);
  return [{ type: "INTERRUPTED", why: "the agent ended while it ran" }];
}
