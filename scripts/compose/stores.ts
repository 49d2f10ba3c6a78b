/** What the API reads and changes outside of the database, over its buckets. */
import { createConfigStore } from "../../actors/config_store.ts";
import { createFreezeStore } from "../../actors/freeze.ts";
import { createGroups } from "../../actors/groups.ts";
import type { JobCatalogue } from "../../actors/jobs.ts";
import { openKv } from "../../actors/kv.ts";
import type { AgentUsers, Outside } from "../../actors/outside.ts";
import { OutsideChanges } from "../../actors/outside_changes.ts";
import { createOutsideView } from "../../actors/outside_view.ts";
import { removeReplayConsumers } from "../../actors/provision_consumers.ts";
import { createScheduleCatalogue } from "../../actors/schedules.ts";
import { createScriptObjects } from "../../actors/script_objects.ts";
import { createScriptStatuses } from "../../actors/script_status.ts";
import type { BucketName } from "../../wire/streams.ts";
import { holderIsDead } from "../lease_holder.ts";
import { type BackendParts, jobsOf } from "./parts.ts";

/** All but the jobs, over their buckets. @param changeId the change that writes them; absent = they are only read */
export function storesOf(
  { bus, log, directory }: Pick<BackendParts, "bus" | "log" | "directory">,
  jobs: JobCatalogue,
  changeId?: string,
) {
  const open = (bucket: BucketName) => openKv(bus, bucket, changeId);
  return {
    groups: createGroups(open("agent_groups"), directory),
    schedules: createScheduleCatalogue(
      { schedules: open("schedules"), schedulesYaml: open("schedules_yaml") },
      log,
    ),
    freeze: createFreezeStore(open("fleet_config")),
    configs: createConfigStore(open("agent_config"), directory),
    scriptStatuses: createScriptStatuses(
      { status: open("script_status"), current: open("script_current") },
      jobs,
    ),
    scriptObjects: createScriptObjects(bus, jobs),
  };
}

/** The one way to change them. */
export function changesOf(parts: BackendParts): OutsideChanges {
  const { db, bus, clock, log, lease, outbox, options } = parts;
  const agentUsers = agentUsersOf(parts);
  return new OutsideChanges({
    db,
    clock,
    log,
    holder: lease.holder,
    isDead: holderIsDead,
    view: createOutsideView(bus, options.isEnrolled),
    open: (changeId): Outside => {
      const jobs = jobsOf(parts, changeId);
      return { jobs, agentUsers, ...storesOf(parts, jobs, changeId) };
    },
    outboxChanged: () => outbox.poke(),
  });
}

/** What the broker has of a PC: given and taken. */
function agentUsersOf(
  { options, bus, directory }: Pick<BackendParts, "options" | "bus" | "directory">,
): AgentUsers {
  return {
    async enrol(pcId) {
      const groups = directory.groupsOf(pcId);
      // None is also what a directory says that has not read the groups yet: those that the PC has stay.
      return await options.enrol?.(pcId, groups.length === 0 ? undefined : groups);
    },
    async expel(pcId) {
      const wasEnrolled = await options.expel?.(pcId) ?? false;
      directory.forget(pcId);
      await removeReplayConsumers(bus, pcId, directory.groupsOf(pcId));
      return wasEnrolled;
    },
  };
}
