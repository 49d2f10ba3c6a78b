import * as v from "valibot";
import { Fault } from "../../wire/fault.ts";
import {
  GroupAnswer,
  GroupPath,
  GroupsAnswer,
  GroupsBody,
  GroupSummary,
} from "../../wire/http_groups.ts";
import { PcPath } from "../../wire/http_requests.ts";
import { groupPlaces } from "../outside_places.ts";
import { changed } from "./audit.ts";
import { CONDITIONAL, etagHeader, expectedOf, VERSIONED } from "./revision.ts";
import { type Call, json, type Route, route } from "./route.ts";

export const GROUP_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/agents/{pc_id}/groups",
    role: "viewer",
    summary: "The groups of a PC",
    params: PcPath,
    answer: GroupsAnswer,
    answerHeaders: VERSIONED,
    handle: groupsOfPc,
  }),
  route({
    method: "PUT",
    path: "/api/agents/{pc_id}/groups",
    role: "operator",
    summary: "Put a PC into these groups and no others; If-Match refuses a stale change",
    params: PcPath,
    body: GroupsBody,
    heeds: CONDITIONAL,
    answer: GroupsAnswer,
    answerHeaders: VERSIONED,
    handle: setGroups,
  }),
  route({
    method: "GET",
    path: "/api/groups",
    role: "viewer",
    summary: "Every group that has a member",
    answer: v.array(GroupSummary),
    handle: ({ services }) =>
      json(
        services.groups.list().map(({ group, members }) => ({
          group,
          member_count: members.length,
        })),
      ),
  }),
  route({
    method: "GET",
    path: "/api/groups/{group}",
    role: "viewer",
    summary: "The PCs of a group",
    params: GroupPath,
    answer: GroupAnswer,
    handle: membersOf,
  }),
];

async function groupsOfPc({ services, params: { pc_id } }: Call<{ params: PcPath }>) {
  const { value = [], revision, problem } = await services.groups.of(pc_id);
  return json({ pc_id, groups: value, problem }, { headers: etagHeader(revision) });
}

async function setGroups(call: Call<{ params: PcPath; body: GroupsBody }>) {
  const { params: { pc_id }, body } = call;
  const expected = expectedOf(call);
  const { groups, revision } = await changed(
    call,
    {
      action: "groups_set",
      target: pc_id,
      wanted: { groups: body.groups },
      places: groupPlaces(pc_id),
    },
    async (outside) => {
      const value = await outside.groups.set(pc_id, body.groups, expected);
      return { value, details: { ...value } };
    },
  );
  return json({ pc_id, groups, problem: null }, { headers: etagHeader(revision) });
}

function membersOf({ services, params }: Call<{ params: GroupPath }>) {
  const found = services.groups.list().find(({ group }) => group === params.group);
  if (found !== undefined) return json(found);
  throw new Fault(
    "not_found",
    `Cannot find the group ${JSON.stringify(params.group)}: it has no member`,
  );
}
