import type { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { readableByOthers, unreadable } from "../../security/files.ts";
import { checkChain, readCertificates } from "../../security/inspect.ts";
import type { Config, Findings } from "./config.ts";
import type { Path } from "./source.ts";

/** The files that `certificates` and the trunks name: there, readable, and fit for what they are for. */
export function checkCertificates(config: Config, findings: Findings): void {
  const { cert, key, ca, development } = config.certificates;
  const madeLater = (file: string): boolean => development !== null && dirname(file) === development;
  const read = <T>(path: Path, file: string, use: (text: string) => T): T | null => {
    try {
      return use(readFileSync(file, "utf8"));
    } catch (error) {
      if (madeLater(file)) return null;
      findings.mistake(path, `${file}: ${(error as NodeJS.ErrnoException).code ? unreadable(error) : (error as Error).message}`);
      return null;
    }
  };

  const authorities = ca.flatMap((file, i) => read(["certificates", "ca", i], file, readCertificates) ?? []);
  for (const [i, trunk] of config.trunks.entries()) {
    const file = trunk.identity.ca;
    if (file) authorities.push(...(read(["trunks", i, "identity", "ca"], file, readCertificates) ?? []));
    if ((trunk.identity.certificateNames || file) && authorities.length === 0 && !madeLater(file ?? "") && development === null) {
      findings.mistake(["trunks", i, "identity"], "no CA is named here or in certificates.ca, so no client certificate can be verified");
    }
  }

  const wanted = wantsCertificate(config);
  if ((cert === null || key === null) && wanted) {
    findings.mistake(wanted.path, `${wanted.what} needs certificates.cert and certificates.key; or turn it off`);
  }
  if (cert !== null && key === null && !wanted)
    findings.mistake(["certificates", "key"], "is missing: certificates.cert is of no use without it");
  if (cert === null || key === null) return;
  const chain = read(["certificates", "cert"], cert, readCertificates);
  const keyText = read(["certificates", "key"], key, (text) => text);
  if (chain && keyText !== null && !madeLater(cert)) judge(config, chain, keyText, authorities, findings);
  if (keyText !== null && readableByOthers(key)) findings.warn(["certificates", "key"], `others may read this file: chmod 600 ${key}`);
}

function judge(config: Config, chain: X509Certificate[], key: string, authorities: X509Certificate[], { mistake, warn }: Findings): void {
  for (const problem of checkChain({ chain, key, authorities, warnDays: config.certificates.warnDays })) {
    // An expired certificate may be all there is at night: calls without TLS still work, so it is a warning that shouts.
    const fatal = problem.serious && !/expired|not valid before/.test(problem.message);
    (fatal ? mistake : warn)(["certificates", "cert"], problem.message);
  }
}

function wantsCertificate(config: Config): { path: Path; what: string } | null {
  if (config.engine.sip === "embedded") {
    if (config.sip.tls !== null) return { path: ["sip", "tls"], what: "SIP over TLS" };
    if (config.sip.wss !== null) return { path: ["sip", "wss"], what: "SIP over secure WebSocket" };
  }
  if (config.h323.tls !== null) return { path: ["h323", "tls"], what: "H.323 over TLS" };
  return config.web.tls && config.web.port !== null ? { path: ["web", "tls"], what: "HTTPS" } : null;
}
