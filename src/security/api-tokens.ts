import { createHash, randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { readIfThere, writePrivate } from "./files.ts";

/** `operator` may do everything; `viewer` may only read. */
export type ApiRole = "operator" | "viewer";

/** Who asks the admin API. */
export interface ApiIdentity {
  readonly id: string;
  readonly name: string;
  readonly role: ApiRole;
  /** Identifiers of the meetings it is limited to; null for no limit. */
  readonly meetings: readonly string[] | null;
  /** Milliseconds since 1970; null for never. */
  readonly expiresAt: number | null;
  readonly source: "configuration" | "api";
}

/** A token of the configuration (`admin.tokens`). */
export interface ConfiguredToken {
  readonly name: string;
  /** The token, or `sha256$` and the hexadecimal SHA-256 of it. */
  readonly token: string;
  readonly role: ApiRole;
  /** ISO 8601. */
  readonly expires?: string | null | undefined;
  readonly meetings?: readonly string[] | null | undefined;
}

export type ApiVerdict = { readonly identity: ApiIdentity } | { readonly fault: "unknown" | "expired" };

interface KnownToken {
  readonly identity: ApiIdentity;
  readonly digest: Buffer;
}

const keptToken = z.object({
  id: z.string(),
  name: z.string(),
  role: z.enum(["operator", "viewer"]),
  meetings: z.array(z.string()).nullable(),
  expiresAt: z.number().nullable(),
  hash: z.string(),
});
const keptFile = z.object({ tokens: z.array(keptToken) });

/** Tokens that the API may have at a time. */
const MAX_TOKENS = 1000;
const HASHED = "sha256$";
const MAX_LENGTH = 1024;

/** The admin token's name and identifier. */
const ADMIN = "admin";

/**
 * The bearer tokens of the admin API: the admin token, those of the configuration, and those made by the API, which are kept in `file` (0600; null: in memory only) as hashes. Tokens
 * are long and random, so one round of SHA-256 is enough: a PIN would need a slow hash.
 */
export class ApiTokens {
  readonly #file: string | null;
  readonly #wall: () => number;
  #configured: KnownToken[] = [];
  readonly #made: KnownToken[];
  /** Identities that were removed: connections that stay open ask. */
  readonly #removed = new WeakSet<ApiIdentity>();

  /** `wall` is in milliseconds since 1970. Throws when the file is there and holds something else. */
  constructor(file: string | null, adminToken: string, configured: readonly ConfiguredToken[], wall: () => number = Date.now) {
    this.#file = file;
    this.#wall = wall;
    const kept = file === null ? null : readIfThere(file);
    const tokens = kept === null ? [] : keptFile.parse(JSON.parse(kept)).tokens;
    this.#made = tokens.map(({ hash, ...identity }) => ({ identity: { ...identity, source: "api" }, digest: Buffer.from(hash, "hex") }));
    this.configure(adminToken, configured);
  }

  /** Takes the tokens of another configuration; those of the one before end. */
  configure(adminToken: string, configured: readonly ConfiguredToken[]): void {
    for (const { identity } of this.#configured) this.#removed.add(identity);
    const admin: ApiIdentity = { id: ADMIN, name: ADMIN, role: "operator", meetings: null, expiresAt: null, source: "configuration" };
    this.#configured = [
      { identity: admin, digest: digest(adminToken) },
      ...configured.map(
        ({ name, token, role, expires, meetings }): KnownToken => ({
          identity: {
            id: `configuration-${name}`,
            name,
            role,
            meetings: meetings ?? null,
            expiresAt: expires == null ? null : Date.parse(expires),
            source: "configuration",
          },
          digest: token.startsWith(HASHED) ? Buffer.from(token.slice(HASHED.length), "hex") : digest(token),
        }),
      ),
    ];
  }

  /** Compares with every token there is, in a time that tells nothing of which was near. */
  verify(token: string): ApiVerdict {
    const given = digest(token.slice(0, MAX_LENGTH + 1));
    let found: ApiIdentity | null = null;
    for (const known of [...this.#configured, ...this.#made]) if (timingSafeEqual(given, known.digest)) found ??= known.identity;
    if (found === null) return { fault: "unknown" };
    return this.good(found) ? { identity: found } : { fault: "expired" };
  }

  /** Whether an identity that was verified before is still to be served. */
  good(identity: ApiIdentity): boolean {
    return !this.#removed.has(identity) && (identity.expiresAt === null || identity.expiresAt > this.#wall());
  }

  list(): ApiIdentity[] {
    return [...this.#configured, ...this.#made].map(({ identity }) => identity);
  }

  /** Makes a token; it is not kept and not shown again. Null where there are too many. Throws when it cannot be kept. */
  make(grant: Pick<ApiIdentity, "name" | "role" | "meetings" | "expiresAt">): { identity: ApiIdentity; token: string } | null {
    if (this.#made.length >= MAX_TOKENS) return null;
    const token = `cpt_${randomBytes(32).toString("base64url")}`;
    const known: KnownToken = { identity: { id: randomUUID(), ...grant, source: "api" }, digest: digest(token) };
    this.#made.push(known);
    try {
      this.#keep();
    } catch (error) {
      this.#made.pop();
      throw error;
    }
    return { identity: known.identity, token };
  }

  /** Ends a token that the API has made. Throws when that cannot be kept; the token has ended until a restart all the same. */
  remove(id: string): "removed" | "unknown" | "of-configuration" {
    if (this.#configured.some(({ identity }) => identity.id === id)) return "of-configuration";
    const at = this.#made.findIndex(({ identity }) => identity.id === id);
    if (at < 0) return "unknown";
    const [gone] = this.#made.splice(at, 1);
    this.#removed.add(gone!.identity);
    this.#keep();
    return "removed";
  }

  #keep(): void {
    if (this.#file === null) return;
    const tokens = this.#made.map(({ identity: { source: _, ...identity }, digest }) => ({ ...identity, hash: digest.toString("hex") }));
    writePrivate(this.#file, `${JSON.stringify({ tokens }, null, 1)}\n`);
  }
}

function digest(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
