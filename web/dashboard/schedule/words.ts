import type { Schedule } from "../../../wire/schedule.ts";

/** When a schedule fires, in words. */
export function whenWords({ when, tz }: Schedule): string {
  const { calendar, per_pc: perPc, per_target: perTarget } = when;
  if (calendar) {
    const days = calendar.days?.join(", ") ?? "";
    const zone = tz === "local" ? "" : ` (${tz})`;
    return `${days === "" ? "" : `${days} `}at ${calendar.at}${zone}`;
  }
  if (perPc) return perPc === "once" ? "once on each PC" : `every ${perPc.every} on each PC`;
  if (perTarget) {
    return perTarget === "once"
      ? "until it succeeded once"
      : `once in ${perTarget.every} for the target`;
  }
  return "";
}

/** Why an instant did not fire, or will not. */
const WHY_NOT: Readonly<Record<string, string>> = {
  disabled: "the schedule is disabled",
  runs_on_agent: "agents fire it by themselves",
  frozen: "schedules are frozen",
  freeze_unreadable: "the freeze cannot be read",
  window_unreadable: "its window cannot be read",
  outside_window: "outside of its window",
  skip_date_unreadable: "its skip dates cannot be read",
  skip_date: "a skip date",
  deadline_passed: "past its deadline",
  max_concurrent: "as many as may run at the same time do",
  job_missing: "there is no such job",
  no_targets: "no PC is meant by it",
  refused: "it was refused",
  superseded: "a newer instant was due as well",
  too_late: "nobody decided in time",
};

export function whyNotWords(reason: string): string {
  return WHY_NOT[reason] ?? reason.replaceAll("_", " ");
}
