/** Follows the catalogue, so that the projection knows of which jobs the runs tell facts (`inventory:` of a manifest). */
import type { Database } from "../db/client.ts";
import {
  dropInventoryJob,
  type InventoryJob,
  keepInventoryJob,
  readInventoryJobs,
} from "../db/inventory.ts";
import { decode } from "../wire/codec.ts";
import { messageOf } from "../wire/fault.ts";
import { key } from "../wire/ids.ts";
import { Manifest } from "../wire/manifest.ts";
import { defineActor } from "./backend.ts";
import type { InventoryIntake } from "./inventory_intake.ts";
import type { KvChange } from "./kv_types.ts";
import { assertHeld } from "./projection.ts";
import type { Tenure } from "./writer_lease.ts";

export const inventoryHints = defineActor({
  name: "inventory_hints",
  permissions: {
    db: "write",
    kv: { jobs: "read" },
    inventory: true,
    lease: true,
    connection: true,
  },
  run: async ({ db, kv, inventory, lease, connection, log, signal, ready }) => {
    ready();
    while (!signal.aborted) {
      const tenure = await lease.acquired(signal);
      const held = AbortSignal.any([signal, tenure.signal]);
      try {
        await connection.connected(held);
        const hints = await Hints.open({ db, inventory, tenure });
        for await (const change of kv.reader("jobs").watch(">", { signal: held })) {
          try {
            await hints.follow(change);
          } catch (thrown) {
            if (held.aborted) break;
            // One that cannot be read changes nothing.
            log.warn("inventory hint not followed", { key: change.key, error: messageOf(thrown) });
          }
        }
        if (!held.aborted) return;
      } catch (thrown) {
        if (!held.aborted) throw thrown;
      }
    }
  },
});

interface HintsHost {
  readonly db: Database;
  readonly inventory: InventoryIntake;
  readonly tenure: Tenure;
}

/** The jobs with the hint, as they are written down. */
class Hints {
  readonly #host: HintsHost;
  readonly #jobOfKey: Map<string, InventoryJob>;

  private constructor(host: HintsHost, jobs: readonly InventoryJob[]) {
    this.#host = host;
    this.#jobOfKey = new Map(jobs.map((job) => [key(job.jobId), job]));
  }

  static async open(host: HintsHost): Promise<Hints> {
    return new Hints(host, await readInventoryJobs(host.db));
  }

  /** @throws {Fault} `invalid_input` when it is no manifest; those of the database and the lease */
  async follow({ key: name, entry }: KvChange): Promise<void> {
    const known = this.#jobOfKey.get(name);
    const hinted = entry === undefined
      ? undefined
      : hintedJob(decode(Manifest, "manifest", entry.value));
    if (hinted === undefined) {
      if (known !== undefined) await this.#drop(name, known.jobId);
    } else if (JSON.stringify(hinted) !== JSON.stringify(known)) await this.#keep(name, hinted);
  }

  async #keep(name: string, job: InventoryJob): Promise<void> {
    const { db, inventory, tenure } = this.#host;
    await db.write(async (tx) => {
      await assertHeld(tx, tenure);
      inventory.add(job.jobId);
      await tx.batch([keepInventoryJob(job)]);
    });
    this.#jobOfKey.set(name, job);
    inventory.wake();
  }

  async #drop(name: string, jobId: string): Promise<void> {
    const { db, inventory, tenure } = this.#host;
    await db.write(async (tx) => {
      await assertHeld(tx, tenure);
      await tx.batch([dropInventoryJob(jobId)]);
    });
    inventory.remove(jobId);
    this.#jobOfKey.delete(name);
  }
}

function hintedJob({ id, version, inventory }: Manifest): InventoryJob | undefined {
  if (!inventory) return undefined;
  const { display, summary = null } = inventory;
  return {
    jobId: id,
    version,
    display: JSON.stringify(display),
    summary: JSON.stringify(summary),
  };
}
