/** Outcomes in shape, colour and word. */
import { type Counts, LABELS, MEANINGS, type Outcome, OUTCOMES, SHAPES } from "../outcomes.ts";
import { shownCount } from "../time.ts";

/** The shape alone, where the word stands beside it. */
export function Mark({ outcome }: { readonly outcome: Outcome }) {
  return (
    <svg class="mark" viewBox="0 0 16 16" data-outcome={outcome} aria-hidden="true">
      <path d={SHAPES[outcome]} fill="currentColor" fill-rule="evenodd" />
    </svg>
  );
}

/** Shape and word. */
export function OutcomeLabel({ outcome, note }: {
  readonly outcome: Outcome;
  readonly note?: string | undefined;
}) {
  return (
    <span class="outcome" title={MEANINGS[outcome]}>
      <Mark outcome={outcome} />
      <span>
        {LABELS[outcome]}
        {note !== undefined && <span class="muted">, {note}</span>}
      </span>
    </span>
  );
}

const TONES: Readonly<Record<string, string>> = {
  pending: "busy",
  running: "busy",
  completed: "good",
  expired: "warning",
};

/** The state of an execution. */
export function StatusBadge({ status }: { readonly status: string }) {
  return <span class="badge" data-tone={TONES[status]}>{status}</span>;
}

/** A bar with a part for each outcome, and the same in words for who does not see it. */
export function ProgressBar({ counts, tall = false }: {
  readonly counts: Counts;
  readonly tall?: boolean;
}) {
  return (
    <div class={tall ? "progress tall" : "progress"} role="img" aria-label={inWords(counts)}>
      {OUTCOMES.filter((outcome) => counts[outcome] > 0).map((outcome) => (
        <span key={outcome} data-outcome={outcome} style={{ flexGrow: counts[outcome] }} />
      ))}
    </div>
  );
}

/** The counts that are not nothing, each with its shape. */
export function Legend({ counts }: { readonly counts: Counts }) {
  return (
    <div class="legend">
      {OUTCOMES.filter((outcome) => counts[outcome] > 0).map((outcome) => (
        <span key={outcome} class="outcome" title={MEANINGS[outcome]}>
          <Mark outcome={outcome} />
          {shownCount(counts[outcome])} {LABELS[outcome]}
        </span>
      ))}
    </div>
  );
}

export function inWords(counts: Counts): string {
  const told = OUTCOMES.filter((outcome) => counts[outcome] > 0)
    .map((outcome) => `${shownCount(counts[outcome])} ${LABELS[outcome]}`);
  return told.length === 0 ? "nothing yet" : told.join(", ");
}
