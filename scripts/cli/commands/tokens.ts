import { type Command, Option } from "commander";
import { mintToken } from "../../../actors/http/auth.ts";
import { parseDurationMs } from "../../../wire/duration.ts";
import { Fault } from "../../../wire/fault.ts";
import { addLocalCommand, type LocalOptions, type Session, show } from "../command.ts";

interface NewOptions extends LocalOptions {
  readonly role: "viewer" | "operator" | "admin";
  readonly for: string;
  readonly name: string;
}

const MIN_SECRET_BYTES = 32;

const HELP = `
It is signed with KANADE_JWT_SECRET, which must be the backend's own and is never given on the command line.

Example:
  KANADE_JWT_SECRET=… kanade token new --role viewer --for 8h --name ann > token.txt
  kanade executions --server http://backend:8080 --token-file token.txt`;

/** Tokens for people and programs, each with a role and an end. */
export function addTokens(program: Command, session: Session): void {
  const token = program.command("token").description("tokens that let somebody in");

  addLocalCommand(token, "new", "make a token with a role and an end")
    .addOption(
      new Option("--role <role>", "what its holder may do").choices(["viewer", "operator", "admin"])
        .makeOptionMandatory(),
    )
    .option("--for <duration>", "how long it is good", "8h")
    .option("--name <name>", "whose it is, for the audit log", "jwt")
    .addHelpText("after", HELP)
    .action(async (options: NewOptions) => {
      const expiresAt = Date.now() + parseDurationMs(options.for);
      const { role, name } = options;
      const made = await mintToken(secretOf(session), { role, name, expiresAt });
      const shown = { token: made, role, name, expires_at: new Date(expiresAt).toISOString() };
      show(session, options, shown, ({ token: text }) => `${text}\n`);
      session.terminal.err(`a ${role}'s, good until ${shown.expires_at}\n`);
    });
}

function secretOf({ env }: Session): string {
  const secret = env["KANADE_JWT_SECRET"] ?? "";
  if (Buffer.byteLength(secret) >= MIN_SECRET_BYTES) return secret;
  const why = secret === "" ? "is not set" : `has fewer than ${MIN_SECRET_BYTES} bytes`;
  throw new Fault(
    "bad_setting",
    `Cannot make a token: KANADE_JWT_SECRET ${why}; it must be that of the backend`,
  );
}
