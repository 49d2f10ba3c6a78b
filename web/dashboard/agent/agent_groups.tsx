import { useRef, useState } from "preact/hooks";
import type { GroupsAnswer } from "../../../wire/http_groups.ts";
import { ask, askPage, pathOf } from "../../shared/api.ts";
import { refreshSoon, useQuery } from "../../shared/queries.ts";
import { may } from "../../shared/session.ts";
import { Loadable } from "../../shared/ui/states.tsx";
import { sayProblem } from "../../shared/ui/toasts.tsx";

interface Membership extends GroupsAnswer {
  /** Of what is stored, so that nobody's change is written over. */
  readonly etag: string | null;
}

/** The groups of a PC. */
export function AgentGroups({ pcId }: { readonly pcId: string }) {
  const path = pathOf("api", "agents", pcId, "groups");
  const groups = useQuery<Membership>({
    key: ["groups", "of", pcId],
    load: async ({ signal }) => {
      const { value, headers } = await askPage<GroupsAnswer>(path, { signal });
      return { ...value, etag: headers.get("etag") };
    },
  });
  return (
    <section class="card" aria-label="Groups">
      <div class="card-head">
        <h2>Groups</h2>
      </div>
      <div class="card-body stack">
        <Loadable query={groups}>
          {(membership) => <Membership path={path} membership={membership} />}
        </Loadable>
      </div>
    </section>
  );
}

function Membership({ path, membership }: {
  readonly path: string;
  readonly membership: Membership;
}) {
  const { groups, problem, etag } = membership;
  const [text, setText] = useState("");
  const field = useRef<HTMLInputElement>(null);
  /** Whether it was stored. */
  const set = async (next: readonly string[]): Promise<boolean> => {
    try {
      await ask(path, {
        method: "PUT",
        body: { groups: next },
        ...(etag === null ? {} : { headers: { "if-match": etag } }),
      });
      return true;
    } catch (thrown) {
      sayProblem("Cannot change the groups", thrown);
      return false;
    } finally {
      refreshSoon(["groups"]);
    }
  };
  const mayChange = may("operator");
  return (
    <>
      {problem !== null && <p class="notice">{problem}</p>}
      {groups.length === 0
        ? <p class="muted">In no group: only dispatches to all, or to its name, reach it.</p>
        : (
          <ul class="chips">
            {groups.map((group) => (
              <li key={group} class="chip">
                {group}
                {mayChange && (
                  <button
                    type="button"
                    aria-label={`Out of ${group}`}
                    onClick={() => {
                      // The button goes with the group.
                      field.current?.focus();
                      void set(groups.filter((each) => each !== group));
                    }}
                  >
                    ×
                  </button>
                )}
              </li>
            ))}
          </ul>
        )}
      {mayChange && (
        <form
          class="row"
          onSubmit={(event) => {
            event.preventDefault();
            if (text.trim() === "") return;
            void set([...groups, text.trim()]).then((isStored) => isStored && setText(""));
          }}
        >
          <input
            ref={field}
            class="input pc-filter"
            aria-label="Put into a group"
            placeholder="Another group"
            value={text}
            onInput={({ currentTarget }) => setText(currentTarget.value)}
          />
          <button type="submit" class="button small">Add</button>
        </form>
      )}
    </>
  );
}
