import { readFile } from "node:fs/promises";
import { type MediaType, type Route, route } from "./route.ts";

const WEB = new URL("../../web/", import.meta.url);

/** The dashboard: files as they stand in `web/`. They hold nothing secret; what they show needs credentials. */
export const PAGE_ROUTES: readonly Route[] = [
  page("/", "index.html", "text/html; charset=utf-8"),
  page("/assets/app.js", "app.js", "text/javascript; charset=utf-8"),
  page("/assets/api.js", "api.js", "text/javascript; charset=utf-8"),
  page("/assets/views.js", "views.js", "text/javascript; charset=utf-8"),
  page("/assets/app.css", "app.css", "text/css; charset=utf-8"),
  page("/assets/icon.svg", "icon.svg", "image/svg+xml"),
];

function page(path: string, file: string, contentType: MediaType): Route {
  return route({
    method: "GET",
    path,
    role: "public",
    summary: `The dashboard's ${file}`,
    answer: contentType,
    handle: async () => {
      const body = await readFile(new URL(file, WEB));
      const headers = { "content-type": contentType, "cache-control": "no-cache" };
      return new Response(new Uint8Array(body), { headers });
    },
  });
}
