import { resolve } from "node:path";
import { accountsText } from "./broker_accounts.ts";
import type { Permissions } from "./broker_fence.ts";
import type { BrokerUser } from "./credentials.ts";

/** PEM files, which nats-server reads when it starts, and whenever a user is added or taken away. */
export interface BrokerCertificate {
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface BrokerConfig {
  readonly address: { readonly hostname: string; readonly port: number };
  /** Absent = it speaks in the clear. */
  readonly tls?: BrokerCertificate | undefined;
  readonly storeDir: string;
  readonly pidFile: string;
  /** May do everything. */
  readonly backend: BrokerUser;
  readonly agents: readonly (BrokerUser & { readonly permissions: Permissions })[];
}

/**
 * The text of nats-server's configuration: one address, JetStream, one user each in two accounts. Its grammar takes
 * JSON strings as they are. Passwords stand in it as they are, since the file is 0600 like the one with
 * the credentials and hashing costs each connection a tenth of a second.
 */
export function brokerConfigText(config: BrokerConfig): string {
  return [
    `server_name: "kanade"`,
    `host: ${JSON.stringify(config.address.hostname)}`,
    `port: ${config.address.port}`,
    ...tlsText(config.tls),
    `pid_file: ${JSON.stringify(config.pidFile)}`,
    `logtime: false`,
    `jetstream { store_dir: ${JSON.stringify(config.storeDir)} }`,
    ...accountsText({ backend: [userText(config.backend)], agents: config.agents.map(userText) }),
    ``,
  ].join("\n");
}

function tlsText(tls: BrokerCertificate | undefined): readonly string[] {
  if (tls === undefined) return [];
  const [certificate, key] = [tls.certificateFile, tls.keyFile].map((file) =>
    JSON.stringify(resolve(file))
  );
  return [`tls { cert_file: ${certificate}, key_file: ${key} }`];
}

function userText(user: BrokerUser & { readonly permissions?: Permissions }): string {
  const name = `user: ${JSON.stringify(user.user)}, password: ${JSON.stringify(user.password)}`;
  if (user.permissions === undefined) return `{ ${name} }`;
  const { publish, subscribe } = user.permissions;
  const permissions = [
    `publish: { allow: ${JSON.stringify(publish)} }`,
    `subscribe: { allow: ${JSON.stringify(subscribe)} }`,
  ];
  return `{ ${name}, permissions: { ${permissions.join(", ")} } }`;
}
