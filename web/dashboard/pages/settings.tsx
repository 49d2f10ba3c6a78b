import type { InvariantsAnswer, VersionAnswer } from "../../../wire/http.ts";
import { ask } from "../../shared/api.ts";
import { useQuery } from "../../shared/queries.ts";
import { session, signOut } from "../../shared/session.ts";
import { setTheme, theme, THEMES } from "../../shared/theme.ts";
import { shownCount } from "../../shared/time.ts";
import { Button } from "../../shared/ui/button.tsx";
import { PageHead } from "../../shared/ui/page.tsx";
import { Segments } from "../../shared/ui/segments.tsx";
import { Loadable } from "../../shared/ui/states.tsx";
import { Time } from "../../shared/ui/time.tsx";
import { sayProblem } from "../../shared/ui/toasts.tsx";
import { useFleet } from "../fleet.ts";

const THEME_LABELS = { system: "As the system", light: "Light", dark: "Dark" };

export function SettingsPage() {
  return (
    <>
      <PageHead title="Settings" />
      <div class="halves">
        <You />
        <Look />
        <Health />
        <Books />
      </div>
    </>
  );
}

function You() {
  const who = session.value;
  if (who.state !== "signed in") return null;
  const leave = () => signOut().catch((thrown: unknown) => sayProblem("Cannot sign out", thrown));
  return (
    <section class="card" aria-label="You">
      <div class="card-head">
        <h2>You</h2>
        <button type="button" class="button small" onClick={() => void leave()}>Sign out</button>
      </div>
      <dl class="card-body facts">
        <div>
          <dt>Name</dt>
          <dd>{who.name}</dd>
        </div>
        <div>
          <dt>Role</dt>
          <dd>{who.role}</dd>
        </div>
        {who.expires_at !== null && (
          <div>
            <dt>Signed in until</dt>
            <dd>
              <Time at={who.expires_at} />
            </dd>
          </div>
        )}
      </dl>
    </section>
  );
}

function Look() {
  const version = useQuery({
    key: ["version"],
    load: ({ signal }) => ask<VersionAnswer>("/api/version", { signal }),
  });
  return (
    <section class="card" aria-label="This page">
      <div class="card-head">
        <h2>This page</h2>
        <span class="muted small">version {version.data?.version ?? "…"}</span>
      </div>
      <div class="card-body stack">
        <Segments
          label="Colours"
          options={THEMES.map((each) => [each, THEME_LABELS[each]])}
          chosen={theme.value}
          onChoose={setTheme}
        />
        <p class="muted small">
          Times are those of{" "}
          {Intl.DateTimeFormat().resolvedOptions().timeZone}; pointing at one shows it in UTC.
        </p>
      </div>
    </section>
  );
}

/** The parts of the server, and what is wrong with those that are not well. */
function Health() {
  const fleet = useFleet();
  return (
    <section class="card" aria-label="Health">
      <div class="card-head">
        <h2>Health</h2>
      </div>
      <Loadable query={fleet}>
        {({ components, jetstream, problems }) => (
          <ul class="checks-list">
            {problems.map((problem) => <li key={problem} class="reason">{problem}</li>)}
            {components.map(({ name, ok, detail }) => (
              <Check key={name} name={name.replaceAll("_", " ")} ok={ok} detail={detail} />
            ))}
            <Check
              name="streams"
              ok={jetstream.all_ok}
              detail={jetstream.all_ok ? "well" : `missing: ${jetstream.missing.join(", ")}`}
            />
          </ul>
        )}
      </Loadable>
    </section>
  );
}

/** Whether the books are right, counted when one looks. */
function Books() {
  const books = useQuery({
    key: ["invariants"],
    load: ({ signal }) => ask<InvariantsAnswer>("/api/invariants", { signal, timeoutMs: 120_000 }),
  });
  return (
    <section class="card" aria-label="What always holds">
      <div class="card-head">
        <h2>What always holds</h2>
        <Button
          class="button small"
          off={books.isFetching}
          onClick={() => void books.refetch()}
        >
          Count again
        </Button>
      </div>
      <Loadable query={books}>
        {({ invariants }) => (
          <ul class="checks-list">
            {invariants.map(({ name, ok, count, examples }) => (
              <Check
                key={name}
                name={name.replaceAll("_", " ")}
                ok={ok}
                detail={ok ? "holds" : `does not hold ${times(count)}: ${examples.join(", ")}`}
              />
            ))}
          </ul>
        )}
      </Loadable>
    </section>
  );
}

function Check({ name, ok, detail }: {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}) {
  const isTold = detail !== "well" && detail !== "holds";
  const isRisk = ok && isTold;
  return (
    <li>
      <span class="badge" data-tone={isRisk ? "warning" : ok ? "good" : "bad"}>
        {isRisk ? "take care" : ok ? "ok" : "not ok"}
      </span>
      <span>{name}</span>
      {isTold && <span class="muted small break">{detail}</span>}
    </li>
  );
}

function times(count: number): string {
  return count === 1 ? "once" : `${shownCount(count)} times`;
}
