import type { RolloutAnswer, RolloutDetail, WaveAnswer } from "../../../wire/http_rollouts.ts";
import { ask, pathOf } from "../../shared/api.ts";
import { usePages } from "../../shared/pages_query.ts";
import { useQuery } from "../../shared/queries.ts";
import { linkTo } from "../../shared/router.ts";
import { may } from "../../shared/session.ts";
import { Icon } from "../../shared/ui/icons.tsx";
import { Legend, ProgressBar } from "../../shared/ui/outcome.tsx";
import { PageHead } from "../../shared/ui/page.tsx";
import { PagedCard } from "../../shared/ui/paged_card.tsx";
import { Empty, LoadablePage } from "../../shared/ui/states.tsx";
import { type Column, Table } from "../../shared/ui/table.tsx";
import { Time } from "../../shared/ui/time.tsx";
import type { PageProps } from "../page_props.ts";
import { NewRollout } from "../rollout/new_rollout.tsx";
import { Steering } from "../rollout/steering.tsx";

const NEW = "new";

export function RolloutsPage({ id }: PageProps) {
  if (id === undefined) return <RolloutsList />;
  return id === NEW ? <NewRollout /> : <RolloutPage execId={id} />;
}

/** What the machine of a rollout was told. */
const WORDS: Readonly<Record<string, string>> = {
  DUE: "its time has come",
  HELD: "held back",
  SENT: "sent",
  SOAKED: "watched for as long as was asked",
  COUNTED: "its runs were counted",
  REVOKED: "its job was revoked",
  TOO_LATE: "its deadline passed",
  PAUSE: "paused",
  RESUME: "let go on",
  ABORT: "aborted",
  KILLED: "its execution was killed",
};

const TONES: Readonly<Record<string, string>> = {
  completed: "good",
  stopped: "bad",
  aborted: "bad",
  paused: "warning",
};

function Status({ status }: { readonly status: string }) {
  return <span class="badge" data-tone={TONES[status] ?? "busy"}>{status}</span>;
}

const COLUMNS: readonly Column<RolloutAnswer>[] = [
  {
    head: "Job",
    kind: "what",
    cell: ({ exec_id, job_id }) => (
      <a class="strong" href={linkTo(["rollouts", exec_id])}>{job_id ?? "ad-hoc script"}</a>
    ),
  },
  { head: "State", kind: "state", cell: ({ status }) => <Status status={status} /> },
  { head: "Wave", kind: "number", cell: ({ wave, waves }) => `${wave} of ${waves}` },
  { head: "Began", kind: "when", cell: ({ created_at }) => <Time at={created_at} /> },
  { head: "Why", kind: "whole", cell: ({ reason, held }) => reason ?? held ?? "" },
];

function RolloutsList() {
  const pages = usePages<RolloutAnswer>(["rollouts", "list"], "/api/rollouts?limit=50");
  return (
    <>
      <PageHead title="Rollouts">
        {may("operator") && (
          <a class="button primary" href={linkTo(["rollouts", NEW])}>
            <Icon name="plus" />
            New rollout
          </a>
        )}
      </PageHead>
      <PagedCard label="Rollouts" pages={pages} empty={<NoRollouts />}>
        {(rows) => (
          <Table
            label="Rollouts as rows"
            rows={rows}
            columns={COLUMNS}
            keyOf={({ exec_id }) => exec_id}
          />
        )}
      </PagedCard>
    </>
  );
}

function NoRollouts() {
  return (
    <Empty icon="rollouts" title="No rollouts yet">
      <p>
        A rollout sends a job out in waves, and stops by itself when too many PCs fail.
      </p>
    </Empty>
  );
}

function RolloutPage({ execId }: { readonly execId: string }) {
  const detail = useQuery({
    key: ["rollouts", "one", execId],
    load: ({ signal }) => ask<RolloutDetail>(pathOf("api", "rollouts", execId), { signal }),
  });
  return (
    <LoadablePage query={detail} title="Rollout" crumbs={<a href="#/rollouts">Rollouts</a>}>
      {({ rollout, waves, transitions }) => (
        <>
          <PageHead
            title={rollout.job_id ?? "ad-hoc script"}
            name={
              <>
                {rollout.job_id ?? "ad-hoc script"} <Status status={rollout.status} />
              </>
            }
            crumbs={<a href="#/rollouts">Rollouts</a>}
          >
            <a class="button" href={linkTo(["executions", execId])}>Its PCs</a>
            {may("operator") && rollout.ended_at === null && (
              <Steering detail={{ rollout, waves, transitions }} />
            )}
          </PageHead>
          {(rollout.reason ?? rollout.held) !== null && (
            <p class="notice" role="status">{rollout.reason ?? rollout.held}</p>
          )}
          <section class="waves" aria-label="Waves">
            {waves.map((wave) => <Wave key={wave.wave} wave={wave} />)}
          </section>
          <section class="card" aria-label="What became of it">
            <div class="card-head">
              <h2>What became of it</h2>
            </div>
            <div class="card-body">
              <ol class="changes">
                {transitions.map(({ at, to, event, wave, why, actor }, index) => (
                  <li key={index}>
                    <Status status={to} />
                    <span>wave {wave}: {WORDS[event] ?? event}</span>
                    <span class="muted small">
                      <Time at={at} /> by {actor}
                      {why === null ? "" : `, ${why}`}
                    </span>
                  </li>
                ))}
              </ol>
            </div>
          </section>
        </>
      )}
    </LoadablePage>
  );
}

function Wave({ wave }: { readonly wave: WaveAnswer }) {
  const ended = wave.success_count + wave.failure_count + wave.skipped_count + wave.missing_count;
  const counts = {
    succeeded: wave.success_count,
    failed: wave.failure_count,
    skipped: wave.skipped_count,
    expired: 0,
    missing: wave.missing_count,
    running: wave.in_flight,
    waiting: Math.max(0, wave.target_count - ended - wave.in_flight),
  };
  return (
    <div class="card padded stack">
      <div class="row">
        <h2 class="grow">
          Wave {wave.wave}: {wave.group ?? `up to ${wave.percent} %`}
        </h2>
        <span class="muted small">
          {wave.began_at === null
            ? (
              <>
                not before <Time at={wave.due_at} />
              </>
            )
            : (
              <>
                began <Time at={wave.began_at} />
              </>
            )}
        </span>
      </div>
      <ProgressBar counts={counts} />
      <Legend counts={counts} />
    </div>
  );
}
