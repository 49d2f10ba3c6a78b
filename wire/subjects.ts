import { checkName, isSubjectToken, key } from "./ids.ts";
import { Fault } from "./fault.ts";

/** Every subject of wire.md §2, built only from names that were checked. */
export const COMMANDS_ALL = "commands.all";
/** What an agent listens to for kills of every execution. */
export const KILLS = "kill.*";

/** Where the commands for one PC are. */
export function commandsForPc(pcId: string): string {
  return `commands.pc.${checkName("pc_id", pcId)}`;
}

/** The PC that a subject made by {@link commandsForPc} is for. */
export function pcIdOfCommandSubject(subject: string): string {
  return subject.slice("commands.pc.".length);
}

/** Where the commands for every member of a group are. */
export function commandsForGroup(group: string): string {
  return `commands.group.${checkName("group", group)}`;
}

/** Where an agent with a shared, legacy credential publishes a result. */
export function sharedResultSubject(requestId: string): string {
  return `results.${token("request_id", requestId)}`;
}

/** Where an agent with a credential of its own publishes a result [ours]. */
export function resultSubject(pcId: string, requestId: string): string {
  return `results.${checkName("pc_id", pcId)}.${token("request_id", requestId)}`;
}

/** Where an agent says that it has started a command of an execution. */
export function startedSubject(execId: string, pcId: string): string {
  return `events.started.${token("exec_id", execId)}.${checkName("pc_id", pcId)}`;
}

/** Where every agent is told to end its runs of an execution. */
export function killSubject(execId: string): string {
  return `kill.${token("exec_id", execId)}`;
}

/** Where an agent says that it is there. */
export function heartbeatSubject(pcId: string): string {
  return `heartbeat.${checkName("pc_id", pcId)}`;
}

/** Where one agent is asked for a heartbeat at once. */
export function pingSubject(pcId: string): string {
  return `agents.${checkName("pc_id", pcId)}.ping`;
}

/** Where one agent is asked to end runs [ours]: `kill.{exec_id}` ends them on every PC. */
export function killRunsSubject(pcId: string): string {
  return `agents.${checkName("pc_id", pcId)}.kill`;
}

/** Where one agent is asked how its commands are [ours]. */
export function commandStatesSubject(pcId: string): string {
  return `agents.${checkName("pc_id", pcId)}.commands`;
}

/** Where one agent is asked what a run has printed so far, and to publish what it prints next. */
export function jobTailSubject(pcId: string): string {
  return `job.tail.${checkName("pc_id", pcId)}`;
}

/** Where one agent is asked for the last lines of its own log. */
export function logsFetchSubject(pcId: string): string {
  return `logs.fetch.${checkName("pc_id", pcId)}`;
}

/** Where one agent answers one question of a backend: its own, so that no other can. Permissions for inboxes reach it, too. */
export function answerSubject(pcId: string, question: string): string {
  return `_INBOX.answers.${checkName("pc_id", pcId)}.${question}`;
}

/** Where a backend asks the others to tell it what they commit [ours]. */
export const BACKENDS_WATCH = "backends.watch";
/** Where they do [ours]. */
export const BACKENDS_TOLD = "backends.told";

/** Where an agent publishes what a run prints while somebody watches. */
export function jobOutputSubject(pcId: string, resultId: string): string {
  return `job.output.${checkName("pc_id", pcId)}.${token("result_id", resultId)}`;
}

/** Where an endpoint publishes what it noticed. */
export function obsSubject(pcId: string): string {
  return `obs.${checkName("pc_id", pcId)}`;
}

/** First token of the inboxes of an agent that has its own credential: its own, so that it cannot listen to answers for others. */
export function inboxPrefixOf(pcId: string): string {
  return `_INBOX_${key(pcId)}`;
}

/** `audit.{actor}.{action}[.{target}]`; parts that are no plain tokens are keyed. */
export function auditSubject(actor: string, action: string, target: string | null): string {
  const parts = ["audit", key(actor), key(action)];
  if (target !== null) parts.push(key(target));
  return parts.join(".");
}

/** The pc_id that a result's subject claims, when it carries one [ours]. */
export function pcIdOfResultSubject(subject: string): string | undefined {
  const parts = subject.split(".");
  return parts.length === 3 ? parts[1] : undefined;
}

/** An id as one token of a subject. */
function token(what: string, id: string): string {
  if (isSubjectToken(id)) return id;
  throw new Fault(
    "invalid_input",
    `Cannot use ${JSON.stringify(id)} as ${what}: it is no token of a subject`,
    {
      details: { path: what },
    },
  );
}
