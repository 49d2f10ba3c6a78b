import { RebuildAnswer } from "../../wire/http.ts";
import { audit } from "./audit.ts";
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

async function rebuild(call: Call) {
  const report = await call.services.rebuild();
  await audit(call, "rebuild", "projection", { ...report });
  return json(report);
}
