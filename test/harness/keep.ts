import type { Keep } from "../../db/retention.ts";

const DAY_MS = 86_400_000;

/** How long rows are kept unless the settings say otherwise. */
export const KEEP: Keep = {
  runsMs: 90 * DAY_MS,
  auditMs: 365 * DAY_MS,
  deadLettersMs: 90 * DAY_MS,
};
