/** The kill switch of a job: KV `script_status`, which every agent asks before it runs one (agent.md §1.3). */
import { Fault } from "../wire/fault.ts";
import { key } from "../wire/ids.ts";
import type { JobCatalogue } from "./jobs.ts";
import type { Kv, KvEntry } from "./kv_types.ts";

export type ScriptState = "ACTIVE" | "REVOKED";

/** A job as agents are told of it. */
export interface ScriptStatus {
  /** Of a job that is no longer in the catalogue: the key under which its status is kept. */
  readonly jobId: string;
  readonly state: ScriptState;
  /** The one version that agents run; null = any. */
  readonly pinnedVersion: string | null;
  /** Whether it is in the catalogue. */
  readonly catalogued: boolean;
}

/** Every function may throw the Faults of the bus. */
export interface ScriptStatuses {
  /** Every job that is catalogued, pinned or revoked, by id. */
  list(): Promise<readonly ScriptStatus[]>;
  /** @returns what it was before @throws {Fault} `not_found` for a job that nobody ever heard of */
  set(jobId: string, state: ScriptState): Promise<ScriptState>;
}

/** Somebody else may write the same key at the same time: so often it is looked at again. */
const ATTEMPTS = 5;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Statuses over their buckets. */
export function createScriptStatuses(
  kv: { readonly status: Kv; readonly current: Kv },
  jobs: Pick<JobCatalogue, "get" | "list">,
): ScriptStatuses {
  return {
    async list() {
      const [statuses, pins, manifests] = await Promise.all([
        kv.status.entries(),
        kv.current.entries(),
        jobs.list(),
      ]);
      const idOf = new Map(manifests.map(({ id }) => [key(id), id]));
      const stateOf = new Map(statuses.map((entry) => [entry.key, stateIn(entry)]));
      const pinOf = new Map(pins.map((entry) => [entry.key, textOf(entry)]));
      return [...new Set([...idOf.keys(), ...stateOf.keys(), ...pinOf.keys()])]
        .map((name) => ({
          jobId: idOf.get(name) ?? name,
          state: stateOf.get(name) ?? "ACTIVE",
          pinnedVersion: pinOf.get(name) ?? null,
          catalogued: idOf.has(name),
        }))
        .sort((a, b) => (a.jobId < b.jobId ? -1 : 1));
    },
    async set(jobId, state) {
      for (let attempt = 1;; attempt += 1) {
        const entry = await kv.status.get(key(jobId));
        if (entry === undefined && !await isKnown(jobId)) {
          throw new Fault("not_found", `Cannot find the job ${JSON.stringify(jobId)}`);
        }
        try {
          if (entry === undefined) await kv.status.create(key(jobId), encoder.encode(state));
          else await kv.status.update(key(jobId), encoder.encode(state), entry.revision);
          return entry === undefined ? "ACTIVE" : stateIn(entry);
        } catch (thrown) {
          const lost = thrown instanceof Fault && thrown.code === "conflict";
          if (!lost || attempt === ATTEMPTS) throw thrown;
        }
      }
    },
  };

  async function isKnown(jobId: string): Promise<boolean> {
    const name = key(jobId);
    return await kv.current.get(name) !== undefined || await isCatalogued(jobs, jobId);
  }
}

/** A manifest that cannot be read is there all the same. */
async function isCatalogued(jobs: Pick<JobCatalogue, "get">, jobId: string): Promise<boolean> {
  try {
    return await jobs.get(jobId) !== undefined;
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === "invalid_input") return true;
    throw thrown;
  }
}

/** The state that an entry of `script_status` says, as agents read it: what is not the word is not revoked. */
export function stateIn(entry: KvEntry): ScriptState {
  return textOf(entry) === "REVOKED" ? "REVOKED" : "ACTIVE";
}

function textOf({ value }: KvEntry): string {
  return decoder.decode(value);
}
