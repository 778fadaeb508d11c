import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { Logger } from "pino";
import { readRevocationLists } from "../security/certificates/crl.ts";
import type { OcspPolicy } from "../security/certificates/ocsp.ts";
import { fingerprintOf } from "../security/certificates/path.ts";
import { daysLeft, keyProblem, readCertificates } from "../security/inspect.ts";
import type { Trunk } from "../trunks/model.ts";
import { warnDaysOf } from "./acme-standing.ts";
import type { Config } from "./config/config.ts";

/** A certificate with its chain, and its key; PEM. */
interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** What TLS of SIP and H.323 needs; io's TlsSettings. */
export interface TlsMaterial extends Pair {
  readonly cas: string[];
  readonly client?: Pair;
  readonly crls: Buffer[];
  readonly trunks: Readonly<
    Record<
      string,
      { readonly cas: readonly string[]; readonly client?: Pair; readonly names?: readonly string[]; readonly ocsp?: OcspPolicy }
    >
  >;
  readonly legacyCiphers: boolean;
}

/** Files that hold certificates of CAs: everybody's, and the trunks' own. */
function authorityFiles(config: Config): string[] {
  return [...new Set([...config.certificates.ca, ...config.trunks.flatMap((trunk) => trunk.identity.ca ?? [])])];
}

/** Our certificates for calls that we place, beside the one of the listeners. */
export function clientPairs(config: Config): { readonly certificate: string; readonly key: string }[] {
  return [config.certificates.clientCertificate, ...config.trunks.map((trunk) => trunk.clientCertificate)].filter(
    (pair) => pair !== undefined,
  );
}

/** Revocation lists: everybody's, and the trunks'. */
export function revocationFiles(config: Config): string[] {
  return [...new Set([...config.certificates.crl, ...config.trunks.flatMap((trunk) => trunk.identity.crl ?? [])])];
}

/** Every file with certificates in it. */
export function certificateFiles(config: Config): string[] {
  const own = [config.certificates.cert, ...clientPairs(config).map(({ certificate }) => certificate)];
  return [...new Set([...own, ...authorityFiles(config)].filter((file) => file !== null))];
}

/** Every file that is watched for changes. */
export function watchedFiles(config: Config): string[] {
  const keys = [config.certificates.key, ...clientPairs(config).map(({ key }) => key)].filter((file) => file !== null);
  return [...new Set([...certificateFiles(config), ...keys, ...revocationFiles(config)])];
}

const authoritiesIn = (files: readonly string[]): string[] =>
  files.flatMap((file) => readCertificates(readFileSync(file, "utf8")).map((ca) => ca.toString()));

/** Reads what the configuration names; null where there is no certificate. Throws with the file's name. */
export function readTlsMaterial(config: Config): TlsMaterial | null {
  const { cert, key, ca, clientCertificate } = config.certificates;
  if (cert === null || key === null) return null;
  return {
    ...pairOf(cert, key),
    cas: authoritiesIn(ca),
    ...(clientCertificate ? { client: pairOf(clientCertificate.certificate, clientCertificate.key) } : {}),
    crls: revocationFiles(config).map((file) => {
      const list = readFileSync(file);
      withFileName(file, () => readRevocationLists(list));
      return list;
    }),
    trunks: Object.fromEntries(config.trunks.flatMap((trunk) => trunkMaterial(config, trunk))),
    legacyCiphers: config.trunks.some((trunk) => trunk.legacyCiphers),
  };
}

function trunkMaterial(config: Config, { name, identity, clientCertificate }: Trunk): [string, TlsMaterial["trunks"][string]][] {
  const { ca, certificateNames, ocsp = "off" } = identity;
  if (ca === undefined && certificateNames === undefined && clientCertificate === undefined && ocsp === "off") return [];
  const client = clientCertificate && pairOf(clientCertificate.certificate, clientCertificate.key);
  return [
    [
      name,
      {
        cas: authoritiesIn(ca === undefined ? config.certificates.ca : [ca]),
        ...(client ? { client } : {}),
        ...(certificateNames ? { names: certificateNames } : {}),
        ...(ocsp === "off" ? {} : { ocsp }),
      },
    ],
  ];
}

function pairOf(certFile: string, keyFile: string): Pair {
  const [cert, key] = [readFileSync(certFile, "utf8"), readFileSync(keyFile, "utf8")];
  const [leaf] = withFileName(certFile, () => readCertificates(cert));
  const wrong = keyProblem(leaf!, key);
  if (wrong) throw new Error(`${certFile}: ${wrong.message}`);
  return { cert, key };
}

function withFileName<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`);
  }
}

const fingerprintsIn = (files: readonly string[]): string[] =>
  files.flatMap((file) => readCertificates(readFileSync(file, "utf8")).map(fingerprintOf));

/** SHA-256 of the CAs that trunks are recognised by: of the file that each trunk names, and of those for trunks that name none. */
export function trunkRoots(config: Config): { readonly roots: Map<string, string[]>; readonly commonRoots: string[] } {
  const own = config.trunks.flatMap(({ identity }) => identity.ca ?? []);
  return {
    roots: new Map([...new Set(own)].map((file) => [file, fingerprintsIn([file])])),
    commonRoots: fingerprintsIn(config.certificates.ca),
  };
}

/** Days left of each certificate, the shortest of a file; a file that cannot be read is left out (it has been told). */
export function expiries(config: Config, now = Date.now()): { file: string; daysLeft: number; warnDays: number }[] {
  const { certificates } = config;
  return certificateFiles(config).flatMap((file) => {
    try {
      const chain = readCertificates(readFileSync(file, "utf8"));
      return {
        file: basename(file),
        daysLeft: Math.min(...chain.map((cert) => daysLeft(cert, now))),
        warnDays: file === certificates.cert ? warnDaysOf(certificates, chain) : certificates.warnDays,
      };
    } catch {
      return [];
    }
  });
}

/** Warns of certificates that expire soon, or have, and of revocation lists that are out of date. */
export function warnOfExpiry(config: Config, logger: Logger, now = Date.now()): void {
  for (const { file, daysLeft: left, warnDays: limit } of expiries(config, now)) {
    const fields = { file, daysLeft: left };
    if (left < 0) logger.error(fields, "certificate has expired: TLS peers refuse it; issue a new one (crosspoint certs)");
    else if (left < limit) logger.warn(fields, "certificate expires soon: issue a new one (crosspoint certs)");
  }
  for (const file of revocationFiles(config)) {
    const lists = listsIn(file);
    if (lists.some(({ nextUpdate }) => nextUpdate < now))
      logger.warn({ file: basename(file) }, "revocation list is out of date: fetch a new one; what it revokes stays refused");
  }
}

function listsIn(file: string): ReturnType<typeof readRevocationLists> {
  try {
    return readRevocationLists(readFileSync(file));
  } catch {
    return [];
  }
}
