/** Whether the audit knows every machine. */
import { MACHINES } from "../../machines/machine_list.ts";
import { type Source, withoutComments } from "./sources.ts";

const MACHINE_FILE = /^machines\/([a-z_]+)\.ts$/;

/** Files of `machines/` that make a machine which is not in the list, and listed ones that are gone. */
export function machineFileProblems(sources: readonly Source[]): readonly string[] {
  const files = sources
    .filter(({ path, text }) =>
      MACHINE_FILE.test(path) && withoutComments(text).includes(".createMachine(")
    )
    .map(({ path }) => MACHINE_FILE.exec(path)?.[1] ?? "");
  const listed = MACHINES.map(({ name }) => name);
  return [
    ...files.filter((name) => !listed.includes(name)).map((name) =>
      `machines/${name}.ts: not audited`
    ),
    ...listed.filter((name) => !files.includes(name)).map((name) =>
      `machines/${name}.ts: audited, but gone`
    ),
  ];
}
