import { useState } from "preact/hooks";
import { type Draft, useDraft } from "../../shared/draft.ts";
import { place, setQuery } from "../../shared/router.ts";
import { shownCount } from "../../shared/time.ts";
import { PageHead } from "../../shared/ui/page.tsx";
import { SearchField } from "../../shared/ui/search_field.tsx";
import { Empty, Problem } from "../../shared/ui/states.tsx";
import { Time } from "../../shared/ui/time.tsx";
import { RunsTable } from "../runs_table.tsx";
import { type RunSearch, useSearch } from "../search/use_search.ts";

/** The members of a search, as they stand in the address. */
const MEMBERS = ["output", "stdout", "stderr", "pc_id", "job_id", "status"] as const;
type Member = (typeof MEMBERS)[number];
type Search = Draft<Member>;

const STATES = [
  ["", "Any state"],
  ["success", "succeeded"],
  ["failed", "failed"],
  ["skipped", "skipped"],
  ["expired", "expired"],
  ["running", "in flight"],
] as const;

export function SearchPage() {
  const { query } = place.value;
  const [round, setRound] = useState(0);
  const search = Object.fromEntries(
    MEMBERS.flatMap((member) => {
      const value = query.get(member);
      return value === null ? [] : [[member, value]];
    }),
  ) as Search;
  return (
    <>
      <PageHead title="Search" />
      <SearchForm search={search} onSearch={() => setRound(round + 1)} />
      <Results search={search} round={round} />
    </>
  );
}

function SearchForm({ search, onSearch }: {
  readonly search: Search;
  readonly onSearch: () => void;
}) {
  const [draft, set] = useDraft<Member>(search);
  const field = (member: Member, label: string, placeholder: string) => (
    <SearchField
      id={member}
      label={label}
      placeholder={placeholder}
      value={draft[member] ?? ""}
      onValue={(value) => set(member, value)}
    />
  );
  return (
    <form
      class="card padded stack"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        setQuery(Object.fromEntries(MEMBERS.map((member) => [member, draft[member]])));
        onSearch();
      }}
    >
      <div class="search-fields">
        {field("output", "In output", "No space left")}
        {field("stdout", "In stdout", "^done")}
        {field("stderr", "In stderr", "(?i)permission denied")}
        {field("pc_id", "PC", "^till-")}
        {field("job_id", "Job", "clean")}
        <div class="field">
          <label for="status">State</label>
          <select
            id="status"
            class="select"
            value={draft.status ?? ""}
            onChange={({ currentTarget }) => set("status", currentTarget.value)}
          >
            {STATES.map(([value, label]) => <option key={value} value={value}>{label}</option>)}
          </select>
        </div>
      </div>
      <div class="actions">
        <button type="submit" class="button primary">Search</button>
        <span class="muted small">
          Patterns of{" "}
          <a href="https://github.com/google/re2/wiki/Syntax">RE2</a>, over the whole output of
          every run that is kept.
        </span>
      </div>
    </form>
  );
}

function Results({ search, round }: { readonly search: Search; readonly round: number }) {
  const found = useSearch(search, round);
  const { rows, status, error, goOn } = found;
  return (
    <section class="card" aria-label="Found" aria-busy={status === "looking"}>
      <Progress found={found} />
      {status === "failed" && <Problem error={error} retry={goOn} />}
      {rows.length > 0 && <RunsTable runs={rows} />}
      {rows.length === 0 && status === "over" && (
        <NothingFound isAny={Object.keys(search).length === 0} />
      )}
      {(status === "full" || status === "stopped") && (
        <div class="more">
          <button type="button" class="button" onClick={goOn}>
            {status === "full" ? "Show more" : "Look further back"}
          </button>
        </div>
      )}
    </section>
  );
}

/** How far it has come, said now and then to who does not see it. */
function Progress({ found: { rows, status, backTo, tried, stop } }: { readonly found: RunSearch }) {
  if (status !== "looking" && status !== "stopped") return null;
  const words = tried === 0 ? "Looking" : `${shownCount(tried)} runs tried, ${rows.length} found`;
  return (
    <div class="card-head">
      <span class="muted" role="status">
        {words}
        {backTo !== undefined && (
          <>
            , back to <Time at={backTo} />
          </>
        )}
        {status === "stopped" && ": stopped, there may be more further back"}
      </span>
      {status === "looking" && (
        <button type="button" class="button small" onClick={stop}>Stop</button>
      )}
    </div>
  );
}

function NothingFound({ isAny }: { readonly isAny: boolean }) {
  if (isAny) {
    return (
      <Empty icon="search" title="Nothing has run yet">
        <p>What runs print can be searched here, whole.</p>
      </Empty>
    );
  }
  return (
    <Empty icon="search" title="Nothing is like that">
      <p>
        Every run that is kept was looked at. A pattern minds capitals: <code>(?i)</code>{" "}
        in front of it makes it not.
      </p>
    </Empty>
  );
}
