/** Who may import what: an allow-list, so that a line of code knows its room and what it may touch. */
import { posix } from "node:path";
import { type Source, withoutComments } from "./sources.ts";

/**
 * A zone is a room, or the part of one that has rules of its own:
 * `actor system` is what agents share with the backend; `execution machines` are the backend's alone.
 */
interface ZoneRule {
  readonly zones: readonly string[] | "any";
  readonly packages: readonly string[] | "any";
  /** Whether `node:` modules may be imported. */
  readonly node: boolean;
}

const PURE = { node: false } as const;
const MACHINE_PACKAGES = ["xstate", "valibot"];
const ANYTHING: ZoneRule = { zones: "any", packages: "any", node: true };

const RULES: Readonly<Record<string, ZoneRule>> = {
  "wire": { ...PURE, zones: [], packages: ["valibot", "uuid", "yaml", "@noble/hashes"] },
  "machines": { ...PURE, zones: ["wire"], packages: MACHINE_PACKAGES },
  "execution machines": {
    ...PURE,
    zones: ["wire", "machines"],
    packages: [...MACHINE_PACKAGES, "croner"],
  },
  "db": { node: true, zones: ["wire"], packages: ["@libsql/client", "libsql", "tsx", "valibot"] },
  "actor system": {
    node: true,
    zones: ["wire", "machines"],
    packages: ["nats", "pino", "valibot", "xstate"],
  },
  "actors": {
    node: true,
    zones: ["wire", "machines", "execution machines", "db", "actor system"],
    packages: [
      "@hono/node-server",
      "@statelyai/inspect",
      "@valibot/to-json-schema",
      "elkjs",
      "esbuild",
      "hono",
      "jose",
      "nats",
      "prom-client",
      "re2js",
      "tsx",
      "uuid",
      "valibot",
      "ws",
      "xstate",
    ],
  },
  "agent": {
    node: true,
    zones: ["wire", "machines", "actor system"],
    packages: ["nats", "uuid", "valibot", "xstate"],
  },
  "web": {
    ...PURE,
    zones: ["wire", "machines", "execution machines"],
    packages: [
      "@codemirror/commands",
      "@codemirror/lang-yaml",
      "@codemirror/language",
      "@codemirror/lint",
      "@codemirror/state",
      "@codemirror/view",
      "@lezer/highlight",
      "@preact/signals",
      "@tanstack/query-core",
      "@tanstack/virtual-core",
      "preact",
      "uplot",
      "xstate",
      "yaml",
    ],
  },
  "scripts": ANYTHING,
  "test": ANYTHING,
  "bin": ANYTHING,
};

const ACTOR_SYSTEM = /^actors\/(system\/.*|log\.ts|(bus|kv|provision)(_[a-z_]+)?\.ts)$/;
const EXECUTION_MACHINES =
  /^machines\/(execution|executions_root|machine_list|reaper|rollout|run|schedule_[a-z]+|target)\.ts$/;

/** The zone that a file lies in. */
export function zoneOf(path: string): string {
  if (ACTOR_SYSTEM.test(path)) return "actor system";
  if (EXECUTION_MACHINES.test(path)) return "execution machines";
  return path.split("/")[0] ?? path;
}

const STATEMENT =
  /^[ \t]*(?:import|export)\b[^"';]*?\bfrom\s*["']([^"']+)["']|^[ \t]*import\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)|\bnew URL\(\s*["'](\.[^"']+\.(?:ts|mjs))["']/gm;

/** What a file imports, in order: specifiers as written, and files that it starts as workers. */
export function importsOf(text: string): readonly string[] {
  const found = withoutComments(text).matchAll(STATEMENT);
  return Array.from(found, ([, from, bare, dynamic, url]) => from ?? bare ?? dynamic ?? url ?? "");
}

/** Every import that no rule allows, barrels and cycles, a line each. */
export function importProblems(sources: readonly Source[]): readonly string[] {
  return [
    ...sources.flatMap(forbiddenImports),
    ...sources.filter(isBarrel).map(({ path }) => `${path}: only passes on what others export`),
    ...cycles(sources),
  ];
}

function forbiddenImports({ path, text }: Source): readonly string[] {
  const zone = zoneOf(path);
  const rule = RULES[zone];
  if (rule === undefined) return [`${path}: lies in no room`];
  return importsOf(text)
    .filter((specifier) => !isAllowed(path, zone, rule, specifier))
    .map((specifier) => `${path}: ${zone} may not import ${specifier}`);
}

function isAllowed(path: string, zone: string, rule: ZoneRule, specifier: string): boolean {
  if (specifier.startsWith("node:")) return rule.node;
  if (!specifier.startsWith(".")) return isOneOf(rule.packages, packageOf(specifier));
  const target = zoneOf(resolve(path, specifier));
  return target === zone || isOneOf(rule.zones, target);
}

function isOneOf(allowed: readonly string[] | "any", name: string): boolean {
  return allowed === "any" || allowed.includes(name);
}

function packageOf(specifier: string): string {
  return specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}

function resolve(from: string, specifier: string): string {
  return posix.normalize(posix.join(posix.dirname(from), specifier));
}

function isBarrel({ text }: Source): boolean {
  const code = withoutComments(text);
  if (/^export \*/m.test(code)) return true;
  const withoutReexports = code.replaceAll(/^export (?:type )?\{[^}]*\} from "[^"]+";/gm, "");
  return withoutReexports !== code && withoutReexports.trim() === "";
}

/** Each ring of files that import each other, once, from its first path. */
function cycles(sources: readonly Source[]): readonly string[] {
  const graph = new Map(
    sources.map(({ path, text }) => [
      path,
      importsOf(text).filter((each) => each.startsWith(".")).map((each) => resolve(path, each)),
    ]),
  );
  const done = new Set<string>();
  const rings = [...graph.keys()].flatMap((path) => ringsFrom(path, graph, [], done));
  return rings.map((ring) => `${ring.join(" → ")}: a cycle`);
}

function ringsFrom(
  path: string,
  graph: ReadonlyMap<string, readonly string[]>,
  way: readonly string[],
  done: Set<string>,
): readonly (readonly string[])[] {
  const start = way.indexOf(path);
  if (start !== -1) return [[...way.slice(start), path]];
  if (done.has(path)) return [];
  const next = graph.get(path) ?? [];
  const rings = next.flatMap((target) => ringsFrom(target, graph, [...way, path], done));
  done.add(path);
  return rings;
}
