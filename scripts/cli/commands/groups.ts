import type { Command } from "commander";
import { GroupAnswer, GroupsAnswer, GroupSummary } from "../../../wire/http_groups.ts";
import type { ApiClient } from "../api_client.ts";
import { addCommand, type CommonOptions, connect, type Session, show } from "../command.ts";
import { showOne, showRows } from "../list.ts";
import { type Column, renderTable } from "../table.ts";

const COLUMNS: readonly Column<GroupSummary>[] = [
  { heading: "group", text: ({ group }) => group },
  { heading: "pcs", text: ({ member_count }) => member_count },
];

const PC_COLUMNS: readonly Column<GroupsAnswer>[] = [
  { heading: "pc", text: ({ pc_id }) => pc_id },
  { heading: "groups", text: ({ groups }) => groups.join(", ") || null },
];

/** Which PCs are in which groups. */
export function addGroups(program: Command, session: Session): void {
  const group = program.command("group").description("groups of PCs");

  addCommand(group, "list", "every group that has a member").action((options: CommonOptions) =>
    showRows(session, options, { row: GroupSummary, path: "/api/groups", columns: COLUMNS })
  );

  addCommand(group, "show <group>", "the PCs of a group").action(
    (name: string, options: CommonOptions) => {
      const path = `/api/groups/${encodeURIComponent(name)}`;
      return showOne(
        session,
        options,
        { schema: GroupAnswer, path },
        ({ members }) => `${members.join("\n")}\n`,
      );
    },
  );

  addCommand(group, "add <group> <pc...>", "put PCs into a group").action(
    (name: string, pcIds: readonly string[], options: CommonOptions) =>
      changeEach(
        session,
        options,
        pcIds,
        (groups) => groups.includes(name) ? undefined : [...groups, name],
      ),
  );

  addCommand(group, "remove <group> <pc...>", "take PCs out of a group").action(
    (name: string, pcIds: readonly string[], options: CommonOptions) =>
      changeEach(
        session,
        options,
        pcIds,
        (groups) => groups.includes(name) ? groups.filter((each) => each !== name) : undefined,
      ),
  );

  addCommand(group, "set <pc> [group...]", "put a PC into these groups and no others").action(
    async (pcId: string, groups: readonly string[], options: CommonOptions) => {
      const client = await connect(session, options);
      const answer = await client.put(GroupsAnswer, pathOf(pcId), { groups });
      showMemberships(session, options, [answer]);
    },
  );
}

/** Undefined = the membership stays as it is. */
type Decide = (groups: readonly string[]) => readonly string[] | undefined;

async function changeEach(
  session: Session,
  options: CommonOptions,
  pcIds: readonly string[],
  decide: Decide,
): Promise<void> {
  const client = await connect(session, options);
  const answers: GroupsAnswer[] = [];
  for (const pcId of pcIds) answers.push(await change(client, pcId, decide));
  showMemberships(session, options, answers);
}

function change(client: ApiClient, pcId: string, decide: Decide): Promise<GroupsAnswer> {
  return client.change(GroupsAnswer, pathOf(pcId), ({ groups }) => {
    const wanted = decide(groups);
    return wanted === undefined ? undefined : { groups: wanted };
  });
}

function showMemberships(
  session: Session,
  options: CommonOptions,
  answers: readonly GroupsAnswer[],
): void {
  show(session, options, answers, () => renderTable(PC_COLUMNS, answers));
}

function pathOf(pcId: string): string {
  return `/api/agents/${encodeURIComponent(pcId)}/groups`;
}
