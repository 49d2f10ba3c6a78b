import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { decode } from "../../wire/codec.ts";
import { Fault } from "../../wire/fault.ts";
import type { Environment } from "../environment.ts";

/** Where the backend is, and what lets us in. */
export interface BackendAddress {
  readonly server: URL;
  /** Absent where the server was named and no token with it, and where the local one made none. */
  readonly token?: string;
}

/** What the person said on the command line. Never the token itself: others on the machine can read it there. */
export interface BackendOptions {
  readonly server?: string | undefined;
  readonly tokenFile?: string | undefined;
}

const Runtime = v.object({ http: v.string() });
const Credentials = v.object({ http_token: v.optional(v.string()) });

/**
 * Finds the backend: options first, then KANADE_SERVER and KANADE_TOKEN, then the files that a running one leaves in
 * KANADE_DATA_DIR. The token of the local backend is never sent to a server that somebody named.
 *
 * @throws {Fault} `bad_setting`; `not_found` when nothing says where a backend runs
 */
export async function findBackend(
  options: BackendOptions,
  env: Environment,
): Promise<BackendAddress> {
  const token = await namedToken(options, env);
  const named = options.server ?? env["KANADE_SERVER"];
  if (named !== undefined) {
    const server = serverUrl(named);
    return token === undefined ? { server } : { server, token };
  }
  return localBackend(env["KANADE_DATA_DIR"] ?? "data", token);
}

async function localBackend(dataDir: string, token: string | undefined): Promise<BackendAddress> {
  const runtime = decode(Runtime, "runtime.json", await readLocal(join(dataDir, "runtime.json")));
  const server = serverUrl(runtime.http);
  if (token !== undefined) return { server, token };
  const bytes = await readLocal(join(dataDir, "credentials.json"));
  const { http_token: made } = decode(Credentials, "credentials.json", bytes);
  // It was given a token of its own, which only who set it knows; or it lets everybody in.
  return made === undefined ? { server } : { server, token: made };
}

async function readLocal(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new Fault(
      "not_found",
      `Cannot find a backend: ${path} cannot be read; start one with npm start, or name one with --server`,
      { cause },
    );
  }
}

async function namedToken(options: BackendOptions, env: Environment): Promise<string | undefined> {
  if (options.tokenFile === undefined) return env["KANADE_TOKEN"];
  try {
    return (await readFile(options.tokenFile, "utf8")).trim();
  } catch (cause) {
    throw new Fault("bad_setting", `Cannot read the token file ${options.tokenFile}`, { cause });
  }
}

function serverUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url;
  throw new Fault(
    "bad_setting",
    `Cannot use the server ${JSON.stringify(text)}: it is no http address`,
  );
}
