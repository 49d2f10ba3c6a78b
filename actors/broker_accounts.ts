/**
 * The two accounts of our broker: the backend with its streams and buckets, and the agents.
 *
 * NATS checks where a message goes, but not where the answer to it is to go. In one account an agent could have what it may
 * read delivered to any subject, and so write another's groups, end another's runs, or answer in the place of a stream. Of
 * what happens among the agents nothing reaches the backend but by the subjects below.
 */
import { BUCKETS_OF_AGENTS } from "./broker_fence.ts";

/** Said by the backend, heard by agents. */
const TOLD: readonly string[] = [
  "commands.>",
  "kill.*",
  "agents.*.ping",
  "agents.*.kill",
  "agents.*.commands",
  "job.tail.*",
  "logs.fetch.*",
  ...BUCKETS_OF_AGENTS.map((bucket) => `$KV.${bucket}.>`),
];

/** Said by agents to the backend and its streams, which may answer. */
const SAID: readonly string[] = [
  "results.*.*",
  "events.started.*.*",
  "heartbeat.*",
  "obs.*",
  "job.output.>",
  "_INBOX.answers.*.*",
  "$O.result_output.>",
  "$JS.API.CONSUMER.MSG.NEXT.EXEC.*",
  "$JS.ACK.EXEC.>",
  ...BUCKETS_OF_AGENTS.map((bucket) => `$JS.API.DIRECT.GET.KV_${bucket}.>`),
  "$JS.API.DIRECT.GET.OBJ_scripts",
  "$JS.API.DIRECT.GET.OBJ_scripts.>",
];

/** Names of the accounts: that of the backend is the directory of its streams, too. */
export const BACKEND_ACCOUNT = "BACKEND";
const AGENTS_ACCOUNT = "AGENTS";

/** The part of nats-server's configuration that makes them. @param users of each, a line each */
export function accountsText(
  users: { readonly backend: readonly string[]; readonly agents: readonly string[] },
): readonly string[] {
  return [
    `accounts {`,
    `  ${BACKEND_ACCOUNT} {`,
    `    jetstream: enabled`,
    ...listText("users", users.backend),
    ...listText("exports", [
      ...TOLD.map((subject) => `{ stream: ${quoted(subject)} }`),
      ...SAID.map((subject) => `{ service: ${quoted(subject)} }`),
    ]),
    `  }`,
    `  ${AGENTS_ACCOUNT} {`,
    ...listText("users", users.agents),
    ...listText("imports", [
      ...TOLD.map((subject) => imported("stream", subject)),
      ...SAID.map((subject) => imported("service", subject)),
    ]),
    `  }`,
    `}`,
  ];
}

function imported(kind: "stream" | "service", subject: string): string {
  return `{ ${kind}: { account: ${BACKEND_ACCOUNT}, subject: ${quoted(subject)} } }`;
}

function listText(name: string, lines: readonly string[]): readonly string[] {
  return [`    ${name}: [`, ...lines.map((line) => `      ${line}`), `    ]`];
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
