/**
 * Digest authentication as arithmetic (RFC 7616; RFC 8760 for SIP): MD5, SHA-256, SHA-512-256 and their -sess forms, qop `auth` and `auth-int`. Who
 * remembers nonces and counts is elsewhere.
 */
import { createHash, randomBytes } from "node:crypto";
import { type AuthField, parseAuth } from "./fields.ts";
import { quote } from "./text.ts";

/** Algorithms, strongest first. */
const hashes = { "SHA-512-256": "sha512-256", "SHA-256": "sha256", MD5: "md5" } as const;
export type DigestAlgorithm = keyof typeof hashes;
export type DigestQop = "auth" | "auth-int";

/** Name and secret of a user. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** What a request's digest covers besides the credentials. */
export interface DigestRequest {
  readonly method: string;
  readonly uri: string;
  /** For `auth-int`; empty where the request has none. */
  readonly body?: Buffer | string | undefined;
}

function hash(algorithm: DigestAlgorithm, data: string | Buffer): string {
  return createHash(hashes[algorithm]).update(data).digest("hex");
}

/** The algorithm a challenge or an answer names, MD5 where it names none; undefined for one we do not know. */
export function digestAlgorithm(field: AuthField): { readonly algorithm: DigestAlgorithm; readonly session: boolean } | undefined {
  const name = (field.params.get("algorithm") ?? "MD5").toUpperCase();
  const session = name.endsWith("-SESS");
  const base = session ? name.slice(0, -5) : name;
  return base in hashes ? { algorithm: base as DigestAlgorithm, session } : undefined;
}

export interface DigestInput extends DigestRequest, Credentials {
  readonly algorithm: DigestAlgorithm;
  readonly session?: boolean;
  readonly realm: string;
  readonly nonce: string;
  readonly cnonce?: string | undefined;
  readonly nc?: string | undefined;
  /** Undefined: the form of RFC 2069. */
  readonly qop?: DigestQop | undefined;
}

/** The `response` value (RFC 7616 sections 3.4.1 to 3.4.3). */
export function digestResponse(input: DigestInput): string {
  const { algorithm, nonce, cnonce = "", nc = "", qop } = input;
  const secret = hash(algorithm, `${input.username}:${input.realm}:${input.password}`);
  const ha1 = input.session ? hash(algorithm, `${secret}:${nonce}:${cnonce}`) : secret;
  const covered = qop === "auth-int" ? `:${hash(algorithm, input.body ?? "")}` : "";
  const ha2 = hash(algorithm, `${input.method}:${input.uri}${covered}`);
  return hash(algorithm, qop === undefined ? `${ha1}:${nonce}:${ha2}` : `${ha1}:${nonce}:${nc}:${cnonce}:${qop}:${ha2}`);
}

/** A challenge that can be answered. */
interface Answerable {
  readonly field: AuthField;
  readonly algorithm: DigestAlgorithm;
  readonly session: boolean;
  readonly nonce: string;
  readonly qop: DigestQop | undefined;
}

/**
 * Values of the Authorization (or Proxy-Authorization) fields that answer these challenges: one for each realm, by the strongest algorithm we know
 * (RFC 8760 section 2.4). `auth` goes before `auth-int`, which is used where nothing else is offered: proxies may not touch the body then. Empty when
 * there is nothing we can answer. `nc` is the count of this nonce's use.
 */
export function answerChallenges(
  challenges: readonly string[],
  credentials: Credentials,
  request: DigestRequest,
  { cnonce = randomBytes(12).toString("base64url"), nc = 1 }: { readonly cnonce?: string; readonly nc?: number } = {},
): string[] {
  const best = new Map<string, Answerable>();
  const rank = ({ algorithm }: Answerable) => Object.keys(hashes).indexOf(algorithm);
  for (const value of challenges) {
    const field = parseAuth(value);
    const one = field && answerable(field);
    if (!field || !one) continue;
    const realm = field.params.get("realm") ?? "";
    const other = best.get(realm);
    if (!other || rank(one) < rank(other)) best.set(realm, one);
  }
  return [...best].map(([realm, { field, algorithm, session, nonce, qop }]) => {
    const count = nc.toString(16).padStart(8, "0");
    const response = digestResponse({ ...credentials, ...request, algorithm, session, realm, nonce, cnonce, nc: count, qop });
    const opaque = field.params.get("opaque");
    return (
      `Digest username=${quote(credentials.username)},realm=${quote(realm)},nonce=${quote(nonce)},uri=${quote(request.uri)},response="${response}"` +
      `,algorithm=${field.params.get("algorithm") ?? "MD5"}` +
      (opaque === undefined ? "" : `,opaque=${quote(opaque)}`) +
      (qop === undefined && !session ? "" : `,cnonce="${cnonce}"`) +
      (qop === undefined ? "" : `,qop=${qop},nc=${count}`)
    );
  });
}

function answerable(field: AuthField): Answerable | undefined {
  const known = digestAlgorithm(field);
  const nonce = field.params.get("nonce");
  if (field.scheme.toLowerCase() !== "digest" || !known || nonce === undefined) return undefined;
  const offered = field.params
    .get("qop")
    ?.split(",")
    .map((one) => one.trim().toLowerCase());
  const qop = (["auth", "auth-int"] as const).find((one) => offered?.includes(one));
  return offered !== undefined && qop === undefined ? undefined : { field, ...known, nonce, qop };
}

/** Whether a challenge says that only the nonce was too old: the password was right. */
export function isStale(challenges: readonly string[]): boolean {
  return challenges.some((value) => parseAuth(value)?.params.get("stale")?.toLowerCase() === "true");
}

/** Our challenges, one for each algorithm in this order; both qops are offered, so that whoever likes may have the body covered. */
export function formatChallenges(
  realm: string,
  nonce: string,
  { algorithms = ["SHA-256", "MD5"], stale = false }: { readonly algorithms?: readonly DigestAlgorithm[]; readonly stale?: boolean } = {},
): string[] {
  return algorithms.map(
    (algorithm) =>
      `Digest realm=${quote(realm)}, nonce="${nonce}", algorithm=${algorithm}, qop="auth,auth-int"${stale ? ", stale=true" : ""}`,
  );
}
