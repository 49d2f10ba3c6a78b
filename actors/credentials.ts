import { randomBytes } from "node:crypto";
import { join } from "node:path";
import * as v from "valibot";
import { readJsonFile, writePrivateFile } from "./private_file.ts";

/**
 * `credentials.json` of the data directory, 0600: where the CLI and the agent of this
 * machine find how to sign in. Members that somebody else put there are kept.
 */

const User = v.object({ user: v.string(), password: v.string() });
const AgentUser = v.object({ ...User.entries, pc_id: v.optional(v.string()) });

const Credentials = v.looseObject({
  http_token: v.optional(v.string()),
  nats: v.optional(v.looseObject({ backend: v.optional(User), agent: v.optional(AgentUser) })),
});

/** A user of the broker. */
export type BrokerUser = v.InferOutput<typeof User>;
export type Credentials = v.InferOutput<typeof Credentials>;

const SECRET_BYTES = 32;

/** A new password or token: 256 random bits. */
export function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString("base64url");
}

/** Empty when there are none yet. @throws {Fault} `invalid_input` when the file is not readable as such */
export async function readCredentials(dataDir: string): Promise<Credentials> {
  return await readJsonFile(Credentials, "credentials", pathIn(dataDir)) ?? {};
}

/** Reads, changes and replaces the file; gives what it holds now. One caller at a time. */
export async function changeCredentials(
  dataDir: string,
  change: (credentials: Credentials) => Credentials,
): Promise<Credentials> {
  const changed = change(await readCredentials(dataDir));
  await writePrivateFile(pathIn(dataDir), `${JSON.stringify(changed, null, 2)}\n`);
  return changed;
}

function pathIn(dataDir: string): string {
  return join(dataDir, "credentials.json");
}
