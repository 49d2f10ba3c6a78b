import { useEffect, useState } from "preact/hooks";
import type { RunAnswer } from "../../../wire/http.ts";
import { withQuery } from "../../shared/api.ts";
import { usePages } from "../../shared/pages_query.ts";
import { place, setQuery } from "../../shared/router.ts";
import { MoreButton } from "../../shared/ui/more.tsx";
import { PageHead } from "../../shared/ui/page.tsx";
import { Empty, Loadable } from "../../shared/ui/states.tsx";
import { RunsTable } from "../runs_table.tsx";

/** The members of a search, as they stand in the address. */
const MEMBERS = ["stdout", "stderr", "pc_id", "job_id", "status"] as const;
type Member = (typeof MEMBERS)[number];
type Search = Readonly<Partial<Record<Member, string>>>;

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
  const search = Object.fromEntries(
    MEMBERS.flatMap((member) => {
      const value = query.get(member);
      return value === null ? [] : [[member, value]];
    }),
  ) as Search;
  return (
    <>
      <PageHead title="Search" />
      <SearchForm search={search} />
      <Results search={search} />
    </>
  );
}

function SearchForm({ search }: { readonly search: Search }) {
  const [draft, setDraft] = useState(search);
  // Another address, such as that of a link or of going back; the fields stay, and who types in one with them.
  useEffect(() => setDraft(search), [JSON.stringify(search)]);
  const set = (member: Member) => (event: { readonly currentTarget: { readonly value: string } }) =>
    setDraft({ ...draft, [member]: event.currentTarget.value });
  const field = (member: Member, label: string, placeholder: string) => (
    <div class="field">
      <label for={member}>{label}</label>
      <input
        id={member}
        class="input"
        type="search"
        spellcheck={false}
        placeholder={placeholder}
        value={draft[member] ?? ""}
        onInput={set(member)}
      />
    </div>
  );
  return (
    <form
      class="card padded stack"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        setQuery(Object.fromEntries(MEMBERS.map((member) => [member, draft[member]])));
      }}
    >
      <div class="search-fields">
        {field("stdout", "In stdout", "No space left")}
        {field("stderr", "In stderr", "(?i)permission denied")}
        {field("pc_id", "PC", "^till-")}
        {field("job_id", "Job", "clean")}
        <div class="field">
          <label for="status">State</label>
          <select id="status" class="select" value={draft.status ?? ""} onChange={set("status")}>
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

function Results({ search }: { readonly search: Search }) {
  const pages = usePages<RunAnswer>(
    ["runs", "search"],
    withQuery("/api/results", { ...search, limit: 50 }),
  );
  return (
    <section class="card" aria-label="Found">
      <Loadable query={pages.query}>
        {({ rows, complete }) => (
          <>
            {rows.length > 0
              ? <RunsTable runs={rows} />
              : complete && <NothingFound isAny={Object.keys(search).length === 0} />}
            {!complete && (
              <p class="quiet-line muted">
                Not everything was looked at yet: there may be more further back.
              </p>
            )}
            <MoreButton pages={pages} label={complete ? "Show more" : "Look further back"} />
          </>
        )}
      </Loadable>
    </section>
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
