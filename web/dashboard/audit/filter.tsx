import { AUDIT_OUTCOMES } from "../../../wire/http_audit.ts";
import { type Draft, useDraft } from "../../shared/draft.ts";
import { setQuery } from "../../shared/router.ts";
import { SearchField } from "../../shared/ui/search_field.tsx";

/** What narrows the audit log, as it stands in the address and is asked of the server. */
const FILTER_MEMBERS = ["actor", "action", "target", "outcome", "from", "to"] as const;
type Member = (typeof FILTER_MEMBERS)[number];
export type AuditFilter = Draft<Member>;

/** The filter of an address. */
export function filterOf(query: URLSearchParams): AuditFilter {
  return Object.fromEntries(FILTER_MEMBERS.flatMap((member) => {
    const value = query.get(member);
    return value === null ? [] : [[member, value]];
  }));
}

export function FilterForm({ filter }: { readonly filter: AuditFilter }) {
  const [draft, set] = useDraft<Member>(filter);
  const text = (member: Member, label: string, placeholder: string) => (
    <SearchField
      id={member}
      label={label}
      placeholder={placeholder}
      value={draft[member] ?? ""}
      onValue={(value) => set(member, value)}
    />
  );
  const time = (member: Member, label: string) => (
    <div class="field">
      <label for={member}>{label}</label>
      <input
        id={member}
        class="input"
        type="datetime-local"
        value={localText(draft[member])}
        onInput={({ currentTarget }) => set(member, utcText(currentTarget.value))}
      />
    </div>
  );
  return (
    <form
      class="card padded stack"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        setQuery(Object.fromEntries(FILTER_MEMBERS.map((member) => [member, draft[member]])));
      }}
    >
      <div class="search-fields">
        {text("actor", "Who", "ann")}
        {text("action", "Did", "job_create")}
        {text("target", "To", "a job, a PC, or a part of a path")}
        <div class="field">
          <label for="outcome">Outcome</label>
          <select
            id="outcome"
            class="select"
            value={draft.outcome ?? ""}
            onChange={({ currentTarget }) => set("outcome", currentTarget.value)}
          >
            <option value="">Any outcome</option>
            {AUDIT_OUTCOMES.map((outcome) => <option key={outcome}>{outcome}</option>)}
          </select>
        </div>
        {time("from", "From")}
        {time("to", "Until")}
      </div>
      <div class="actions">
        <button type="submit" class="button primary">Filter</button>
      </div>
    </form>
  );
}

/** An instant in UTC, as an input for local times shows it; empty where there is none. */
function localText(utc: string | undefined): string {
  const at = new Date(utc ?? "");
  if (Number.isNaN(at.getTime())) return "";
  const shifted = new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, "2026-01-01T00:00".length);
}

function utcText(local: string): string {
  return local === "" ? "" : new Date(local).toISOString();
}
