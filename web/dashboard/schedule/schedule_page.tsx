import { useState } from "preact/hooks";
import type { FireAnswer, PreviewAnswer, ScheduleStatus } from "../../../wire/http_schedules.ts";
import { ask, pathOf } from "../../shared/api.ts";
import { refreshSoon, useQuery } from "../../shared/queries.ts";
import { goTo, linkTo } from "../../shared/router.ts";
import { may } from "../../shared/session.ts";
import { shownCount } from "../../shared/time.ts";
import { Confirm } from "../../shared/ui/confirm.tsx";
import { PageHead } from "../../shared/ui/page.tsx";
import { Loadable, LoadablePage } from "../../shared/ui/states.tsx";
import { Time } from "../../shared/ui/time.tsx";
import { sayDone, sayProblem } from "../../shared/ui/toasts.tsx";
import { DocumentEditor } from "../editor/document_page.tsx";
import { saveSchedule } from "./save.ts";
import { whyNotWords } from "./words.ts";

export function SchedulePage({ id }: { readonly id: string }) {
  const at = (...rest: readonly string[]) => pathOf("api", "schedules", id, ...rest);
  const status = useQuery({
    key: ["schedules", id, "status"],
    load: ({ signal }) => ask<ScheduleStatus>(`${at("status")}?limit=50`, { signal }),
  });
  const preview = useQuery({
    key: ["schedules", id, "preview"],
    load: ({ signal }) => ask<readonly PreviewAnswer[]>(`${at("preview")}?count=8`, { signal }),
  });
  const yaml = useQuery({
    key: ["schedules", id, "yaml"],
    load: ({ signal }) => ask<string>(at("yaml"), { signal }),
  });
  const crumbs = <a href="#/schedules">Schedules</a>;
  if (status.data === undefined && status.isError) {
    // Of one that is not there every question has the same answer.
    return <LoadablePage query={status} title={id} crumbs={crumbs}>{() => null}</LoadablePage>;
  }
  return (
    <>
      <PageHead title={id} crumbs={crumbs}>
        {may("operator") && status.data !== undefined && <Actions status={status.data} />}
      </PageHead>
      {status.data?.blocked != null && (
        <p class="notice" role="status">
          It is somebody's turn, and nothing fires: {whyNotWords(status.data.blocked)}.
        </p>
      )}
      <div class="halves">
        <section class="card" aria-label="Next">
          <div class="card-head">
            <h2>Next</h2>
            {status.data !== undefined && <span class="muted small">{status.data.zone}</span>}
          </div>
          <div class="card-body stack">
            {status.data?.progress != null && <Progress progress={status.data.progress} />}
            <Loadable query={preview}>{(fires) => <Fires fires={fires} />}</Loadable>
          </div>
        </section>
        <section class="card" aria-label="Ledger">
          <div class="card-head">
            <h2>What it decided</h2>
          </div>
          <div class="card-body">
            <Loadable query={status}>{({ fires }) => <Ledger fires={fires} />}</Loadable>
          </div>
        </section>
      </div>
      <Loadable query={yaml}>
        {(text) => (
          <DocumentEditor
            kind="schedule"
            text={text}
            readOnly={!may("operator")}
            onSave={saveSchedule}
          />
        )}
      </Loadable>
    </>
  );
}

/** How far one is that repeats until it succeeded. */
function Progress({ progress }: { readonly progress: NonNullable<ScheduleStatus["progress"]> }) {
  const { targets, online, succeeded, failed, open } = progress;
  const parts = [
    `${shownCount(succeeded)} succeeded`,
    failed > 0 && `${shownCount(failed)} failed and come again`,
    open > 0 && `${shownCount(open)} under way`,
  ].filter((part) => part !== false);
  return (
    <p>
      {shownCount(targets)} {targets === 1 ? "PC" : "PCs"} meant, {shownCount(online)} online:{" "}
      {parts.join(", ")}.
    </p>
  );
}

function Fires({ fires }: { readonly fires: readonly PreviewAnswer[] }) {
  if (fires.length === 0) return <p class="muted">It does not fire any more.</p>;
  return (
    <ol class="changes">
      {fires.map(({ at, fires, skip, note, local, utc_offset }) => (
        <li key={at}>
          <span class="badge" data-tone={fires ? "busy" : undefined}>
            {fires ? "fires" : "skips"}
          </span>
          <Time at={at} />
          <span class="muted small">
            {[`${local} (${utc_offset})`, skip === null ? null : whyNotWords(skip), note]
              .filter((part) => part !== null).join(", ")}
          </span>
        </li>
      ))}
    </ol>
  );
}

const TONES = { fired: "good", missed: "bad", skipped: undefined } as const;

function Ledger({ fires }: { readonly fires: readonly FireAnswer[] }) {
  if (fires.length === 0) return <p class="muted">Nothing yet: its first time is still to come.</p>;
  return (
    <ol class="changes">
      {fires.map(({ at, state, reason, detail, exec_id, target_count }) => (
        <li key={at}>
          <span class="badge" data-tone={TONES[state]}>{state}</span>
          <Time at={at} />
          {exec_id === null
            ? (
              <span class="muted small">
                {[reason === null ? null : whyNotWords(reason), detail]
                  .filter((part) => part !== null).join(": ")}
              </span>
            )
            : (
              <a class="small" href={linkTo(["executions", exec_id])}>
                on {target_count} {target_count === 1 ? "PC" : "PCs"}
              </a>
            )}
        </li>
      ))}
    </ol>
  );
}

function Actions({ status }: { readonly status: ScheduleStatus }) {
  const { id, enabled } = status;
  const [isAsking, setAsking] = useState(false);
  const toggle = async () => {
    try {
      await ask(pathOf("api", "schedules", id, enabled ? "disable" : "enable"), { method: "POST" });
      sayDone(enabled ? `${id} fires no more.` : `${id} fires again.`);
    } catch (thrown) {
      sayProblem("Cannot change it", thrown);
    }
    refreshSoon(["schedules"]);
  };
  const remove = async () => {
    await ask(pathOf("api", "schedules", id), { method: "DELETE" });
    refreshSoon(["schedules"]);
    goTo("#/schedules");
  };
  return (
    <>
      <button type="button" class="button" onClick={() => void toggle()}>
        {enabled ? "Disable" : "Enable"}
      </button>
      <button type="button" class="button quiet" onClick={() => setAsking(true)}>Delete</button>
      {isAsking && (
        <Confirm
          title={`Delete ${id}?`}
          action="Delete 1 schedule"
          onDo={remove}
          onClose={() => setAsking(false)}
        >
          <p>It fires no more. What it has fired stays.</p>
        </Confirm>
      )}
    </>
  );
}
