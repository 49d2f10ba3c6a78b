/** Gives a dead letter to its projector again, with its original stream, sequence and time (execution-semantics.md §6). */
import type { Bulk, Database, Statement } from "../db/client.ts";
import { insertAuditRows } from "../db/audit_log.ts";
import { insertOutbox } from "../db/command_outbox.ts";
import { insertObsEvents } from "../db/obs_events.ts";
import { deleteDeadLetter, findDeadLetter } from "../db/dead_letters.ts";
import { Fault } from "../wire/fault.ts";
import type { StreamName } from "../wire/streams.ts";
import { auditMessage } from "./audit_message.ts";
import { readAuditEvents } from "./audit_projector.ts";
import { readStartedEvents } from "./events_projector.ts";
import type { ManifestTimeout } from "./manifest_timeout.ts";
import { readObsEvents } from "./obs_events_projector.ts";
import type { OutputObjects } from "./output_objects.ts";
import { assertHeld, leaseLost, type Tenure, type WriterLease } from "./writer_lease.ts";
import type { Unreadable } from "./unreadable.ts";
import type { Projection } from "./projection.ts";
import type { ReplayOutcome } from "./replay_types.ts";
import { readResults } from "./results_projector.ts";
import type { Origin, RunMessage } from "./run_messages.ts";
import type { Clock } from "./system/clock.ts";

export interface ReplayHost {
  readonly db: Database;
  readonly lease: WriterLease;
  readonly projection: Projection;
  readonly outputObjects: OutputObjects;
  readonly manifestTimeout: ManifestTimeout;
  readonly clock: Clock;
  /** Something was put into the outbox. */
  readonly outboxChanged: () => void;
}

/** What goes with the projection, in its transaction. */
type Further = readonly (Statement | Bulk)[];

/**
 * Projects a dead letter again, deletes it and audits that in one transaction; one that is refused again stays, and that
 * is audited, too.
 *
 * @throws {Fault} `lease_lost` when another backend is the one that projects; the Faults of the database and the broker
 */
export async function replayDeadLetter(
  host: ReplayHost,
  id: number,
  actor: string,
): Promise<ReplayOutcome> {
  const letter = await findDeadLetter(host.db, id);
  if (letter === undefined) return { kind: "unknown" };
  const tenure = host.lease.tenure;
  if (tenure === undefined) throw leaseLost("another backend projects");
  const origin: Origin = letter;
  const audited = (outcome: "projected" | "refused") =>
    insertOutbox([
      auditMessage(
        { actor, action: "dead_letter_replay", target: String(id), payload: { outcome } },
        host.clock.now(),
      ),
    ]);
  const further = [deleteDeadLetter(id), audited("projected")];
  const refused = await projectAgain(host, tenure, origin, further);
  if (refused !== undefined) await host.db.write((tx) => tx.batch([audited("refused")]));
  host.outboxChanged();
  return refused === undefined ? { kind: "projected" } : { kind: "refused", error: refused };
}

/** Answers why the message was refused again; undefined when it was projected. */
async function projectAgain(
  host: ReplayHost,
  tenure: Tenure,
  origin: Origin,
  further: Further,
): Promise<string | undefined> {
  switch (origin.stream as StreamName) {
    case "RESULTS": {
      const read = await readResults([origin], host.outputObjects);
      const refused = await projectRun(host, tenure, read, further);
      if (refused === undefined) {
        await host.outputObjects.remove(read.fetched.map(({ name }) => name));
      }
      return refused;
    }
    case "EVENTS":
      return await projectRun(
        host,
        tenure,
        await readStartedEvents([origin], host.manifestTimeout),
        further,
      );
    case "AUDIT": {
      const { rows, unreadable } = readAuditEvents([origin]);
      if (unreadable[0] !== undefined) return unreadable[0].error;
      await host.db.write(async (tx) => {
        await assertHeld(tx, tenure);
        await tx.batch([insertAuditRows(rows), ...further]);
      });
      return undefined;
    }
    case "OBS_EVENTS": {
      const { rows, unreadable } = readObsEvents([origin]);
      if (unreadable[0] !== undefined) return unreadable[0].error;
      await host.db.write(async (tx) => {
        await assertHeld(tx, tenure);
        await tx.batch([insertObsEvents(rows), ...further]);
      });
      return undefined;
    }
    default:
      throw new Fault(
        "invalid_input",
        `Cannot replay a dead letter of ${origin.stream}: nothing projects that stream`,
      );
  }
}

async function projectRun(
  { projection }: ReplayHost,
  tenure: Tenure,
  read: { readonly messages: readonly RunMessage[]; readonly unreadable: readonly Unreadable[] },
  further: Further,
): Promise<string | undefined> {
  if (read.unreadable[0] !== undefined) return read.unreadable[0].error;
  return await projection.projectOrRefuse(tenure, read.messages, further);
}
