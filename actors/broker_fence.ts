import { key } from "../wire/ids.ts";
import { type BucketName, replayConsumers } from "../wire/streams.ts";
import {
  answerSubject,
  COMMANDS_ALL,
  commandsForGroup,
  commandsForPc,
  commandStatesSubject,
  heartbeatSubject,
  inboxPrefixOf,
  jobTailSubject,
  killRunsSubject,
  KILLS,
  logsFetchSubject,
  obsSubject,
  pingSubject,
} from "../wire/subjects.ts";

/** Subjects that a user of the broker may publish to and listen to; everything else is refused. */
export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** Of which an agent reads keys. */
export const BUCKETS_OF_AGENTS = [
  "agent_groups",
  "agent_config",
  "script_current",
  "script_status",
  "kills",
] as const satisfies readonly BucketName[];

/**
 * What one agent may do (ARCHITECTURE.md, "Who may do what"): speak for its own PC, read what concerns it, and nothing else.
 *
 * What this cannot hold back: NATS does not check where an answer is to go, so an agent may have what
 * it is permitted to read sent to any subject of its account, which is not that of the backend
 * (`broker_accounts.ts`). What it may read is kept to its own commands and to what every agent may know besides; signed
 * commands name their recipient (wire.md §6), and agents take no such answer for a command or a kill
 * (`agent/stray_answer.ts`).
 *
 * @throws {Fault} `invalid_input` when a name cannot go into a subject
 */
export function agentPermissions(pcId: string, groups: readonly string[]): Permissions {
  return {
    publish: [
      `results.${pcId}.*`,
      `events.started.*.${pcId}`,
      heartbeatSubject(pcId),
      obsSubject(pcId),
      `job.output.${pcId}.>`,
      answerSubject(pcId, "*"),
      ...replayConsumers(pcId, groups).flatMap(({ name }) => consumerUse(name)),
      ...factKeys(pcId).map(([bucket, keys]) =>
        `$JS.API.DIRECT.GET.KV_${bucket}.$KV.${bucket}.${keys}`
      ),
      ...scriptReads(),
      "$O.result_output.>",
    ],
    subscribe: [
      COMMANDS_ALL,
      commandsForPc(pcId),
      ...groups.map(commandsForGroup),
      KILLS,
      pingSubject(pcId),
      killRunsSubject(pcId),
      commandStatesSubject(pcId),
      jobTailSubject(pcId),
      logsFetchSubject(pcId),
      ...factKeys(pcId).map(([bucket, keys]) => `$KV.${bucket}.${keys}`),
      `${inboxPrefixOf(pcId)}.>`,
    ],
  };
}

/** Pulling from a consumer that the backend made, and acknowledging. Making or changing one is not among it. */
function consumerUse(name: string): readonly string[] {
  return [`$JS.API.CONSUMER.MSG.NEXT.EXEC.${name}`, `$JS.ACK.EXEC.${name}.>`];
}

/**
 * Keys that an agent reads, as subject patterns: its own, and those that are about jobs and executions
 * and hold no secret. The config of every group is among them, so that joining one needs no new rights.
 */
function factKeys(
  pcId: string,
): readonly (readonly [bucket: (typeof BUCKETS_OF_AGENTS)[number], keys: string])[] {
  return [
    ["agent_groups", key(pcId)],
    ["agent_config", "global"],
    ["agent_config", "groups.*"],
    ["agent_config", `pcs.${key(pcId)}`],
    ["script_current", "*"],
    ["script_status", "*"],
    ["kills", "*"],
  ];
}

/** Scripts above 16 KiB travel as objects: the description by its name, the pieces by their sequence. */
function scriptReads(): readonly string[] {
  return ["$JS.API.DIRECT.GET.OBJ_scripts", "$JS.API.DIRECT.GET.OBJ_scripts.$O.scripts.M.*"];
}
