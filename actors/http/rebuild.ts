import { audit } from "./audit.ts";
import { readBody } from "./input.ts";
import { type Call, json, type Route } from "./route.ts";

export const REBUILD_ROUTES: readonly Route[] = [
  {
    method: "POST",
    path: "/api/rebuild",
    role: "admin",
    summary: "Build the projection anew from the streams and swap it in",
    handle: rebuild,
  },
];

async function rebuild(call: Call): Promise<Response> {
  await readBody(call.request);
  const report = await call.services.rebuild();
  await audit(call, "rebuild", "projection", { ...report });
  return json(report);
}
