/** A broker of somebody's own that encrypts, with a certificate of an authority that only its owner knows. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connectBus } from "../../actors/bus.ts";
import { type Certificates, makeCertificates } from "../harness/certificates.ts";
import { startBroker, type TestBroker } from "../harness/broker.ts";
import { testLog } from "../harness/log.ts";
import {
  dataDirectory,
  kanade,
  servingUrl,
  startProgram,
  startServing,
} from "../harness/start_process.ts";
import { eventually, within } from "../harness/wait.ts";

const USERS = `authorization { user: "fleet", password: "of the fleet" }\n`;
const SIGN_IN = { user: "fleet", password: "of the fleet" };

let certificates: Certificates;
let broker: TestBroker;
before(async () => {
  certificates = await makeCertificates(["DNS:localhost", "IP:127.0.0.1"]);
  broker = await startBroker({ config: certificates.brokerConfig + USERS });
});
after(async () => {
  await broker[Symbol.asyncDispose]();
  await certificates[Symbol.asyncDispose]();
});

/** Why the first attempt to connect failed. */
async function refusal(options: { readonly server: string; readonly caFile?: string }) {
  const stop = new AbortController();
  const { log, lines } = testLog();
  const servers = [options.server];
  const connecting = connectBus(
    { servers, caFile: options.caFile, ...SIGN_IN, name: "test", log },
    stop.signal,
  );
  const ended = assert.rejects(connecting, /enough/);
  const failed = await eventually(
    "a failed attempt",
    () => lines.find(({ phrase }) => phrase === "cannot connect to the broker"),
  );
  stop.abort(new Error("enough"));
  await ended;
  return String(failed["why"]);
}

/** Deno does not always say what is wrong with a certificate, only that it does not go on. */
function whyOf(words: RegExp): RegExp {
  return "Deno" in globalThis ? /certificate|altnames|CONNECTION_REFUSED/ : words;
}

for (const [host, name] of [["localhost", "DNS:localhost"], ["127.0.0.1", "IP:127.0.0.1"]]) {
  test(`a broker is reached as ${host} when its certificate says just that and its authority is known`, async () => {
    await using own = await makeCertificates([name ?? ""]);
    await using other = await startBroker({ config: own.brokerConfig + USERS });
    const { log, lines } = testLog();
    const { caFile } = own;
    const servers = [`tls://${host}:${other.port}`];
    const connecting = connectBus({ servers, caFile, ...SIGN_IN, name: "test", log }, never());
    await using bus = await within("the connection", connecting);
    await bus.flush();
    const line = lines.find(({ phrase }) => phrase === "connected to the broker");
    assert.equal(line?.["encrypted"], true);
  });
}

test("a broker whose authority is not known is not spoken to", async () => {
  const why = await refusal({ server: `tls://localhost:${broker.port}` });
  assert.match(why, whyOf(/certificate/));
});

test("a broker whose certificate is another's is not spoken to", async () => {
  await using others = await makeCertificates(["DNS:broker.example", "IP:127.0.0.2"]);
  await using other = await startBroker({ config: others.brokerConfig });
  for (const host of ["localhost", "127.0.0.1"]) {
    const server = `tls://${host}:${other.port}`;
    const why = await refusal({ server, caFile: others.caFile });
    assert.match(why, whyOf(/altnames/));
  }
});

for (const caFile of [false, true]) {
  const asked = caFile ? "for which an authority is named" : "that is asked for by tls://";
  test(`a broker ${asked} is told no password where it does not encrypt`, async () => {
    // As one through whom somebody lets only what is not encrypted.
    let heard = "";
    const server = createServer((socket) => {
      socket.on("data", (chunk) => heard += chunk.toString()).on("error", () => {});
      socket.write(`INFO {"server_id":"x","version":"2.10.29","proto":1,"max_payload":1024}\r\n`);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const why = await refusal(
      caFile
        ? { server: `nats://127.0.0.1:${port}`, caFile: certificates.caFile }
        : { server: `tls://127.0.0.1:${port}` },
    );
    server.close();
    assert.equal(why, "it does not offer TLS");
    assert.equal(heard, "");
  });
}

test("backend and agent on machines of their own do their work over an encrypted broker", async () => {
  await using directory = await dataDirectory();
  const agentDir = await mkdtemp(join(tmpdir(), "kanade-tls-agent-"));
  const settings = (host: string) => ({
    KANADE_DATA_DIR: directory.path,
    KANADE_NATS_URL: `tls://${host}:${broker.port}`,
    KANADE_NATS_CA: certificates.caFile,
    KANADE_NATS_USER: SIGN_IN.user,
    KANADE_NATS_PASSWORD: SIGN_IN.password,
  });
  await using backend = startProgram("backend", {
    ...settings("127.0.0.1"),
    KANADE_BIND: "127.0.0.1:0",
  });
  await servingUrl(backend, directory.path);
  await using agent = startProgram("agent", {
    ...settings("localhost"),
    KANADE_PC_ID: "till-1",
    KANADE_AGENT_DATA_DIR: agentDir,
  });
  await eventually("the agent's heartbeat", async () => {
    const agents = await (await directory.ask("/api/agents")).json() as { pc_id: string }[];
    return agents.some(({ pc_id }) => pc_id === "till-1");
  }, 60_000);
  const ran = await kanade(directory, "run", "till-1", "--", "echo over TLS; exit 3");
  assert.deepEqual([ran.stdout, ran.exitCode], ["over TLS\n", 3]);
  assert.equal((await agent.end("SIGTERM")).exitCode, 0);
  assert.equal((await backend.end("SIGTERM")).exitCode, 0);
  await rm(agentDir, { recursive: true, force: true });
});

test("a broker of ours with a certificate speaks to nobody without encryption, and everything works over it", async () => {
  await using directory = await dataDirectory();
  await using program = await startServing(directory, {
    KANADE_NATS_BIND: "0.0.0.0:0",
    KANADE_NATS_CERT: certificates.certificateFile,
    KANADE_NATS_KEY: certificates.keyFile,
    KANADE_NATS_CA: certificates.caFile,
  });
  const ran = await kanade(directory, "run", "host-1", "--", "echo over TLS");
  assert.deepEqual([ran.stdout, ran.exitCode], ["over TLS\n", 0], ran.stderr);
  const enrolled = await kanade(directory, "agent", "enrol", "till-2");
  assert.match(enrolled.stdout, /^KANADE_NATS_URL=tls:\/\/\S+$/m);
  const { port } = new URL(/"nats": "(\S+)"/.exec(await runtimeOf(directory.path))?.[1] ?? "");
  assert.equal((await greetingOf(Number(port))).tls_required, true);
  const { stderr } = await program.end("SIGINT");
  assert.doesNotMatch(stderr, /the broker is reached without encryption/);
});

function runtimeOf(dataDir: string): Promise<string> {
  return readFile(join(dataDir, "runtime.json"), "utf8");
}

/** What nats-server says first to whoever connects. */
async function greetingOf(port: number): Promise<{ readonly tls_required?: boolean }> {
  const socket = connect(port, "127.0.0.1");
  const [bytes] = await within("the greeting", once(socket, "data")) as [Buffer];
  socket.destroy();
  return JSON.parse(bytes.toString().replace(/^INFO /, "")) as { readonly tls_required?: boolean };
}

function never(): AbortSignal {
  return new AbortController().signal;
}
