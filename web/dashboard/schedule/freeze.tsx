/** The freeze: no schedule fires while it holds. */
import { useEffect, useState } from "preact/hooks";
import type { FreezeAnswer } from "../../../wire/http_schedules.ts";
import { ask, type AskOptions, askPage } from "../../shared/api.ts";
import { type Loaded, refreshSoon, useQuery } from "../../shared/queries.ts";
import { Time } from "../../shared/ui/time.tsx";
import { Confirm } from "../../shared/ui/confirm.tsx";
import { sayDone } from "../../shared/ui/toasts.tsx";
import { changeWords, isStale, lastChange } from "../last_change.ts";

const PATH = "/api/freeze";
const AUDITED = ["freeze_set", "freeze_clear"];

/** A freeze begins and ends by itself, and no event says so: it is asked for so long after that, milliseconds. */
const LATER_MS = 1_000;
const LONGEST_MS = 2 ** 31 - 1;

/** The freeze as it is stored. */
export interface StoredFreeze {
  /** Null = none is set. */
  readonly freeze: FreezeAnswer | null;
  readonly etag: string;
}

export function useFreeze(): Loaded<StoredFreeze> {
  const stored = useQuery({
    key: ["freeze"],
    load: async ({ signal }) => {
      const { value, headers } = await askPage<FreezeAnswer | null>(PATH, { signal });
      return { freeze: value, etag: headers.get("etag") ?? '"0"' };
    },
  });
  const changesAt = stored.data?.freeze?.changes_at;
  useEffect(() => {
    if (changesAt == null) return undefined;
    const look = () => {
      refreshSoon(["freeze"]);
      refreshSoon(["schedules"]);
    };
    // By the server's clock, which may be behind; and no timer takes longer.
    const waitMs = Math.max(0, Date.parse(changesAt) - Date.now()) + LATER_MS;
    const timer = setTimeout(look, Math.min(waitMs, LONGEST_MS));
    return () => clearTimeout(timer);
  }, [changesAt, stored.dataUpdatedAt]);
  return stored;
}

/** Stores a change of what was shown, unless somebody else's came first. @throws */
async function change(etag: string, options: AskOptions, done: string): Promise<void> {
  try {
    await ask(PATH, { ...options, headers: { "if-match": etag } });
    sayDone(done);
  } catch (thrown) {
    if (!isStale(thrown)) throw thrown;
    throw new Error(`${changeWords(await lastChange("fleet", AUDITED))}.`, { cause: thrown });
  } finally {
    refreshSoon(["freeze"]);
    refreshSoon(["schedules"]);
  }
}

export function FreezeNotice({ freeze }: { readonly freeze: FreezeAnswer }) {
  const { frozen, changes_at, problem, reason, until, from } = freeze;
  if (problem !== null) {
    return (
      <p class="notice" role="status">Nothing fires: the stored freeze cannot be read. {problem}</p>
    );
  }
  const isOver = !frozen && changes_at === null;
  return (
    <p class="notice" role="status">
      {frozen ? "No schedule fires" : isOver ? "A freeze was set" : "A freeze is set"}
      {!frozen && !isOver && from != null && (
        <>
          {" "}from <Bound text={from} />
        </>
      )}
      {until != null && (
        <>
          {" "}until <Bound text={until} />
        </>
      )}
      {reason == null ? "." : `: ${reason}`}
    </p>
  );
}

/** As it was written: a date, a local time, or an instant, which alone is the same everywhere. */
function Bound({ text }: { readonly text: string }) {
  return /(?:Z|[+-]\d\d:\d\d)$/.test(text) ? <Time at={text} /> : <>{text}</>;
}

export function FreezeButton({ stored }: { readonly stored: StoredFreeze }) {
  // As it was when it was asked about: what others change meanwhile does not turn the question round.
  const [asked, setAsked] = useState<StoredFreeze>();
  const close = () => setAsked(undefined);
  return (
    <>
      <button type="button" class="button" onClick={() => setAsked(stored)}>
        {stored.freeze === null ? "Freeze" : "Lift the freeze"}
      </button>
      {asked !== undefined && (asked.freeze === null
        ? <SetFreeze etag={asked.etag} onClose={close} />
        : <LiftFreeze etag={asked.etag} onClose={close} />)}
    </>
  );
}

interface QuestionProps {
  readonly etag: string;
  readonly onClose: () => void;
}

function SetFreeze({ etag, onClose }: QuestionProps) {
  const [draft, setDraft] = useState({ reason: "", from: "", until: "" });
  const set = () => {
    const { reason, from, until } = draft;
    const body = {
      ...(reason.trim() === "" ? {} : { reason: reason.trim() }),
      ...(from === "" ? {} : { from: new Date(from).toISOString() }),
      ...(until === "" ? {} : { until: new Date(until).toISOString() }),
    };
    return change(etag, { method: "PUT", body }, "The freeze is set.");
  };
  return (
    <Confirm title="Stop all schedules?" action="Freeze all schedules" onDo={set} onClose={onClose}>
      <p>No schedule fires while the freeze holds. What runs goes on.</p>
      <div class="field">
        <label for="freeze-reason">Why, for the others</label>
        <input
          id="freeze-reason"
          class="input"
          maxLength={500}
          value={draft.reason}
          onInput={({ currentTarget }) =>
            setDraft({ ...draft, reason: currentTarget.value })}
        />
      </div>
      {BOUNDS.map(([bound, label]) => (
        <div key={bound} class="field">
          <label for={`freeze-${bound}`}>{label}</label>
          <input
            id={`freeze-${bound}`}
            class="input"
            type="datetime-local"
            value={draft[bound]}
            onInput={({ currentTarget }) => setDraft({ ...draft, [bound]: currentTarget.value })}
          />
        </div>
      ))}
    </Confirm>
  );
}

/** By the clocks of the viewer's zone, as all times are shown. */
const BOUNDS = [
  ["from", "From, at once where it is empty"],
  ["until", "Until, where it is empty until somebody lifts it"],
] as const;

function LiftFreeze({ etag, onClose }: QuestionProps) {
  return (
    <Confirm
      title="Let schedules fire again?"
      action="Lift the freeze"
      danger={false}
      onDo={() => change(etag, { method: "DELETE" }, "Schedules fire again.")}
      onClose={onClose}
    >
      <p>What was missed meanwhile is decided by each schedule's own deadline.</p>
    </Confirm>
  );
}
