import type { Command } from "commander";
import { type FireAnswer, PreviewAnswer, ScheduleStatus } from "../../../wire/http_schedules.ts";
import { Schedule } from "../../../wire/schedule.ts";
import {
  addCommand,
  type CommonOptions,
  connect,
  type Session,
  show,
  showMore,
} from "../command.ts";
import { readScheduleFile } from "../job_file.ts";
import { addPaging, type PageOptions, showRows } from "../list.ts";
import { type Column, renderFacts, renderTable } from "../table.ts";

interface CreateOptions extends CommonOptions {
  readonly file: string;
}

interface PreviewOptions extends CommonOptions {
  readonly count: string;
}

const COLUMNS: readonly Column<Schedule>[] = [
  { heading: "id", text: ({ id }) => id },
  { heading: "job", text: ({ job_id }) => job_id },
  { heading: "when", text: ({ when }) => whenText(when) },
  { heading: "zone", text: ({ tz }) => tz },
  { heading: "enabled", text: ({ enabled }) => enabled ? "yes" : "no" },
  { heading: "runs on", text: ({ runs_on }) => runs_on },
];

const PREVIEW_COLUMNS: readonly Column<PreviewAnswer>[] = [
  { heading: "local time", text: ({ local }) => local },
  { heading: "offset", text: ({ utc_offset }) => utc_offset },
  { heading: "zone", text: ({ zone }) => zone },
  { heading: "utc", text: ({ at }) => at },
  { heading: "fires", text: ({ fires, skip }) => fires ? "yes" : `no: ${skip}` },
  { heading: "note", text: ({ note }) => note },
];

const FIRE_COLUMNS: readonly Column<FireAnswer>[] = [
  { heading: "at", text: ({ at }) => at },
  { heading: "state", text: ({ state }) => state },
  { heading: "reason", text: ({ reason }) => reason },
  { heading: "pcs", text: ({ target_count }) => target_count },
  { heading: "exec_id", text: ({ exec_id }) => exec_id },
  { heading: "detail", text: ({ detail }) => detail },
];

/** Schedules: what fires by itself. */
export function addSchedules(program: Command, session: Session): void {
  const schedule = program.command("schedule").description("jobs that run by themselves");
  addWriting(schedule, session);
  addReading(schedule, session);
}

function addWriting(schedule: Command, session: Session): void {
  addCommand(schedule, "create", "add a schedule, or replace it")
    .requiredOption("-f, --file <path>", "the schedule, YAML or JSON (- is standard input)")
    .action(async (options: CreateOptions) => {
      const body = await readScheduleFile(options.file);
      const client = await connect(session, options);
      const created = await client.post(Schedule, "/api/schedules", {
        body,
        contentType: "application/yaml",
      });
      show(
        session,
        options,
        created,
        ({ id, job_id, when }) => `schedule ${id}: ${job_id} ${whenText(when)}\n`,
      );
    });

  addCommand(schedule, "delete <id>", "remove a schedule, and what it knows of who has succeeded")
    .action(async (id: string, options: CommonOptions) => {
      const client = await connect(session, options);
      await client.delete(pathOf(id));
      show(session, options, { id, deleted: true }, () => `schedule ${id} is deleted\n`);
    });

  for (const [verb, what] of [["enable", "let a schedule fire"], ["disable", "let it rest"]]) {
    addCommand(schedule, `${verb} <id>`, what ?? "").action(
      async (id: string, options: CommonOptions) => {
        const client = await connect(session, options);
        const changed = await client.post(Schedule, `${pathOf(id)}/${verb}`);
        show(
          session,
          options,
          changed,
          ({ enabled }) => `schedule ${id} is ${enabled ? "enabled" : "disabled"}\n`,
        );
      },
    );
  }
}

function addReading(schedule: Command, session: Session): void {
  addCommand(schedule, "list", "every schedule").action((options: CommonOptions) =>
    showRows(session, options, { row: Schedule, path: "/api/schedules", columns: COLUMNS })
  );

  addCommand(schedule, "show <id>", "a schedule as it was written").action(
    async (id: string, options: CommonOptions) => {
      const client = await connect(session, options);
      if (options.json === true) {
        show(session, options, await client.get(Schedule, pathOf(id)), String);
      } else session.terminal.out(await client.text(`${pathOf(id)}/yaml`));
    },
  );

  addCommand(schedule, "preview <id>", "its next fires, and why one of them will not fire")
    .option("--count <count>", "how many", "10")
    .action((id: string, options: PreviewOptions) =>
      showRows(session, options, {
        row: PreviewAnswer,
        path: `${pathOf(id)}/preview`,
        query: { count: options.count },
        columns: PREVIEW_COLUMNS,
      })
    );

  const status = "how it stands, and what became of its instants";
  addPaging(addCommand(schedule, "status <id>", status), "20")
    .action(async (id: string, options: PageOptions) => {
      const client = await connect(session, options);
      const { limit, cursor } = options;
      const page = await client.page(ScheduleStatus, `${pathOf(id)}/status`, {
        query: { limit, cursor },
      });
      show(session, options, page.rows, statusText);
      showMore(session, page);
    });
}

function statusText(status: ScheduleStatus): string {
  const { next, progress, blocked, fires } = status;
  const facts = renderFacts([
    ["schedule", status.id],
    ["job", status.job_id],
    ["fires here", firesHereText(status)],
    ["zone", status.zone],
    ["next", next === null ? null : nextText(next)],
    ...(blocked === null ? [] : [["held back by", blocked] as const]),
    ...(progress === null ? [] : [["progress", progressText(progress)] as const]),
  ]);
  return fires.length === 0 ? facts : `${facts}\n${renderTable(FIRE_COLUMNS, fires)}`;
}

function firesHereText({ fired_here, enabled }: ScheduleStatus): string {
  if (fired_here) return "yes";
  return enabled ? "no: agents fire it, not this backend" : "no: it is disabled";
}

function nextText({ local, zone, skip, note }: PreviewAnswer): string {
  const what = skip === null ? "" : `, will not fire: ${skip}`;
  return `${local} ${zone}${what}${note === null ? "" : ` (${note})`}`;
}

function progressText(progress: NonNullable<ScheduleStatus["progress"]>): string {
  const { targets, online, succeeded, failed, open } = progress;
  return `${targets} PCs, ${online} online: ${succeeded} succeeded, ${failed} failed, ${open} open`;
}

/** Such as `09:00 mon-fri` or `each PC once`. */
function whenText({ per_pc, per_target, calendar }: Schedule["when"]): string {
  if (calendar) return [calendar.at, ...calendar.days ?? []].join(" ");
  const repeat = per_pc ?? per_target;
  const often = repeat && repeat !== "once" ? `every ${repeat.every}` : "once";
  return `${per_pc ? "each PC" : "the target"} ${often}`;
}

function pathOf(id: string): string {
  return `/api/schedules/${encodeURIComponent(id)}`;
}
