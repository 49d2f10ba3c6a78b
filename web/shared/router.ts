/** Where the viewer is: `#/executions/{id}?view=table`. What stands there can be sent to somebody else. */
import { computed, signal } from "@preact/signals";

const hash = signal(location.hash);
globalThis.addEventListener("hashchange", () => hash.value = location.hash);

export interface Place {
  /** Parts of the path, decoded. */
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
}

export const place = computed<Place>(() => {
  // Any other fragment, such as that of a link to sign in by, is no place.
  const here = hash.value.startsWith("#/") ? hash.value.slice(2) : "";
  const [path = "", query = ""] = here.split("?", 2);
  const parts = path.split("/").filter((part) => part !== "");
  return { parts: parts.map(decoded), query: new URLSearchParams(query) };
});

/** The link to a place of this page. */
export function linkTo(
  parts: readonly string[],
  query: Readonly<Record<string, string | undefined>> = {},
): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] =>
    entry[1] !== undefined && entry[1] !== ""
  );
  const text = new URLSearchParams(given).toString();
  return `#/${parts.map(encodeURIComponent).join("/")}${text === "" ? "" : `?${text}`}`;
}

export function goTo(link: string): void {
  location.hash = link;
}

/** Changes members of the query in place: going back leads to where one came from, not to the last filter. */
export function setQuery(changes: Readonly<Record<string, string | undefined>>): void {
  const { parts, query } = place.value;
  const link = linkTo(parts, { ...Object.fromEntries(query), ...changes });
  history.replaceState(history.state, "", link);
  hash.value = location.hash;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // A percent sign that somebody typed.
    return part;
  }
}
