import type { Millis } from "../base/clock.ts";
import { matchesNames, type PeerIdentity } from "./certificate-names.ts";
import { DigestGuard, parseAuthorization } from "./digest.ts";
import type { SipTransport, Trunk } from "./model.ts";
import { Networks } from "./networks.ts";
import type { OutcomeCodeOfTrunk } from "./outcome.ts";

/** What is known of a caller before it is believed. */
export interface CallerEvidence {
  readonly transport: SipTransport;
  /** Source address of the packet or connection. */
  readonly address: string;
  /** From the SIP engine's stamp; undefined where no certificate was shown. */
  readonly peer: PeerIdentity | undefined;
  /** Authorization field, if any. */
  readonly authorization: string | undefined;
  readonly method: string;
  /** Of the request, where it has one: a digest may cover it. */
  readonly body?: string | undefined;
}

export type Recognition =
  | { readonly kind: "trunk"; readonly trunk: Trunk }
  /** Answer 401 with these WWW-Authenticate values. */
  | { readonly kind: "challenge"; readonly trunk: Trunk; readonly challenges: readonly string[] }
  | {
      readonly kind: "refused";
      readonly code: OutcomeCodeOfTrunk;
      /** For the operator. */
      readonly reason: string;
      /** It showed a certificate we verified, or calls from a network of ours: it may be told. Others may be left without an answer. */
      readonly known: boolean;
    };

interface Prepared {
  readonly trunk: Trunk;
  readonly networks: Networks | undefined;
  /** How many kinds of identity it demands: the more, the more specific. */
  readonly demands: number;
}

/** Everything the directory of trunks is made of; roots are SHA-256, lower-case hex, by the file a trunk names. */
export interface TrunkSetup {
  readonly trunks: readonly Trunk[];
  readonly defaultTrunk: Trunk | null;
  readonly roots?: ReadonlyMap<string, readonly string[]>;
}

const REALM = "crosspoint";

/**
 * Recognises trunks. Every kind of identity a trunk demands must match; of several that match the one that demands most is taken, then the one
 * that stands first. Digest is asked for only where everything else has matched, so that strangers learn nothing.
 */
export class TrunkRecognition {
  #prepared: readonly Prepared[] = [];
  #default: Trunk | null = null;
  #roots: ReadonlyMap<string, readonly string[]> = new Map();
  readonly #digest: DigestGuard;

  constructor(setup: TrunkSetup, digest = new DigestGuard()) {
    this.#digest = digest;
    this.replace(setup);
  }

  /** New trunks from now on. Throws RangeError for a network that is none, and then has changed nothing. */
  replace(setup: TrunkSetup): void {
    const prepared = setup.trunks.map((trunk): Prepared => {
      const { networks, certificateNames, digest } = trunk.identity;
      return {
        trunk,
        networks: networks && new Networks(networks),
        demands: Number(networks !== undefined) + Number(certificateNames !== undefined) + Number(digest !== undefined),
      };
    });
    this.#prepared = prepared.filter(({ demands }) => demands > 0).sort((a, b) => b.demands - a.demands);
    this.#default = setup.defaultTrunk;
    this.#roots = setup.roots ?? new Map();
  }

  recognise(evidence: CallerEvidence, now: Millis): Recognition {
    let refusal: Recognition | undefined;
    let challenge: Recognition | undefined;
    for (const candidate of this.#prepared) {
      const { trunk } = candidate;
      if (trunk.transports && !trunk.transports.includes(evidence.transport)) continue;
      if (candidate.networks && !candidate.networks.contains(evidence.address)) continue;
      if (trunk.identity.certificateNames && !this.#certificateFits(trunk, evidence.peer)) {
        if (candidate.networks) refusal ??= this.#wrongCertificate(trunk, evidence);
        continue;
      }
      const verdict = trunk.identity.digest ? this.#digestOf(trunk, evidence, now) : "right";
      if (verdict === "right") return { kind: "trunk", trunk };
      if (verdict === "wrong") {
        refusal ??= {
          kind: "refused",
          code: "trunk-credentials",
          reason: `wrong digest credentials for trunk ${trunk.name}`,
          known: this.#known(evidence),
        };
      } else {
        challenge ??= {
          kind: "challenge",
          trunk,
          challenges: this.#digest.challenge(trunk.identity.digest?.realm ?? REALM, now, verdict === "stale"),
        };
      }
    }
    if (challenge) return challenge;
    if (this.#default && refusal?.kind !== "refused") return { kind: "trunk", trunk: this.#default };
    if (refusal) return refusal;
    const known = this.#known(evidence);
    if (evidence.peer?.verified) {
      return {
        kind: "refused",
        code: "trunk-certificate",
        reason: `the certificate of ${describe(evidence.peer)} belongs to no trunk`,
        known,
      };
    }
    return { kind: "refused", code: "trunk-unknown", reason: `${evidence.address} over ${evidence.transport} belongs to no trunk`, known };
  }

  #certificateFits(trunk: Trunk, peer: PeerIdentity | undefined): boolean {
    if (!peer?.verified) return false;
    if (trunk.identity.ca !== undefined && !this.#roots.get(trunk.identity.ca)?.includes(peer.ca)) return false;
    return matchesNames(peer, trunk.identity.certificateNames ?? []);
  }

  #wrongCertificate(trunk: Trunk, evidence: CallerEvidence): Recognition {
    const shown = evidence.peer?.verified
      ? `the certificate of ${describe(evidence.peer)} is not trunk ${trunk.name}'s`
      : "no verified certificate was shown";
    return {
      kind: "refused",
      code: "trunk-certificate",
      reason: `${evidence.address} is in trunk ${trunk.name}'s network, but ${shown}`,
      known: true,
    };
  }

  /** `ask`: no credentials of this trunk were given, or they can not be used again. */
  #digestOf(trunk: Trunk, evidence: CallerEvidence, now: Millis): "right" | "wrong" | "ask" | "stale" {
    const digest = trunk.identity.digest!;
    const authorization = evidence.authorization === undefined ? undefined : parseAuthorization(evidence.authorization);
    if (!authorization || authorization.params.get("username") !== digest.username) return "ask";
    const verdict = this.#digest.check(
      authorization,
      { ...digest, realm: digest.realm ?? REALM, method: evidence.method, body: evidence.body },
      now,
    );
    return verdict === "replayed" ? "stale" : verdict;
  }

  #known(evidence: CallerEvidence): boolean {
    return evidence.peer?.verified === true || this.#prepared.some(({ networks }) => networks?.contains(evidence.address) === true);
  }
}

function describe(peer: PeerIdentity): string {
  return peer.san.length > 0 ? peer.san.slice(0, 4).join(", ") : peer.subject;
}
