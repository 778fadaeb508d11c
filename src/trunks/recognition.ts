import { randomBytes } from "node:crypto";
import type { Millis } from "../base/clock.ts";
import { sourceOf } from "../base/ip-address.ts";
import { maskDialled } from "../base/pin-mask.ts";
import { certificateVerdict, describePeer, nearestVerdict, type TrunkAnchors, type Verdict } from "./certificate-verdict.ts";
import { CredentialGuesses } from "./credential-guesses.ts";
import { type DigestAlgorithm, DigestGuard, parseAuthorization } from "./digest.ts";
import type { SipTransport, Trunk } from "./model.ts";
import { Networks } from "./networks.ts";
import type { OutcomeCodeOfTrunk } from "./outcome.ts";
import type { PeerIdentity } from "./peer-identity.ts";
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
  /** Version, suite and group of TLS, from the same stamp: for people. */
  readonly tls?: string | undefined;
  readonly method: string;
  /** Request-URI, which a digest covers. */
  readonly uri?: string | undefined;
  /** Of the request, where it has one: a digest may cover it. */
  readonly body?: string | undefined;
}

/**
 * What a module exports as `checkIdentity` to be named at a trunk: `identity.module: ./module.js`. Answers whether this caller is the trunk, as far as
 * the module can tell; every other kind of identity of that trunk must match too. It is asked for every call that may be the trunk's, while the
 * caller waits: it answers at once.
 */
export type IdentityCheck = (caller: CallerEvidence, trunk: string) => boolean;

interface RefusedCaller {
  readonly kind: "refused";
  readonly code: OutcomeCodeOfTrunk;
  /** For the operator. */
  readonly reason: string;
  /** It showed a certificate we verified, or calls from a network of ours: it may be told. Others may be left without an answer. */
  readonly known: boolean;
}

export type Recognition =
  | {
      readonly kind: "trunk";
      readonly trunk: Trunk;
      /** Something about its certificate that the operator is to be told. */
      readonly note?: string | undefined;
    }
  /** Answer 401 with these WWW-Authenticate values. */
  | { readonly kind: "challenge"; readonly trunk: Trunk; readonly challenges: readonly string[] }
  | RefusedCaller;

interface Prepared {
  readonly trunk: Trunk;
  readonly networks: Networks | undefined;
  /** It is known by our own registration with it and by nothing else. */
  readonly byRegistrar: boolean;
  /** How many kinds of identity it demands: the more, the more specific. */
  readonly demands: number;
}

/** Everything the directory of trunks is made of. */
export interface TrunkSetup {
  readonly trunks: readonly Trunk[];
  readonly defaultTrunk: Trunk | null;
  /** SHA-256 of the CAs of each file a trunk names, lower-case hex. */
  readonly roots?: ReadonlyMap<string, readonly string[]>;
  /** Those of the CAs for trunks that name none; where absent, every CA that verified is one. */
  readonly commonRoots?: readonly string[];
  /** By the file that a trunk names; a trunk whose file is not among them is nobody. */
  readonly identityChecks?: ReadonlyMap<string, IdentityCheck>;
}

/** What a challenge says beside its nonce. */
interface Asked {
  readonly realm?: string | undefined;
  readonly algorithms?: readonly DigestAlgorithm[] | undefined;
}

const REALM = "crosspoint";
/** Computed with where there is no such user, so that the time of an answer tells nobody who there is. */
const NOBODY = randomBytes(24).toString("base64url");

/** What registrations tell of a caller. */
export interface RegistrationLinks {
  /** It came over the flow of one of the trunk's bindings at our registrar. */
  registered(trunk: string, flow: Flow, now: Millis): boolean;
  /** It came from the address at which we are registered for the trunk. */
  fromRegistrar(trunk: string, address: string): boolean;
}

/** Trunks that a refusal of a stranger says something of. */
const MOST_COMPARED = 4;
const NO_LINKS: RegistrationLinks = { registered: () => false, fromRegistrar: () => false };

/**
 * Recognises trunks. Every kind of identity a trunk demands must match; of several that match the one that demands most is taken, then the one
 * that stands first. Digest is asked for only where everything else has matched, so that strangers learn nothing.
 */
export class TrunkRecognition {
  #prepared: readonly Prepared[] = [];
  #default: Trunk | null = null;
  #anchors: TrunkAnchors = { own: new Map(), common: undefined };
  #checks: ReadonlyMap<string, IdentityCheck> = new Map();
  readonly #digest: DigestGuard;
  readonly #guesses = new CredentialGuesses();
  readonly #links: RegistrationLinks;

  constructor(setup: TrunkSetup, digest = new DigestGuard(), links = NO_LINKS) {
    this.#digest = digest;
    this.#links = links;
    this.replace(setup);
  }

  /** New trunks from now on. Throws RangeError for a network that is none, and then has changed nothing. */
  replace(setup: TrunkSetup): void {
    const prepared = setup.trunks.map((trunk): Prepared => {
      const { networks, certificateNames, digest, registration, module } = trunk.identity;
      const demands = [networks, certificateNames, digest, registration, module].filter((kind) => kind !== undefined).length;
      const byRegistrar = demands === 0 && trunk.register !== undefined;
      return { trunk, networks: networks && new Networks(networks), byRegistrar, demands: byRegistrar ? 1 : demands };
    });
    this.#prepared = prepared.filter(({ demands }) => demands > 0).sort((a, b) => b.demands - a.demands);
    this.#default = setup.defaultTrunk;
    this.#anchors = { own: setup.roots ?? new Map(), common: setup.commonRoots };
    this.#checks = setup.identityChecks ?? new Map();
  }

  recognise(evidence: CallerEvidence, now: Millis): Recognition {
    let refusal: RefusedCaller | undefined;
    let challenge: Recognition | undefined;
    let wrong: RefusedCaller | undefined;
    let other: Trunk | undefined;
    const near: Verdict[] = [];
    for (const candidate of this.#prepared) {
      const { trunk } = candidate;
      if (trunk.transports && !trunk.transports.includes(evidence.transport)) continue;
      if (candidate.networks && !candidate.networks.contains(evidence.address)) continue;
      const certificate = trunk.identity.certificateNames && certificateVerdict(trunk, evidence.peer, this.#anchors);
      if (certificate && !certificate.fits) {
        if (candidate.networks) refusal ??= wrongCertificate(trunk, certificate, evidence);
        near.push(certificate);
        continue;
      }
      if (!this.#passes(trunk, evidence)) {
        if (candidate.networks) refusal ??= notIdentified(trunk, evidence);
        continue;
      }
      if (candidate.byRegistrar && !this.#links.fromRegistrar(trunk.name, evidence.address)) continue;
      if (trunk.identity.registration && !this.#registered(trunk, evidence, now)) {
        if (candidate.networks) refusal ??= this.#notRegistered(trunk, evidence);
        continue;
      }
      const verdict = trunk.identity.digest ? this.#digestOf(trunk.identity.digest, evidence, now) : "right";
      if (verdict === "right") return { kind: "trunk", trunk, note: certificate?.note };
      if (verdict === "other") other ??= trunk;
      else if (verdict === "wrong")
        wrong ??= this.#wrongCredentials(
          evidence,
          `wrong digest credentials for trunk ${trunk.name}: the username is right, the password is not, or too many were tried`,
        );
      else challenge ??= this.#challenge(trunk, trunk.identity.digest, evidence, now, verdict === "stale");
    }
    // who names a user there is not is answered as one whose password is wrong, after the same work
    if (other && !challenge && !wrong) {
      const { realm, algorithms } = other.identity.digest ?? {};
      const stranger = { username: userOf(evidence), password: NOBODY, realm, algorithms };
      const verdict = this.#digestOf(stranger, evidence, now);
      if (verdict === "wrong")
        wrong = this.#wrongCredentials(evidence, "digest credentials of no user: no trunk has the username that was given");
      else challenge = this.#challenge(other, other.identity.digest, evidence, now, verdict === "stale");
    }
    if (wrong) return wrong;
    if (challenge) return challenge;
    if (this.#default && refusal?.kind !== "refused") return { kind: "trunk", trunk: this.#default };
    if (refusal) return refusal;
    const known = this.#known(evidence);
    if (evidence.peer?.verified && near.length === 0) {
      return {
        kind: "refused",
        code: "certificate-name",
        reason: `the certificate of ${describePeer(evidence.peer)} belongs to no trunk`,
        known,
      };
    }
    // Over what has no certificates nobody is asked for one.
    const nearest = evidence.transport === "tls" || evidence.transport === "wss" ? nearestVerdict(near) : undefined;
    if (nearest) {
      const ours = known || (evidence.peer !== undefined && nearest.code !== "certificate-unknown-ca");
      return { kind: "refused", code: nearest.code, reason: `${evidence.address} belongs to no trunk: ${nearest.words}`, known: ours };
    }
    const reason = `${evidence.address} over ${evidence.transport} belongs to no trunk${this.#compared(evidence)}`;
    return { kind: "refused", code: "trunk-unknown", reason, known };
  }

  /**
   * Whose REGISTER it is, by its address-of-record and by everything else the trunk demands; digest is the registration's own. Nobody by that name, or not
   * from there, is a stranger.
   */
  recogniseRegister(evidence: CallerEvidence, user: string, now: Millis): Recognition {
    let other: Trunk | undefined;
    for (const { trunk, networks } of this.#prepared) {
      const { registration, certificateNames } = trunk.identity;
      if (registration === undefined) continue;
      if (trunk.transports && !trunk.transports.includes(evidence.transport)) continue;
      if (networks && !networks.contains(evidence.address)) continue;
      const certificate = certificateNames && certificateVerdict(trunk, evidence.peer, this.#anchors);
      if (certificate && !certificate.fits) continue;
      if (!this.#passes(trunk, evidence)) continue;
      other ??= trunk;
      if (registration.username !== user) continue;
      const verdict = this.#digestOf(registration, evidence, now);
      if (verdict === "right") return { kind: "trunk", trunk, note: certificate?.note };
      if (verdict === "wrong") return this.#wrongCredentials(evidence, `wrong credentials for the registration of trunk ${trunk.name}`);
      if (verdict === "other") break;
      return this.#challenge(trunk, registration, evidence, now, verdict === "stale");
    }
    // a name that nobody registers is answered as one that somebody does
    if (other) {
      const { realm, algorithms } = other.identity.registration ?? {};
      const verdict = this.#digestOf({ username: userOf(evidence), password: NOBODY, realm, algorithms }, evidence, now);
      if (verdict !== "wrong") return this.#challenge(other, { realm, algorithms }, evidence, now, verdict === "stale");
      return this.#wrongCredentials(evidence, `wrong credentials: no trunk registers as ${maskDialled(user).slice(0, 64)} with them`);
    }
    const reason = `no trunk registers as ${maskDialled(user).slice(0, 64)} from ${evidence.address} over ${evidence.transport}`;
    return { kind: "refused", code: "trunk-unknown", reason, known: this.#known(evidence) };
  }

  /** What of each trunk did not fit, for the operator. */
  #compared({ transport, address, peer }: CallerEvidence): string {
    const said = this.#prepared.slice(0, MOST_COMPARED).map(({ trunk, networks, byRegistrar }) => {
      const { certificateNames } = trunk.identity;
      if (trunk.transports && !trunk.transports.includes(transport)) return `${trunk.name} calls over ${trunk.transports.join(", ")}`;
      if (networks && !networks.contains(address)) return `${trunk.name} calls from other networks`;
      if (certificateNames && peer === undefined) return `${trunk.name} calls with a certificate`;
      return byRegistrar ? `${trunk.name} calls from its registrar` : `${trunk.name} has to register`;
    });
    const more = this.#prepared.length - said.length;
    return said.length === 0 ? "" : `: ${said.join("; ")}${more > 0 ? `; and ${more} more` : ""}`;
  }

  /** What the trunk's own module says; true where it names none. */
  #passes({ name, identity }: Trunk, evidence: CallerEvidence): boolean {
    return identity.module === undefined || this.#checks.get(identity.module)?.(evidence, name) === true;
  }

  #registered(trunk: Trunk, { transport, address, port }: CallerEvidence, now: Millis): boolean {
    return port !== undefined && this.#links.registered(trunk.name, { transport, address, port }, now);
  }

  #notRegistered(trunk: Trunk, { address, port }: CallerEvidence): RefusedCaller {
    const reason = `${address}:${port ?? "?"} is in trunk ${trunk.name}'s network, but nobody has registered from there`;
    return { kind: "refused", code: "trunk-unknown", reason, known: true };
  }

  #challenge(trunk: Trunk, asked: Asked | undefined, { address }: CallerEvidence, now: Millis, stale: boolean): Recognition {
    const { realm = REALM, algorithms } = asked ?? {};
    return { kind: "challenge", trunk, challenges: this.#digest.challenge(realm, now, stale, sourceOf(address), algorithms) };
  }

  #wrongCredentials(evidence: CallerEvidence, reason: string): RefusedCaller {
    return { kind: "refused", code: "trunk-credentials", reason, known: this.#known(evidence) };
  }

  /** `ask`: no credentials were given. `other`: they are of another user. */
  #digestOf(
    digest: Asked & { readonly username: string; readonly password: string },
    evidence: CallerEvidence,
    now: Millis,
  ): "right" | "wrong" | "ask" | "stale" | "other" {
    const authorization = evidence.authorization === undefined ? undefined : parseAuthorization(evidence.authorization);
    if (!authorization) return "ask";
    if (authorization.params.get("username") !== digest.username) return "other";
    const source = sourceOf(evidence.address);
    // Nothing is compared of an answer to somebody else's challenge, and it is held against nobody: its sender may be forged.
    if (!this.#digest.issuedTo(authorization, source)) return "stale";
    const user = digest.username.slice(0, 128);
    if (!this.#guesses.allow(source, user, now)) return "wrong";
    const verdict = this.#digest.check(
      authorization,
      { ...digest, realm: digest.realm ?? REALM, method: evidence.method, uri: evidence.uri, body: evidence.body },
      now,
      source,
    );
    if (verdict === "foreign") return "stale";
    // the password of nobody fits nothing
    if (verdict === "wrong" || digest.password === NOBODY) {
      this.#guesses.wrong(source, user, now);
      return "wrong";
    }
    this.#guesses.right(source, user, now);
    return verdict === "replayed" ? "stale" : verdict;
  }

  #known(evidence: CallerEvidence): boolean {
    return evidence.peer?.verified === true || this.#prepared.some(({ networks }) => networks?.contains(evidence.address) === true);
  }
}

/** Who the credentials say they are of. */
function userOf({ authorization }: CallerEvidence): string {
  return (authorization === undefined ? undefined : parseAuthorization(authorization)?.params.get("username")) ?? "";
}

function notIdentified(trunk: Trunk, { address }: CallerEvidence): RefusedCaller {
  const reason = `${address} is in trunk ${trunk.name}'s network, but the trunk's identity module does not know the caller`;
  return { kind: "refused", code: "trunk-unknown", reason, known: true };
}

function wrongCertificate(trunk: Trunk, verdict: Verdict & { readonly fits: false }, evidence: CallerEvidence): RefusedCaller {
  return {
    kind: "refused",
    code: verdict.code,
    reason: `${evidence.address} is in trunk ${trunk.name}'s network, but ${verdict.words}`,
    known: true,
  };
}
