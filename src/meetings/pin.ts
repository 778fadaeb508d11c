import { randomBytes, scryptSync, timingSafeEqual } from "node:crypto";
import type { PinHash, Role } from "./model.ts";
import { deriveKey, type ScryptCost } from "./pin-threads.ts";

/** scrypt (RFC 7914): 8 MiB and about 20 ms a PIN. They stand in every hash, so they can be raised without invalidating any. */
const COST = { N: 8192, r: 8, p: 1 } as const;
const KEY_BYTES = 32;
const SALT_BYTES = 16;
/** Hashes from a configuration are input too: more than this would let one line of it stall the process. */
const MAX_COST = { N: 1 << 17, r: 16, p: 4 } as const;

/** True for what `hashPin` makes, false for digits. */
export function isPinHash(text: string): text is PinHash {
  return text.startsWith("scrypt$");
}

/** A PIN as people type it: 1 to 32 digits. */
export function isPin(text: string): boolean {
  return /^[0-9]{1,32}$/.test(text);
}

/** Hashes a PIN with a salt of its own, off the main thread. Throws RangeError when `digits` is no PIN; the message does not repeat it. */
export async function hashPin(digits: string): Promise<PinHash> {
  if (!isPin(digits)) throw new RangeError("a PIN is 1 to 32 digits");
  const salt = randomBytes(SALT_BYTES);
  const key = await deriveKey({ digits, salt, length: KEY_BYTES, cost: COST }, false);
  return `scrypt$${COST.N}$${COST.r}$${COST.p}$${salt.toString("base64")}$${key.toString("base64")}`;
}

interface ParsedHash {
  readonly cost: ScryptCost;
  readonly salt: Buffer;
  readonly key: Buffer;
}

/** Takes a hash apart; undefined when it is none, or costs more than we spend. */
export function parsePinHash(hash: string): ParsedHash | undefined {
  const match = /^scrypt\$(\d{1,7})\$(\d{1,3})\$(\d{1,2})\$([A-Za-z0-9+/]{8,88}={0,2})\$([A-Za-z0-9+/]{22,88}={0,2})$/.exec(hash);
  if (!match) return undefined;
  const cost = { N: Number(match[1]), r: Number(match[2]), p: Number(match[3]) };
  const powerOfTwo = cost.N > 1 && (cost.N & (cost.N - 1)) === 0;
  if (!powerOfTwo || cost.N > MAX_COST.N || cost.r < 1 || cost.r > MAX_COST.r || cost.p < 1 || cost.p > MAX_COST.p) return undefined;
  return { cost, salt: Buffer.from(match[4]!, "base64"), key: Buffer.from(match[5]!, "base64") };
}

/** Compares in constant time, off the main thread. A hash that cannot be read matches nothing. `forCaller`: somebody in a call waits for it. */
export async function checkPin(digits: string, hash: PinHash, forCaller = false): Promise<boolean> {
  const parsed = parsePinHash(hash);
  if (!parsed || digits.length > 32) return false;
  const { salt, cost, key } = parsed;
  return timingSafeEqual(await deriveKey({ digits, salt, length: key.length, cost }, forCaller), key);
}

/** Compared where a meeting has no such PIN, and matched by nothing: its key is no output of scrypt. */
const NO_PIN: PinHash = `scrypt$${COST.N}$${COST.r}$${COST.p}$${randomBytes(SALT_BYTES).toString("base64")}$${randomBytes(KEY_BYTES).toString("base64")}`;

/**
 * The role a PIN gives, or null for a wrong one. Two hashes are always computed, whichever PINs the meeting has, so that time tells nothing of which there
 * are nor of which was meant.
 */
export async function roleOfPin(
  digits: string,
  meeting: { readonly guestPin: PinHash | null; readonly hostPin: PinHash | null },
): Promise<Role | null> {
  const [host, guest] = await Promise.all([
    checkPin(digits, meeting.hostPin ?? NO_PIN, true),
    checkPin(digits, meeting.guestPin ?? NO_PIN, true),
  ]);
  return host ? "host" : guest ? "guest" : null;
}

/**
 * Whether two PINs, each digits or a hash, are the same. Of two hashes with salts of their own nothing can be told: they are the same only when they are
 * written the same.
 */
export async function samePin(a: string, b: string): Promise<boolean> {
  if (a === b) return true;
  if (isPinHash(a) === isPinHash(b)) return false;
  return isPinHash(a) ? checkPin(b, a) : checkPin(a, b);
}

/** `samePin` for a configuration that is being checked, where nobody is in a call that it could hold up for long. */
export function samePinSync(a: string, b: string): boolean {
  if (a === b) return true;
  if (isPinHash(a) === isPinHash(b)) return false;
  const [digits, hash] = isPinHash(a) ? [b, a] : [a, b];
  const parsed = parsePinHash(hash);
  if (!parsed) return false;
  const { salt, key, cost } = parsed;
  return timingSafeEqual(scryptSync(digits, salt, key.length, { ...cost, maxmem: 256 * cost.N * cost.r }), key);
}
