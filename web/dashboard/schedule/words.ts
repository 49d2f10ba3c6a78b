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
