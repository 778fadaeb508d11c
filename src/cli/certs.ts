import { existsSync } from "node:fs";
import { join } from "node:path";
import { readIfThere, writePrivate, writePublic } from "../security/files.ts";
import { createAuthority, createRequest, issueCertificate, type KeyKind } from "../security/issue.ts";

export interface CertsOptions {
  readonly folder: string;
  readonly key: KeyKind;
  readonly days?: number;
  readonly san?: string[];
  readonly name?: string;
  readonly organization?: string;
  readonly force?: boolean;
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);
function fail(text: string): number {
  process.stderr.write(`${text}\n`);
  return 1;
}

/** File names come from the certificate's name: nothing in it may lead elsewhere. */
function fileName(name: string): string {
  return name
    .replace(/^\*\./, "wildcard.")
    .replace(/[^A-Za-z0-9._-]/g, "_")
    .replace(/^\.+/, "_");
}

function refuseToReplace(file: string, options: CertsOptions): number | null {
  return existsSync(file) && !options.force ? fail(`${file} is there already; --force replaces it`) : null;
}

/** `crosspoint certs init`. */
export async function init(options: CertsOptions): Promise<number> {
  const [cert, key] = [join(options.folder, "ca.crt"), join(options.folder, "ca.key")];
  const refused = refuseToReplace(key, options);
  if (refused !== null) return refused;
  const authority = await createAuthority({
    subject: { commonName: options.name ?? "Crosspoint development CA" },
    kind: options.key,
    days: options.days ?? 3650,
  });
  writePrivate(key, authority.key);
  writePublic(cert, authority.cert);
  say(
    `${cert}  the CA's certificate: peers trust it\n${key}  its key: keep it to yourself\nNext: crosspoint certs issue NAME --folder ${options.folder}`,
  );
  return 0;
}

/** `crosspoint certs issue NAME`. */
export async function issue(name: string, options: CertsOptions): Promise<number> {
  const caCert = readIfThere(join(options.folder, "ca.crt"));
  const caKey = readIfThere(join(options.folder, "ca.key"));
  if (!caCert || !caKey) return fail(`there is no CA in ${options.folder}: crosspoint certs init --folder ${options.folder}`);
  const base = join(options.folder, fileName(name));
  const refused = refuseToReplace(`${base}.key`, options);
  if (refused !== null) return refused;
  const made = await issueCertificate(
    { cert: caCert, chain: caCert, key: caKey },
    { subject: { commonName: name, names: options.san ?? [] }, kind: options.key, days: options.days ?? 825 },
  );
  writePrivate(`${base}.key`, made.key);
  writePublic(`${base}.crt`, made.chain);
  say(`${base}.crt  the certificate with its chain\n${base}.key  its key: keep it to yourself`);
  return 0;
}

/** `crosspoint certs csr NAME`. */
export async function request(name: string, options: CertsOptions): Promise<number> {
  const base = join(options.folder, fileName(name));
  const refused = refuseToReplace(`${base}.key`, options);
  if (refused !== null) return refused;
  const subject = { commonName: name, names: options.san ?? [], ...(options.organization ? { organization: options.organization } : {}) };
  const { csr, key } = await createRequest(subject, options.key);
  writePrivate(`${base}.key`, key);
  writePublic(`${base}.csr`, csr);
  say(
    `${base}.csr  send this to the CA; ask for both extended key usages, server and client authentication\n` +
      `${base}.key  keep this to yourself\nPut the answer, the intermediate certificates and the root, in this order, into ${base}.crt`,
  );
  return 0;
}
