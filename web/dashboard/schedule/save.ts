import type { Schedule } from "../../../wire/schedule.ts";
import { ask } from "../../shared/api.ts";
import { refreshSoon } from "../../shared/queries.ts";
import { sayDone } from "../../shared/ui/toasts.tsx";

/** Stores a schedule as it was written. @throws what the server refuses */
export async function saveSchedule(text: string): Promise<Schedule> {
  const schedule = await ask<Schedule>("/api/schedules", {
    method: "POST",
    body: text,
    contentType: "application/yaml",
  });
  refreshSoon(["schedules"]);
  sayDone(`Saved ${schedule.id}.`);
  return schedule;
}
