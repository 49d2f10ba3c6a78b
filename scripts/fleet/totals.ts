/** What a fleet has done so far. */
export interface Totals {
  readonly agents: number;
  readonly connected: number;
  /** Runs that were begun, and how they went. */
  readonly begun: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Killed, timed out, or ended because the fleet stops. */
  readonly aborted: number;
  /** Cut off by the tearing down of their agent. */
  readonly cutOff: number;
  /** Connections broken on purpose. */
  readonly breaks: number;
  /** Results that no broker has stored yet. */
  readonly waiting: number;
  readonly residentBytes: number;
}

export const NOTHING: Totals = {
  agents: 0,
  connected: 0,
  begun: 0,
  succeeded: 0,
  failed: 0,
  aborted: 0,
  cutOff: 0,
  breaks: 0,
  waiting: 0,
  residentBytes: 0,
};

export function sum(all: readonly Totals[]): Totals {
  const total: Record<string, number> = { ...NOTHING };
  for (const one of all) {
    for (const [name, value] of Object.entries(one)) total[name] = (total[name] ?? 0) + value;
  }
  return total as unknown as Totals;
}

/** One line for a person. */
export function textOf(totals: Totals): string {
  const { agents, connected, begun, succeeded, failed, aborted, cutOff, breaks, waiting } = totals;
  const parts = [
    `${connected} of ${agents} agents connected`,
    `${begun} runs begun: ${succeeded} succeeded, ${failed} failed, ${aborted} aborted, ${cutOff} cut off`,
    `${breaks} breaks`,
    `${waiting} results waiting`,
    `${Math.round(totals.residentBytes / 1_048_576)} MiB`,
  ];
  return parts.join(" · ");
}
