import { existsSync, readFileSync } from "node:fs";
import { acmeStanding, failureWords, standingWords } from "../app/acme-standing.ts";
import type { Config } from "../app/config/config.ts";
import { type LoadOptions, loadConfig, showMistake } from "../app/config/load.ts";
import { certificateFiles } from "../app/tls-material.ts";
import { type TrunkSentence, trunkSentences } from "./certs-trunks.ts";
import { unreadable } from "../security/files.ts";
import {
  type CertificateInfo,
  type CertificateProblem,
  checkChain,
  daysLeft,
  describeCertificate,
  readCertificates,
} from "../security/inspect.ts";

interface Shown {
  readonly file: string;
  readonly certificates: readonly (CertificateInfo & { readonly daysLeft: number })[];
  readonly problems: readonly CertificateProblem[];
}

/** What matters of a CA's certificate. */
const DATES: ReadonlySet<CertificateProblem["code"]> = new Set(["expired", "not-yet-valid", "expires-soon"]);

/** `crosspoint certs show`: exit code 1 when something has expired or cannot be used. */
export function show(files: readonly string[], options: LoadOptions, json: boolean): number {
  let wanted = files;
  let warnDays = 30;
  let acme: string | undefined;
  let trunks: TrunkSentence[] = [];
  if (files.length === 0) {
    const { config, mistakes } = loadConfig(options);
    if (!config) {
      for (const mistake of mistakes) process.stderr.write(`${showMistake(mistake)}\n`);
      return 1;
    }
    const later = config.certificates.acme === undefined ? null : config.certificates.cert;
    wanted = certificateFiles(config).filter((file) => file !== later || existsSync(file));
    warnDays = config.certificates.warnDays;
    acme = renewalOf(config);
    trunks = trunkSentences(config);
  }
  const shown = wanted.map((file) => look(file, warnDays));
  if (json)
    process.stdout.write(
      `${JSON.stringify({ files: shown, ...(acme === undefined ? {} : { acme }), ...(trunks.length === 0 ? {} : { trunks }) }, null, 2)}\n`,
    );
  else {
    if (shown.length === 0 && acme === undefined) process.stdout.write("the configuration names no certificates\n");
    for (const each of shown) print(each);
    for (const { trunk, direction, words } of trunks)
      process.stdout.write(`trunk ${trunk}, ${direction === "in" ? "calling us" : "called by us"}: ${words}\n`);
    if (acme !== undefined) process.stdout.write(`ACME: ${acme}\n`);
  }
  return shown.some(({ problems }) => problems.some((problem) => problem.serious)) ? 1 : 0;
}

/** How the certificate that is renewed by itself stands; undefined where there is none. */
function renewalOf(config: Config): string | undefined {
  const { acme } = config.certificates;
  if (acme === undefined) return undefined;
  const standing = acmeStanding(config, acme);
  return [standingWords(standing), ...(standing.failure ? [failureWords(standing.failure)] : [])].join("; ");
}

function look(file: string, warnDays: number): Shown {
  try {
    const chain = readCertificates(readFileSync(file, "utf8"));
    const certificates = chain.map((cert) => ({ ...describeCertificate(cert), daysLeft: daysLeft(cert) }));
    // A file of CAs is no chain: only its dates matter.
    const problems = certificates[0]!.authority
      ? checkChain({ chain, authorities: chain, warnDays }).filter(({ code }) => DATES.has(code))
      : checkChain({ chain, authorities: chain, warnDays });
    return { file, certificates, problems };
  } catch (error) {
    const message = (error as NodeJS.ErrnoException).code ? unreadable(error) : (error as Error).message;
    return { file, certificates: [], problems: [{ code: "unreadable", serious: true, message }] };
  }
}

function print({ file, certificates, problems }: Shown): void {
  const lines = [file];
  for (const cert of certificates) {
    const uses = cert.authority ? "CA" : [cert.server ? "server" : "", cert.client ? "client" : ""].filter(Boolean).join(" and ");
    lines.push(`  ${cert.subject}  (${uses}, ${cert.key})`);
    lines.push(
      `    expires ${cert.notAfter.toISOString().slice(0, 10)}, in ${cert.daysLeft} days; issued by ${cert.selfSigned ? "itself" : cert.issuer}`,
    );
    if (cert.names.length > 0) lines.push(`    names ${cert.names.join(", ")}`);
    lines.push(`    SHA-256 ${cert.fingerprint}`);
  }
  for (const { serious, message } of problems) lines.push(`  ${serious ? "WRONG" : "warning"}: ${message}`);
  process.stdout.write(`${lines.join("\n")}\n`);
}
