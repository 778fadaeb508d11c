import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { z } from "zod";
import { readIfThere, writePrivate } from "./files.ts";
import { sameSecret } from "../base/secrets.ts";

/** What a join token says: who may join which meeting, as what, until when. */
export interface JoinTicket {
  readonly id: string;
  /** The meeting's `id`, never an alias. */
  readonly meeting: string;
  /** Shown in the roster; null leaves it to the page. */
  readonly name: string | null;
  readonly role: "host" | "guest";
  /** Milliseconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** Why a token is not taken. `invalid`: not signed here, changed, or no join token at all. */
export type JoinTokenFault = "invalid" | "expired" | "revoked";

export type JoinTokenVerdict = { readonly ticket: JoinTicket } | { readonly fault: JoinTokenFault };

/**
 * The only JOSE header that is issued and taken. The header is compared as text, so that a token cannot choose its own algorithm (RFC 8725 section 3.1),
 * and `typ` keeps tokens of another purpose out (RFC 8725 section 3.11).
 */
const HEADER = encode({ alg: "HS256", typ: "crosspoint-join+jwt" });
const MAX_LENGTH = 2048;

const claims = z.object({
  jti: z.string(),
  meeting: z.string(),
  name: z.string().nullable(),
  role: z.enum(["host", "guest"]),
  iat: z.number(),
  exp: z.number(),
});

const keptState = z.object({ key: z.string().min(32), revoked: z.record(z.string(), z.number()) });
type KeptState = z.infer<typeof keptState>;

/**
 * Issues and verifies join tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA256 under a key that never leaves `file` (0600). A token lets its bearer
 * join one meeting and nothing else. It ends by its expiry, with its meeting, when the meeting's tokens are revoked, and when the key is replaced.
 */
export class JoinTokens {
  readonly #file: string;
  readonly #wall: () => number;
  #state: KeptState;

  /** Reads the key, or makes one. `wall` is in milliseconds since 1970. Throws when the file is there and holds something else. */
  constructor(file: string, wall: () => number = Date.now) {
    this.#file = file;
    this.#wall = wall;
    const kept = readIfThere(file);
    this.#state = kept === null ? { key: newKey(), revoked: {} } : keptState.parse(JSON.parse(kept));
    if (kept === null) this.#keep();
  }

  issue({ meeting, name, role, expiresAt }: Pick<JoinTicket, "meeting" | "name" | "role" | "expiresAt">): JoinTicket & { token: string } {
    // a token issued in the millisecond of a revocation is issued after it
    const issuedAt = Math.max(this.#wall(), (this.#state.revoked[meeting] ?? 0) + 1);
    const ticket = { id: randomUUID(), meeting, name, role, issuedAt, expiresAt };
    const body = `${HEADER}.${encode({ jti: ticket.id, meeting, name, role, iat: issuedAt / 1000, exp: expiresAt / 1000 })}`;
    return { ...ticket, token: `${body}.${this.#sign(body)}` };
  }

  verify(token: string): JoinTokenVerdict {
    const [header, payload, signature, ...rest] = token.length > MAX_LENGTH ? [] : token.split(".");
    if (header !== HEADER || payload === undefined || signature === undefined || rest.length > 0) return { fault: "invalid" };
    // as text: a signature decoded first could be spelled in more than one way
    if (!sameSecret(signature, this.#sign(`${header}.${payload}`))) return { fault: "invalid" };
    const read = claims.safeParse(JSON.parse(Buffer.from(payload, "base64url").toString()));
    if (!read.success) return { fault: "invalid" };
    const { jti, meeting, name, role, iat, exp } = read.data;
    const ticket = { id: jti, meeting, name, role, issuedAt: Math.round(iat * 1000), expiresAt: Math.round(exp * 1000) };
    if (ticket.expiresAt <= this.#wall()) return { fault: "expired" };
    if (ticket.issuedAt <= (this.#state.revoked[meeting] ?? 0)) return { fault: "revoked" };
    return { ticket };
  }

  /** Tokens issued for this meeting until now are no longer taken, also when another meeting gets its number. Throws when that cannot be kept. */
  revoke(meeting: string): void {
    this.#state.revoked[meeting] = this.#wall();
    this.#keep();
  }

  /** Replaces the key: no token issued until now is taken any longer. Throws when that cannot be kept. */
  rollKey(): void {
    this.#state = { key: newKey(), revoked: {} };
    this.#keep();
  }

  #sign(body: string): string {
    return createHmac("sha256", Buffer.from(this.#state.key, "base64url")).update(body).digest("base64url");
  }

  #keep(): void {
    writePrivate(this.#file, `${JSON.stringify(this.#state)}\n`);
  }
}

function newKey(): string {
  return randomBytes(32).toString("base64url");
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
