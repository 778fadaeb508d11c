import type { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { readableByOthers, unreadable } from "../../security/files.ts";
import { isRevoked, readRevocationLists, type RevocationList } from "../../security/certificates/crl.ts";
import { day, nameOfCertificate } from "../../security/certificates/faults.ts";
import { datesOf, isFor, weaknessOf } from "../../security/certificates/path.ts";
import { checkChain, keyProblem, readCertificates } from "../../security/inspect.ts";
import { acmeCertificateFile, acmeFolder } from "../../security/acme/folder.ts";
import { acmeListeners, acmePort, acmeStanding, failureWords, warnDaysOf } from "../acme-standing.ts";
import { configuredListeners } from "../bind-errors.ts";
import type { Config, Findings } from "./config.ts";
import type { Path } from "./source.ts";

/** The files that `certificates` and the trunks name: there, readable, and fit for what they are for. */
export function checkCertificates(config: Config, findings: Findings): void {
  const { cert, key, ca, development, acme } = config.certificates;
  const madeLater = (file: string): boolean =>
    (development !== null && dirname(file) === development) || (acme !== undefined && file === cert);
  const read = <T>(path: Path, file: string, use: (text: string) => T, encoding: "utf8" | "latin1" = "utf8"): T | null => {
    try {
      return use(readFileSync(file, encoding));
    } catch (error) {
      if (madeLater(file)) return null;
      findings.mistake(path, `${file}: ${(error as NodeJS.ErrnoException).code ? unreadable(error) : (error as Error).message}`);
      return null;
    }
  };

  const authorities = ca.flatMap((file, i) => {
    const path: Path = ["certificates", "ca", i];
    const found = read(path, file, readCertificates) ?? [];
    for (const one of found) judgeAuthority(path, one, "nobody under it", findings);
    return found;
  });
  for (const [i, trunk] of config.trunks.entries()) {
    const file = trunk.identity.ca;
    const own = file ? (read(["trunks", i, "identity", "ca"], file, readCertificates) ?? []) : [];
    authorities.push(...own);
    for (const one of own)
      judgeAuthority(["trunks", i, "identity", "ca"], one, `no call from or to trunk ${trunk.name} over TLS`, findings);
    if ((trunk.identity.certificateNames || file) && authorities.length === 0 && !madeLater(file ?? "") && development === null) {
      findings.mistake(["trunks", i, "identity"], "no CA is named here or in certificates.ca, so no client certificate can be verified");
    }
  }

  for (const [path, pair] of pairsOf(config)) {
    const own = read([...path, "certificate"], pair.certificate, readCertificates);
    const privateKey = read([...path, "key"], pair.key, (text) => text);
    if (own && privateKey !== null) judgePair(path, own, privateKey, config, findings);
    if (privateKey !== null && readableByOthers(pair.key))
      findings.warn([...path, "key"], `others may read this file: chmod 600 ${pair.key}`);
  }
  const revocations: RevocationList[] = [];
  for (const [path, file] of listsOf(config)) {
    const lists = read(path, file, (text) => readRevocationLists(Buffer.from(text, "latin1")), "latin1");
    revocations.push(...(lists ?? []));
    if (lists?.some(({ nextUpdate }) => nextUpdate < Date.now()))
      findings.warn(
        path,
        `${file}: is out of date since ${day(Math.min(...lists.map(({ nextUpdate }) => nextUpdate)))}: fetch a new one; what it revokes stays refused`,
      );
  }

  checkAcme(config, findings);
  const wanted = wantsCertificate(config);
  if ((cert === null || key === null) && wanted) {
    findings.mistake(wanted.path, `${wanted.what} needs certificates.cert and certificates.key; or turn it off`);
  }
  if (cert !== null && key === null && !wanted)
    findings.mistake(["certificates", "key"], "is missing: certificates.cert is of no use without it");
  if (cert === null || key === null) return;
  const chain = read(["certificates", "cert"], cert, readCertificates);
  const keyText = read(["certificates", "key"], key, (text) => text);
  if (chain && keyText !== null && (acme !== undefined ? acmeStanding(config, acme).validity !== null : !madeLater(cert)))
    judge(config, chain, keyText, authorities, findings);
  const revoked = chain?.find((one) =>
    [...chain, ...authorities].some((issuer) => one.checkIssued(issuer) && isRevoked(one, issuer, revocations)),
  );
  if (revoked)
    findings.warn(
      ["certificates", "cert"],
      `the certificate ${nameOfCertificate(revoked)} is revoked by its CA's list: peers refuse it; have another issued`,
    );
  if (keyText !== null && readableByOthers(key)) findings.warn(["certificates", "key"], `others may read this file: chmod 600 ${key}`);
}

/** A CA that peers are verified by: its dates, and whether it is one. */
function judgeAuthority(path: Path, certificate: X509Certificate, whom: string, { warn }: Findings): void {
  const dated = datesOf(certificate, Date.now());
  if (dated) warn(path, `${whom} is believed: ${dated.words}`);
  const weak = weaknessOf(certificate, true);
  if (weak) warn(path, `${whom} is believed: the certificate ${nameOfCertificate(certificate)} ${weak}`);
  if (!certificate.ca && certificate.subject !== certificate.issuer)
    warn(path, `the certificate ${nameOfCertificate(certificate)} is no CA: it vouches for itself alone, and for nobody under it`);
}

/** `certificates.acme`: nothing beside it that says another certificate, its CA, its port, and how its certificate stands. */
function checkAcme(config: Config, { mistake, warn }: Findings): void {
  const { acme, cert, key, development } = config.certificates;
  if (acme === undefined) return;
  const ours = acmeCertificateFile(acmeFolder(config.data));
  if (cert !== ours || key !== ours || development !== null)
    mistake(["certificates", "acme"], "issues cert and key: leave certificates.cert, key and development out beside it");
  try {
    if (acme.ca !== undefined) readCertificates(readFileSync(acme.ca, "utf8"));
  } catch (error) {
    const what = (error as NodeJS.ErrnoException).code ? unreadable(error) : (error as Error).message;
    mistake(["certificates", "acme", "ca"], `${acme.ca}: ${what}`);
  }
  const port = acmePort(config, acme);
  if (port === null && acmeListeners(config, acme).length === 0)
    mistake(["certificates", "acme", "port"], `is off, and no listener here answers ${acme.challenge}: give it a port`);
  const taken = configuredListeners(config).find(
    (listener) => listener.key !== "certificates.acme.port" && listener.protocol === "tcp" && listener.port === port,
  );
  if (taken)
    mistake(["certificates", "acme", "port"], `${port} is ${taken.key}'s, which answers no ${acme.challenge}: choose another port`);
  const { validity, failure } = acmeStanding(config, acme);
  if (validity === null) warn(["certificates", "acme"], "no certificate has been issued yet: it is asked for when the gateway runs");
  if (failure) warn(["certificates", "acme"], failureWords(failure));
}

type Pair = { readonly certificate: string; readonly key: string };

/** Certificates shown in calls that we place, with where they are named. */
function pairsOf({ certificates, trunks }: Config): [Path, Pair][] {
  const own: [Path, Pair | undefined][] = [
    [["certificates", "clientCertificate"], certificates.clientCertificate],
    ...trunks.map(({ clientCertificate }, i): [Path, Pair | undefined] => [["trunks", i, "clientCertificate"], clientCertificate]),
  ];
  return own.filter((entry): entry is [Path, Pair] => entry[1] !== undefined);
}

function listsOf({ certificates, trunks }: Config): [Path, string][] {
  return [
    ...certificates.crl.map((file, i): [Path, string] => [["certificates", "crl", i], file]),
    ...trunks.flatMap(({ identity }, i) =>
      (identity.crl ?? []).map((file, j): [Path, string] => [["trunks", i, "identity", "crl", j], file]),
    ),
  ];
}

/** A certificate for calls that we place: its key, its dates, its purpose. */
function judgePair(path: Path, chain: X509Certificate[], key: string, { trunks }: Config, { mistake, warn }: Findings): void {
  const [leaf] = chain;
  if (!leaf) return;
  const whom = path[0] === "trunks" ? `trunk ${trunks[Number(path[1])]!.name}` : "peers";
  const wrong = keyProblem(leaf, key);
  if (wrong) mistake([...path, "certificate"], wrong.message);
  const weak = weaknessOf(leaf, false);
  if (weak) mistake([...path, "certificate"], `the certificate ${nameOfCertificate(leaf)} ${weak}: peers refuse it`);
  const dated = datesOf(leaf, Date.now());
  if (dated) warn([...path, "certificate"], `calls to ${whom} will be refused: ${dated.words}`);
  if (!isFor(leaf, "client"))
    warn(
      [...path, "certificate"],
      `calls to ${whom} may be refused: the certificate ${nameOfCertificate(leaf)} is for servers only (no clientAuth)`,
    );
}

function judge(config: Config, chain: X509Certificate[], key: string, authorities: X509Certificate[], { mistake, warn }: Findings): void {
  for (const problem of checkChain({ chain, key, authorities, warnDays: warnDaysOf(config.certificates, chain) })) {
    // a public CA's root is with who verifies
    if (config.certificates.acme !== undefined && problem.code === "unrooted") continue;
    // An expired certificate may be all there is at night: calls without TLS still work, so it is a warning that shouts.
    const fatal = problem.serious && problem.code !== "expired" && problem.code !== "not-yet-valid";
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
