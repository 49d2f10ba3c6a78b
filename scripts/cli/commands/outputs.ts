import type { Command } from "commander";
import {
  GroupMemberAnswer,
  type OutputGroupAnswer,
  OutputGroupsAnswer,
} from "../../../wire/http.ts";
import { addCommand, connect, type Session, show, showMore } from "../command.ts";
import { addPaging, type PageOptions, showRows } from "../list.ts";
import { type Column, renderTable } from "../table.ts";

interface OutputsOptions extends PageOptions {
  readonly group?: string;
}

const COLUMNS: readonly Column<OutputGroupAnswer>[] = [
  { heading: "runs", text: (group) => group.runs },
  {
    heading: "outcome",
    text: ({ outcome, outcome_reason: why }) => why === null ? outcome : `${outcome}, ${why}`,
  },
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
  const outputs = addCommand(
    program,
    "outputs <exec_id>",
    "who said the same: an execution's outputs in groups",
  );
  addPaging(outputs, "50")
    .option("--group <group>", "every PC of one group")
    .action((execId: string, options: OutputsOptions) => {
      const path = `/api/executions/${encodeURIComponent(execId)}/outputs`;
      if (options.group === undefined) return showGroups(session, path, options);
      return showRows(session, options, {
        row: GroupMemberAnswer,
        path: `${path}/${encodeURIComponent(options.group)}`,
        columns: MEMBER_COLUMNS,
      });
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

function pcsText({ pcs, runs }: OutputGroupAnswer): string {
  const named = pcs.slice(0, NAMED_PCS).join(", ");
  return runs > NAMED_PCS ? `${named} and ${runs - NAMED_PCS} more` : named;
}
