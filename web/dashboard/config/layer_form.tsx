import { useState } from "preact/hooks";
import { CONFIG_FIELDS, type ConfigField } from "../../../wire/config.ts";
import type { ConfigBody } from "../../../wire/http_config.ts";
import { ApiError } from "../../shared/api.ts";
import { Button } from "../../shared/ui/button.tsx";
import { Problem } from "../../shared/ui/states.tsx";
import { sayDone } from "../../shared/ui/toasts.tsx";
import { isStale } from "../last_change.ts";
import { FIELD_WORDS } from "./fields.ts";
import { type StoredLayer, writeLayer } from "./layer.ts";
import { Newer, type NewerLayer, newerLayer } from "./newer.tsx";
import { RemoveLayer } from "./remove_layer.tsx";

interface LayerFormProps {
  readonly layer: string;
  readonly stored: StoredLayer;
  /** Whom it reaches, in words. */
  readonly reach: string;
  readonly readOnly: boolean;
}

/** Everything as it is typed; an empty text sets nothing. */
type Draft = Readonly<Record<ConfigField, string>>;

interface Typed {
  /** What was stored when the typing began: what others store meanwhile does not change under the hands. */
  readonly base: StoredLayer;
  readonly draft: Draft;
}

export function LayerForm({ layer, stored, reach, readOnly }: LayerFormProps) {
  const [typed, setTyped] = useState<Typed>();
  const [newer, setNewer] = useState<NewerLayer>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const draft = typed?.draft ?? draftOf(stored.config);
  const forget = () => {
    setTyped(undefined);
    setNewer(undefined);
    setError(undefined);
  };
  const guarded = async (write: () => Promise<void>) => {
    setBusy(true);
    setError(undefined);
    try {
      await write();
      forget();
    } catch (thrown) {
      if (isStale(thrown)) await newerLayer(layer).then(setNewer, setError);
      else setError(thrown);
    }
    setBusy(false);
  };
  const save = (etag: string) =>
    guarded(async () => {
      await writeLayer(layer, configOf(draft), etag);
      sayDone(`Saved: ${reach} will go by it.`);
    });
  const wrong = error instanceof ApiError ? error.problem.path : undefined;
  return (
    <form
      class="card padded stack"
      aria-label="What it sets"
      onSubmit={(event) => {
        event.preventDefault();
        void save((typed?.base ?? stored).etag);
      }}
    >
      {stored.problem !== null && (
        <p class="notice" role="status">
          What is stored cannot be read: {stored.problem} Saving writes over it.
        </p>
      )}
      <div class="search-fields">
        {CONFIG_FIELDS.map((field) => (
          <Field
            key={field}
            field={field}
            value={draft[field]}
            isWrong={wrong === field}
            readOnly={readOnly}
            onValue={(value) =>
              setTyped({ base: typed?.base ?? stored, draft: { ...draft, [field]: value } })}
          />
        ))}
      </div>
      {newer !== undefined && (
        <Newer
          newer={newer}
          onTheirs={forget}
          onMine={() => void save(newer.stored.etag)}
        />
      )}
      {error !== undefined && <Problem error={error} />}
      {!readOnly && (
        <div class="actions">
          <Button
            type="submit"
            class="button primary"
            off={busy || typed === undefined || newer !== undefined}
          >
            Save for {reach}
          </Button>
          <RemoveLayer layer={layer} stored={stored} reach={reach} onRemoved={forget} />
          <span class="muted small" role="status">
            {typed === undefined ? "as it is stored" : "not saved yet"}
          </span>
        </div>
      )}
    </form>
  );
}

function Field({ field, value, isWrong, readOnly, onValue }: {
  readonly field: ConfigField;
  readonly value: string;
  readonly isWrong: boolean;
  readonly readOnly: boolean;
  readonly onValue: (value: string) => void;
}) {
  const { label, means, example } = FIELD_WORDS[field];
  return (
    <div class="field">
      <label for={field}>{label}</label>
      <input
        id={field}
        class="input"
        inputMode={field === "max_local_concurrent" ? "numeric" : "text"}
        spellcheck={false}
        placeholder={readOnly ? "not set here" : `not set here, such as ${example}`}
        aria-invalid={isWrong}
        aria-describedby={`${field}-means`}
        readOnly={readOnly}
        value={value}
        onInput={({ currentTarget }) => onValue(currentTarget.value)}
      />
      <span id={`${field}-means`} class="hint">{means}</span>
    </div>
  );
}

function draftOf(config: ConfigBody): Draft {
  const entries = CONFIG_FIELDS.map((field) => [field, String(config[field] ?? "")]);
  return Object.fromEntries(entries) as Draft;
}

/** What is no number is sent as it was typed, so that the server says what it must be. */
function configOf(draft: Draft): Readonly<Record<string, string | number>> {
  const typed = Object.entries(draft).map(([field, text]) => [field, text.trim()] as const);
  return Object.fromEntries(
    typed.filter(([, text]) => text !== "").map(([field, text]) => [
      field,
      field === "max_local_concurrent" && /^\d+$/.test(text) ? Number(text) : text,
    ]),
  );
}
