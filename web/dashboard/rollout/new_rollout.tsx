import { useState } from "preact/hooks";
import type { DispatchAnswerBody } from "../../../wire/http.ts";
import type { PlanPreview } from "../../../wire/http_rollouts.ts";
import { ask, newKey, pathOf } from "../../shared/api.ts";
import { refreshSoon } from "../../shared/queries.ts";
import { goTo, linkTo, place } from "../../shared/router.ts";
import { may } from "../../shared/session.ts";
import { shownPcs } from "../../shared/time.ts";
import { Button } from "../../shared/ui/button.tsx";
import { Confirm } from "../../shared/ui/confirm.tsx";
import { MayNot } from "../../shared/ui/may_not.tsx";
import { PageHead } from "../../shared/ui/page.tsx";
import { sayDone } from "../../shared/ui/toasts.tsx";
import { JobField } from "../job/job_field.tsx";
import { Targets } from "../targets.tsx";
import { firstDraft, planOf, type RolloutDraft, whatIsMissing } from "./draft.ts";
import { PreviewTable, usePreview } from "./preview.tsx";
import { WavesEditor } from "./waves_editor.tsx";

export function NewRollout() {
  return (
    <>
      <PageHead title="New rollout" crumbs={<a href="#/rollouts">Rollouts</a>} />
      {may("operator")
        ? <RolloutForm />
        : <MayNot icon="rollouts" verb="run">Starting a rollout</MayNot>}
    </>
  );
}

function RolloutForm() {
  const [draft, setDraft] = useState(() => firstDraft(place.value.query.get("job") ?? ""));
  const [isAsking, setAsking] = useState(false);
  const change = (part: Partial<RolloutDraft>) => setDraft((before) => ({ ...before, ...part }));
  const { query, isCurrent } = usePreview(draft);
  const missing = whatIsMissing(draft);
  const isReady = missing === undefined && isCurrent;
  return (
    <>
      <form
        class="card padded stack run-form"
        aria-label="The plan"
        onSubmit={(event) => {
          event.preventDefault();
          if (isReady) setAsking(true);
        }}
      >
        <JobField job={draft.job} onJob={(job) => change({ job })} />
        <WavesEditor draft={draft} onDraft={change} />
        {draft.by === "shares" && (
          <Targets
            target={draft.target}
            onTarget={(target) => change({ target })}
          />
        )}
        <Judging draft={draft} onDraft={change} />
        <div class="actions">
          <Button type="submit" class="button primary" off={!isReady}>
            {isReady && query.data !== undefined ? `Start on ${sizeOf(query.data)}` : "Start"}
          </Button>
          {missing !== undefined && <span class="muted small">{missing}</span>}
        </div>
      </form>
      {missing === undefined && <PreviewTable query={query} />}
      {isAsking && query.data !== undefined && (
        <StartQuestion
          draft={draft}
          preview={query.data}
          onClose={() => setAsking(false)}
        />
      )}
    </>
  );
}

/** When it is looked at, and when it stops. */
function Judging({ draft, onDraft }: {
  readonly draft: RolloutDraft;
  readonly onDraft: (part: Partial<RolloutDraft>) => void;
}) {
  return (
    <div class="search-fields">
      <div class="field">
        <label for="soak">Watch each wave for</label>
        <input
          id="soak"
          class="input"
          placeholder="10m"
          value={draft.soak}
          onInput={({ currentTarget }) => onDraft({ soak: currentTarget.value })}
        />
        <span class="hint">Before the next one begins.</span>
      </div>
      <div class="field">
        <label for="stop-at">Stop after</label>
        <input
          id="stop-at"
          class="input"
          placeholder="5% or 3"
          value={draft.stopAt}
          onInput={({ currentTarget }) => onDraft({ stopAt: currentTarget.value })}
        />
        <span class="hint">
          So many PCs that fail, or so many percent of one wave. Empty: never by itself.
        </span>
      </div>
    </div>
  );
}

function StartQuestion({ draft, preview, onClose }: {
  readonly draft: RolloutDraft;
  readonly preview: PlanPreview;
  readonly onClose: () => void;
}) {
  // The same while it is asked: pressing again after an answer that was lost starts it once.
  const [key] = useState(() => newKey());
  const [first] = preview.waves;
  const start = async () => {
    const { exec_id } = await ask<DispatchAnswerBody>(pathOf("api", "exec", draft.job), {
      method: "POST",
      headers: { "idempotency-key": key },
      body: planOf(draft),
    });
    sayDone(`${draft.job} goes out.`);
    refreshSoon(["rollouts"]);
    goTo(linkTo(["rollouts", exec_id]));
  };
  return (
    <Confirm
      title={`Roll out ${draft.job}?`}
      action={`Start on ${sizeOf(preview)}`}
      danger={false}
      onDo={start}
      onClose={onClose}
    >
      <p>
        The first wave is <strong>{shownPcs(first?.target_count ?? 0)}</strong>.{" "}
        {draft.stopAt.trim() === ""
          ? "It does not stop by itself, however many fail."
          : `It stops by itself after ${limitWords(draft.stopAt.trim())}.`}
      </p>
    </Confirm>
  );
}

function limitWords(stopAt: string): string {
  if (stopAt.endsWith("%")) return `failures on ${stopAt} of a wave`;
  return `failures on ${stopAt} ${stopAt === "1" ? "PC" : "PCs"}`;
}

function sizeOf({ target_count, waves }: PlanPreview): string {
  return `${shownPcs(target_count)} in ${waves.length} ${waves.length === 1 ? "wave" : "waves"}`;
}
