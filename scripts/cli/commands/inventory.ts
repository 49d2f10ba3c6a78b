import type { Command } from "commander";
import * as v from "valibot";
import { Fault } from "../../../wire/fault.ts";
import {
  InventoryChangeAnswer,
  type InventoryRow,
  JobInventoryAnswer,
  PcInventoryAnswer,
} from "../../../wire/http_inventory.ts";
import { DisplayField } from "../../../wire/manifest.ts";
import type { ApiClient, Page } from "../api_client.ts";
import { addCommand, connect, type Session, show, showMore } from "../command.ts";
import { factText, memberOf } from "../fact_text.ts";
import { addPaging, type PageOptions, showRows } from "../list.ts";
import { type Column, renderFacts, renderTable } from "../table.ts";

interface InventoryOptions extends PageOptions {
  readonly job?: string;
  readonly history?: boolean;
}

const CHANGE_COLUMNS: readonly Column<InventoryChangeAnswer>[] = [
  { heading: "since", text: ({ since }) => since },
  { heading: "until", text: ({ until }) => until },
  {
    heading: "changed",
    text: ({ changes }) => changes === null ? null : changes.map(({ field }) => field).join(", "),
  },
  { heading: "facts", text: ({ facts }) => JSON.stringify(facts) },
];

/** What jobs with an inventory hint told of PCs. */
export function addInventory(program: Command, session: Session): void {
  const inventory = addCommand(
    program,
    "inventory [pc]",
    "what jobs told of a PC, or one job of every PC",
  );
  addPaging(inventory, "100")
    .option("--job <job>", "only what this job told")
    .option("--history", "how that has changed, newest first (with a PC and --job)")
    .action(async (pcId: string | undefined, options: InventoryOptions) => {
      const { job, history = false } = options;
      if (history && pcId !== undefined && job !== undefined) {
        return await showHistory(session, options, pcId, job);
      }
      if (history) throw wrongUse("--history takes a PC and --job");
      if (pcId !== undefined) return await showPc(session, options, pcId);
      if (job !== undefined) return await showJob(session, options, job);
      throw wrongUse("it takes a PC, or --job");
    });
}

function wrongUse(why: string): Fault {
  return new Fault("invalid_input", `Cannot show the inventory: ${why}`);
}

async function showPc(session: Session, options: InventoryOptions, pcId: string): Promise<void> {
  const client = await connect(session, options);
  const path = `/api/inventory/${encodeURIComponent(pcId)}`;
  const all = await client.get(v.array(PcInventoryAnswer), path);
  const rows = all.filter(({ job_id }) => options.job === undefined || options.job === job_id);
  show(session, options, rows, () => rows.length === 0 ? "nothing\n" : rows.map(pcText).join("\n"));
}

function pcText({ job_id, display, ...row }: PcInventoryAnswer): string {
  const shown = fieldsOf(display).map(
    (field) => [field.label, factText(memberOf(row.facts, field.field), field.type)] as const,
  );
  const whole = [["facts", JSON.stringify(row.facts)]] as const;
  return renderFacts([
    ["job", job_id],
    ["told", row.finished_at],
    ...(row.facts === null ? [] : shown.length > 0 ? shown : whole),
    ...(row.note === null ? [] : [["newest run", noteText(row)] as const]),
  ]);
}

async function showJob(session: Session, options: InventoryOptions, job: string): Promise<void> {
  const client = await connect(session, options);
  const page = await readPage(client, options, job);
  const { rows, summary, display } = page.rows;
  const hinted = fieldsOf(summary).length > 0 ? fieldsOf(summary) : fieldsOf(display);
  const columns: Column<InventoryRow>[] = [
    { heading: "pc", text: ({ pc_id }) => pc_id },
    ...hinted.filter(({ type }) => type !== "table").map(({ label, field, type }) => ({
      heading: label,
      text: ({ facts }: InventoryRow) => factText(memberOf(facts, field), type),
    })),
    { heading: "told", text: ({ finished_at }) => finished_at },
    { heading: "newest run", text: noteText },
  ];
  show(
    session,
    options,
    page.rows,
    () => rows.length === 0 ? "nothing\n" : renderTable(columns, rows),
  );
  showMore(session, page);
}

function readPage(
  client: ApiClient,
  { limit, cursor }: InventoryOptions,
  job: string,
): Promise<Page<JobInventoryAnswer>> {
  const path = `/api/inventory/by-job/${encodeURIComponent(job)}`;
  return client.page(JobInventoryAnswer, path, { query: { limit, cursor } });
}

function showHistory(
  session: Session,
  options: InventoryOptions,
  pcId: string,
  job: string,
): Promise<void> {
  return showRows(session, options, {
    row: InventoryChangeAnswer,
    path: `/api/inventory/${encodeURIComponent(pcId)}/${encodeURIComponent(job)}/history`,
    columns: CHANGE_COLUMNS,
  });
}

/** Hints are the author's: what is no list of fields shows nothing. */
function fieldsOf(hint: unknown): readonly DisplayField[] {
  const read = v.safeParse(v.array(DisplayField), hint);
  return read.success ? read.output : [];
}

function noteText({ note, note_at }: Pick<InventoryRow, "note" | "note_at">): string | null {
  return note === null ? null : `told nothing at ${note_at}: ${note}`;
}
