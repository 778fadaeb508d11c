/** Random identifiers: tags, branches, Call-IDs (RFC 3261 section 19.3: at least 32 bits; here 80 and more). */
import { randomFillSync, randomUUID } from "node:crypto";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";
const pool = new Uint8Array(4096);
let at = pool.length;

/** `length` random characters of a-z and 0-9. */
function randomId(length: number): string {
  let out = "";
  while (out.length < length) {
    if (at === pool.length) {
      randomFillSync(pool);
      at = 0;
    }
    const byte = pool[at++]!;
    if (byte < 252) out += ALPHABET[byte % 36];
  }
  return out;
}

/** A tag for From or To. */
export const newTag = (): string => randomId(16);
/** A branch with the magic cookie. */
export const newBranch = (): string => `z9hG4bK${randomId(18)}`;
/** A Call-ID. */
export const newCallId = (): string => randomUUID();
