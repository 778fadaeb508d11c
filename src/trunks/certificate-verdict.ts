import { type CertificateFault, isCertificateFault } from "../security/certificates/faults.ts";
import { matchesNames } from "../security/certificates/names.ts";
import type { Trunk } from "./model.ts";
import type { PeerIdentity } from "./peer-identity.ts";

/** Which CAs vouch for which trunk: SHA-256, lower-case hex. */
export interface TrunkAnchors {
  /** Of the file that a trunk names. */
  readonly own: ReadonlyMap<string, readonly string[]>;
  /** For trunks that name none; undefined for all. */
  readonly common: readonly string[] | undefined;
}

/** Whether a certificate is a trunk's. */
export type Verdict =
  | { readonly fits: true; readonly note?: string | undefined }
  | {
      readonly fits: false;
      readonly code: CertificateFault;
      /** What is wrong, and what to do. */
      readonly words: string;
      /** It carries the trunk's name all the same. */
      readonly named?: boolean;
    };

type Refused = Verdict & { readonly fits: false };

const no = (code: CertificateFault, words: string): Refused => ({ fits: false, code, words });

/** Judges what a peer has shown by a trunk's own CAs, names and purpose. */
export function certificateVerdict(trunk: Trunk, peer: PeerIdentity | undefined, anchors: TrunkAnchors): Verdict {
  const { ca, certificateNames = [], certificatePurpose } = trunk.identity;
  if (peer === undefined)
    return no(
      "certificate-absent",
      `no certificate was shown, and trunk ${trunk.name} is known by one: have the peer show its client certificate over TLS`,
    );
  const asServer = !peer.verified && (peer.serverRoots?.length ?? 0) > 0;
  if (!peer.verified && !(asServer && certificatePurpose === "server-allowed")) {
    const { code, words } = peer.fault ?? { code: "certificate-unknown-ca", words: "the certificate is not verified" };
    return no(isCertificateFault(code) ? code : "certificate-invalid", words);
  }
  const allowed = ca === undefined ? anchors.common : (anchors.own.get(ca) ?? []);
  const roots = asServer ? peer.serverRoots! : peer.roots;
  if (allowed && !roots.some((root) => allowed.includes(root))) {
    const whose = ca === undefined ? "certificates.ca" : `trunk ${trunk.name}'s own CA (identity.ca)`;
    return {
      ...no("certificate-unknown-ca", `the certificate of ${describePeer(peer)} is signed under another CA than ${whose} has`),
      named: matchesNames(peer, certificateNames),
    };
  }
  if (!matchesNames(peer, certificateNames))
    return no(
      "certificate-name",
      `the certificate of ${describePeer(peer)} carries none of trunk ${trunk.name}'s names (${certificateNames.slice(0, 4).join(", ")})`,
    );
  if (!asServer) return { fits: true };
  return {
    fits: true,
    note: `the certificate of ${describePeer(peer)} is for servers only (no clientAuth); it is taken because trunk ${trunk.name} has certificatePurpose: server-allowed`,
  };
}

/** Of several trunks' verdicts the one that says most: what is wrong with the certificate itself, a trunk's name under a foreign CA, no trunk's name. */
export function nearestVerdict(verdicts: readonly Verdict[]): Refused | undefined {
  const refused = verdicts.filter((verdict): verdict is Refused => !verdict.fits);
  const rank = ({ code, named }: Refused): number => (code === "certificate-name" ? 2 : named === undefined ? 0 : named ? 1 : 3);
  return refused.toSorted((a, b) => rank(a) - rank(b))[0];
}

/** Who a peer says to be, for logs. */
export function describePeer(peer: PeerIdentity): string {
  return peer.san.length > 0 ? peer.san.slice(0, 4).join(", ") : peer.subject;
}
