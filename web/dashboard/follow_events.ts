/** Which of the things that are shown an event concerns. */
import type { QueryKey } from "@tanstack/query-core";
import { type LiveEvent, onLiveEvent } from "../shared/live.ts";
import { refreshSoon } from "../shared/queries.ts";

/** Has everything that is shown follow the server's events. */
export function followEvents(): void {
  onLiveEvent((event) => {
    for (const key of keysOf(event)) refreshSoon(key);
  });
}

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
      return [["agents"], ["fleet"]];
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
