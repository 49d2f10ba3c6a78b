import type { Command } from "commander";
import * as v from "valibot";
import { GroupAnswer, GroupsAnswer, GroupSummary } from "../../../wire/http_groups.ts";
import type { ApiClient } from "../api_client.ts";
import {
  addCommand,
  type CommonOptions,
  connect,
  type Session,
  show,
  showList,
} from "../command.ts";
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

  addCommand(group, "list", "every group that has a member").action(
    async (options: CommonOptions) => {
      const client = await connect(session, options);
      const rows = await client.get(v.array(GroupSummary), "/api/groups");
      showList(session, options, rows, COLUMNS);
    },
  );

  addCommand(group, "show <group>", "the PCs of a group").action(
    async (name: string, options: CommonOptions) => {
      const client = await connect(session, options);
      const answer = await client.get(GroupAnswer, `/api/groups/${encodeURIComponent(name)}`);
      show(session, options, answer, ({ members }) => `${members.join("\n")}\n`);
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
