/**
 * Digest authentication (RFC 8760, which updates RFC 3261 section 22 by RFC 7616): MD5, SHA-256, SHA-512-256 and their -sess forms,
 * qop=auth, both as the side that is asked and as the side that asks.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Millis } from "../base/clock.ts";
import { type AuthField, parseAuth } from "../wire/sip/fields.ts";
import type { SipRequest, SipResponse } from "../wire/sip/message.ts";
import { quote } from "../wire/sip/text.ts";
import { randomId } from "./ids.ts";

/** Algorithms, strongest first. */
const algorithms = { "SHA-512-256": "sha512-256", "SHA-256": "sha256", MD5: "md5" } as const;
export type DigestAlgorithm = keyof typeof algorithms;

/** Name and secret of a user. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

function hash(algorithm: DigestAlgorithm, text: string): string {
  return createHash(algorithms[algorithm]).update(text, "utf8").digest("hex");
}

function algorithmOf(field: AuthField): { algorithm: DigestAlgorithm; session: boolean } | undefined {
  const name = (field.params.get("algorithm") ?? "MD5").toUpperCase();
  const session = name.endsWith("-SESS");
  const base = session ? name.slice(0, -5) : name;
  return base in algorithms ? { algorithm: base as DigestAlgorithm, session } : undefined;
}

interface ResponseInput {
  readonly algorithm: DigestAlgorithm;
  readonly session: boolean;
  /** H(user:realm:password). */
  readonly ha1: string;
  readonly nonce: string;
  readonly method: string;
  readonly uri: string;
  readonly cnonce?: string | undefined;
  readonly nc?: string | undefined;
  readonly qop?: string | undefined;
}

/** The `response` value (RFC 7616 section 3.4.1). */
export function digestResponse(input: ResponseInput): string {
  const { algorithm, nonce, cnonce, nc, qop } = input;
  const ha1 = input.session ? hash(algorithm, `${input.ha1}:${nonce}:${cnonce ?? ""}`) : input.ha1;
  const ha2 = hash(algorithm, `${input.method}:${input.uri}`);
  return hash(algorithm, qop === undefined ? `${ha1}:${nonce}:${ha2}` : `${ha1}:${nonce}:${nc}:${cnonce}:${qop}:${ha2}`);
}

/** H(username:realm:password), what a server may keep in place of the password. */
export function ha1(algorithm: DigestAlgorithm, username: string, realm: string, password: string): string {
  return hash(algorithm, `${username}:${realm}:${password}`);
}

/**
 * Answers the challenges of a 401 or 407: adds Authorization or Proxy-Authorization to `request` (which is the new one, not yet sent).
 * The strongest algorithm we know is taken for each realm. Returns false when there is no challenge we can answer.
 */
export function answerChallenge(request: SipRequest, response: SipResponse, credentials: Credentials, cnonce = randomId(16)): boolean {
  const proxy = response.status === 407;
  const challenges = response.getAll(proxy ? "proxy-authenticate" : "www-authenticate").map(parseAuth);
  const best = new Map<string, { field: AuthField; rank: number; algorithm: DigestAlgorithm; session: boolean }>();
  for (const field of challenges) {
    if (field === undefined || field.scheme.toLowerCase() !== "digest") continue;
    const known = algorithmOf(field);
    const nonce = field.params.get("nonce");
    if (known === undefined || nonce === undefined) continue;
    const rank = Object.keys(algorithms).indexOf(known.algorithm);
    const realm = field.params.get("realm") ?? "";
    const other = best.get(realm);
    if (other === undefined || rank < other.rank) best.set(realm, { field, rank, ...known });
  }
  const name = proxy ? "Proxy-Authorization" : "Authorization";
  for (const [realm, { field, algorithm, session }] of best) {
    const nonce = field.params.get("nonce")!;
    const offered = field.params
      .get("qop")
      ?.split(",")
      .map((q) => q.trim().toLowerCase());
    const qop = offered?.includes("auth") ? "auth" : undefined;
    if (offered !== undefined && qop === undefined) continue;
    const nc = qop === undefined ? undefined : "00000001";
    const value = digestResponse({
      algorithm,
      session,
      ha1: ha1(algorithm, credentials.username, realm, credentials.password),
      nonce,
      method: request.method,
      uri: request.uri,
      cnonce,
      nc,
      qop,
    });
    const opaque = field.params.get("opaque");
    request.append(
      name,
      `Digest username=${quote(credentials.username)},realm=${quote(realm)},nonce=${quote(nonce)},uri=${quote(request.uri)},response="${value}"` +
        `,algorithm=${field.params.get("algorithm") ?? "MD5"}` +
        (opaque === undefined ? "" : `,opaque=${quote(opaque)}`) +
        (qop === undefined && !session ? "" : `,cnonce="${cnonce}"`) +
        (qop === undefined ? "" : `,qop=${qop},nc=${nc}`),
    );
  }
  return best.size > 0;
}

/** What a server says of a request's credentials. */
export type DigestVerdict =
  | { readonly result: "ok"; readonly username: string }
  /** Nobody tried: challenge. */
  | { readonly result: "missing" }
  /** Right form, old or foreign nonce: challenge again with stale=true. */
  | { readonly result: "stale" }
  /** Wrong user, password or form. */
  | { readonly result: "wrong"; readonly username: string | undefined };

/** The side that asks. Nonces are self-describing (time and MAC), so asking keeps no state; replay is caught by their counts. */
export class DigestServer {
  readonly realm: string;
  readonly #secret = randomBytes(32);
  readonly #lifetime: number;
  readonly #algorithms: readonly DigestAlgorithm[];
  readonly #counts = new Map<string, { nc: number; until: Millis }>();

  /** `lifetime` of a nonce in ms. A challenge is made for each algorithm, in this order. */
  constructor(realm: string, options: { lifetime?: number; algorithms?: readonly DigestAlgorithm[] } = {}) {
    this.realm = realm;
    this.#lifetime = options.lifetime ?? 300_000;
    this.#algorithms = options.algorithms ?? ["SHA-256", "MD5"];
  }

  /** WWW-Authenticate values for a challenge, strongest first (RFC 8760 section 2.4). */
  challenge(now: Millis, stale = false): string[] {
    const nonce = this.#nonce(Math.floor(now));
    return this.#algorithms.map(
      (algorithm) => `Digest realm=${quote(this.realm)},nonce="${nonce}",algorithm=${algorithm},qop="auth"${stale ? ",stale=true" : ""}`,
    );
  }

  /** Judges a request's Authorization (or Proxy-Authorization). `lookup` gives the user's password, or undefined for nobody. */
  verify(request: SipRequest, lookup: (username: string) => string | undefined, now: Millis, header = "authorization"): DigestVerdict {
    let verdict: DigestVerdict = { result: "missing" };
    for (const value of request.getAll(header)) {
      const field = parseAuth(value);
      if (field === undefined || field.scheme.toLowerCase() !== "digest" || field.params.get("realm") !== this.realm) continue;
      verdict = this.#judge(field, request.method, lookup, now);
      if (verdict.result === "ok") break;
    }
    return verdict;
  }

  #judge(field: AuthField, method: string, lookup: (username: string) => string | undefined, now: Millis): DigestVerdict {
    const p = field.params;
    const username = p.get("username");
    const known = algorithmOf(field);
    const nonce = p.get("nonce");
    const response = p.get("response");
    const uri = p.get("uri");
    const [qop, nc, cnonce] = [p.get("qop"), p.get("nc"), p.get("cnonce")];
    if (username === undefined || known === undefined || nonce === undefined || response === undefined || uri === undefined)
      return { result: "wrong", username };
    if (!this.#algorithms.includes(known.algorithm) || qop !== "auth" || nc === undefined || cnonce === undefined)
      return { result: "wrong", username };
    const born = this.#born(nonce);
    if (born === undefined || now - born > this.#lifetime) return { result: "stale" };
    const password = lookup(username);
    // The work is done for unknown users too: how long it takes tells nobody which users exist.
    const expected = digestResponse({
      ...known,
      ha1: ha1(known.algorithm, username, this.realm, password ?? "\0"),
      nonce,
      method,
      uri,
      cnonce,
      nc,
      qop,
    });
    const same = response.length === expected.length && timingSafeEqual(Buffer.from(response), Buffer.from(expected));
    if (!same || password === undefined) return { result: "wrong", username };
    const count = Number.parseInt(nc, 16);
    const key = `${nonce}|${cnonce}`;
    const seen = this.#counts.get(key);
    if (!(count > (seen?.nc ?? 0))) return { result: "stale" };
    this.#counts.set(key, { nc: count, until: born + this.#lifetime });
    if (this.#counts.size > 10_000) for (const [k, c] of this.#counts) if (c.until < now) this.#counts.delete(k);
    return { result: "ok", username };
  }

  #nonce(born: number): string {
    const time = born.toString(36);
    return `${time}.${createHmac("sha256", this.#secret).update(time).digest("base64url").slice(0, 22)}`;
  }
  #born(nonce: string): number | undefined {
    const time = nonce.split(".")[0]!;
    const born = Number.parseInt(time, 36);
    return Number.isFinite(born) && this.#nonce(born) === nonce ? born : undefined;
  }
}
