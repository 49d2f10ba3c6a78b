import type { Command } from "commander";
import * as v from "valibot";
import { Manifest } from "../../../wire/manifest.ts";
import { addCommand, type CommonOptions, connect, type Session, show } from "../command.ts";
import type { ApiClient } from "../api_client.ts";
import { orSuggest } from "../suggest.ts";
import { readJobFile } from "../job_file.ts";
import { showRows } from "../list.ts";
import type { Column } from "../table.ts";

const COLUMNS: readonly Column<Manifest>[] = [
  { heading: "id", text: ({ id }) => id },
  { heading: "version", text: ({ version }) => version },
  { heading: "shell", text: ({ execute }) => execute.shell },
  { heading: "timeout", text: ({ execute }) => execute.timeout },
  { heading: "description", text: ({ description }) => description ?? null },
];

interface CreateOptions extends CommonOptions {
  readonly file: string;
}

/** The names of all jobs. */
export async function jobIds(client: ApiClient): Promise<readonly string[]> {
  const jobs = await client.get(v.array(v.object({ id: v.string() })), "/api/jobs");
  return jobs.map(({ id }) => id);
}

/** The catalogue. */
export function addJobs(program: Command, session: Session): void {
  const job = program.command("job").description("the catalogue of jobs");

  addCommand(job, "create", "add a job, or replace it")
    .requiredOption("-f, --file <path>", "its manifest, YAML or JSON (- is standard input)")
    .action(async (options: CreateOptions) => {
      const body = await readJobFile(options.file);
      const client = await connect(session, options);
      const manifest = await client.post(Manifest, "/api/jobs", {
        body,
        contentType: "application/yaml",
      });
      show(session, options, manifest, ({ id, version }) => `job ${id}, version ${version}\n`);
    });

  addCommand(job, "list", "every job").action((options: CommonOptions) =>
    showRows(session, options, { row: Manifest, path: "/api/jobs", columns: COLUMNS })
  );

  addCommand(job, "get <id>", "a job as it was written").action(
    async (id: string, options: CommonOptions) => {
      const client = await connect(session, options);
      const path = `/api/jobs/${encodeURIComponent(id)}`;
      await orSuggest(id, () => jobIds(client), async () => {
        if (options.json === true) show(session, options, await client.get(Manifest, path), String);
        else session.terminal.out(await client.text(`${path}/yaml`));
      });
    },
  );

  addCommand(job, "delete <id>", "remove a job that no schedule uses").action(
    async (id: string, options: CommonOptions) => {
      const client = await connect(session, options);
      const path = `/api/jobs/${encodeURIComponent(id)}`;
      await orSuggest(id, () => jobIds(client), () => client.delete(path));
      show(session, options, { id, deleted: true }, () => `job ${id} is deleted\n`);
    },
  );
}
