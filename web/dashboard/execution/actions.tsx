/** What can be done with an execution, by who may. */
import type { ExecutionAnswer, KillAnswer } from "../../../wire/http.ts";
import { ask, pathOf } from "../../shared/api.ts";
import type { Counts } from "../../shared/outcomes.ts";
import { queries } from "../../shared/queries.ts";
import { may } from "../../shared/session.ts";
import { shownCount, shownPcs } from "../../shared/time.ts";
import { sayDone } from "../../shared/ui/toasts.tsx";
import { KillButton } from "../kill_button.tsx";
import { RetryButton } from "./retry.tsx";

export function ExecutionActions({ execution, counts }: {
  readonly execution: ExecutionAnswer;
  readonly counts: Counts;
}) {
  if (!may("operator")) return null;
  const isOpen = execution.status === "pending" || execution.status === "running";
  return (
    <>
      <RetryButton execution={execution} counts={counts} />
      {isOpen && execution.killed_at === null && (
        <KillExecution execId={execution.exec_id} counts={counts} />
      )}
    </>
  );
}

function KillExecution({ execId, counts }: { readonly execId: string; readonly counts: Counts }) {
  const kill = async () => {
    const path = pathOf("api", "executions", execId, "kill");
    const { in_flight } = await ask<KillAnswer>(path, { method: "POST" });
    sayDone(`Killed: ${runs(in_flight)} in flight.`);
    // With the question its button goes, too: nobody's focus stays on what is about to vanish.
    await queries.invalidateQueries({ queryKey: ["execution", execId] });
  };
  return (
    <KillButton title="Kill this execution?" action={killWords(counts)} onKill={kill}>
      {counts.running > 0 && (
        <>
          <strong>{runs(counts.running)}</strong> in flight will be ended now.{" "}
        </>
      )}
      {counts.waiting > 0 && (
        <>
          <strong>{shownPcs(counts.waiting)}</strong>{" "}
          will not begin, also those that are away and come back later.{" "}
        </>
      )}
      What has ended stays as it is.
    </KillButton>
  );
}

function killWords({ running, waiting }: Counts): string {
  if (running === 0) return `Stop ${shownPcs(waiting)} from beginning`;
  if (waiting === 0) return `Kill ${runs(running)}`;
  return `Kill ${runs(running)}, stop ${shownPcs(waiting)}`;
}

function runs(count: number): string {
  return `${shownCount(count)} ${count === 1 ? "run" : "runs"}`;
}
