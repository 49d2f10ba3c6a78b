import type { Command } from "commander";
import { RevocationAnswer, ScriptStatusAnswer } from "../../../wire/http_scripts.ts";
import { addCommand, type CommonOptions, connect, type Session, show } from "../command.ts";
import { showRows } from "../list.ts";
import type { Column } from "../table.ts";

const COLUMNS: readonly Column<ScriptStatusAnswer>[] = [
  { heading: "job", text: (row) => row.job_id },
  { heading: "status", text: (row) => row.status.toLowerCase() },
  { heading: "version", text: (row) => row.version },
  { heading: "catalogued", text: (row) => row.catalogued ? "yes" : "no" },
];

/** The kill switch of jobs. */
export function addScripts(program: Command, session: Session): void {
  addCommand(program, "revoke <job>", "have agents skip a job from now on").action(
    (job: string, options: CommonOptions) => set(session, options, job, "revoke"),
  );

  addCommand(program, "unrevoke <job>", "have agents run a job again").action(
    (job: string, options: CommonOptions) => set(session, options, job, "unrevoke"),
  );

  addCommand(program, "revocations", "which jobs are revoked, and which versions agents run")
    .action((options: CommonOptions) => {
      const path = "/api/scripts/status";
      return showRows(session, options, { row: ScriptStatusAnswer, path, columns: COLUMNS });
    });
}

async function set(
  session: Session,
  options: CommonOptions,
  job: string,
  verb: "revoke" | "unrevoke",
): Promise<void> {
  const client = await connect(session, options);
  const path = `/api/scripts/${encodeURIComponent(job)}/${verb}`;
  const answer = await client.post(RevocationAnswer, path);
  show(
    session,
    options,
    answer,
    ({ job_id, changed }) => `job ${job_id} ${changed ? "is" : "was already"} ${verb}d\n`,
  );
}
