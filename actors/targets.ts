/** Whom a plan reaches, by which subjects, and when (execution-semantics.md §1). */
import { PEER_SHELLS } from "../wire/command.ts";
import { parseDurationMs } from "../wire/duration.ts";
import { Fault } from "../wire/fault.ts";
import type { RolloutAudit } from "../wire/dispatch_audit.ts";
import { isByShare, type Plan, type Rollout, type Wave } from "../wire/plan.ts";
import { inStableOrder } from "../wire/stable_order.ts";
import { COMMANDS_ALL, commandsForGroup, commandsForPc } from "../wire/subjects.ts";
import { inParts } from "./parts.ts";

/** Who is known: every PC of the `agents` table, and the members of each group. */
export interface Fleet {
  readonly allPcIds: () => Promise<readonly string[]>;
  readonly membersOf: (group: string) => readonly string[];
  /** The first of these PCs that do not announce a shell. */
  readonly withoutShell: (shell: string, pcIds: readonly string[]) => Promise<readonly string[]>;
}

/** PCs that one fault names. */
export const MAX_NAMED_PCS = 10;

/** One publish of the command. */
export interface PlannedSubject {
  readonly subject: string;
  /** After the dispatch, ms; of a rollout, its waves say when. */
  readonly delayMs: number;
  /** Whether it leaves in an envelope that names the one PC that it is for. */
  readonly enveloped?: boolean;
}

export interface PlannedTarget {
  /** The subject that reaches it first. */
  readonly subject: string;
  /** The first wave that it is in, from 0. */
  readonly wave: number;
}

export interface PlannedTargets {
  readonly subjects: readonly PlannedSubject[];
  /** PC → how it is reached. Each PC once. */
  readonly targets: ReadonlyMap<string, PlannedTarget>;
  /** Null = everything leaves at once. */
  readonly rollout: RolloutAudit | null;
}

/**
 * Resolves a plan.
 *
 * @param jobId by which the PCs of a share are chosen: the same PCs come first each time
 * @throws {Fault} `no_targets` when nobody is reached
 */
export async function planTargets(
  plan: Plan,
  fleet: Fleet,
  jobId: string,
): Promise<PlannedTargets> {
  const planned = await plannedOf(plan, fleet, jobId);
  if (planned.targets.size > 0) return planned;
  throw new Fault(
    "no_targets",
    "Cannot dispatch: the plan reaches no PC (no known agent, or empty groups)",
    {
      details: { path: "target" },
    },
  );
}

/** These PCs at once, each by its own subject. */
export function planPcs(pcIds: readonly string[]): PlannedTargets {
  const targets = pcIds.map((pcId) => [pcId, { subject: commandsForPc(pcId), wave: 0 }] as const);
  return { subjects: atOnce(pcIds.map(commandsForPc)), targets: new Map(targets), rollout: null };
}

async function plannedOf(plan: Plan, fleet: Fleet, jobId: string): Promise<PlannedTargets> {
  const { rollout } = plan;
  if (!rollout || rollout.waves.length === 0) return await planOnce(plan, fleet);
  if (!isByShare(rollout)) return planGroups(rollout, fleet);
  return planShares(rollout, (await planOnce(plan, fleet)).targets, jobId);
}

/** The same targets, each with a command of its own that leaves in its own time; waves stay as they are. */
export async function spreadOut(
  planned: PlannedTargets,
  { spread }: { readonly spread?: (pcId: string) => number },
): Promise<PlannedTargets> {
  if (spread === undefined || planned.rollout !== null) return planned;
  const subjects: PlannedSubject[] = [];
  const targets = new Map<string, PlannedTarget>();
  for await (const part of inParts([...planned.targets.keys()])) {
    for (const pcId of part) {
      const subject = commandsForPc(pcId);
      subjects.push({ subject, delayMs: spread(pcId) });
      targets.set(pcId, { subject, wave: 0 });
    }
  }
  return { subjects, targets, rollout: null };
}

/**
 * Puts the commands of PCs that know our key into envelopes. Only of those that are reached by no other subject: an agent
 * knows a request by its bytes, which on every subject that it hears must be the same.
 */
export async function withEnvelopes(
  planned: PlannedTargets,
  announcingOurKey: (pcIds: readonly string[]) => Promise<readonly string[]>,
): Promise<PlannedTargets> {
  const reachedAlone = [...planned.targets].filter(([pcId, { subject }]) =>
    subject === commandsForPc(pcId)
  );
  const announcing = await announcingOurKey(reachedAlone.map(([pcId]) => pcId));
  const enveloped = new Set(announcing.map(commandsForPc));
  return {
    ...planned,
    subjects: planned.subjects.map((one) =>
      enveloped.has(one.subject) ? { ...one, enveloped: true } : one
    ),
  };
}

/** The shells that are ours go to agents that announce them alone (wire.md §4). @throws {Fault} `invalid_input` */
export async function checkShell(
  shell: string,
  pcIds: readonly string[],
  fleet: Fleet,
): Promise<void> {
  if (PEER_SHELLS.includes(shell)) return;
  const without = await fleet.withoutShell(shell, pcIds);
  if (without.length === 0) return;
  const named = without.slice(0, MAX_NAMED_PCS).map((pcId) => JSON.stringify(pcId)).join(", ");
  const more = without.length > MAX_NAMED_PCS ? " and others" : "";
  throw new Fault(
    "invalid_input",
    `Cannot dispatch: the shell "${shell}" is not announced by ${named}${more}`,
    { details: { path: "shell" } },
  );
}

function planGroups(rollout: Rollout, fleet: Fleet): PlannedTargets {
  const targets = new Map<string, PlannedTarget>();
  const groups = rollout.waves.map(({ group }) => group ?? "");
  for (const [wave, group] of groups.entries()) {
    reach(targets, fleet.membersOf(group), () => ({ subject: commandsForGroup(group), wave }));
  }
  return {
    subjects: atOnce(groups.map(commandsForGroup)),
    targets,
    rollout: auditOf(rollout, rollout.waves),
  };
}

/**
 * The first so many percent of the targets in the order of a hash, wave after wave; a wave that adds nobody is left out.
 * The last wave goes out by the subjects of the target itself: a PC that had the command before runs it once.
 */
function planShares(
  rollout: Rollout,
  all: ReadonlyMap<string, PlannedTarget>,
  jobId: string,
): PlannedTargets {
  const ordered = inStableOrder([...all.keys()], jobId);
  const waves: Wave[] = [];
  const targets = new Map<string, PlannedTarget>();
  for (const each of rollout.waves) {
    const share = each.percent ?? 100;
    const pcIds = ordered.slice(targets.size, shareOf(share, ordered.length));
    if (pcIds.length === 0) continue;
    const subjectOf = (pcId: string) => share === 100 ? all.get(pcId)?.subject : undefined;
    reach(targets, pcIds, (pcId) => ({
      subject: subjectOf(pcId) ?? commandsForPc(pcId),
      wave: waves.length,
    }));
    waves.push(each);
  }
  const subjects = atOnce([...targets.values()].map(({ subject }) => subject));
  return { subjects, targets, rollout: auditOf(rollout, waves) };
}

function auditOf({ soak, stop_at }: Rollout, waves: readonly Wave[]): RolloutAudit {
  return {
    waves: waves.map(({ group, percent, delay }) => ({
      group: group ?? null,
      percent: percent ?? null,
      delay_ms: delay ? parseDurationMs(delay) : 0,
    })),
    soak_ms: soak ? parseDurationMs(soak) : 0,
    stop_at: { failures: stop_at?.failures ?? null, percent: stop_at?.percent ?? null },
  };
}

/** How many PCs a share is: never less than it says. */
function shareOf(percent: number, pcs: number): number {
  // 7 % of 100 is 7.000000000000001 of them.
  return Math.ceil(Number((percent * pcs / 100).toFixed(6)));
}

async function planOnce({ target }: Plan, fleet: Fleet): Promise<PlannedTargets> {
  const targets = new Map<string, PlannedTarget>();
  const subjects = new Set<string>();
  const reachBy = (subject: string, pcIds: readonly string[]) => {
    subjects.add(subject);
    reach(targets, pcIds, () => ({ subject, wave: 0 }));
  };
  if (target?.all) reachBy(COMMANDS_ALL, await fleet.allPcIds());
  for (const group of target?.groups ?? []) {
    reachBy(commandsForGroup(group), fleet.membersOf(group));
  }
  for await (const part of inParts(target?.pcs ?? [])) {
    for (const pcId of part) reachBy(commandsForPc(pcId), [pcId]);
  }
  return { subjects: atOnce([...subjects]), targets, rollout: null };
}

function reach(
  targets: Map<string, PlannedTarget>,
  pcIds: readonly string[],
  targetOf: (pcId: string) => PlannedTarget,
): void {
  for (const pcId of pcIds) if (!targets.has(pcId)) targets.set(pcId, targetOf(pcId));
}

function atOnce(subjects: readonly string[]): readonly PlannedSubject[] {
  return [...new Set(subjects)].map((subject) => ({ subject, delayMs: 0 }));
}
