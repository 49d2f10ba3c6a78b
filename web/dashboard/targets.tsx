/** Whom a dispatch is for: some PCs, some groups, or everybody. */
import { useId, useState } from "preact/hooks";
import type { AgentAnswer } from "../../wire/http.ts";
import type { Target } from "../../wire/plan.ts";
import { ask, withQuery } from "../shared/api.ts";
import { useQuery } from "../shared/queries.ts";
import { shownCount } from "../shared/time.ts";
import { useFleet } from "./fleet.ts";
import { useGroups } from "./groups.ts";

const SUGGESTED = 20;
const KINDS = [["pcs", "PCs"], ["groups", "Groups"], ["all", "All PCs"]] as const;
type Kind = (typeof KINDS)[number][0];

export interface TargetsProps {
  readonly target: Target;
  readonly onTarget: (target: Target) => void;
}

export const NOBODY: Target = { all: false, groups: [], pcs: [] };

/** Whether it names anybody. */
export function namesSomebody({ all, groups, pcs }: Target): boolean {
  return all || groups.length > 0 || pcs.length > 0;
}

/** `3 PCs`, `the group tills`, `all PCs` */
export function targetWords({ all, groups, pcs }: Target): string {
  if (all) return "all PCs";
  if (groups.length > 0) {
    return `${groups.length === 1 ? "the group" : "the groups"} ${groups.join(", ")}`;
  }
  return pcs.length === 1 ? pcs[0] ?? "" : `${shownCount(pcs.length)} PCs`;
}

export function Targets({ target, onTarget }: TargetsProps) {
  const [kind, setKind] = useState<Kind>(
    target.all ? "all" : target.groups.length > 0 ? "groups" : "pcs",
  );
  const choose = (next: Kind) => {
    setKind(next);
    onTarget({ ...NOBODY, all: next === "all" });
  };
  return (
    <div class="field">
      <span class="label">Where</span>
      <div class="segments" role="group" aria-label="Where">
        {KINDS.map(([each, label]) => (
          <button
            key={each}
            type="button"
            aria-pressed={each === kind}
            onClick={() => choose(each)}
          >
            {label}
          </button>
        ))}
      </div>
      {kind === "pcs" && (
        <Names
          label="PCs"
          names={target.pcs}
          onNames={(pcs) => onTarget({ ...NOBODY, pcs: [...pcs] })}
          useSuggestions={usePcs}
        />
      )}
      {kind === "groups" && (
        <Names
          label="Groups"
          names={target.groups}
          onNames={(groups) => onTarget({ ...NOBODY, groups: [...groups] })}
          useSuggestions={useGroupNames}
        />
      )}
      {kind === "all" && <Everybody />}
    </div>
  );
}

function Everybody() {
  const known = useFleet().data?.agents.known;
  return (
    <span class="hint">
      Every PC that was ever heard of{known !== undefined && `, ${shownCount(known)} now`}, online
      or not.
    </span>
  );
}

interface Suggestion {
  readonly name: string;
  readonly note: string;
}

/** Names one after the other, with those that there are to choose from. */
function Names({ label, names, onNames, useSuggestions }: {
  readonly label: string;
  readonly names: readonly string[];
  readonly onNames: (names: readonly string[]) => void;
  readonly useSuggestions: (text: string) => readonly Suggestion[];
}) {
  const [text, setText] = useState("");
  const listId = useId();
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
              {name}
              <button
                type="button"
                aria-label={`Without ${name}`}
                onClick={() => onNames(names.filter((each) => each !== name))}
              >
                ×
              </button>
            </li>
          ))}
        </ul>
      )}
      <input
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
      <datalist id={listId}>
        {suggestions.map(({ name, note }) => <option key={name} value={name} label={note} />)}
      </datalist>
    </>
  );
}

function usePcs(text: string): readonly Suggestion[] {
  const { data } = useQuery({
    key: ["agents", "suggested", text],
    load: ({ signal }) =>
      ask<readonly AgentAnswer[]>(
        withQuery("/api/agents", { q: text, limit: SUGGESTED }),
        { signal },
      ),
    keep: true,
  });
  return (data ?? []).map(({ pc_id, online }) => ({
    name: pc_id,
    note: online ? "online" : "offline",
  }));
}

function useGroupNames(): readonly Suggestion[] {
  return (useGroups().data ?? []).map(({ group, member_count }) => ({
    name: group,
    note: `${member_count} ${member_count === 1 ? "PC" : "PCs"}`,
  }));
}
