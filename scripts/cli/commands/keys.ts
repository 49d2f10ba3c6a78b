import type { Command } from "commander";
import { makeSigningKey, readPublicKey, signingKeyPath } from "../../../actors/command_signer.ts";
import { Fault } from "../../../wire/fault.ts";
import { addLocalCommand, type LocalOptions, type Session, show } from "../command.ts";

interface NewOptions extends LocalOptions {
  readonly replace?: boolean;
}

interface PublicHalf {
  readonly publicKey: string;
  readonly keyId: string;
}

const HELP = `
The private half lies in the data directory of the backend, or where KANADE_SIGNING_KEY says, and is read when the
backend starts. Agents are given the public half in KANADE_COMMAND_KEYS.`;

/** The key by which the backend of this machine signs commands. */
export function addKeys(program: Command, session: Session): void {
  const key = program.command("key").description("the key by which commands are signed");

  addLocalCommand(key, "new", "make one, and say its public half")
    .option("--replace", "forget the one that is there")
    .addHelpText("after", HELP)
    .action(async (options: NewOptions) => {
      const path = keyPath(session);
      const made = await makeSigningKey(path, { replace: options.replace ?? false });
      show(session, options, made, publicText);
      session.terminal.err(
        `the private half is in ${path}; restart the backend, and set KANADE_COMMAND_KEYS on agents\n`,
      );
    });

  addLocalCommand(key, "show", "say the public half of the one that is there")
    .action(async (options: LocalOptions) => {
      const path = keyPath(session);
      const found = await readPublicKey(path);
      if (found === undefined) {
        throw new Fault("not_found", `Cannot find a key: ${path} does not exist; kanade key new`);
      }
      show(session, options, found, publicText);
    });
}

function keyPath({ env }: Session): string {
  return env["KANADE_SIGNING_KEY"] ?? signingKeyPath(env["KANADE_DATA_DIR"] ?? "data");
}

function publicText({ publicKey }: PublicHalf): string {
  return `${publicKey}\n`;
}
