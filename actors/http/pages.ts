import * as v from "valibot";
import { Fault } from "../../wire/fault.ts";
import { errorPage, htmlPage } from "./page_html.ts";
import { type Call, type MediaType, type Route, route } from "./route.ts";
import type { HttpServices } from "./services.ts";
import { type Bundle, type BundledFile, BundleError } from "./web_bundle.ts";

const HTML: MediaType = "text/html; charset=utf-8";

const AssetPath = v.object({ name: v.string() });

/** The pages hold nothing secret; what they show needs credentials. */
export const PAGE_ROUTES: readonly Route[] = [
  page("/", "dashboard"),
  page("/inspector", "inspector"),
  route({
    method: "GET",
    path: "/assets/{name}",
    role: "public",
    summary: "A file of the pages; its name changes with what is in it",
    params: AssetPath,
    // Scripts, styles, pictures and fonts.
    answer: "*/*",
    handle: asset,
  }),
];

function page(path: string, name: string): Route {
  return route({
    method: "GET",
    path,
    role: "public",
    summary: `The ${name}`,
    answer: HTML,
    handle: (call) => servePage(call, name),
  });
}

async function servePage({ services }: Call, name: string): Promise<Response> {
  try {
    const parts = (await services.web.get()).pages.get(name);
    if (parts === undefined) throw new BundleError(`no page is called ${name}`);
    return html(htmlPage(name, parts));
  } catch (thrown) {
    if (!(thrown instanceof BundleError)) throw thrown;
    return html(errorPage(name, thrown.message), 503);
  }
}

function html(text: string, status = 200): Response {
  const headers = { "content-type": HTML, "cache-control": "no-cache" };
  return new Response(text, { status, headers });
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  woff2: "font/woff2",
};

async function asset(
  { services, params: { name }, request }: Call<{ params: v.InferOutput<typeof AssetPath> }>,
): Promise<Response> {
  const file = (await bundleOf(services)).files.get(name);
  if (file === undefined) {
    throw new Fault("not_found", `Cannot find the file ${JSON.stringify(name)} of the pages`);
  }
  const { body, encoding } = encoded(file, request.headers.get("accept-encoding") ?? "");
  const headers = new Headers({
    "content-type": CONTENT_TYPES[name.split(".").at(-1) ?? ""] ?? "application/octet-stream",
    "cache-control": "public, max-age=31536000, immutable",
    "vary": "accept-encoding",
  });
  if (encoding !== undefined) headers.set("content-encoding", encoding);
  return new Response(body, { headers });
}

async function bundleOf(services: HttpServices): Promise<Bundle> {
  try {
    return await services.web.get();
  } catch (cause) {
    throw new Fault("not_found", "Cannot serve the files of the pages: they cannot be bundled", {
      cause,
    });
  }
}

function encoded({ plain, br, gzip }: BundledFile, accepted: string) {
  if (br !== undefined && takes(accepted, "br")) return { body: br, encoding: "br" };
  if (gzip !== undefined && takes(accepted, "gzip")) return { body: gzip, encoding: "gzip" };
  return { body: plain, encoding: undefined };
}

/** Whether `Accept-Encoding` names it, and not with `q=0`. */
function takes(accepted: string, encoding: string): boolean {
  const words = (text: string, sign: string) => text.split(sign).map((word) => word.trim());
  return words(accepted.toLowerCase(), ",").map((part) => words(part, ";"))
    .some(([name, quality]) => name === encoding && !/^q=0(\.0*)?$/.test(quality ?? ""));
}
