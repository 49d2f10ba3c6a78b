import { isLoopback } from "../loopback.ts";

/**
 * Whether a browser says that another site's page makes this request. Programs that are no
 * browsers send neither header.
 */
export function isForeign(request: Request, url: URL): boolean {
  const origin = request.headers.get("origin");
  if (origin !== null) return hostOf(origin) !== hostAsked(request, url);
  const site = request.headers.get("sec-fetch-site");
  return site === "cross-site" || site === "same-site";
}

/**
 * Whether the request came by a name that is not of this machine. Where nobody has to sign in, a
 * foreign page could point its own name at 127.0.0.1 and be of the same origin as this server.
 */
export function isRebound(request: Request, url: URL): boolean {
  return !isLoopback(hostAsked(request, url).replace(/:\d+$/, ""));
}

function hostAsked(request: Request, url: URL): string {
  return (request.headers.get("host") ?? url.host).toLowerCase();
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
