import { useState } from "preact/hooks";
import type { DispatchAnswerBody, ExecutionAnswer } from "../../../wire/http.ts";
import { ask, newKey, pathOf } from "../../shared/api.ts";
import { type Counts, LABELS } from "../../shared/outcomes.ts";
import { goTo, linkTo } from "../../shared/router.ts";
import { shownCount } from "../../shared/time.ts";
import { Confirm } from "../../shared/ui/confirm.tsx";
import { Icon } from "../../shared/ui/icons.tsx";
import { Mark } from "../../shared/ui/outcome.tsx";
import { sayDone } from "../../shared/ui/toasts.tsx";

/** What can be run again, in the order in which one wants it. */
const RETRIED = ["failed", "expired", "missing", "skipped"] as const;
type Retried = (typeof RETRIED)[number];

/** Runs the same again on those PCs where it did not succeed. */
export function RetryButton({ execution, counts }: {
  readonly execution: ExecutionAnswer;
  readonly counts: Counts;
}) {
  const [isAsking, setAsking] = useState(false);
  const offered = RETRIED.filter((outcome) => counts[outcome] > 0);
  if (offered.length === 0) return null;
  return (
    <>
      <button type="button" class="button" onClick={() => setAsking(true)}>
        <Icon name="retry" />
        Retry the rest
      </button>
      {isAsking && (
        <RetryDialog
          execId={execution.exec_id}
          counts={counts}
          offered={offered}
          onClose={() => setAsking(false)}
        />
      )}
    </>
  );
}

function RetryDialog({ execId, counts, offered, onClose }: {
  readonly execId: string;
  readonly counts: Counts;
  readonly offered: readonly Retried[];
  readonly onClose: () => void;
}) {
  const [chosen, setChosen] = useState<readonly Retried[]>(
    offered.filter((outcome) => outcome !== "skipped"),
  );
  // The same while it is asked: pressing again after an answer that was lost runs it once.
  const [key, setKey] = useState(newKey);
  const total = chosen.reduce((sum, outcome) => sum + counts[outcome], 0);
  const pcs = `${shownCount(total)} ${total === 1 ? "PC" : "PCs"}`;
  const retry = async () => {
    const { exec_id } = await ask<DispatchAnswerBody>(
      pathOf("api", "executions", execId, "retry"),
      {
        method: "POST",
        body: { only: chosen },
        headers: { "idempotency-key": key },
      },
    );
    sayDone(`Sent again to ${pcs}.`);
    goTo(linkTo(["executions", exec_id]));
  };
  const toggle = (outcome: Retried) => {
    setChosen(
      chosen.includes(outcome) ? chosen.filter((each) => each !== outcome) : [...chosen, outcome],
    );
    setKey(newKey());
  };
  return (
    <Confirm
      title="Run it again where it did not succeed"
      action={`Run again on ${pcs}`}
      danger={false}
      off={total === 0}
      onDo={retry}
      onClose={onClose}
    >
      <p class="muted">The same script, as it was sent then, in a new execution.</p>
      <div class="checks">
        {offered.map((outcome) => (
          <label key={outcome} class="check">
            <input
              type="checkbox"
              checked={chosen.includes(outcome)}
              onChange={() => toggle(outcome)}
            />
            <Mark outcome={outcome} />
            {shownCount(counts[outcome])} {LABELS[outcome]}
          </label>
        ))}
      </div>
    </Confirm>
  );
}
