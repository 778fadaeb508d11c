import type { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import type { Config } from "../app/config/config.ts";
import { day, nameOfCertificate } from "../security/certificates/faults.ts";
import { datesOf, isFor } from "../security/certificates/path.ts";
import { readCertificates } from "../security/inspect.ts";
import type { Trunk } from "../trunks/model.ts";

/** One direction of a trunk's calls: whose certificate must be what, in words. */
export interface TrunkSentence {
  readonly trunk: string;
  readonly direction: "in" | "out";
  readonly words: string;
}

const STAPLED = {
  off: "",
  "if-present": ", not revoked by a stapled OCSP response",
  required: ", shown to be good by a stapled OCSP response",
} as const;

/** For each trunk that TLS has a part in: what its certificate must be when it calls, and when it is called, and what we show. */
export function trunkSentences(config: Config, now = Date.now()): TrunkSentence[] {
  return config.trunks.flatMap((trunk) => {
    const { name, identity, target, clientCertificate } = trunk;
    const found: TrunkSentence[] = [];
    if (identity.certificateNames) {
      const purpose = identity.certificatePurpose === "server-allowed" ? "for clients or servers" : "for clients (clientAuth)";
      const names = identity.certificateNames.join(" or ");
      const lists = config.certificates.crl.length + (identity.crl?.length ?? 0);
      const revoked = lists === 0 ? "" : `, revoked by none of ${lists} list${lists === 1 ? "" : "s"}`;
      const words = `its certificate must be ${purpose}, named ${names}, signed under ${authorities(config, trunk, now)}${revoked}`;
      found.push({ trunk: name, direction: "in", words });
    }
    if (target !== null && (/^sips:|transport=tls/i.test(target) || clientCertificate !== undefined)) {
      const names = identity.certificateNames ? ` or ${identity.certificateNames.join(" or ")}` : "";
      const status = STAPLED[identity.ocsp ?? "off"];
      const must = `the certificate of ${target} must be for servers (serverAuth), named as called${names}, signed under ${authorities(config, trunk, now)}${status}`;
      found.push({ trunk: name, direction: "out", words: `${must}; ${shown(config, trunk, now)}` });
    }
    return found;
  });
}

/** Of a file that the gateway makes at its first start, and that is not there yet, none. */
const certificatesIn = (file: string): X509Certificate[] => (existsSync(file) ? readCertificates(readFileSync(file, "utf8")) : []);

function authorities(config: Config, { identity }: Trunk, now: number): string {
  const files = identity.ca === undefined ? config.certificates.ca : [identity.ca];
  const each = files.flatMap((file) =>
    certificatesIn(file).map((ca) => datesOf(ca, now)?.words ?? `${nameOfCertificate(ca)} (until ${day(ca.validToDate.getTime())})`),
  );
  return each.length === 0 ? "no CA: nobody is believed" : each.join(" or ");
}

function shown({ certificates }: Config, trunk: Trunk, now: number): string {
  const file = (trunk.clientCertificate ?? certificates.clientCertificate)?.certificate ?? certificates.cert;
  if (file === null) return "we show none";
  const [leaf] = certificatesIn(file);
  if (leaf === undefined) return "what we show is made when the gateway starts";
  const purpose = isFor(leaf, "client") ? "for clients" : "for servers only (no clientAuth): it may be refused";
  return `we show ${nameOfCertificate(leaf)}, ${purpose}: ${datesOf(leaf, now)?.words ?? `valid until ${day(leaf.validToDate.getTime())}`}`;
}
