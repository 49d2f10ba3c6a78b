import type { ScriptStatusAnswer } from "../../../wire/http_scripts.ts";
import { ask, pathOf } from "../../shared/api.ts";
import { type Loaded, refreshSoon, useQuery } from "../../shared/queries.ts";
import { sayDone } from "../../shared/ui/toasts.tsx";

/** What agents are told of each job. */
export function useScriptStatuses(): Loaded<readonly ScriptStatusAnswer[]> {
  return useQuery({
    key: ["jobs", "status"],
    load: ({ signal }) => ask<readonly ScriptStatusAnswer[]>("/api/scripts/status", { signal }),
  });
}

/** Has agents skip a job, or run it again. @throws {ApiError} */
export async function setRevoked(jobId: string, isRevoked: boolean): Promise<void> {
  const verb = isRevoked ? "revoke" : "unrevoke";
  await ask(pathOf("api", "scripts", jobId, verb), { method: "POST" });
  refreshSoon(["jobs"]);
  sayDone(isRevoked ? `${jobId} is revoked.` : `${jobId} may run again.`);
}
