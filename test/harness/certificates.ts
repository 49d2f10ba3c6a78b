import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** An authority of one's own, and what it has signed for a broker. */
export interface Certificates extends AsyncDisposable {
  readonly caFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  /** The lines of nats-server's configuration that make it encrypt. */
  readonly brokerConfig: string;
}

/** @param names of the broker, such as `DNS:localhost` or `IP:127.0.0.1` */
export async function makeCertificates(names: readonly string[]): Promise<Certificates> {
  const directory = await mkdtemp(join(tmpdir(), "kanade-tls-"));
  const at = (name: string) => join(directory, name);
  const openssl = (...args: readonly string[]) => run("openssl", [...args], { cwd: directory });
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await writeFile(at("broker.ext"), `subjectAltName=${names.join(",")}\n`);
  await openssl(
    ...["req", "-x509", ...newKey, "-keyout", "ca.key", "-out", "ca.pem"],
    ...["-subj", "/CN=our own authority", "-days", "2"],
  );
  await openssl(
    ...["req", ...newKey, "-keyout", "broker.key", "-out", "broker.csr", "-subj", "/CN=broker"],
  );
  await openssl(
    ...["x509", "-req", "-in", "broker.csr", "-out", "broker.pem", "-extfile", "broker.ext"],
    ...["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"],
  );
  const tls = { cert_file: at("broker.pem"), key_file: at("broker.key") };
  return {
    caFile: at("ca.pem"),
    certificateFile: tls.cert_file,
    keyFile: tls.key_file,
    brokerConfig: `tls ${JSON.stringify(tls)}\n`,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}
