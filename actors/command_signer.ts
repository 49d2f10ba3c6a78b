/** Signs commands with the backend's own key (wire.md §6), which lies in a file that only its owner may read. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault, messageOf } from "../wire/fault.ts";
import {
  fingerprintOf,
  type SignatureHeaders,
  signedBytes,
  signedHeaders,
} from "../wire/signing.ts";
import { writePrivateFile } from "./private_file.ts";
import type { Clock } from "./system/clock.ts";

export interface CommandSigner {
  /** Base64 of its 32 bytes, as agents are given it. */
  readonly publicKey: string;
  /** By which agents announce that they have it. */
  readonly keyId: string;
  /** The headers that go with these very bytes. */
  sign(body: Uint8Array): SignatureHeaders;
}

/** Where the key lies unless the settings name another file. */
export function signingKeyPath(dataDir: string): string {
  return join(dataDir, "signing_key.pem");
}

/**
 * Makes a key.
 *
 * @throws {Fault} `conflict` when there is one, unless it is to be replaced: agents that know only its public half would
 *   refuse what the new one signs
 */
export async function makeSigningKey(
  path: string,
  { replace }: { readonly replace: boolean },
): Promise<{ readonly publicKey: string; readonly keyId: string }> {
  if (!replace && await exists(path)) {
    throw new Fault("conflict", `Cannot make a key: ${path} holds one; --replace forgets it`);
  }
  const { privateKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  await writePrivateFile(path, pem);
  return publicHalf(pem);
}

/** The public half of the key that lies there; undefined when there is none. @throws {Fault} `bad_setting` */
export async function readPublicKey(
  path: string,
): Promise<{ readonly publicKey: string; readonly keyId: string } | undefined> {
  const pem = await readPem(path);
  return pem === undefined ? undefined : parsed(path, () => publicHalf(pem));
}

/** A signer with the key that lies there; undefined when there is none. @throws {Fault} `bad_setting` */
export async function openSigner(path: string, clock: Clock): Promise<CommandSigner | undefined> {
  const pem = await readPem(path);
  if (pem === undefined) return undefined;
  const key = parsed(path, () => createPrivateKey(pem));
  const half = parsed(path, () => publicHalf(pem));
  return {
    ...half,
    sign(body) {
      const signedAt = clock.now();
      const signature = sign(null, signedBytes(BigInt(signedAt), body), key).toString("base64");
      return signedHeaders({ signature, keyId: half.keyId, signedAt });
    },
  };
}

function publicHalf(pem: string): { readonly publicKey: string; readonly keyId: string } {
  const { x, crv } = createPublicKey(pem).export({ format: "jwk" });
  if (crv !== "Ed25519" || x === undefined) throw new TypeError("it is no ed25519 key");
  const publicKey = Buffer.from(x, "base64url").toString("base64");
  return { publicKey, keyId: fingerprintOf(publicKey) };
}

function parsed<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    const why = messageOf(cause);
    throw new Fault("bad_setting", `Cannot use the signing key ${path}: ${why}`, { cause });
  }
}

async function readPem(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new Fault("bad_setting", `Cannot read the signing key ${path}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(() => true, () => false);
}
