import { useState } from "preact/hooks";
import type { DispatchAnswerBody } from "../../../wire/http.ts";
import { SHELLS } from "../../../wire/command.ts";
import type { Target } from "../../../wire/plan.ts";
import { ask, newKey, pathOf } from "../../shared/api.ts";
import { goTo, linkTo, place } from "../../shared/router.ts";
import { may } from "../../shared/session.ts";
import { Button } from "../../shared/ui/button.tsx";
import { Icon } from "../../shared/ui/icons.tsx";
import { MayNot } from "../../shared/ui/may_not.tsx";
import { PageHead } from "../../shared/ui/page.tsx";
import { Segments } from "../../shared/ui/segments.tsx";
import { Problem } from "../../shared/ui/states.tsx";
import { JobField } from "../job/job_field.tsx";
import { namesSomebody, NOBODY, Targets, useTargetWords } from "../targets.tsx";

const DEFAULT_TIMEOUT_SECS = 60;

const KINDS = [["script", "A script"], ["job", "A job"]] as const;

interface Draft {
  readonly kind: "script" | "job";
  readonly shell: string;
  readonly script: string;
  readonly timeoutSecs: number;
  readonly job: string;
  readonly target: Target;
}

export function RunNowPage() {
  return (
    <>
      <PageHead title="Run now" />
      {may("operator") ? <RunForm /> : <MayNot icon="play" verb="run">Running something</MayNot>}
    </>
  );
}

function draftOf(query: URLSearchParams): Draft {
  const pc = query.get("pc");
  const job = query.get("job");
  return {
    kind: job === null ? "script" : "job",
    shell: "sh",
    script: "",
    timeoutSecs: DEFAULT_TIMEOUT_SECS,
    job: job ?? "",
    target: pc === null ? NOBODY : { ...NOBODY, pcs: [pc] },
  };
}

function RunForm() {
  const [draft, setDraft] = useState(() => draftOf(place.value.query));
  // The same until it was taken: pressing twice, or an answer that was lost, runs it once.
  const [key, setKey] = useState(newKey);
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const change = (part: Partial<Draft>) => {
    setDraft((before) => ({ ...before, ...part }));
    setKey(newKey());
  };
  const send = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      const { exec_id } = await dispatch(draft, key);
      goTo(linkTo(["executions", exec_id]));
    } catch (thrown) {
      setError(thrown);
      setBusy(false);
    }
  };
  const target = useTargetWords(draft.target);
  const isReady = namesSomebody(draft.target) &&
    (draft.kind === "job" ? draft.job !== "" : draft.script.trim() !== "");
  return (
    <form class="card padded stack run-form" onSubmit={(event) => void send(event)}>
      <Targets target={draft.target} onTarget={(target) => change({ target })} />
      <div class="field">
        <span class="label">What</span>
        <Segments
          label="What"
          options={KINDS}
          chosen={draft.kind}
          onChoose={(kind) => change({ kind })}
        />
      </div>
      {draft.kind === "script"
        ? <ScriptFields draft={draft} onChange={change} />
        : <JobField job={draft.job} onJob={(job) => change({ job })} />}
      {error !== undefined && <Problem error={error} />}
      <div class="actions">
        <Button type="submit" class="button primary" off={!isReady || busy}>
          <Icon name="play" />
          {namesSomebody(draft.target) ? `Run on ${target}` : "Run"}
        </Button>
        {!isReady && <span class="muted small">{whatIsMissing(draft)}</span>}
      </div>
    </form>
  );
}

function whatIsMissing({ kind, target }: Draft): string {
  if (!namesSomebody(target)) return "Say where it is to run.";
  return kind === "job" ? "Choose a job." : "Type a script.";
}

function dispatch(draft: Draft, key: string): Promise<DispatchAnswerBody> {
  const headers = { "idempotency-key": key };
  const { target, shell, script, timeoutSecs } = draft;
  return draft.kind === "job"
    ? ask(pathOf("api", "exec", draft.job), { method: "POST", headers, body: { target } })
    : ask("/api/executions", {
      method: "POST",
      headers,
      body: { shell, script, timeout_secs: timeoutSecs, target },
    });
}

function ScriptFields({ draft, onChange }: {
  readonly draft: Draft;
  readonly onChange: (part: Partial<Draft>) => void;
}) {
  return (
    <>
      <div class="row">
        <div class="field">
          <label for="shell">Shell</label>
          <select
            id="shell"
            class="select"
            value={draft.shell}
            onChange={({ currentTarget }) => onChange({ shell: currentTarget.value })}
          >
            {SHELLS.map((shell) => <option key={shell}>{shell}</option>)}
          </select>
        </div>
        <div class="field">
          <label for="timeout">Seconds at most</label>
          <input
            id="timeout"
            class="input"
            type="number"
            min={1}
            max={2_592_000}
            value={draft.timeoutSecs}
            onInput={({ currentTarget }) =>
              onChange({ timeoutSecs: Number(currentTarget.value) || DEFAULT_TIMEOUT_SECS })}
          />
        </div>
      </div>
      <div class="field">
        <label for="script">Script</label>
        <textarea
          id="script"
          class="textarea"
          rows={10}
          spellcheck={false}
          placeholder="echo hello from $KANADE_PC_ID"
          value={draft.script}
          onInput={({ currentTarget }) => onChange({ script: currentTarget.value })}
        />
      </div>
    </>
  );
}
