import * as v from "valibot";
import {
  type ConfigPlace,
  configPlaceText,
  type ResolvedField,
  resolveFields,
  setFields,
} from "../../wire/config.ts";
import { Fault } from "../../wire/fault.ts";
import { AgentConfigAnswer, ConfigBody, ConfigLayerAnswer } from "../../wire/http_config.ts";
import { GroupPath } from "../../wire/http_groups.ts";
import { PcPath } from "../../wire/http_requests.ts";
import { configPlaces } from "../outside_places.ts";
import { changed } from "./audit.ts";
import { CONDITIONAL, etagHeader, expectedOf, VERSIONED } from "./revision.ts";
import { type Call, json, noContent, type Route, route, type Schema } from "./route.ts";

export const CONFIG_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/config",
    role: "viewer",
    summary: "Every layer of config that has a value: for every PC, for groups, for single PCs",
    answer: v.array(ConfigLayerAnswer),
    handle: layers,
  }),
  ...layerRoutes("/api/config/global", "for every PC", v.object({}), () => ({ kind: "global" })),
  ...layerRoutes(
    "/api/config/groups/{group}",
    "for the PCs of a group",
    GroupPath,
    ({ group }) => ({ kind: "groups", name: group }),
  ),
  ...layerRoutes(
    "/api/config/pcs/{pc_id}",
    "for one PC",
    PcPath,
    ({ pc_id }) => ({ kind: "pcs", name: pc_id }),
  ),
  route({
    method: "GET",
    path: "/api/agents/{pc_id}/config",
    role: "viewer",
    summary: "What a PC goes by, and which layer each field comes from",
    params: PcPath,
    answer: AgentConfigAnswer,
    handle: resolvedConfig,
  }),
];

/** @param placeOf how the path names the layer */
function layerRoutes<P extends Schema>(
  path: string,
  whom: string,
  params: P,
  placeOf: (params: v.InferOutput<P>) => ConfigPlace,
): readonly Route[] {
  return [
    route({
      method: "GET",
      path,
      role: "viewer",
      summary: `The config ${whom}; one that was never set is empty`,
      params,
      answer: ConfigBody,
      answerHeaders: VERSIONED,
      handle: (call) => readLayer(call, placeOf(call.params)),
    }),
    route({
      method: "PUT",
      path,
      role: "operator",
      summary: `Set the config ${whom}; If-Match refuses a stale change`,
      params,
      body: ConfigBody,
      heeds: CONDITIONAL,
      answer: ConfigBody,
      answerHeaders: VERSIONED,
      handle: (call) => writeLayer(call, placeOf(call.params)),
    }),
    route({
      method: "DELETE",
      path,
      role: "operator",
      summary: `Take the config ${whom} away; If-Match refuses a stale change`,
      params,
      heeds: CONDITIONAL,
      answer: "nothing",
      handle: (call) => removeLayer(call, placeOf(call.params)),
    }),
  ];
}

async function layers({ services }: Call) {
  const stored = await services.configs.list();
  return json(stored.map(({ place, value = {}, problem }) => ({
    layer: configPlaceText(place),
    config: value,
    problem,
  })));
}

async function readLayer({ services }: Call, place: ConfigPlace) {
  const { value = {}, revision, problem } = await services.configs.read(place);
  if (problem === null) return json(value, { headers: etagHeader(revision) });
  const name = JSON.stringify(configPlaceText(place));
  throw new Fault("conflict", `Cannot show the config ${name}: what is stored there is broken`, {
    details: { problem, revision },
  });
}

async function writeLayer(call: Call<{ body: ConfigBody }>, place: ConfigPlace) {
  const scope = setFields(call.body);
  const expected = expectedOf(call);
  const revision = await changed(
    call,
    {
      action: "config_set",
      target: configPlaceText(place),
      wanted: { config: { ...scope } },
      places: configPlaces(place),
    },
    async ({ configs }) => {
      const value = await configs.write(place, scope, expected);
      return { value, details: { revision: value } };
    },
  );
  return json(scope, { headers: etagHeader(revision) });
}

async function removeLayer(call: Call, place: ConfigPlace): Promise<Response> {
  const expected = expectedOf(call);
  await changed(
    call,
    {
      action: "config_delete",
      target: configPlaceText(place),
      wanted: null,
      places: configPlaces(place),
    },
    async ({ configs }) => ({ value: await configs.remove(place, expected) }),
  );
  return noContent();
}

async function resolvedConfig({ services, params: { pc_id } }: Call<{ params: PcPath }>) {
  const { value: groups = [] } = await services.groups.of(pc_id);
  const { layers, problems } = await services.configs.layersOf(pc_id, groups);
  const fields = resolveFields(layers);
  return json({
    pc_id,
    groups,
    fields: {
      heartbeat_interval: shown(fields.heartbeat_interval),
      max_local_concurrent: shown(fields.max_local_concurrent),
      target_version: shown(fields.target_version),
      target_version_jitter: shown(fields.target_version_jitter),
      host_perf_interval: shown(fields.host_perf_interval),
    },
    problems: problems.map(({ place, problem }) => ({ layer: configPlaceText(place), problem })),
  });
}

function shown<T>({ value, from }: ResolvedField<T>) {
  return { value, from: from === null ? "built-in" : configPlaceText(from) };
}
