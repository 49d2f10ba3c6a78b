/** How the value of each kind of setting is written. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import * as v from "valibot";
import { LOG_LEVELS } from "../actors/log.ts";
import { isPublicKey } from "../agent/signature_gate.ts";
import { parseDurationMs } from "../wire/duration.ts";
import { messageOf } from "../wire/fault.ts";
import { Duration } from "../wire/scalars.ts";

export interface Address {
  readonly hostname: string;
  /** 0 = any free one. */
  readonly port: number;
}

export const Bind = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }): Address => {
    const [, bracketed, plain, port] =
      /^(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/.exec(dataset.value) ?? [];
    const host = bracketed ?? plain;
    if (host !== undefined && Number(port) <= 65_535) return { hostname: host, port: Number(port) };
    addIssue({ message: `${quoted(dataset.value)} is not an address such as 127.0.0.1:8080` });
    return NEVER;
  }),
);

const BROKER_URL = /^(?:nats|tls):\/\/[^\s,/]+$/;

export const Servers = v.pipe(
  v.string(),
  v.transform((text) => text.split(",").map((part) => part.trim())),
  v.check(
    (urls) => urls.every((url) => BROKER_URL.test(url)),
    "must be URLs such as nats://broker:4222, with commas between",
  ),
  v.check(
    (urls) => !urls.some((url) => url.includes("@")),
    "must hold no credentials: KANADE_NATS_USER and KANADE_NATS_PASSWORD_FILE are for them",
  ),
);

/** The path of a file with a certificate, which is read again when it is needed. */
export const CertificateFile = v.pipe(
  v.string(),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    try {
      readCertificate(dataset.value);
    } catch (thrown) {
      addIssue({ message: `must be a PEM file of certificates (${messageOf(thrown)})` });
    }
  }),
);

/** The path of a file with a private key. What is wrong is said without a word of it. */
export const KeyFile = v.pipe(
  v.string(),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    try {
      readKey(dataset.value);
    } catch (thrown) {
      addIssue({ message: `must be a PEM file of a private key (${codeOf(thrown)})` });
    }
  }),
);

/** Whether a private key and a certificate belong together. Both files were read before. */
export function isKeyOf(keyFile: string, certificateFile: string): boolean {
  return readCertificate(certificateFile).checkPrivateKey(readKey(keyFile));
}

export const DbUrl = v.pipe(
  v.string(),
  v.regex(
    /^(?:file:|libsql:\/\/|https?:\/\/|wss?:\/\/)\S+$/,
    "must begin with file:, libsql://, http://, https://, ws:// or wss://",
  ),
);

export const InspectUrl = v.pipe(
  v.string(),
  v.regex(
    /^wss?:\/\/[^\s/?#@]+(?:[/?]\S*)?$/,
    "must be an address such as ws://127.0.0.1:8080",
  ),
);

/** A duration, in milliseconds, above zero. */
export const Period = v.pipe(
  Duration,
  v.transform(parseDurationMs),
  v.minValue(1, "must be longer than nothing"),
);

/** For how long rows are kept: in milliseconds, and not so short that an operator could miss them. */
export const Days = v.pipe(Period, v.minValue(86_400_000, "must be 1d or longer"));

export const Replicas = v.pipe(
  v.string(),
  v.regex(/^[1-5]$/, ({ input }) => `${quoted(input)} is not a whole number from 1 to 5`),
  v.transform(Number),
);

export const Flag = v.pipe(
  v.picklist(["0", "1"], ({ input }) => `${quoted(input)} is neither 1 nor 0`),
  v.transform((text) => text === "1"),
);

export const Level = v.picklist(
  LOG_LEVELS,
  ({ input }) => `${quoted(input)} is none of ${LOG_LEVELS.join(", ")}`,
);

/** It travels in a header, of which nothing else arrives. */
export const StaticToken = v.pipe(
  v.string(),
  v.regex(/^[\x21-\x7e]+$/, "must be printable characters of ASCII, and no blank"),
);

/** RFC 7518 §3.2: a key of HS256 has at least as many bits as its hash. */
export const JwtSecret = v.pipe(v.string(), v.minBytes(32, "must have at least 32 bytes"));

/** Keys with commas between; or the path of a file with a key on each line, where `#` begins a comment. */
export const CommandKeys = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }): readonly string[] => {
    const keys = dataset.value.split(",").map((part) => part.trim());
    if (keys.every(isPublicKey)) return keys;
    const read = keysOfFile(dataset.value);
    if (typeof read !== "string") return read;
    addIssue({ message: `is neither public keys in base64, nor a file of them (${read})` });
    return NEVER;
  }),
);

/** The keys of a file, or what is wrong with it. */
function keysOfFile(path: string): readonly string[] | string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (thrown) {
    return messageOf(thrown);
  }
  const lines = text.split("\n").map((line) => line.replace(/#.*/, "").trim());
  const keys = lines.filter((line) => line !== "");
  const wrong = lines.findIndex((line) => line !== "" && !isPublicKey(line));
  if (wrong >= 0) return `line ${wrong + 1} is none`;
  return keys.length > 0 ? keys : "it is empty";
}

function readCertificate(path: string): X509Certificate {
  return new X509Certificate(readFileSync(path));
}

function readKey(path: string): KeyObject {
  return createPrivateKey(readFileSync(path));
}

function codeOf(thrown: unknown): string {
  return (thrown as NodeJS.ErrnoException).code ?? "it is none";
}

function quoted(value: unknown): string {
  return JSON.stringify(value);
}
