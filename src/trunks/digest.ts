import { createHmac, randomBytes } from "node:crypto";
import { sameSecret } from "../base/secrets.ts";
import type { Millis } from "../base/clock.ts";
import { type AuthField, digestAlgorithm, digestResponse, formatChallenges, parseAuth, tryParseUri } from "../wire/sip/index.ts";

/** Algorithms a challenge may name (RFC 8760), the better first. */
export const digestAlgorithms = ["SHA-256", "MD5"] as const;

export type DigestAlgorithm = (typeof digestAlgorithms)[number];

/** A nonce is good for this long; then the caller is told `stale=true` and computes anew without asking anybody for a password. */
const NONCE_LIFE_MS = 60_000;
/** Nonces whose counts are remembered; more at a time than this and the oldest may be used anew. */
const MAX_NONCES = 10_000;

/** Reads an Authorization field; undefined when it is no digest. */
export function parseAuthorization(value: string): AuthField | undefined {
  const field = parseAuth(value);
  return field?.scheme.toLowerCase() === "digest" ? field : undefined;
}

/** What an answer must match. */
export interface ExpectedDigest {
  readonly username: string;
  readonly password: string;
  readonly realm: string;
  /** The challenge's; an answer by another is wrong. Both where absent. */
  readonly algorithms?: readonly DigestAlgorithm[] | undefined;
  readonly method: string;
  /** Request-URI: the one in the answer must name the same resource (RFC 7616 section 3.4.6, RFC 3261 section 22.4). */
  readonly uri?: string | undefined;
  /** For `auth-int`. */
  readonly body?: string | undefined;
}

/** `foreign`: the nonce is none of ours for that source, so nothing was compared. */
export type DigestVerdict = "right" | "wrong" | "stale" | "replayed" | "foreign";

/**
 * Challenges and checks their answers. Nonces carry their time and our signature, so that none is kept before it is used; of used ones the
 * highest count is kept, so that an answer is good once (RFC 7616 section 5.12 wants `nc` to rise).
 */
export class DigestGuard {
  readonly #secret: Buffer;
  readonly #counts = new Map<string, number>();

  constructor(secret: Buffer = randomBytes(32)) {
    this.#secret = secret;
  }

  /**
   * Values of the WWW-Authenticate fields of a 401, one for each algorithm, in their order. The nonce is good for `source` alone, so that whoever answers with it
   * has been sent it, and an answer overheard is of no use from elsewhere.
   */
  challenge(realm: string, now: Millis, stale = false, source = "", algorithms: readonly DigestAlgorithm[] = digestAlgorithms): string[] {
    return formatChallenges(realm, this.#nonce(Math.floor(now), source), { stale, algorithms });
  }

  /** Whether the nonce of an answer is one of ours for that source, of whatever age. */
  issuedTo(authorization: AuthField, source = ""): boolean {
    return this.#timeOf(authorization.params.get("nonce") ?? "", source) !== undefined;
  }

  check(authorization: AuthField, expected: ExpectedDigest, now: Millis, source = ""): DigestVerdict {
    const get = (name: string) => authorization.params.get(name) ?? "";
    const known = digestAlgorithm(authorization);
    const qop = authorization.params.get("qop")?.toLowerCase();
    if (!known || known.algorithm === "SHA-512-256" || (qop !== undefined && qop !== "auth" && qop !== "auth-int")) return "wrong";
    const nonce = get("nonce");
    const made = this.#timeOf(nonce, source);
    if (made === undefined) return "foreign";
    if (!(expected.algorithms ?? digestAlgorithms).some((algorithm) => algorithm === known.algorithm)) return "wrong";
    if (qop !== undefined && (!isNonceCount(get("nc")) || get("cnonce") === "")) return "wrong";
    const response = digestResponse({ ...known, ...expected, uri: get("uri"), nonce, nc: get("nc"), cnonce: get("cnonce"), qop });
    const right =
      (expected.uri === undefined || sameResource(get("uri"), expected.uri)) &&
      get("username") === expected.username &&
      get("realm") === expected.realm &&
      sameSecret(response, get("response").toLowerCase());
    if (!right) return "wrong";
    if (now - made > NONCE_LIFE_MS || made > now + 1) return "stale";
    const count = qop === undefined ? 1 : Number.parseInt(get("nc"), 16);
    if (!(count > (this.#counts.get(nonce) ?? 0))) return "replayed";
    this.#remember(nonce, count);
    return "right";
  }

  #remember(nonce: string, count: number): void {
    this.#counts.delete(nonce);
    this.#counts.set(nonce, count);
    if (this.#counts.size > MAX_NONCES) this.#counts.delete(this.#counts.keys().next().value!);
  }

  #nonce(time: number, source: string): string {
    const body = `${time.toString(36)}.${randomBytes(6).toString("base64url")}`;
    return `${body}.${this.#sign(body, source)}`;
  }

  #sign(body: string, source: string): string {
    return createHmac("sha256", this.#secret).update(`${body} ${source}`).digest("base64url").slice(0, 22);
  }

  #timeOf(nonce: string, source: string): number | undefined {
    const dot = nonce.lastIndexOf(".");
    if (dot < 0 || !sameSecret(nonce.slice(dot + 1), this.#sign(nonce.slice(0, dot), source))) return undefined;
    return Number.parseInt(nonce.split(".", 1)[0]!, 36);
  }
}

/** Eight hexadecimal digits (RFC 7616 section 3.4). */
function isNonceCount(nc: string): boolean {
  return nc.length === 8 && /^[0-9a-fA-F]+$/.test(nc);
}

/** Whether two URIs name one resource, as far as a proxy on the way may write them differently: parameters and spelling of host and port. */
export function sameResource(a: string, b: string): boolean {
  if (a === b) return true;
  const [x, y] = [tryParseUri(a), tryParseUri(b)];
  if (!x || !y || x.scheme !== y.scheme || unescaped(x.user) !== unescaped(y.user)) return false;
  const port = x.scheme === "sips" ? 5061 : 5060;
  return x.host.toLowerCase() === y.host.toLowerCase() && (x.port ?? port) === (y.port ?? port);
}

function unescaped(user = ""): string {
  try {
    return decodeURIComponent(user);
  } catch {
    return user;
  }
}
