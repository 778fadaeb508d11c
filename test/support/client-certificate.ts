import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Crosspoint, runCli } from "./crosspoint.ts";

/** A client certificate of the demo's CA that also names 127.0.0.1, where baresip is called: its key and certificate in one file. */
export interface ClientCertificate {
  readonly certificate: string;
  readonly ca: string;
  remove(): void;
}

export function issueClientCertificate(gateway: Crosspoint): ClientCertificate {
  const folder = mkdtempSync(join(tmpdir(), "crosspoint-client-"));
  for (const file of ["ca.crt", "ca.key"]) copyFileSync(join(gateway.certificates, file), join(folder, file));
  const name = "client.demo.crosspoint.example";
  const issued = runCli(["certs", "issue", name, "--san", "127.0.0.1", "--folder", folder]);
  if (issued.status !== 0) throw new Error(issued.stderr);
  const certificate = join(folder, "client.pem");
  writeFileSync(certificate, Buffer.concat([readFileSync(join(folder, `${name}.key`)), readFileSync(join(folder, `${name}.crt`))]));
  return { certificate, ca: join(gateway.certificates, "ca.crt"), remove: () => rmSync(folder, { recursive: true, force: true }) };
}
