import type { Millis } from "../base/clock.ts";
import { maskDialled } from "../base/pin-mask.ts";
import { matchesNames, type PeerIdentity } from "./certificate-names.ts";
import { DigestGuard, parseAuthorization } from "./digest.ts";
import type { SipTransport, Trunk } from "./model.ts";
import { Networks } from "./networks.ts";
import type { OutcomeCodeOfTrunk } from "./outcome.ts";
import type { Flow } from "./registrar.ts";

/** What is known of a caller before it is believed. */
export interface CallerEvidence {
  readonly transport: SipTransport;
  /** Source address of the packet or connection. */
  readonly address: string;
  readonly port?: number;
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
  /** It is known by our own registration with it and by nothing else. */
  readonly byRegistrar: boolean;
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

/** What registrations tell of a caller. */
export interface RegistrationLinks {
  /** It came over the flow of one of the trunk's bindings at our registrar. */
  registered(trunk: string, flow: Flow, now: Millis): boolean;
  /** It came from the address at which we are registered for the trunk. */
  fromRegistrar(trunk: string, address: string): boolean;
}

const NO_LINKS: RegistrationLinks = { registered: () => false, fromRegistrar: () => false };

/**
 * Recognises trunks. Every kind of identity a trunk demands must match; of several that match the one that demands most is taken, then the one
 * that stands first. Digest is asked for only where everything else has matched, so that strangers learn nothing.
 */
export class TrunkRecognition {
  #prepared: readonly Prepared[] = [];
  #default: Trunk | null = null;
  #roots: ReadonlyMap<string, readonly string[]> = new Map();
  readonly #digest: DigestGuard;
  readonly #links: RegistrationLinks;

  constructor(setup: TrunkSetup, digest = new DigestGuard(), links = NO_LINKS) {
    this.#digest = digest;
    this.#links = links;
    this.replace(setup);
  }

  /** New trunks from now on. Throws RangeError for a network that is none, and then has changed nothing. */
  replace(setup: TrunkSetup): void {
    const prepared = setup.trunks.map((trunk): Prepared => {
      const { networks, certificateNames, digest, registration } = trunk.identity;
      const demands = [networks, certificateNames, digest, registration].filter((kind) => kind !== undefined).length;
      const byRegistrar = demands === 0 && trunk.register !== undefined;
      return { trunk, networks: networks && new Networks(networks), byRegistrar, demands: byRegistrar ? 1 : demands };
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
      if (candidate.byRegistrar && !this.#links.fromRegistrar(trunk.name, evidence.address)) continue;
      if (trunk.identity.registration && !this.#registered(trunk, evidence, now)) {
        if (candidate.networks) refusal ??= this.#notRegistered(trunk, evidence);
        continue;
      }
      const verdict = trunk.identity.digest ? this.#digestOf(trunk.identity.digest, evidence, now) : "right";
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

  /**
   * Whose REGISTER it is, by its address-of-record and by everything else the trunk demands; digest is the registration's own. Nobody by that name, or not
   * from there, is a stranger.
   */
  recogniseRegister(evidence: CallerEvidence, user: string, now: Millis): Recognition {
    for (const { trunk, networks } of this.#prepared) {
      const { registration, certificateNames } = trunk.identity;
      if (registration?.username !== user) continue;
      if (trunk.transports && !trunk.transports.includes(evidence.transport)) continue;
      if (networks && !networks.contains(evidence.address)) continue;
      if (certificateNames && !this.#certificateFits(trunk, evidence.peer)) continue;
      const verdict = this.#digestOf(registration, evidence, now);
      if (verdict === "right") return { kind: "trunk", trunk };
      const known = this.#known(evidence);
      if (verdict === "wrong")
        return {
          kind: "refused",
          code: "trunk-credentials",
          reason: `wrong credentials for the registration of trunk ${trunk.name}`,
          known,
        };
      return { kind: "challenge", trunk, challenges: this.#digest.challenge(registration.realm ?? REALM, now, verdict === "stale") };
    }
    const reason = `no trunk registers as ${maskDialled(user).slice(0, 64)} from ${evidence.address} over ${evidence.transport}`;
    return { kind: "refused", code: "trunk-unknown", reason, known: this.#known(evidence) };
  }

  #registered(trunk: Trunk, { transport, address, port }: CallerEvidence, now: Millis): boolean {
    return port !== undefined && this.#links.registered(trunk.name, { transport, address, port }, now);
  }

  #notRegistered(trunk: Trunk, { address, port }: CallerEvidence): Recognition {
    const reason = `${address}:${port ?? "?"} is in trunk ${trunk.name}'s network, but nobody has registered from there`;
    return { kind: "refused", code: "trunk-unknown", reason, known: true };
  }

  /** `ask`: no credentials of this trunk were given, or they can not be used again. */
  #digestOf(
    digest: { readonly username: string; readonly password: string; readonly realm?: string },
    evidence: CallerEvidence,
    now: Millis,
  ): "right" | "wrong" | "ask" | "stale" {
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
