/** Jobs as they were last read, for the time in which the broker is away (http-api.md: committed is accepted). */
import { Fault } from "../wire/fault.ts";
import type { Manifest } from "../wire/manifest.ts";

export interface JobSource {
  /** @throws {Fault} `broker_unavailable`, `timed_out` */
  get(id: string): Promise<Manifest | undefined>;
}

/** How many jobs are remembered; the one that was read longest ago goes first. */
const LIMIT = 1_000;

/** The source, or what it said last when it does not answer. @throws what the source threw, of a job that was never read */
export function rememberJobs(source: JobSource): JobSource {
  const remembered = new Map<string, Manifest>();
  return {
    async get(id) {
      try {
        const manifest = await source.get(id);
        remembered.delete(id);
        if (manifest !== undefined) remembered.set(id, manifest);
        const [oldest] = remembered.keys();
        if (remembered.size > LIMIT && oldest !== undefined) remembered.delete(oldest);
        return manifest;
      } catch (thrown) {
        const known = remembered.get(id);
        if (known !== undefined && thrown instanceof Fault && thrown.retryable) return known;
        throw thrown;
      }
    },
  };
}
