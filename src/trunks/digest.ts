import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Millis } from "../base/clock.ts";

/** RFC 7616 and 8760: the better one first, as section 2.2 of the latter asks. */
const ALGORITHMS = [
  { name: "SHA-256", hash: "sha256" },
  { name: "MD5", hash: "md5" },
] as const;

/** A nonce is good for this long; then the caller is told `stale=true` and computes anew without asking anybody for a password. */
const NONCE_LIFE_MS = 60_000;
/** Nonces whose counts are remembered; more at a time than this and the oldest may be used anew. */
const MAX_NONCES = 10_000;

/** An Authorization field taken apart; names lower case, quotes gone. */
export type Authorization = ReadonlyMap<string, string>;

/** Reads `Digest username="a", realm="b", ...`; undefined when it is nothing of the kind. */
export function parseAuthorization(value: string): Authorization | undefined {
  const scheme = /^\s*Digest\s+/i.exec(value);
  if (!scheme) return undefined;
  const params = new Map<string, string>();
  const pattern = /\s*([A-Za-z0-9_*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))\s*(?:,|$)/y;
  pattern.lastIndex = scheme[0].length;
  for (let match = pattern.exec(value); match; match = pattern.exec(value)) {
    const name = match[1]!.toLowerCase();
    if (params.has(name)) return undefined;
    params.set(name, match[2] === undefined ? match[3]! : match[2].replace(/\\(.)/g, "$1"));
    if (pattern.lastIndex >= value.length) return params;
  }
  return undefined;
}

/** The `response` of RFC 7616 section 3.4.1, for qop `auth` or, where `qop` is undefined, of RFC 2069. */
export function digestResponse(input: {
  readonly hash: "sha256" | "md5";
  readonly username: string;
  readonly realm: string;
  readonly password: string;
  readonly method: string;
  readonly uri: string;
  readonly nonce: string;
  readonly nc?: string;
  readonly cnonce?: string;
  readonly qop?: string;
}): string {
  const h = (text: string) => createHash(input.hash).update(text).digest("hex");
  const a1 = h(`${input.username}:${input.realm}:${input.password}`);
  const a2 = h(`${input.method}:${input.uri}`);
  return input.qop === undefined
    ? h(`${a1}:${input.nonce}:${a2}`)
    : h(`${a1}:${input.nonce}:${input.nc ?? ""}:${input.cnonce ?? ""}:${input.qop}:${a2}`);
}

export type DigestVerdict = "right" | "wrong" | "stale" | "replayed";

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

  /** Values of the WWW-Authenticate fields of a 401, one for each algorithm. */
  challenge(realm: string, now: Millis, stale = false): string[] {
    const nonce = this.#nonce(Math.floor(now));
    return ALGORITHMS.map(
      ({ name }) => `Digest realm="${realm}", nonce="${nonce}", algorithm=${name}, qop="auth"${stale ? ", stale=true" : ""}`,
    );
  }

  check(
    authorization: Authorization,
    expected: { readonly username: string; readonly password: string; readonly realm: string; readonly method: string },
    now: Millis,
  ): DigestVerdict {
    const get = (name: string) => authorization.get(name) ?? "";
    const algorithm = ALGORITHMS.find(({ name }) => name === (authorization.get("algorithm")?.toUpperCase() ?? "MD5"));
    const qop = authorization.get("qop");
    if (!algorithm || (qop !== undefined && qop !== "auth")) return "wrong";
    const nonce = get("nonce");
    const made = this.#timeOf(nonce);
    if (made === undefined) return "wrong";
    const response = digestResponse({
      hash: algorithm.hash,
      username: expected.username,
      realm: expected.realm,
      password: expected.password,
      method: expected.method,
      uri: get("uri"),
      nonce,
      nc: get("nc"),
      cnonce: get("cnonce"),
      ...(qop === undefined ? {} : { qop }),
    });
    const right =
      get("username") === expected.username && get("realm") === expected.realm && sameText(response, get("response").toLowerCase());
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

  #nonce(time: number): string {
    const body = `${time.toString(36)}.${randomBytes(6).toString("base64url")}`;
    return `${body}.${this.#sign(body)}`;
  }

  #sign(body: string): string {
    return createHmac("sha256", this.#secret).update(body).digest("base64url").slice(0, 22);
  }

  #timeOf(nonce: string): number | undefined {
    const dot = nonce.lastIndexOf(".");
    if (dot < 0 || !sameText(nonce.slice(dot + 1), this.#sign(nonce.slice(0, dot)))) return undefined;
    return Number.parseInt(nonce.split(".", 1)[0]!, 36);
  }
}

function sameText(a: string, b: string): boolean {
  const x = Buffer.from(a);
  const y = Buffer.from(b);
  return x.length === y.length && timingSafeEqual(x, y);
}
