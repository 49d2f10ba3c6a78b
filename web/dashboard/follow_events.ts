/** Which of the things that are shown an event concerns. */
import type { QueryKey } from "@tanstack/query-core";
import { ONLINE_WITHIN_MS } from "../../wire/heartbeat.ts";
import { type LiveEvent, onLiveEvent } from "../shared/live.ts";
import { refreshSoon } from "../shared/queries.ts";

/** Has everything that is shown follow the server's events. */
export function followEvents(): void {
  let silence: ReturnType<typeof setTimeout> | undefined;
  onLiveEvent((event) => {
    for (const key of keysOf(event)) refreshSoon(key);
    if (event.type !== "heartbeats") return;
    clearTimeout(silence);
    silence = setTimeout(() => {
      for (const key of PRESENCE) refreshSoon(key);
    }, ALL_SILENT_MS);
  });
}

const PRESENCE: readonly QueryKey[] = [["agents"], ["fleet"]];
/** When nobody was heard for so long, the last of the fleet has gone offline, and no event says so, milliseconds. */
const ALL_SILENT_MS = ONLINE_WITHIN_MS + 5_000;

function keysOf(event: LiveEvent): readonly QueryKey[] {
  const { type, exec_id: execId, result_id: resultId } = event;
  switch (type) {
    case "transition":
      if (event.event === "DISPATCHED") refreshSoon(["schedules"]);
      // Its cells follow the runs; but a deadline makes PCs missing that have none.
      return event.event === "DEADLINE_PASSED" || event.to === "completed" || event.to === "expired"
        ? [["executions"], ["execution", execId], ["targets", execId]]
        : [["executions"], ["execution", execId]];
    case "run":
      return [["executions"], ["execution", execId], ["run", resultId], ["runs"]];
    case "agent":
    case "heartbeats":
      return PRESENCE;
    case "dead_letter":
      return [["dead letters"], ["fleet"]];
    case "health":
      return [["fleet"]];
    case "schedule":
      return [["schedules"]];
    case "rollout":
      return [["rollouts"], ["execution", execId]];
    case "obs":
      return [["obs"]];
    case "lagged":
    case "alive":
      return [];
  }
}
