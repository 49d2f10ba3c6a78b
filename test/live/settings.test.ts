import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readSettings } from "../../scripts/settings.ts";
import { Fault } from "../../wire/fault.ts";
import { makeCertificates } from "../harness/certificates.ts";

/** The lines that a bad environment is answered with. */
function linesOf(environment: Record<string, string>): readonly string[] {
  try {
    readSettings(environment);
  } catch (thrown) {
    assert.ok(thrown instanceof Fault && thrown.code === "bad_setting");
    return thrown.message.split("\n");
  }
  return [];
}

const DAY_MS = 86_400_000;
/** Two public keys of the contract's vectors. */
const KEY = "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=";
const OTHER_KEY = "gTl3Dqh9F19Wo1Rmw0x+zMuNipG07jeiXfYPW4/Js5Q=";

test("an empty environment gives the defaults", () => {
  assert.deepEqual(readSettings({}), {
    dataDir: "./data",
    bind: { hostname: "127.0.0.1", port: 8080 },
    logLevel: "info",
    broker: { kind: "own" },
    db: { url: "file:data/kanade.db" },
    replicas: 1,
    auth: { disabled: false },
    signingKey: join("data", "signing_key.pem"),
    sweepIntervalMs: 60_000,
    keep: { runsMs: 90 * DAY_MS, auditMs: 365 * DAY_MS, deadLettersMs: 90 * DAY_MS },
    agent: {
      pcId: hostname().replaceAll(".", "-"),
      dataDir: join("data", "agent"),
      stopGraceMs: 20_000,
      commandKeys: [],
      requireSignatures: false,
    },
  });
});

test("a variable that is set to nothing counts as unset", () => {
  assert.deepEqual(readSettings({ KANADE_BIND: "", KANADE_NATS_URL: "" }), readSettings({}));
});

test("every variable finds its place", () => {
  const settings = readSettings({
    KANADE_DATA_DIR: "/srv/kanade",
    KANADE_BIND: "[::1]:0",
    KANADE_AGENT_DATA_DIR: "/srv/agent",
    KANADE_PC_ID: "é 1".replace(" ", ""),
    KANADE_LOG: "debug",
    KANADE_NATS_URL: "nats://a:4222, tls://b:4223",
    KANADE_NATS_USER: "u",
    KANADE_NATS_PASSWORD: "p",
    KANADE_NATS_TOKEN: "t",
    KANADE_DB_URL: "libsql://db.example",
    KANADE_DB_AUTH_TOKEN: "d",
    KANADE_REPLICAS: "3",
    KANADE_AUTH_STATIC_TOKEN: "s",
    KANADE_JWT_SECRET: "j".repeat(32),
    KANADE_AUTH_DISABLE: "1",
    KANADE_STOP_GRACE: "1m 30s",
    KANADE_INSPECT: "ws://127.0.0.1:8081/inspect",
    KANADE_SWEEP_INTERVAL: "5s",
    KANADE_KEEP_RUNS: "30d",
    KANADE_KEEP_AUDIT: "1000d",
    KANADE_KEEP_DEAD_LETTERS: "1d",
    KANADE_COMMAND_KEYS: `${KEY}, ${OTHER_KEY}`,
    KANADE_REQUIRE_SIGNATURES: "1",
    KANADE_RUN_AS_USER: "nobody",
  });
  assert.deepEqual(settings, {
    dataDir: "/srv/kanade",
    bind: { hostname: "::1", port: 0 },
    logLevel: "debug",
    broker: {
      kind: "given",
      servers: ["nats://a:4222", "tls://b:4223"],
      user: "u",
      password: "p",
      token: "t",
    },
    db: { url: "libsql://db.example", authToken: "d" },
    replicas: 3,
    auth: { disabled: true, staticToken: "s", jwtSecret: "j".repeat(32) },
    signingKey: "/srv/kanade/signing_key.pem",
    sweepIntervalMs: 5_000,
    keep: { runsMs: 30 * DAY_MS, auditMs: 1_000 * DAY_MS, deadLettersMs: DAY_MS },
    inspectUrl: "ws://127.0.0.1:8081/inspect",
    agent: {
      pcId: "é1",
      dataDir: "/srv/agent",
      stopGraceMs: 90_000,
      commandKeys: [KEY, OTHER_KEY],
      requireSignatures: true,
      runAsUser: "nobody",
    },
  });
  const own = readSettings({
    KANADE_NATS_SERVER: "/opt/nats-server",
    KANADE_NATS_BIND: "10.0.0.5:4222",
  });
  assert.deepEqual(own.broker, {
    kind: "own",
    binary: "/opt/nats-server",
    bind: { hostname: "10.0.0.5", port: 4222 },
  });
});

for (
  const [name, value, message] of [
    ["KANADE_BIND", "8080", '"8080" is not an address such as 127.0.0.1:8080'],
    [
      "KANADE_BIND",
      "127.0.0.1:70000",
      '"127.0.0.1:70000" is not an address such as 127.0.0.1:8080',
    ],
    ["KANADE_NATS_BIND", "4222", '"4222" is not an address such as 127.0.0.1:8080'],
    ["KANADE_NATS_BIND", "0.0.0.0:4222", "is of a broker of our own, and KANADE_NATS_URL names"],
    ["KANADE_PC_ID", "a.b", '"a.b" cannot be used as a name: it holds a space, a dot'],
    ["KANADE_LOG", "loud", '"loud" is none of debug, info, warn, error, silent'],
    ["KANADE_NATS_URL", "broker", "must be URLs such as nats://broker:4222"],
    ["KANADE_NATS_URL", "nats://a:4222,", "must be URLs such as nats://broker:4222"],
    ["KANADE_NATS_URL", "nats://u:hunter2@a:4222", "must hold no credentials: KANADE_NATS_USER"],
    ["KANADE_NATS_CA", "/nowhere/ca.pem", "must be a PEM file of certificates (ENOENT"],
    ["KANADE_NATS_CA", "package.json", "must be a PEM file of certificates ("],
    ["KANADE_AUTH_STATIC_TOKEN", "two hunter2", "must be printable characters of ASCII"],
    ["KANADE_DB_URL", "data.db", "must begin with file:"],
    ["KANADE_REPLICAS", "0", '"0" is not a whole number from 1 to 5'],
    ["KANADE_AUTH_DISABLE", "yes", '"yes" is neither 1 nor 0'],
    ["KANADE_STOP_GRACE", "20", 'Cannot read the duration "20"'],
    ["KANADE_INSPECT", "http://127.0.0.1", "must be an address such as ws://127.0.0.1:8080"],
    ["KANADE_SWEEP_INTERVAL", "0s", "must be longer than nothing"],
    ["KANADE_JWT_SECRET", "hunter2", "must have at least 32 bytes"],
    [
      "KANADE_COMMAND_KEYS",
      "/nowhere/keys",
      "is neither public keys in base64, nor a file of them (ENOENT",
    ],
    [
      "KANADE_COMMAND_KEYS",
      `${KEY},AAAA`,
      "is neither public keys in base64, nor a file of them (ENOENT",
    ],
    ["KANADE_REQUIRE_SIGNATURES", "1", "needs KANADE_COMMAND_KEYS"],
    ["KANADE_NATS_PASSWORD_FILE", "/nowhere/password", "cannot be read (ENOENT"],
  ] as const
) {
  test(`${name}=${value} is one line that says: ${message}`, () => {
    const lines = linesOf({ KANADE_NATS_URL: "nats://a:4222", [name]: value });
    assert.equal(lines.length, 1);
    assert.ok(lines[0]?.startsWith(`${name}: ${message}`), lines[0]);
    assert.equal(lines[0]?.includes("hunter2"), false);
  });
}

test("every bad value has its line", () => {
  const lines = linesOf({ KANADE_LOG: "loud", KANADE_REPLICAS: "9", KANADE_BIND: "x" });
  assert.deepEqual(lines.map((line) => line.split(":")[0]), [
    "KANADE_BIND",
    "KANADE_LOG",
    "KANADE_REPLICAS",
  ]);
});

test("authentication cannot be disabled where others can reach the server", () => {
  assert.match(
    linesOf({ KANADE_AUTH_DISABLE: "1", KANADE_BIND: "0.0.0.0:8080" })[0] ?? "",
    /^KANADE_AUTH_DISABLE: is refused/,
  );
  assert.deepEqual(linesOf({ KANADE_AUTH_DISABLE: "1", KANADE_BIND: "localhost:8080" }), []);
});

test("the password comes from a file without its line feed, and not from two places", async () => {
  const directory = await mkdtemp(join(tmpdir(), "kanade-settings-"));
  const file = join(directory, "password");
  await writeFile(file, "from the file\n");
  const environment = { KANADE_NATS_URL: "nats://a:4222", KANADE_NATS_PASSWORD_FILE: file };
  const { broker } = readSettings(environment);
  assert.equal(broker.kind === "given" && broker.password, "from the file");
  assert.equal(linesOf({ ...environment, KANADE_NATS_PASSWORD: "p" }).length, 1);
  await rm(directory, { recursive: true });
});

test("the authority of a broker is a file with its certificate, and names no broker by itself", async () => {
  await using certificates = await makeCertificates(["DNS:broker"]);
  const { caFile } = certificates;
  const { broker } = readSettings({ KANADE_NATS_URL: "tls://broker", KANADE_NATS_CA: caFile });
  assert.deepEqual(broker, { kind: "given", servers: ["tls://broker"], caFile });
  assert.match(linesOf({ KANADE_NATS_CA: caFile })[0] ?? "", /^KANADE_NATS_CA: .*KANADE_NATS_URL/);
});

test("a broker of ours encrypts with a certificate and its key, and with nothing less", async () => {
  await using certificates = await makeCertificates(["DNS:broker"]);
  await using others = await makeCertificates(["DNS:broker"]);
  const { caFile, certificateFile, keyFile } = certificates;
  const own = { KANADE_NATS_CERT: certificateFile, KANADE_NATS_KEY: keyFile };
  const { broker } = readSettings({ ...own, KANADE_NATS_CA: caFile });
  assert.deepEqual(broker, { kind: "own", tls: { certificateFile, keyFile }, caFile });
  const wrong: readonly (readonly [Record<string, string>, RegExp])[] = [
    [{ KANADE_NATS_CERT: certificateFile }, /^KANADE_NATS_KEY: is needed with KANADE_NATS_CERT$/],
    [{ KANADE_NATS_KEY: keyFile }, /^KANADE_NATS_CERT: is needed with KANADE_NATS_KEY$/],
    [{ ...own, KANADE_NATS_KEY: others.keyFile }, /^KANADE_NATS_KEY: is not the key of/],
    [{ ...own, KANADE_NATS_KEY: caFile }, /^KANADE_NATS_KEY: must be a PEM file of a private key/],
    [{ ...own, KANADE_NATS_URL: "nats://b" }, /^KANADE_NATS_CERT: .*KANADE_NATS_URL names another/],
  ];
  for (const [environment, line] of wrong) {
    assert.deepEqual(linesOf(environment).map((each) => line.test(each)), [true]);
  }
});

test("the keys of who signs commands may stand in a file, one on each line", async () => {
  const directory = await mkdtemp(join(tmpdir(), "kanade-settings-"));
  const file = join(directory, "keys");
  await writeFile(file, `# the backend\n${KEY}\n\n${OTHER_KEY} # the spare one\n`);
  assert.deepEqual(readSettings({ KANADE_COMMAND_KEYS: file }).agent.commandKeys, [KEY, OTHER_KEY]);
  await writeFile(file, `${KEY}\nrubbish\n`);
  assert.match(linesOf({ KANADE_COMMAND_KEYS: file })[0] ?? "", /line 2 is none/);
  await writeFile(file, "# none yet\n");
  assert.match(linesOf({ KANADE_COMMAND_KEYS: file })[0] ?? "", /it is empty/);
  await rm(directory, { recursive: true });
});
