/** Who said the same: the runs of an execution by their end and output, the largest group first. */
import { useEffect } from "preact/hooks";
import type { OutputGroupAnswer, OutputGroupsAnswer } from "../../../wire/http.ts";
import { ask, pathOf } from "../../shared/api.ts";
import { outcomeOf } from "../../shared/outcomes.ts";
import { refreshSoon, useQuery } from "../../shared/queries.ts";
import { noteOf } from "../../shared/reasons.ts";
import { linkTo } from "../../shared/router.ts";
import { shownCount } from "../../shared/time.ts";
import { OutcomeLabel } from "../../shared/ui/outcome.tsx";
import { Loadable } from "../../shared/ui/states.tsx";

const SHOWN = 20;
const PCS_SHOWN = 4;
/** Outputs are compared a moment after they are stored, and nothing tells when: they are asked for again, milliseconds. */
const COMPARED_AFTER_MS = 1_500;

export function Outputs({ execId, isOpen }: {
  readonly execId: string;
  /** Whether more may come. */
  readonly isOpen: boolean;
}) {
  const key = ["execution", execId, "outputs"];
  const outputs = useQuery({
    key,
    load: ({ signal }) => {
      const path = `${pathOf("api", "executions", execId, "outputs")}?limit=${SHOWN}`;
      return ask<OutputGroupsAnswer>(path, { signal });
    },
  });
  const waits = (outputs.data?.not_grouped_yet ?? 0) > 0;
  useEffect(() => {
    if (!waits) return;
    const timer = setTimeout(() => refreshSoon(key), COMPARED_AFTER_MS);
    return () => clearTimeout(timer);
  }, [waits, outputs.dataUpdatedAt]);
  return (
    <section class="card" aria-label="Who said the same">
      <div class="card-head">
        <h2>Who said the same</h2>
        {waits && <span class="muted small">some outputs are still being compared</span>}
      </div>
      <Loadable query={outputs}>
        {({ groups }) =>
          groups.length === 0
            ? (
              <p class="quiet-line muted">
                {isOpen
                  ? "No run has ended yet."
                  : "No run has ended, so nobody has said anything."}
              </p>
            )
            : (
              <ul class="said">
                {groups.map((group) => (
                  <li key={group.group}>
                    <Group group={group} />
                  </li>
                ))}
              </ul>
            )}
      </Loadable>
    </section>
  );
}

function Group({ group }: { readonly group: OutputGroupAnswer }) {
  const { runs, outcome, outcome_reason: reason, pcs, result_id: resultId } = group;
  const others = runs - Math.min(pcs.length, PCS_SHOWN);
  return (
    <>
      <div class="said-who">
        <span class="said-count number">{shownCount(runs)}</span>
        <OutcomeLabel
          outcome={outcomeOf(outcome)}
          note={noteOf({ outcome: outcomeOf(outcome), reason, exitCode: group.exit_code })}
        />
        <span class="muted small break">
          {pcs.slice(0, PCS_SHOWN).join(", ")}
          {others > 0 && ` and ${shownCount(others)} more`}
        </span>
      </div>
      <a class="said-what" href={linkTo(["runs", resultId])}>
        <span class="sr-only">Output of {pcs[0]}:</span>
        <Said group={group} />
      </a>
    </>
  );
}

function Said({ group }: { readonly group: OutputGroupAnswer }) {
  const text = [group.stdout, group.stderr].map(plain).filter((part) => part !== "").join("\n");
  if (group.output_unavailable) return <span class="muted">its output is gone</span>;
  return text === "" ? <span class="muted">nothing</span> : <code>{text}</code>;
}

/** Without what a terminal would take for a colour. */
function plain(text: string): string {
  return text.replaceAll(/\u001b\[[0-9;:]*[A-Za-z]/g, "").trim();
}
