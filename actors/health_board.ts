/** What is wrong where, by component: for health, the pages and the log. */
import type { Announcement } from "../wire/announcement.ts";

/** One part of the process and whether it does its work. */
export interface ComponentHealth {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export class HealthBoard {
  readonly #problems = new Map<string, string | null>();
  readonly #risks = new Map<string, string>();
  readonly #announce: (announcement: Announcement) => void;

  constructor(announce: (announcement: Announcement) => void) {
    this.#announce = announce;
  }

  /** Says how a component is: null = well. A change is announced. */
  report(name: string, problem: string | null): void {
    const before = this.#problems.get(name);
    this.#problems.set(name, problem);
    if (before === problem || (before === undefined && problem === null)) return;
    this.#announce({ type: "health", name, ok: problem === null, detail: problem ?? "well" });
  }

  /** Notes what an operator should know of a component that is well. */
  risk(name: string, risk: string): void {
    this.#risks.set(name, risk);
    if (!this.#problems.has(name)) this.#problems.set(name, null);
  }

  /** Every component that ever reported, in order of their names. */
  components(): readonly ComponentHealth[] {
    return [...this.#problems].sort(([a], [b]) => a < b ? -1 : 1).map(([name, problem]) => ({
      name,
      ok: problem === null,
      detail: problem ?? this.#risks.get(name) ?? "well",
    }));
  }
}
