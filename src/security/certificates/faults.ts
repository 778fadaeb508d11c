import type { X509Certificate } from "node:crypto";

/** Why a certificate is not believed: stable codes, which stand in records and logs. */
export const certificateFaults = [
  "certificate-absent",
  "certificate-unknown-ca",
  "certificate-expired",
  "certificate-not-yet-valid",
  "certificate-revoked",
  "certificate-status-missing",
  "certificate-purpose",
  "certificate-name",
  "certificate-invalid",
  "certificate-refused",
] as const;

export type CertificateFault = (typeof certificateFaults)[number];

/** A fault with its sentence, which says what is wrong with whose certificate and what to do. */
export interface Fault {
  readonly code: CertificateFault;
  readonly words: string;
}

const codes: ReadonlySet<string> = new Set(certificateFaults);

export function isCertificateFault(code: unknown): code is CertificateFault {
  return typeof code === "string" && codes.has(code);
}

/** One line for where only a text travels; `readFault` has it back. */
export const formatFault = ({ code, words }: Fault): string => `${code}: ${words}`;

export function readFault(text: string): Fault | undefined {
  const colon = text.indexOf(": ");
  const code = text.slice(0, Math.max(0, colon));
  return isCertificateFault(code) ? { code, words: text.slice(colon + 2) } : undefined;
}

/** A certificate in a sentence: its common name or first name, in quotes that a Warning (RFC 3261 section 20.43) may hold. */
export function nameOfCertificate(certificate: X509Certificate): string {
  return `'${shortName(certificate.subject ?? "")}'`;
}

/** The common name of a distinguished name as Node.js writes it, one attribute a line; the whole in one line where there is none. */
export function shortName(name: string): string {
  const lines = name.split("\n");
  const common = lines.find((line) => line.startsWith("CN="));
  let clean = "";
  for (const c of (common?.slice(3) ?? lines.join(", ")).slice(0, 120)) clean += c < " " || c === "\u007f" ? "?" : c;
  return clean;
}

export const day = (time: number): string => new Date(time).toISOString().slice(0, 10);

/** A connection that was given up for its peer's certificate. */
export class CertificateError extends Error {
  override name = "CertificateError";
  readonly code: CertificateFault;
  constructor(fault: Fault, where: string) {
    super(`${where}: ${formatFault(fault)}`);
    this.code = fault.code;
  }
}
