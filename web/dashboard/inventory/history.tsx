import { useState } from "preact/hooks";
import type { FieldChange, InventoryChangeAnswer } from "../../../wire/http_inventory.ts";
import { pathOf, withQuery } from "../../shared/api.ts";
import { usePages } from "../../shared/pages_query.ts";
import { linkTo } from "../../shared/router.ts";
import { MoreButton } from "../../shared/ui/more.tsx";
import { Loadable } from "../../shared/ui/states.tsx";
import { Time } from "../../shared/ui/time.tsx";

/** How what a job told of a PC has changed, asked for when somebody wants it. */
export function InventoryHistory({ pcId, jobId }: {
  readonly pcId: string;
  readonly jobId: string;
}) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>How it has changed</summary>
      {isOpen && <Changes pcId={pcId} jobId={jobId} />}
    </details>
  );
}

function Changes({ pcId, jobId }: { readonly pcId: string; readonly jobId: string }) {
  const pages = usePages<InventoryChangeAnswer>(
    ["inventory", "history", pcId, jobId],
    withQuery(pathOf("api", "inventory", pcId, jobId, "history"), { limit: 20 }),
  );
  return (
    <Loadable query={pages.query}>
      {({ rows }) => (
        <>
          <ol class="changes history" aria-label={`History of ${jobId}`}>
            {rows.map((change) => <Change key={change.since_result_id} {...change} />)}
          </ol>
          <MoreButton pages={pages} />
        </>
      )}
    </Loadable>
  );
}

function Change({ since, since_result_id, changes, facts }: InventoryChangeAnswer) {
  return (
    <li>
      <a href={linkTo(["runs", since_result_id])}>
        <Time at={since} />
      </a>
      {changes === null
        ? <code class="small break">{shown(facts)}</code>
        : changes.length === 0
        ? <span class="muted">told the same</span>
        : changes.map((one) => <FieldChanged key={one.field} {...one} />)}
    </li>
  );
}

function FieldChanged({ field, before, after }: FieldChange) {
  return (
    <span class="break">
      {field}: <code class="small">{shown(before)}</code> →{" "}
      <code class="small">{shown(after)}</code>
    </span>
  );
}

/** A member that is not there is nothing, and no `undefined`. */
function shown(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value);
}
