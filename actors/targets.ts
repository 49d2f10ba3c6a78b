/** Whom a plan reaches, by which subjects, and when (execution-semantics.md §1). */
import { PEER_SHELLS } from "../wire/command.ts";
import { parseDurationMs } from "../wire/duration.ts";
import { Fault } from "../wire/fault.ts";
import type { Plan } from "../wire/plan.ts";
import { COMMANDS_ALL, commandsForGroup, commandsForPc } from "../wire/subjects.ts";

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
  readonly wave: number;
  /** After the dispatch, ms. */
  readonly delayMs: number;
}

export interface PlannedTargets {
  readonly subjects: readonly PlannedSubject[];
  /** PC → the subject that reaches it first. Each PC once. */
  readonly targets: ReadonlyMap<string, string>;
}

/** Resolves a plan. @throws {Fault} `no_targets` when nobody is reached */
export async function planTargets(plan: Plan, fleet: Fleet): Promise<PlannedTargets> {
  const waves = plan.rollout?.waves ?? [];
  const planned = waves.length > 0 ? planWaves(plan, fleet) : await planOnce(plan, fleet);
  if (planned.targets.size > 0) return planned;
  throw new Fault(
    "no_targets",
    "Cannot dispatch: the plan reaches no PC (no known agent, or empty groups)",
    {
      details: { path: "target" },
    },
  );
}

/** The same targets, each with a command of its own that leaves in its own time; waves stay as they are. */
export function spreadOut(
  planned: PlannedTargets,
  { plan, spread }: { readonly plan: Plan; readonly spread?: (pcId: string) => number },
): PlannedTargets {
  if (spread === undefined || (plan.rollout?.waves ?? []).length > 0) return planned;
  const pcIds = [...planned.targets.keys()];
  return {
    subjects: pcIds.map((pcId) => ({
      subject: commandsForPc(pcId),
      wave: 0,
      delayMs: spread(pcId),
    })),
    targets: new Map(pcIds.map((pcId) => [pcId, commandsForPc(pcId)])),
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

function planWaves(plan: Plan, fleet: Fleet): PlannedTargets {
  const subjects: PlannedSubject[] = [];
  const targets = new Map<string, string>();
  for (const [wave, { group, delay }] of (plan.rollout?.waves ?? []).entries()) {
    const subject = commandsForGroup(group);
    subjects.push({ subject, wave, delayMs: parseDurationMs(delay) });
    reach(targets, fleet.membersOf(group), () => subject);
  }
  return { subjects, targets };
}

async function planOnce({ target }: Plan, fleet: Fleet): Promise<PlannedTargets> {
  const targets = new Map<string, string>();
  const subjects = new Set<string>();
  if (target?.all) {
    subjects.add(COMMANDS_ALL);
    reach(targets, await fleet.allPcIds(), () => COMMANDS_ALL);
  }
  for (const group of target?.groups ?? []) {
    const subject = commandsForGroup(group);
    subjects.add(subject);
    reach(targets, fleet.membersOf(group), () => subject);
  }
  const pcs = target?.pcs ?? [];
  for (const pcId of pcs) subjects.add(commandsForPc(pcId));
  reach(targets, pcs, commandsForPc);
  return { subjects: [...subjects].map((subject) => ({ subject, wave: 0, delayMs: 0 })), targets };
}

function reach(
  targets: Map<string, string>,
  pcIds: readonly string[],
  subjectOf: (pcId: string) => string,
): void {
  for (const pcId of pcIds) if (!targets.has(pcId)) targets.set(pcId, subjectOf(pcId));
}
