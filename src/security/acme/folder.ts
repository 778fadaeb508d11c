import { existsSync } from "node:fs";
import { join } from "node:path";
import { readIfThere, writePrivate } from "../files.ts";
import { matchesKey, readCertificates } from "../inspect.ts";
import { fingerprintOf } from "../certificates/path.ts";
import type { AcmeCertificate } from "./issue.ts";
import { dueOf, type Validity } from "./renewal.ts";

/** What is asked for; a certificate that was issued for something else is not it. */
export interface Wanted {
  readonly directory: string;
  readonly domains: readonly string[];
}

interface Issued extends Wanted {
  /** SHA-256, lower-case hexadecimal. */
  readonly fingerprint: string;
}

/** What other programs are to know of: `check`, `doctor`, `certs show`. */
interface State {
  readonly issued?: Issued | undefined;
  /** Since the last certificate; times in ISO 8601. */
  readonly failure?: { readonly at: string; readonly message: string; readonly count: number; readonly next: string } | undefined;
}

/** How things stand, and when a certificate is asked for next. */
export interface AcmeStanding {
  /** Null while none has been issued for what is configured. */
  readonly validity: Validity | null;
  /** ms since 1970; 0 for now. */
  readonly due: number;
  readonly failure: State["failure"];
}

/** The folder of an ACME account, its certificate and how it stands; every file 0600. */
export class AcmeFolder {
  readonly #folder: string;

  /** `folder` is the data folder's; made when something is written. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  get accountFile(): string {
    return join(this.#folder, "account.key");
  }

  /** Key, certificate and chain in one file, so that one step replaces them all. */
  get certificateFile(): string {
    return acmeCertificateFile(this.#folder);
  }

  /** Whether a certificate with its key is there, whoever made it. */
  get usable(): boolean {
    const text = existsSync(this.certificateFile) ? readIfThere(this.certificateFile) : null;
    if (text === null) return false;
    try {
      return matchesKey(readCertificates(text)[0]!, text);
    } catch {
      return false;
    }
  }

  /** Keeps a certificate that stands in until the CA has issued one. */
  standIn({ chain, key }: AcmeCertificate): void {
    writePrivate(this.certificateFile, key + chain);
  }

  /** Keeps what the CA has issued. Throws, and keeps the old one, for what cannot be used. Returns its validity. */
  keep({ chain, key }: AcmeCertificate, wanted: Wanted): Validity {
    const leaf = readCertificates(chain)[0]!;
    if (!matchesKey(leaf, key)) throw new Error("the CA's certificate does not belong to the key it was asked for");
    const missing = wanted.domains.find((domain) => leaf.checkHost(domain) === undefined);
    if (missing !== undefined) throw new Error(`the CA's certificate does not carry ${missing}`);
    writePrivate(this.certificateFile, key.endsWith("\n") ? key + chain : `${key}\n${chain}`);
    this.#write({ issued: { directory: wanted.directory, domains: [...wanted.domains], fingerprint: fingerprintOf(leaf) } });
    return { from: leaf.validFromDate.getTime(), to: leaf.validToDate.getTime() };
  }

  /** Keeps why there is no new certificate, and when it is tried again. */
  failed(message: string, count: number, now: number, next: number): void {
    const iso = (time: number): string => new Date(time).toISOString();
    this.#write({ ...this.#read(), failure: { at: iso(now), message, count, next: iso(next) } });
  }

  standing(wanted: Wanted): AcmeStanding {
    const { issued, failure } = this.#read();
    const validity = this.#validityOf(issued, wanted);
    const next = failure === undefined ? 0 : Date.parse(failure.next);
    return { validity, due: Math.max(validity === null ? 0 : dueOf(validity), next), failure };
  }

  #validityOf(issued: Issued | undefined, wanted: Wanted): Validity | null {
    const same =
      issued !== undefined &&
      issued.directory === wanted.directory &&
      issued.domains.length === wanted.domains.length &&
      wanted.domains.every((domain) => issued.domains.includes(domain));
    const text = same ? readIfThere(this.certificateFile) : null;
    if (text === null) return null;
    try {
      const leaf = readCertificates(text)[0]!;
      if (fingerprintOf(leaf) !== issued?.fingerprint || !matchesKey(leaf, text)) return null;
      return { from: leaf.validFromDate.getTime(), to: leaf.validToDate.getTime() };
    } catch {
      return null;
    }
  }

  /** What cannot be read counts as nothing: the worst of it is a certificate asked for too early. */
  #read(): State {
    try {
      const read: unknown = JSON.parse(readIfThere(join(this.#folder, "state.json")) ?? "{}");
      return typeof read === "object" && read !== null ? (read as State) : {};
    } catch {
      return {};
    }
  }

  #write(state: State): void {
    writePrivate(join(this.#folder, "state.json"), `${JSON.stringify(state, null, 2)}\n`);
  }
}

export const acmeFolder = (data: string): string => join(data, "acme");
export const acmeCertificateFile = (folder: string): string => join(folder, "certificate.pem");
