import { createHash, createHmac } from "node:crypto";
import { sameBytes } from "../../base/secrets.ts";
import { type CryptoH323Token, encodeRas, h235, type RasMessage } from "../../wire/h225/index.ts";
import { encode } from "../../wire/per/index.ts";
import { trimEndOf } from "../../base/text.ts";
import { aliasText } from "../call/messages.ts";
import type { Expected, Token, Verdict } from "./token-types.ts";

/** OIDs of the baseline profile, H.235.1 clause 14: "A" the procedure, "T" the clear token, "U" HMAC-SHA1-96. */
const PROCEDURE = "0.0.8.235.0.2.1";
const BASELINE_TOKEN = "0.0.8.235.0.2.5";
const HMAC_SHA1_96 = "0.0.8.235.0.2.6";
const MD5 = "1.2.840.113549.2.5";
const HASH_OCTETS = 12;

/** Stands where the hash will be; not likely in a message otherwise. */
const PLACEHOLDER = Uint8Array.from([0x70, 0x6c, 0xf3, 0x1d, 0xa9, 0x5e, 0x02, 0xc4, 0x88, 0x3b, 0xe7, 0x96]);

/** How far a peer's clock may be off, seconds: a token that was overheard is of use no longer. */
export const CLOCK_SKEW = 60;
/** Most tokens of one message that are looked at. */
const MOST_TOKENS = 8;

export interface Credentials {
  /** Alias the password belongs to. */
  readonly user: string;
  readonly password: string;
  /** `hmac`: H.235.1 over the whole message. `md5`: the password hash that older gatekeepers know (H.235.0 `cryptoEPPwdHash`). */
  readonly method: "hmac" | "md5";
}

/** Encodes a message with the token that proves who sends it. `seconds` since 1970; `random` differs each time. */
export function encodeSigned(
  message: RasMessage,
  credentials: Credentials,
  to: { readonly generalId: string; readonly seconds: number; readonly random: number },
): Uint8Array {
  if (credentials.method === "md5") return encodeRas(withToken(message, passwordToken(credentials, to.seconds)));
  const signed = encodeRas(withToken(message, hashedToken(credentials.user, to, PLACEHOLDER)));
  const at = Buffer.from(signed).indexOf(PLACEHOLDER);
  signed.fill(0, at, at + HASH_OCTETS);
  signed.set(hmac(credentials.password, signed), at);
  return signed;
}

function withToken(message: RasMessage, token: CryptoH323Token): RasMessage {
  const [name, body] = Object.entries(message)[0] as [string, object];
  return { [name]: { ...body, cryptoTokens: [token] } } as RasMessage;
}

function hashedToken(
  sendersID: string,
  { generalId, seconds, random }: { readonly generalId: string; readonly seconds: number; readonly random: number },
  hash: Uint8Array,
): CryptoH323Token {
  return {
    nestedcryptoToken: {
      cryptoHashedToken: {
        tokenOID: PROCEDURE,
        hashedVals: { tokenOID: BASELINE_TOKEN, timeStamp: seconds, random, generalID: generalId, sendersID },
        token: { algorithmOID: HMAC_SHA1_96, paramS: {}, hash: { bytes: hash, length: HASH_OCTETS * 8 } },
      },
    },
  };
}

function hmac(password: string, bytes: Uint8Array): Buffer {
  const key = createHash("sha1").update(password, "utf8").digest(); // H.235.1 clause 9: the key is the hash of the password
  return createHmac("sha1", key).update(bytes).digest().subarray(0, HASH_OCTETS);
}

/**
 * H.235.0 8.2.1: MD5 of a token that holds the password, which is not sent. Name and password end in NUL there: the Recommendation does not say so, but everybody
 * does it since the first endpoints did; `end` is empty for who does not.
 */
function passwordHash(user: string, password: string, timeStamp: number, end = "\0"): Buffer {
  const token = encode(h235.ClearToken, { tokenOID: "0.0", timeStamp, password: password + end, generalID: user + end });
  return createHash("md5").update(token).digest();
}

function passwordToken({ user, password }: Credentials, timeStamp: number): CryptoH323Token {
  const hash = { bytes: new Uint8Array(passwordHash(user, password, timeStamp)), length: 128 };
  return { cryptoEPPwdHash: { alias: { "h323-ID": user }, timeStamp, token: { algorithmOID: MD5, paramS: {}, hash } } };
}

/** The fields of a RAS message. */
export const bodyOf = (message: RasMessage): Signed => Object.values(message)[0] as Signed;

interface Signed {
  readonly cryptoTokens?: readonly CryptoH323Token[] | undefined;
}

/** Tokens of a message that prove something. `forms` are what a hash in them may be over: the datagram or frame as it came, first of all. */
export function readTokens(body: Signed | undefined, ...forms: readonly (Uint8Array | undefined)[]): Token[] {
  return (body?.cryptoTokens ?? []).slice(0, MOST_TOKENS).flatMap((token) => {
    const nested = token.nestedcryptoToken?.cryptoHashedToken;
    const hash = nested?.token.hash.bytes ?? token.cryptoEPPwdHash?.token.hash.bytes;
    if (hash === undefined) return [];
    const id = Buffer.from(hash).toString("hex");
    const verdict = (expected: Expected): Verdict => {
      const verdicts = forms.flatMap((bytes) => (bytes === undefined ? [] : [check(token, bytes, expected)]));
      return verdicts.includes("good") ? "good" : (verdicts[0] ?? "missing");
    };
    return [{ id, check: verdict }];
  });
}

/** Whether a received message proves its sender knows the password of `user`. */
export function verify(
  message: RasMessage,
  bytes: Uint8Array,
  { user, password, seconds }: { readonly user: string; readonly password: string; readonly seconds: number },
): Verdict {
  let verdict: Verdict = "missing";
  for (const token of readTokens(bodyOf(message), bytes)) {
    const checked = token.check({ senders: [user], password, seconds });
    if (checked === "good") return "good";
    if (checked !== "missing") verdict = checked;
  }
  return verdict;
}

function check(token: CryptoH323Token, bytes: Uint8Array, { senders, password, seconds }: Expected): Verdict {
  const off = (timeStamp: number | undefined) => Math.abs((timeStamp ?? 0) - seconds) > CLOCK_SKEW;
  const nested = token.nestedcryptoToken?.cryptoHashedToken;
  if (nested !== undefined) {
    const { hash } = nested.token;
    if (nested.token.algorithmOID !== HMAC_SHA1_96 || hash.length !== HASH_OCTETS * 8) return "wrong";
    if (off(nested.hashedVals.timeStamp)) return "stale";
    const { sendersID } = nested.hashedVals;
    if (sendersID !== undefined && !senders.some((sender) => same(sender, sendersID))) return "wrong";
    const at = Buffer.from(bytes).indexOf(hash.bytes);
    if (at < 0) return "wrong";
    const blank = Uint8Array.from(bytes);
    blank.fill(0, at, at + HASH_OCTETS);
    return sameBytes(hmac(password, blank), hash.bytes) ? "good" : "wrong";
  }
  const hashed = token.cryptoEPPwdHash;
  if (hashed === undefined) return "missing";
  if (off(hashed.timeStamp)) return "stale";
  const said = aliasText(hashed.alias);
  const sender = senders.find((each) => same(each, said));
  if (sender === undefined) return "wrong";
  const told = hashed.token.hash.bytes;
  for (const user of new Set([said, sender]))
    for (const end of ["\0", ""]) {
      const right = passwordHash(user, password, hashed.timeStamp, end);
      if (sameBytes(told, right)) return "good";
    }
  return "wrong";
}

/** As aliases are compared: whatever their case, and without the NUL that some end them in. */
const same = (a: string, b: string): boolean => trimEndOf(a, "\0").toLowerCase() === trimEndOf(b, "\0").toLowerCase();
