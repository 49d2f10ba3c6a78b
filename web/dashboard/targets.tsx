/** Whom a dispatch is for: some PCs, some groups, or everybody. */
import { useState } from "preact/hooks";
import type { AgentAnswer } from "../../wire/http.ts";
import type { Target } from "../../wire/plan.ts";
import { ask, withQuery } from "../shared/api.ts";
import { useQuery } from "../shared/queries.ts";
import { shownCount } from "../shared/time.ts";
import { Segments } from "../shared/ui/segments.tsx";
import { useFleet } from "./fleet.ts";
import { useGroups } from "./groups.ts";
import { Names, type Suggestion } from "./names.tsx";
import { PcNote } from "./pc_note.tsx";

const SUGGESTED = 20;
/** As many chosen PCs are looked up, to say which of them are away. */
const NOTED = 20;
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

/** `3 PCs`, `the group tills`, `all 51 PCs` */
export function useTargetWords({ all, groups, pcs }: Target): string {
  const known = useFleet().data?.agents.known;
  if (all) return known === undefined ? "all PCs" : `all ${shownCount(known)} PCs`;
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
      <Segments label="Where" options={KINDS} chosen={kind} onChoose={choose} />
      {kind === "pcs" && (
        <Names
          label="PCs"
          names={target.pcs}
          onNames={(pcs) => onTarget({ ...NOBODY, pcs: [...pcs] })}
          useSuggestions={usePcs}
          noteOf={target.pcs.length <= NOTED ? (pcId) => <PcNote pcId={pcId} /> : undefined}
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
