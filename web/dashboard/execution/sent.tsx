import type { ExecutionAnswer, SentAnswer } from "../../../wire/http.ts";
import { ask, pathOf } from "../../shared/api.ts";
import { useQuery } from "../../shared/queries.ts";
import { linkTo } from "../../shared/router.ts";
import { CopyButton } from "../../shared/ui/clipboard.tsx";
import { Loadable } from "../../shared/ui/states.tsx";

/** The script as it was sent, and how it is run. It never changes. */
export function Sent({ execution }: { readonly execution: ExecutionAnswer }) {
  const { exec_id: execId, job_id: jobId } = execution;
  const sent = useQuery({
    key: ["sent", execId],
    load: ({ signal }) =>
      ask<SentAnswer | null>(pathOf("api", "executions", execId, "sent"), { signal }),
    isFixed: true,
  });
  return (
    <section class="card" aria-label="Sent">
      <div class="card-head">
        <h2>What was sent</h2>
        <div class="row">
          {jobId !== null && jobId !== "adhoc" && (
            <a class="small" href={linkTo(["jobs", jobId])}>Its job</a>
          )}
          {sent.data != null && <CopyButton label="Copy" text={sent.data.script} />}
        </div>
      </div>
      <div class="card-body stack">
        <Loadable query={sent}>
          {(value) =>
            value === null
              ? <p class="muted">Another backend dispatched it, and did not say what.</p>
              : <Script {...value} />}
        </Loadable>
      </div>
    </section>
  );
}

function Script(sent: SentAnswer) {
  const how = [
    sent.shell,
    `up to ${sent.timeout_secs} s`,
    sent.run_as !== "system" && `as ${sent.run_as}`,
    sent.cwd !== null && `in ${sent.cwd}`,
    sent.jitter_secs !== null && sent.jitter_secs > 0 && `spread over ${sent.jitter_secs} s`,
    sent.retry_max !== null && `up to ${sent.retry_max} retries`,
  ].filter(Boolean).join(" · ");
  return (
    <>
      <p class="muted small">{how}</p>
      <pre class="code-block" tabIndex={0} aria-label="Script">
        {sent.script_object === null ? sent.script : `stored as ${sent.script_object}`}
      </pre>
    </>
  );
}
