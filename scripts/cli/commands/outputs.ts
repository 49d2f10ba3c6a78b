import type { Command } from "commander";
import * as v from "valibot";
import {
  GroupMemberAnswer,
  type OutputGroupAnswer,
  OutputGroupsAnswer,
} from "../../../wire/http.ts";
import {
  addCommand,
  type CommonOptions,
  connect,
  type Session,
  show,
  showList,
  showMore,
} from "../command.ts";
import { type Column, renderTable } from "../table.ts";

interface OutputsOptions extends CommonOptions {
  readonly group?: string;
  readonly limit: string;
  readonly cursor?: string;
}

const COLUMNS: readonly Column<OutputGroupAnswer>[] = [
  { heading: "runs", text: (group) => group.runs },
  { heading: "outcome", text: (group) => group.outcome },
  { heading: "exit", text: (group) => group.exit_code },
  { heading: "pcs", text: pcsText },
  { heading: "output", text: (group) => group.stdout === "" ? group.stderr : group.stdout },
  { heading: "group", text: (group) => group.group },
];

const MEMBER_COLUMNS: readonly Column<GroupMemberAnswer>[] = [
  { heading: "pc", text: (row) => row.pc_id },
  { heading: "result_id", text: (row) => row.result_id },
];

/** PCs that a line of the table names. */
const NAMED_PCS = 3;

/** Who said the same. */
export function addOutputs(program: Command, session: Session): void {
  addCommand(program, "outputs <exec_id>", "who said the same: an execution's outputs in groups")
    .option("--group <group>", "every PC of one group")
    .option("--limit <count>", "how many", "50")
    .option("--cursor <cursor>", "go on where a list ended")
    .action(async (execId: string, options: OutputsOptions) => {
      const path = `/api/executions/${encodeURIComponent(execId)}/outputs`;
      if (options.group === undefined) await showGroups(session, path, options);
      else await showMembers(session, `${path}/${encodeURIComponent(options.group)}`, options);
    });
}

async function showGroups(session: Session, path: string, options: OutputsOptions): Promise<void> {
  const client = await connect(session, options);
  const { limit, cursor } = options;
  const page = await client.page(OutputGroupsAnswer, path, { query: { limit, cursor } });
  show(session, options, page.rows, ({ groups }) => {
    const { isInteractive, columns } = session.terminal;
    if (groups.length === 0) return "nothing\n";
    return renderTable(COLUMNS, groups, isInteractive ? columns : undefined);
  });
  const { in_flight, not_grouped_yet } = page.rows;
  if (in_flight > 0) session.terminal.err(`still running: ${in_flight}\n`);
  if (not_grouped_yet > 0) session.terminal.err(`not grouped yet: ${not_grouped_yet}\n`);
  showMore(session, page);
}

async function showMembers(session: Session, path: string, options: OutputsOptions): Promise<void> {
  const client = await connect(session, options);
  const { limit, cursor } = options;
  const page = await client.page(v.array(GroupMemberAnswer), path, { query: { limit, cursor } });
  showList(session, options, page.rows, MEMBER_COLUMNS);
  showMore(session, page);
}

function pcsText({ pcs, runs }: OutputGroupAnswer): string {
  const named = pcs.slice(0, NAMED_PCS).join(", ");
  return runs > NAMED_PCS ? `${named} and ${runs - NAMED_PCS} more` : named;
}
