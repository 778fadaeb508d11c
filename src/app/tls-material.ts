import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { Logger } from "pino";
import { checkChain, daysLeft, describeCertificate, readCertificates } from "../security/inspect.ts";
import type { Config } from "./config/config.ts";

/** What the SIP engine's TLS needs, PEM. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  readonly cas: string[];
  readonly legacyCiphers: boolean;
}

/** Files of a configuration that hold certificates: our own, the CAs, the trunks' CAs. */
function authorityFiles(config: Config): string[] {
  return [...new Set([...config.certificates.ca, ...config.trunks.flatMap((trunk) => trunk.identity.ca ?? [])])];
}

/** Every file that is watched for changes. */
export function certificateFiles(config: Config): string[] {
  const { cert, key } = config.certificates;
  return [...new Set([cert, key, ...authorityFiles(config)].filter((file) => file !== null))];
}

/** Reads what the configuration names; null where there is no certificate. Throws with the file's name. */
export function readTlsMaterial(config: Config): TlsMaterial | null {
  const { cert, key } = config.certificates;
  if (cert === null || key === null) return null;
  const material = {
    cert: readFileSync(cert, "utf8"),
    key: readFileSync(key, "utf8"),
    cas: authorityFiles(config).flatMap((file) => readCertificates(readFileSync(file, "utf8")).map((ca) => ca.toString())),
    legacyCiphers: config.trunks.some((trunk) => trunk.legacyCiphers),
  };
  const serious = checkChain({ chain: readCertificates(material.cert), key: material.key }).find((problem) =>
    problem.message.includes("private key"),
  );
  if (serious) throw new Error(`${cert}: ${serious.message}`);
  return material;
}

/** SHA-256 fingerprints of the roots that each trunk's `ca` names, by file; trunks are recognised by them. */
export function trunkRoots(config: Config): Map<string, string[]> {
  const roots = new Map<string, string[]>();
  for (const { identity } of config.trunks) {
    if (identity.ca)
      roots.set(
        identity.ca,
        readCertificates(readFileSync(identity.ca, "utf8")).map((ca) => describeCertificate(ca).fingerprint),
      );
  }
  return roots;
}

/** Days left of each certificate, the shortest of a file; a file that cannot be read is left out (it has been told). */
export function expiries(config: Config, now = Date.now()): { file: string; daysLeft: number }[] {
  return certificateFiles(config).flatMap((file) => {
    if (file === config.certificates.key) return [];
    try {
      return {
        file: basename(file),
        daysLeft: Math.min(...readCertificates(readFileSync(file, "utf8")).map((cert) => daysLeft(cert, now))),
      };
    } catch {
      return [];
    }
  });
}

/** Warns of certificates that expire soon, or have. */
export function warnOfExpiry(config: Config, logger: Logger, now = Date.now()): void {
  for (const { file, daysLeft: left } of expiries(config, now)) {
    const fields = { file, daysLeft: left };
    if (left < 0) logger.error(fields, "certificate has expired: TLS peers refuse it; issue a new one (crosspoint certs)");
    else if (left < config.certificates.warnDays) logger.warn(fields, "certificate expires soon: issue a new one (crosspoint certs)");
  }
}
