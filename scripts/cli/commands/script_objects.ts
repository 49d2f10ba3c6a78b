import { readFile } from "node:fs/promises";
import { buffer as readAll } from "node:stream/consumers";
import type { Command } from "commander";
import { Fault, messageOf } from "../../../wire/fault.ts";
import { ScriptObjectAnswer, StoredScriptAnswer } from "../../../wire/http_scripts.ts";
import { addCommand, type CommonOptions, connect, type Session, show } from "../command.ts";
import { showRows } from "../list.ts";
import type { Column } from "../table.ts";

interface PutOptions extends CommonOptions {
  readonly file: string;
}

const COLUMNS: readonly Column<ScriptObjectAnswer>[] = [
  { heading: "script_object", text: (row) => row.script_object },
  { heading: "bytes", text: (row) => row.bytes },
  { heading: "stored", text: (row) => row.stored_at },
  { heading: "sha256", text: (row) => row.sha256 },
];

/** Scripts that manifests name by `script_object`. */
export function addScriptObjects(program: Command, session: Session): void {
  const object = program.command("script-object").description(
    "scripts that manifests name, as name/version",
  );

  addCommand(object, "list", "every script that is kept").action((options: CommonOptions) => {
    const path = "/api/script-objects";
    return showRows(session, options, { row: ScriptObjectAnswer, path, columns: COLUMNS });
  });

  addCommand(object, "put <name/version>", "keep a script; a version never changes")
    .requiredOption("-f, --file <path>", "the script (- is standard input)")
    .action(async (name: string, options: PutOptions) => {
      const path = pathOf(name);
      const script = await readScript(options.file);
      const client = await connect(session, options);
      const answer = await client.putFile(StoredScriptAnswer, path, script);
      show(
        session,
        options,
        answer,
        ({ script_object, bytes, stored }) =>
          `${script_object} ${stored ? "is" : "was already"} kept, ${bytes} bytes\n`,
      );
    });

  addCommand(object, "get <name/version>", "a script as it is kept").action(
    async (name: string, options: CommonOptions) => {
      const client = await connect(session, options);
      session.terminal.out(await client.text(pathOf(name)));
    },
  );

  addCommand(object, "delete <name/version>", "delete a script that no job uses").action(
    async (name: string, options: CommonOptions) => {
      const client = await connect(session, options);
      await client.delete(pathOf(name));
      show(session, options, { script_object: name, deleted: true }, () => `${name} is deleted\n`);
    },
  );
}

function pathOf(name: string): string {
  const [first, version, ...more] = name.split("/");
  if (!first || !version || more.length > 0) {
    throw new Fault("invalid_input", `Cannot use "${name}": it is not name/version`);
  }
  return `/api/script-objects/${encodeURIComponent(first)}/${encodeURIComponent(version)}`;
}

async function readScript(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(path === "-" ? await readAll(process.stdin) : await readFile(path));
  } catch (cause) {
    throw new Fault("invalid_input", `Cannot read the script: ${messageOf(cause)}`, { cause });
  }
}
