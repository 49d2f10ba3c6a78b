/** What each machine is, for a person who sees it for the first time. */

/** A title, and a sentence. */
export interface MachineWords {
  readonly title: string;
  readonly describes: string;
}

const WORDS: Readonly<Record<string, MachineWords>> = {
  agent_command: {
    title: "Command on an agent",
    describes:
      "One command on one PC, from its arrival to its report: written down, let through the gates, run, reported.",
  },
  connection: {
    title: "Connection to the broker",
    describes: "A connection that comes back by itself, and ends only when it is closed.",
  },
  execution: {
    title: "Execution",
    describes:
      "One firing of a job over its PCs: it waits until each of them has answered, or is given up.",
  },
  executions_root: {
    title: "Root of the executions",
    describes: "The parent of every live execution: it only stops them.",
  },
  outbox_entry: {
    title: "Result on its way",
    describes: "One file of an agent's outbox: it stays until the broker has stored it.",
  },
  reaper: {
    title: "Reaper",
    describes: "Waits, and sweeps up what is past its deadline, in chunks.",
  },
  rollout: {
    title: "Rollout",
    describes:
      "The waves of one execution: the next one leaves when the one before has gone well enough.",
  },
  supervisor: {
    title: "Supervisor of an actor",
    describes:
      "Keeps one actor running: starts it again after a failure, with growing waits, until it is too often.",
  },
};

/** One that nobody has described has its name. */
export function wordsOf(machine: string): MachineWords {
  const title = machine.replaceAll("_", " ");
  return WORDS[machine] ??
    { title: title.charAt(0).toUpperCase() + title.slice(1), describes: "" };
}
