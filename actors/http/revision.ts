/** ETag and If-Match over the revisions of what the broker keeps: a write that was decided on an older value is refused. */
import { Fault } from "../../wire/fault.ts";
import type { Expected } from "../kv_revision.ts";
import type { Call } from "./route.ts";

/** What a route says of that header. */
export const VERSIONED = { ETag: 'The revision, for If-Match; "0" where nothing is stored' };

/** What a route that changes such a value says of the headers that it heeds. */
export const CONDITIONAL = {
  "If-Match":
    'Refuses the change unless this is still the ETag; "0" = nothing is there, * = something',
  "If-None-Match": "* = refuses the change where something is there",
};

/** The header that tells a value's revision; 0 = there is none. */
export function etagHeader(revision: number): Record<string, string> {
  return { etag: `"${revision}"` };
}

/**
 * What the caller believes to be there: `If-Match: "7"` that revision, `"0"` nothing, `*` something;
 * `If-None-Match: *` nothing.
 *
 * @throws {Fault} `invalid_input`
 */
export function expectedOf({ request }: Call): Expected {
  const match = request.headers.get("if-match");
  const noneMatch = request.headers.get("if-none-match");
  if (match === null) return noneMatch === "*" ? 0 : undefined;
  if (match === "*") return "any";
  const [, revision] = /^"(\d{1,15})"$/.exec(match) ?? [];
  if (revision !== undefined) return Number(revision);
  throw new Fault(
    "invalid_input",
    'Cannot use If-Match: it must be one ETag as it was answered, such as "7", or *',
    { details: { path: "If-Match" } },
  );
}
