/** A field for several names: of PCs, or of groups. */
import type { ComponentChildren } from "preact";
import { useId, useRef, useState } from "preact/hooks";

/** As many are offered to whoever has chosen none. */
const OFFERED = 6;

export interface Suggestion {
  readonly name: string;
  readonly note: string;
}

/** Names one after the other, with those that there are to choose from. */
export function Names({ label, names, onNames, useSuggestions, noteOf }: {
  readonly label: string;
  readonly names: readonly string[];
  readonly onNames: (names: readonly string[]) => void;
  readonly useSuggestions: (text: string) => readonly Suggestion[];
  /** What stands behind a name that was chosen. */
  readonly noteOf?: ((name: string) => ComponentChildren) | undefined;
}) {
  const [text, setText] = useState("");
  const listId = useId();
  const field = useRef<HTMLInputElement>(null);
  const suggestions = useSuggestions(text);
  const add = (typed: string) => {
    const added = typed.split(/[\s,;]+/).filter((name) => name !== "");
    if (added.length > 0) onNames([...new Set([...names, ...added])]);
    setText("");
  };
  return (
    <>
      {names.length > 0 && (
        <ul class="chips">
          {names.map((name) => (
            <li key={name} class="chip">
              <span>{name}{noteOf?.(name)}</span>
              <button
                type="button"
                aria-label={`Without ${name}`}
                onClick={() => {
                  onNames(names.filter((each) => each !== name));
                  // The button goes with the name.
                  field.current?.focus();
                }}
              >
                ×
              </button>
            </li>
          ))}
        </ul>
      )}
      <input
        ref={field}
        class="input"
        list={listId}
        aria-label={label}
        placeholder={names.length === 0 ? "Type a name and press Enter" : "One more"}
        value={text}
        onInput={({ currentTarget: { value } }) => {
          // Choosing from the list is an input of the whole name.
          if (suggestions.some(({ name }) => name === value)) add(value);
          else setText(value);
        }}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || text === "") return;
          event.preventDefault();
          add(text);
        }}
        onBlur={() => add(text)}
      />
      {names.length === 0 && text === "" && (
        <Offered label={label} suggestions={suggestions} onChoose={add} />
      )}
      <datalist id={listId}>
        {suggestions.map(({ name, note }) => <option key={name} value={name} label={note} />)}
      </datalist>
    </>
  );
}

/** A few that one need not know by name. */
function Offered({ label, suggestions, onChoose }: {
  readonly label: string;
  readonly suggestions: readonly Suggestion[];
  readonly onChoose: (name: string) => void;
}) {
  const offered = suggestions.filter(({ note }) => note !== "offline").slice(0, OFFERED);
  if (offered.length === 0) return null;
  return (
    <div class="row offered" role="group" aria-label={`${label} to choose from`}>
      {offered.map(({ name }) => (
        <button
          key={name}
          type="button"
          class="button small"
          onClick={() => onChoose(name)}
        >
          {name}
        </button>
      ))}
    </div>
  );
}
