/** Which of the things that are shown an event concerns. */
import type { QueryKey } from "@tanstack/query-core";
import type { Announcement } from "../../wire/announcement.ts";
import { ONLINE_WITHIN_MS } from "../../wire/heartbeat.ts";
import { onLiveEvent } from "../shared/live.ts";
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

function keysOf(event: Announcement): readonly QueryKey[] {
  switch (event.type) {
    case "transition":
      // Its cells follow the runs; but a deadline makes PCs missing that have none.
      return event.event === "DEADLINE_PASSED" || event.to === "completed" || event.to === "expired"
        ? [["executions"], ["execution", event.exec_id], ["targets", event.exec_id]]
        : [["executions"], ["execution", event.exec_id]];
    case "run":
      return [
        ["executions"],
        ["execution", event.exec_id],
        ["rollouts", "one", event.exec_id],
        ["run", event.result_id],
        ["runs"],
      ];
    case "sending":
      return [["execution", event.exec_id]];
    case "agent":
    case "heartbeats":
      return PRESENCE;
    case "dead_letter":
      return [["dead letters"], ["fleet"]];
    case "health":
      return [["fleet"]];
    case "rollout":
      return [["rollouts"], ["execution", event.exec_id]];
    case "schedule":
      return [["schedules"]];
    case "inventory":
      return [["inventory"]];
    case "audit":
      return [["audit"], ...event.outcome === "refused" ? [] : keysOfChange(event)];
    case "obs":
      return [["obs"]];
  }
}

/** What somebody's change concerns, by the first word of what they did: `config_set`, `freeze_clear`. */
function keysOfChange(
  { action, target }: Extract<Announcement, { readonly type: "audit" }>,
): readonly QueryKey[] {
  switch (action.split("_", 1)[0]) {
    case "job":
    case "script":
      return [["jobs"]];
    case "schedule":
      return [["schedules"]];
    case "freeze":
      return [["freeze"], ["schedules"]];
    case "config":
      return [["config"]];
    // A PC goes by the layers of its groups.
    case "groups":
      return [["groups"], ["agents"], ["config"]];
    case "agent":
      return PRESENCE;
    case "dead":
      return [["dead letters"], ["fleet"]];
    // Nobody is told of a kill by a transition while what it ends has not ended.
    case "kill":
      return [["executions"], ["execution", target]];
    default:
      return [];
  }
}
