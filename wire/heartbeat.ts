import * as v from "valibot";
import { Count, Instant, Name } from "./scalars.ts";

/** Online = heard within this many milliseconds, by the backend's clock (http-api.md). */
export const ONLINE_WITHIN_MS = 120_000;
export const DEFAULT_HEARTBEAT_INTERVAL_MS = 30_000;

/** Heartbeat of wire.md §4. What a beat leaves out keeps its stored value. Unknown members are ours and optional. */
export const Heartbeat = v.object({
  pc_id: Name,
  at: Instant,
  agent_version: v.string(),
  hostname: v.nullish(v.string()),
  os_family: v.nullish(v.string()),
  agent_cpu_pct: v.nullish(v.pipe(v.number(), v.finite())),
  agent_rss_bytes: v.nullish(Count),
  agent_disk_read_bytes: v.nullish(Count),
  agent_disk_written_bytes: v.nullish(Count),
  quarantined_versions: v.nullish(v.array(v.string())),
  command_keys: v.nullish(v.array(v.string())),
  /** [ours] shells this agent can run. */
  shells: v.nullish(v.array(v.string())),
  /** [ours] results that the broker refused and that wait for `kanade agent outbox retry`. */
  stuck_results: v.nullish(Count),
});
export type Heartbeat = v.InferOutput<typeof Heartbeat>;
