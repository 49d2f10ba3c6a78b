/** Whether the documents are true: paths, rooms, commands, settings, fault codes, diagrams. */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { FAULT_CODES } from "../../wire/fault.ts";
import { diagramProblems, DRAWN_DOCUMENTS, undrawn } from "./diagrams.ts";
import { ROOMS, type Source } from "./sources.ts";

const DOCUMENTS = ["README.md", ...DRAWN_DOCUMENTS, "CONTRIBUTING.md", "CHANGELOG.md"];
/** Rooms that the design has a row for; `bin` is npm's. */
const DESIGNED_ROOMS = ROOMS.filter((room) => room !== "bin");
const ARCHITECTURE_LINES = 200;

/** What a document is held to. Gathered first, so that the comparisons are pure. */
interface Facts {
  readonly exists: (path: string) => boolean;
  readonly commands: readonly string[];
  readonly settings: readonly string[];
}

/** Reads the documents and the project, and compares. */
export async function documentProblems(sources: readonly Source[]): Promise<readonly string[]> {
  const facts: Facts = {
    exists: existsSync,
    commands: await npmCommands(),
    settings: settingsOf(sources),
  };
  const documents = await Promise.all(
    [...DOCUMENTS, ...await furtherDocuments()].map(async (path) => ({
      path,
      text: await readFile(path, "utf8"),
    })),
  );
  return [
    ...documents.flatMap((document) => problemsOf(document, facts)),
    ...undrawn(documents.map(({ text }) => text)),
  ];
}

/** What is untrue in one document. */
export function problemsOf({ path, text }: Source, facts: Facts): readonly string[] {
  const problems = [
    ...missingPaths(text, facts),
    ...missingCommands(text, facts),
    ...missingSettings(text, facts),
  ];
  if (path === "README.md") {
    problems.push(...differences("setting", firstCells(text, /^KANADE_[A-Z_]+$/), facts.settings));
  }
  if (path === "ARCHITECTURE.md") {
    problems.push(...differences("room", firstCells(text, /^[a-z]+\/$/).map(bare), DESIGNED_ROOMS));
    const codes = firstCells(sectionOf(text, "Fault codes"), /^[a-z_]+$/);
    problems.push(...differences("fault code", codes, FAULT_CODES));
    const lines = text.split("\n").length;
    if (lines > ARCHITECTURE_LINES) problems.push(`has ${lines} lines, and 200 are allowed`);
  }
  return [...problems.map((problem) => `${path}: ${problem}`), ...diagramProblems(path, text)];
}

function missingPaths(text: string, { exists }: Facts): readonly string[] {
  const named = inlineCode(text).filter((code) =>
    ROOMS.some((room) => code.startsWith(`${room}/`)) && /^[\w./-]+$/.test(code) ||
    /^[\w-]+\.(md|json|ts)$/.test(code)
  );
  return named.filter((path) => !exists(path)).map((path) => `names ${path}, which does not exist`);
}

function missingCommands(text: string, { commands }: Facts): readonly string[] {
  const named = Array.from(text.matchAll(/\bnpm run ([\w:-]+)/g), ([, name]) => name ?? "");
  return named.filter((name) => !commands.includes(name)).map((name) => `names npm run ${name}`);
}

function missingSettings(text: string, { settings }: Facts): readonly string[] {
  const named = new Set(text.match(/^KANADE_[A-Z_]*[A-Z](?==)/gm));
  return [...named].filter((name) => !settings.includes(name)).map((name) =>
    `sets ${name}, which nothing reads`
  );
}

function inlineCode(text: string): readonly string[] {
  return Array.from(text.matchAll(/`([^`\n]+)`/g), ([, code]) => code ?? "");
}

/** The code in the first cell of every table row, where it has the form. */
function firstCells(text: string, form: RegExp): readonly string[] {
  const rows = text.matchAll(/^\| *((?:`[^`\n]+`[ ,·]*)+)/gm);
  return Array.from(rows, ([, cell]) => inlineCode(cell ?? "")).flat().filter((code) =>
    form.test(code)
  );
}

function sectionOf(text: string, heading: string): string {
  const [, after = ""] = text.split(`\n## ${heading}\n`);
  return after.split("\n## ")[0] ?? "";
}

function differences(
  what: string,
  documented: readonly string[],
  real: readonly string[],
): readonly string[] {
  return [
    ...real.filter((name) => !documented.includes(name)).map((name) => `lacks the ${what} ${name}`),
    ...documented.filter((name) => !real.includes(name)).map((name) =>
      `has a ${what} ${name} that is not there`
    ),
  ];
}

/** Every setting that a person can give: to what `scripts/settings.ts` reads, and to the CLI. */
function settingsOf(sources: readonly Source[]): readonly string[] {
  const texts = sources
    .filter(({ path }) => path === "scripts/settings.ts" || path.startsWith("scripts/cli/"))
    .map(({ text }) => text);
  return [...new Set(texts.join("\n").match(/\bKANADE_[A-Z_]*[A-Z]\b/g))].toSorted();
}

async function furtherDocuments(): Promise<readonly string[]> {
  return (await readdir("docs")).filter((name) => name.endsWith(".md")).map((name) =>
    `docs/${name}`
  );
}

async function npmCommands(): Promise<readonly string[]> {
  const { scripts } = JSON.parse(await readFile("package.json", "utf8")) as { scripts: object };
  return Object.keys(scripts);
}

function bare(room: string): string {
  return room.replace("/", "");
}
