/** How the connection to the broker is encrypted. */
import { isIP } from "node:net";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import type { TlsOptions } from "nats";

interface TlsWish {
  readonly servers: readonly string[];
  readonly caFile?: string | undefined;
}

/**
 * What nats.js is told of encryption. Undefined = it is taken where the broker offers it. Else nothing is said without
 * it: whoever stands in between could take the offer away, and would be given the password.
 */
export function tlsOptionsOf({ servers, caFile }: TlsWish): TlsOptions | undefined {
  if (caFile === undefined && !servers.some((url) => url.startsWith("tls://"))) return undefined;
  const options = {
    ...(caFile === undefined ? {} : { caFile }),
    checkServerIdentity: checkOf(servers.map(hostOf).filter((host) => isIP(host) !== 0)),
  };
  return options;
}

/** nats.js tells TLS no name where a URL has an address: the certificate must be of one that was named, then. */
function checkOf(addresses: readonly string[]) {
  return (host: string, certificate: PeerCertificate): Error | undefined =>
    addresses.some((address) => checkServerIdentity(address, certificate) === undefined)
      ? undefined
      : checkServerIdentity(host, certificate);
}

function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[(.*)\]$/, "$1");
}
