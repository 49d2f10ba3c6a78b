/** A page for one text that the server keeps: a job or a schedule. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { ApiError } from "../../shared/api.ts";
import { lazy } from "../../shared/ui/boundary.tsx";
import { Button } from "../../shared/ui/button.tsx";
import { Problem } from "../../shared/ui/states.tsx";
import type { Kind, TextProblem } from "./manifest_problems.ts";
import { useStoredText } from "./stored_text.ts";

const YamlEditor = lazy(async () => (await import("./yaml_editor.tsx")).YamlEditor);

export interface DocumentEditorProps {
  readonly kind: Kind;
  /** As it is stored now. */
  readonly text: string;
  readonly readOnly: boolean;
  /** The text is an example: nothing of it is stored. */
  readonly isNew?: boolean;
  /** Stores the text. @throws when the server refuses it */
  readonly onSave: (text: string) => Promise<unknown>;
  /** Beside the button. */
  readonly children?: ComponentChildren;
}

const NONE: readonly TextProblem[] = [];

export function DocumentEditor(
  { kind, text, readOnly, isNew = false, onSave, children }: DocumentEditorProps,
) {
  const edited = useStoredText(text);
  const { now, onText } = edited;
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [refused, setRefused] = useState(NONE);
  const [problems, setProblems] = useState(NONE);
  const save = async () => {
    setBusy(true);
    setError(undefined);
    setRefused(NONE);
    try {
      await onSave(now);
      edited.onSaved(now);
    } catch (thrown) {
      setError(thrown);
      setRefused(await placesOf(now, thrown));
    }
    setBusy(false);
  };
  return (
    <section class="card" aria-label={`The ${kind}`}>
      <YamlEditor
        label={`YAML of the ${kind}`}
        shown={edited.shown}
        readOnly={readOnly}
        kind={kind}
        refused={refused}
        onText={onText}
        onProblems={setProblems}
      />
      <Problems text={now} problems={problems} />
      {edited.isOld && (
        <div class="card-body">
          <div class="notice row" role="alert">
            <span>Somebody has stored another text meanwhile. Saving writes over it.</span>
            <button type="button" class="button small" onClick={edited.showTheirs}>
              Show theirs
            </button>
          </div>
        </div>
      )}
      {error !== undefined && (
        <div class="card-body">
          <Problem error={error} />
        </div>
      )}
      {!readOnly && (
        <div class="editor-foot">
          <Button
            class="button primary"
            off={busy || now.trim() === ""}
            onClick={() => void save()}
          >
            Save
          </Button>
          <span class="muted small" role="status">
            {!isNew && !edited.isEdited ? "as it is stored" : "not saved yet"}
          </span>
          <span class="muted small">Escape, then Tab leaves the text.</span>
          {children}
        </div>
      )}
    </section>
  );
}

/** What is wrong, by line: a mark that has to be pointed at tells nothing to keys and fingers. */
function Problems({ text, problems }: {
  readonly text: string;
  readonly problems: readonly TextProblem[];
}) {
  if (problems.length === 0) return null;
  return (
    <ul class="text-problems" aria-label="What is wrong">
      {problems.map(({ from, message }) => (
        <li key={`${from} ${message}`}>
          <span class="number nowrap">Line {text.slice(0, from).split("\n").length}</span> {message}
        </li>
      ))}
    </ul>
  );
}

/** What the server refused, at its lines: it may know more than this page. */
async function placesOf(text: string, thrown: unknown): Promise<readonly TextProblem[]> {
  if (!(thrown instanceof ApiError)) return NONE;
  const { problemsOfDetails } = await import("./manifest_problems.ts");
  return problemsOfDetails(text, thrown.message, thrown.problem);
}
