/** State diagrams (Mermaid) of the machines, as the documents show them. */
import type { AnyStateNode } from "xstate";
import { MACHINES } from "../../machines/machine_list.ts";

/** Where they stand. */
export const DRAWN_DOCUMENTS = ["ARCHITECTURE.md", "machines/README.md"] as const;

/** What stands in the document: the machine's name, and the diagram under it. */
const BLOCK = /<!-- diagram: ([a-z_]+) -->\n[\s\S]*?<!-- end of diagram -->/g;

/** The document with every diagram drawn anew. @throws {TypeError} when it names a machine that is not there */
export function withDiagrams(document: string): string {
  return document.replaceAll(BLOCK, (_block, name: string) => {
    const listed = MACHINES.find((each) => each.name === name);
    if (listed === undefined) throw new TypeError(`Cannot draw the machine "${name}": no such`);
    const diagram = diagramOf(listed.machine.root);
    return `<!-- diagram: ${name} -->\n\`\`\`mermaid\n${diagram}\n\`\`\`\n<!-- end of diagram -->`;
  });
}

/** What differs between the diagrams of a document and the machines. */
export function diagramProblems(path: string, document: string): readonly string[] {
  return withDiagrams(document) === document
    ? []
    : [`${path}: its diagrams are not those of the machines; npm run diagrams draws them`];
}

/** Machines with more than one state that no document draws. */
export function undrawn(documents: readonly string[]): readonly string[] {
  return MACHINES
    .filter(({ machine }) => Object.keys(machine.root.states).length > 1)
    .filter(({ name }) => !documents.some((text) => text.includes(`<!-- diagram: ${name} -->`)))
    .map(({ name }) => `${DRAWN_DOCUMENTS.join(", ")}: the machine ${name} is not drawn`);
}

function diagramOf(root: AnyStateNode): string {
  return ["stateDiagram-v2", ...linesOf(root, "  ")].join("\n");
}

function linesOf(state: AnyStateNode, indent: string): readonly string[] {
  const children = Object.values(state.states);
  return [
    ...children.filter(({ key }) => key === state.config.initial)
      .map((child) => `${indent}[*] --> ${idOf(child)}`),
    ...children.flatMap((child) => stateLines(child, indent)),
    ...children.flatMap((child) => arrowsOf(child, indent)),
    ...children.filter(({ type }) => type === "final")
      .map((child) => `${indent}${idOf(child)} --> [*]`),
  ];
}

function stateLines(state: AnyStateNode, indent: string): readonly string[] {
  if (Object.keys(state.states).length === 0) return [];
  return [`${indent}state ${idOf(state)} {`, ...linesOf(state, `${indent}  `), `${indent}}`];
}

/** One arrow for each state that another leads to, with every event that does it. */
function arrowsOf(state: AnyStateNode, indent: string): readonly string[] {
  const eventsByTarget = new Map<string, Set<string>>();
  for (const [event, transitions] of state.transitions) {
    for (const target of transitions.flatMap((transition) => transition.target ?? [])) {
      const events = eventsByTarget.get(idOf(target)) ?? new Set();
      eventsByTarget.set(idOf(target), events.add(event));
    }
  }
  return Array.from(
    eventsByTarget,
    ([target, events]) => `${indent}${idOf(state)} --> ${target}: ${[...events].join(", ")}`,
  );
}

/** Mermaid knows no scopes: a state is named by its whole path. */
function idOf(state: AnyStateNode): string {
  return state.path.join("_");
}
