import { hostname } from "node:os";
import { join } from "node:path";
import { readIfThere, writePrivate, writePublic } from "./files.ts";
import { checkChain, matchesKey, readCertificates } from "./inspect.ts";

/** Names in the development certificates. `.example` can belong to nobody (RFC 2606). */
export const developmentNames = { server: "server.demo.crosspoint.example", client: "client.demo.crosspoint.example" } as const;

/** Files of a development folder, absolute. */
export interface DevelopmentFiles {
  readonly ca: string;
  readonly caKey: string;
  readonly serverCert: string;
  readonly serverKey: string;
  readonly clientCert: string;
  readonly clientKey: string;
}

export function developmentFiles(folder: string): DevelopmentFiles {
  const file = (name: string): string => join(folder, name);
  return {
    ca: file("ca.crt"),
    caKey: file("ca.key"),
    serverCert: file("server.crt"),
    serverKey: file("server.key"),
    clientCert: file("client.crt"),
    clientKey: file("client.key"),
  };
}

/** Makes a CA, a server and a client certificate in a folder, unless good ones are there. Returns whether any were made. */
export async function ensureDevelopmentCertificates(folder: string, now = new Date()): Promise<{ files: DevelopmentFiles; made: boolean }> {
  const files = developmentFiles(folder);
  if (allGood(files, now.getTime())) return { files, made: false };
  // Loaded only here: node-forge costs more to load than everything else at start.
  const { createAuthority, issueCertificate } = await import("./issue.ts");
  const authority = await createAuthority({ subject: { commonName: "Crosspoint development CA" }, from: now, days: 730 });
  const here = hostname();
  const serverNames = [
    "localhost",
    "127.0.0.1",
    "::1",
    ...(/^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(here) && here !== "localhost" ? [here] : []),
  ];
  const [server, client] = await Promise.all([
    issueCertificate(authority, { subject: { commonName: developmentNames.server, names: serverNames }, from: now, days: 365 }),
    issueCertificate(authority, { subject: { commonName: developmentNames.client }, from: now, days: 365 }),
  ]);
  writePrivate(files.caKey, authority.key);
  writePrivate(files.serverKey, server.key);
  writePrivate(files.clientKey, client.key);
  writePublic(files.ca, authority.cert);
  writePublic(files.serverCert, server.chain);
  writePublic(files.clientCert, client.chain);
  return { files, made: true };
}

function allGood(files: DevelopmentFiles, now: number): boolean {
  const [ca, server, serverKey, client, clientKey] = [files.ca, files.serverCert, files.serverKey, files.clientCert, files.clientKey].map(
    readIfThere,
  );
  if (!ca || !server || !serverKey || !client || !clientKey) return false;
  try {
    const authorities = readCertificates(ca);
    return (
      [
        [server, serverKey],
        [client, clientKey],
      ] as const
    ).every(([pem, key]) => {
      const chain = readCertificates(pem);
      const root = chain.at(-1)!;
      return (
        matchesKey(chain[0]!, key) &&
        root.fingerprint256 === authorities[0]!.fingerprint256 &&
        checkChain({ chain, now, warnDays: 1 }).every((problem) => !problem.serious)
      );
    });
  } catch {
    return false;
  }
}
