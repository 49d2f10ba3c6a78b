import type { RunAnswer } from "../../../wire/http.ts";
import type { RunKillAnswer } from "../../../wire/http_kills.ts";
import { ask, newKey, pathOf } from "../../shared/api.ts";
import { may } from "../../shared/session.ts";
import { sayDone } from "../../shared/ui/toasts.tsx";
import { KillButton } from "../kill_button.tsx";

/** Ends one run in flight; those of the other PCs go on. */
export function KillRunButton({ run }: { readonly run: RunAnswer }) {
  if (run.outcome !== null || !may("operator")) return null;
  const kill = async () => {
    const path = pathOf("api", "results", run.result_id, "kill");
    const headers = { "idempotency-key": newKey() };
    sayDone(wordsOf(run, await ask<RunKillAnswer>(path, { method: "POST", headers })));
  };
  return (
    <KillButton title="Kill this run?" action="Kill 1 run" onKill={kill}>
      What runs on <strong>{run.pc_id}</strong> is ended now. Other PCs of the execution go on.
    </KillButton>
  );
}

function wordsOf({ pc_id: pcId }: RunAnswer, { reached, killed }: RunKillAnswer): string {
  if (!reached) return `${pcId} did not answer. The kill is kept until it does.`;
  return killed.length > 0 ? `${pcId} ends it now.` : `${pcId} says that it runs no more.`;
}
