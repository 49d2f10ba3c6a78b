import { RebuildAnswer } from "../../wire/http.ts";
import { type Call, json, type Route, route } from "./route.ts";

export const REBUILD_ROUTES: readonly Route[] = [
  route({
    method: "POST",
    path: "/api/rebuild",
    role: "admin",
    summary: "Build the projection anew from the streams and swap it in",
    answer: RebuildAnswer,
    handle: rebuild,
  }),
];

async function rebuild({ services, caller }: Call) {
  return json(await services.rebuild(caller.name));
}
