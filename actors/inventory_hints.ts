/** Follows the catalogue, so that the projection knows of which jobs the runs tell facts (`inventory:` of a manifest). */
import type { Database } from "../db/client.ts";
import {
  dropInventoryJob,
  type InventoryJob,
  keepInventoryJob,
  readInventoryJobs,
} from "../db/inventory.ts";
import { decode } from "../wire/codec.ts";
import { Fault } from "../wire/fault.ts";
import { key } from "../wire/ids.ts";
import { Manifest } from "../wire/manifest.ts";
import { defineActor } from "./backend.ts";
import type { InventoryIntake } from "./inventory_intake.ts";
import type { KvChange } from "./kv_types.ts";
import { assertHeld, type Tenure } from "./writer_lease.ts";
import { pause } from "./system/clock.ts";

const RETRY_MS = 1_000;

export const inventoryHints = defineActor({
  name: "inventory_hints",
  permissions: {
    db: "write",
    kv: { jobs: "read" },
    inventory: true,
    lease: true,
    connection: true,
    health: true,
  },
  handles: "changes of jobs",
  run: async ({ db, kv, inventory, lease, connection, health, log, signal, ready, handled }) => {
    ready();
    while (!signal.aborted) {
      const tenure = await lease.acquired(signal);
      const held = AbortSignal.any([signal, tenure.signal]);
      try {
        await connection.connected(held);
        const hints = await Hints.open({ db, inventory, tenure });
        for await (const change of kv.reader("jobs").watch(">", { signal: held })) {
          let problem = await hints.tryToFollow(change);
          while (problem !== null) {
            log.warn("inventory hint held back", { key: change.key, error: problem });
            health(`inventory hints are not followed: ${problem}`);
            await pause(RETRY_MS, held);
            problem = await hints.tryToFollow(change);
          }
          health(null);
          handled();
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

  /** Answers what is wrong with the database or the lease, or null. A manifest that cannot be read changes nothing. */
  async tryToFollow(change: KvChange): Promise<string | null> {
    try {
      await this.#follow(change);
      return null;
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      return thrown.code === "invalid_input" ? null : thrown.message;
    }
  }

  async #follow({ key: name, entry }: KvChange): Promise<void> {
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
