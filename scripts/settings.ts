/**
 * The settings of a process, read once from its environment. Each is one variable; an
 * empty one counts as unset. No message repeats a secret.
 */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import process from "node:process";
import * as v from "valibot";
import type { BrokerCertificate } from "../actors/broker_config.ts";
import type { BrokerAccess } from "../actors/bus.ts";
import { signingKeyPath } from "../actors/command_signer.ts";
import type { LogLevel } from "../actors/log.ts";
import { isLoopback } from "../actors/loopback.ts";
import type { Keep } from "../db/retention.ts";
import { Fault, messageOf } from "../wire/fault.ts";
import { Name } from "../wire/scalars.ts";
import { type Environment, withoutEmpty } from "./environment.ts";
import {
  type Address,
  Bind,
  CertificateFile,
  CommandKeys,
  Days,
  DbUrl,
  Flag,
  InspectUrl,
  isKeyOf,
  JwtSecret,
  KeyFile,
  Level,
  Period,
  Replicas,
  Servers,
  StaticToken,
} from "./setting_values.ts";

export interface Settings {
  readonly dataDir: string;
  readonly bind: Address;
  readonly logLevel: LogLevel;
  readonly broker: OwnBroker | GivenBroker;
  readonly db: { readonly url: string; readonly authToken?: string };
  /** Copies of each stream. */
  readonly replicas: number;
  readonly auth: {
    readonly disabled: boolean;
    readonly staticToken?: string;
    readonly jwtSecret?: string;
  };
  /** The private key by which commands are signed; a file that may be missing. */
  readonly signingKey: string;
  readonly sweepIntervalMs: number;
  readonly keep: Keep;
  /** Where Stately's inspector receives what machines do; absent = nowhere. */
  readonly inspectUrl?: string;
  readonly agent: {
    readonly pcId: string;
    readonly dataDir: string;
    /** How long a stop lets scripts run on. */
    readonly stopGraceMs: number;
    /** Public keys, base64, whose signatures on commands are verified. */
    readonly commandKeys: readonly string[];
    readonly requireSignatures: boolean;
    readonly runAsUser?: string;
  };
}

/** We start nats-server ourselves. */
export interface OwnBroker {
  readonly kind: "own";
  readonly binary?: string;
  /** Where it listens; absent = on loopback, on 4222 or a free port. */
  readonly bind?: Address;
  /** With which it encrypts; absent = it speaks in the clear. */
  readonly tls?: BrokerCertificate;
  /** The authorities that its certificate may come from; absent = those that the runtime knows. */
  readonly caFile?: string;
}

/** A broker, or a cluster of them, that somebody else runs. */
export interface GivenBroker extends BrokerAccess {
  readonly kind: "given";
}

const EXIT_BAD_SETTING = 2;

const Variables = v.object({
  KANADE_DATA_DIR: v.optional(v.string(), "./data"),
  KANADE_BIND: v.optional(Bind, "127.0.0.1:8080"),
  KANADE_AGENT_DATA_DIR: v.optional(v.string()),
  KANADE_PC_ID: v.optional(Name, () => defaultPcId()),
  KANADE_LOG: v.optional(Level, "info"),
  KANADE_NATS_URL: v.optional(Servers),
  KANADE_NATS_USER: v.optional(v.string()),
  KANADE_NATS_PASSWORD: v.optional(v.string()),
  KANADE_NATS_PASSWORD_FILE: v.optional(v.string()),
  KANADE_NATS_TOKEN: v.optional(v.string()),
  KANADE_NATS_CA: v.optional(CertificateFile),
  KANADE_NATS_CERT: v.optional(CertificateFile),
  KANADE_NATS_KEY: v.optional(KeyFile),
  KANADE_NATS_SERVER: v.optional(v.string()),
  KANADE_NATS_BIND: v.optional(Bind),
  KANADE_DB_URL: v.optional(DbUrl),
  KANADE_DB_AUTH_TOKEN: v.optional(v.string()),
  KANADE_REPLICAS: v.optional(Replicas, "1"),
  KANADE_AUTH_STATIC_TOKEN: v.optional(StaticToken),
  KANADE_JWT_SECRET: v.optional(JwtSecret),
  KANADE_AUTH_DISABLE: v.optional(Flag, "0"),
  KANADE_COMMAND_KEYS: v.optional(CommandKeys),
  KANADE_SIGNING_KEY: v.optional(v.string()),
  KANADE_REQUIRE_SIGNATURES: v.optional(Flag, "0"),
  KANADE_RUN_AS_USER: v.optional(v.string()),
  KANADE_STOP_GRACE: v.optional(Period, "20s"),
  KANADE_INSPECT: v.optional(InspectUrl),
  KANADE_SWEEP_INTERVAL: v.optional(Period, "60s"),
  KANADE_KEEP_RUNS: v.optional(Days, "90d"),
  KANADE_KEEP_AUDIT: v.optional(Days, "365d"),
  KANADE_KEEP_DEAD_LETTERS: v.optional(Days, "90d"),
});
type Variables = v.InferOutput<typeof Variables>;

/** @throws {Fault} `bad_setting`: one line per bad value, each beginning with the variable's name */
export function readSettings(environment: Environment): Settings {
  const parsed = v.safeParse(Variables, withoutEmpty(environment));
  if (!parsed.success) throw badSettings(parsed.issues.map(lineOf));
  const variables = parsed.output;
  const contradictions = contradictionsOf(variables);
  if (contradictions.length > 0) throw badSettings(contradictions);
  return settingsOf(variables);
}

/** For a program's first line: bad settings are told on standard error and end it with code 2. */
export function settingsOrExit(environment: Environment): Settings {
  try {
    return readSettings(environment);
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    process.stderr.write(`${thrown.message}\n`);
    process.exit(EXIT_BAD_SETTING);
  }
}

function settingsOf(variables: Variables): Settings {
  const dataDir = variables.KANADE_DATA_DIR;
  return {
    dataDir,
    bind: variables.KANADE_BIND,
    logLevel: variables.KANADE_LOG,
    broker: brokerOf(variables),
    db: {
      url: variables.KANADE_DB_URL ?? `file:${join(dataDir, "kanade.db")}`,
      ...given("authToken", variables.KANADE_DB_AUTH_TOKEN),
    },
    replicas: variables.KANADE_REPLICAS,
    auth: {
      disabled: variables.KANADE_AUTH_DISABLE,
      ...given("staticToken", variables.KANADE_AUTH_STATIC_TOKEN),
      ...given("jwtSecret", variables.KANADE_JWT_SECRET),
    },
    signingKey: variables.KANADE_SIGNING_KEY ?? signingKeyPath(dataDir),
    sweepIntervalMs: variables.KANADE_SWEEP_INTERVAL,
    keep: {
      runsMs: variables.KANADE_KEEP_RUNS,
      auditMs: variables.KANADE_KEEP_AUDIT,
      deadLettersMs: variables.KANADE_KEEP_DEAD_LETTERS,
    },
    ...given("inspectUrl", variables.KANADE_INSPECT),
    agent: {
      pcId: variables.KANADE_PC_ID,
      dataDir: variables.KANADE_AGENT_DATA_DIR ?? join(dataDir, "agent"),
      stopGraceMs: variables.KANADE_STOP_GRACE,
      commandKeys: variables.KANADE_COMMAND_KEYS ?? [],
      requireSignatures: variables.KANADE_REQUIRE_SIGNATURES,
      ...given("runAsUser", variables.KANADE_RUN_AS_USER),
    },
  };
}

function brokerOf(variables: Variables): OwnBroker | GivenBroker {
  const servers = variables.KANADE_NATS_URL;
  if (servers === undefined) {
    const bind = variables.KANADE_NATS_BIND;
    const [certificateFile, keyFile] = [variables.KANADE_NATS_CERT, variables.KANADE_NATS_KEY];
    return {
      kind: "own",
      ...given("binary", variables.KANADE_NATS_SERVER),
      ...(bind === undefined ? {} : { bind }),
      ...(certificateFile === undefined || keyFile === undefined
        ? {}
        : { tls: { certificateFile, keyFile } }),
      ...given("caFile", variables.KANADE_NATS_CA),
    };
  }
  return {
    kind: "given",
    servers,
    ...given("user", variables.KANADE_NATS_USER),
    ...given("password", passwordOf(variables)),
    ...given("token", variables.KANADE_NATS_TOKEN),
    ...given("caFile", variables.KANADE_NATS_CA),
  };
}

function passwordOf(variables: Variables): string | undefined {
  const file = variables.KANADE_NATS_PASSWORD_FILE;
  if (file === undefined) return variables.KANADE_NATS_PASSWORD;
  try {
    return readFileSync(file, "utf8").replace(/\r?\n$/, "");
  } catch (thrown) {
    throw badSettings([`KANADE_NATS_PASSWORD_FILE: cannot be read (${messageOf(thrown)})`]);
  }
}

/** What is wrong with values that are each fine alone. */
function contradictionsOf(variables: Variables): readonly string[] {
  const lines: string[] = [];
  if (variables.KANADE_AUTH_DISABLE && !isLoopback(variables.KANADE_BIND.hostname)) {
    lines.push("KANADE_AUTH_DISABLE: is refused unless KANADE_BIND is an address of loopback");
  }
  if (
    variables.KANADE_NATS_PASSWORD !== undefined &&
    variables.KANADE_NATS_PASSWORD_FILE !== undefined
  ) {
    lines.push("KANADE_NATS_PASSWORD_FILE: cannot be set together with KANADE_NATS_PASSWORD");
  }
  if (variables.KANADE_NATS_BIND !== undefined && variables.KANADE_NATS_URL !== undefined) {
    lines.push("KANADE_NATS_BIND: is of a broker of our own, and KANADE_NATS_URL names another");
  }
  lines.push(...contradictionsOfTls(variables));
  if (variables.KANADE_REQUIRE_SIGNATURES && variables.KANADE_COMMAND_KEYS === undefined) {
    lines.push(
      "KANADE_REQUIRE_SIGNATURES: needs KANADE_COMMAND_KEYS, or no command would ever run",
    );
  }
  return lines;
}

function contradictionsOfTls(variables: Variables): readonly string[] {
  const { KANADE_NATS_URL: url, KANADE_NATS_CERT: certificate, KANADE_NATS_KEY: key } = variables;
  if (certificate === undefined && key === undefined) {
    return variables.KANADE_NATS_CA === undefined || url !== undefined ? [] : [
      "KANADE_NATS_CA: is of a broker that encrypts: KANADE_NATS_URL or KANADE_NATS_CERT, and neither is set",
    ];
  }
  if (url !== undefined) {
    return ["KANADE_NATS_CERT: is of a broker of our own, and KANADE_NATS_URL names another"];
  }
  if (certificate === undefined) return ["KANADE_NATS_CERT: is needed with KANADE_NATS_KEY"];
  if (key === undefined) return ["KANADE_NATS_KEY: is needed with KANADE_NATS_CERT"];
  return isKeyOf(key, certificate) ? [] : ["KANADE_NATS_KEY: is not the key of KANADE_NATS_CERT"];
}

/** A host name may have dots, which a part of a subject may not. */
function defaultPcId(): string {
  return hostname().replaceAll(".", "-");
}

function given<N extends string>(
  name: N,
  value: string | undefined,
): { readonly [K in N]?: string } {
  return value === undefined ? {} : { [name]: value } as { readonly [K in N]: string };
}

function lineOf(issue: v.BaseIssue<unknown>): string {
  return `${v.getDotPath(issue) ?? "settings"}: ${issue.message}`;
}

function badSettings(lines: readonly string[]): Fault {
  return new Fault("bad_setting", lines.join("\n"), { details: { problems: [...lines] } });
}
