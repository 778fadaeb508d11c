import {
  findSuite,
  readCrypto,
  SRTP_SUITES,
  type SrtpSuite,
  type SrtpSuiteName,
  type UnusableCrypto,
  type UsableCrypto,
} from "../srtp/index.ts";
import type { SdpMedia, SdpSession } from "../wire/sdp/index.ts";
import { type Refusal, refusal } from "./refusal.ts";

/** A trunk's wish. */
export type SrtpPolicy = "required" | "preferred" | "none";

/**
 * Our order, offering and answering. The first two, the fourth and the fifth are the order Cisco's edges demand; the AES-256 counter mode
 * suite stands where its strength puts it, after the authenticated ciphers; the suites with a 32-bit tag come last.
 */
export const SUITE_ORDER: readonly SrtpSuiteName[] = [
  "AEAD_AES_256_GCM",
  "AEAD_AES_128_GCM",
  "AES_256_CM_HMAC_SHA1_80",
  "AES_CM_128_HMAC_SHA1_80",
  "AES_256_CM_HMAC_SHA1_32",
  "AES_CM_128_HMAC_SHA1_32",
];

/** What decides about SRTP besides the description itself. */
export interface SrtpContext {
  readonly policy: SrtpPolicy;
  /** The SIP transport the description came or goes by, in any case: `udp`, `tcp`, `tls`, `ws`, `wss`. */
  readonly transport: string;
  /** The trunk is declared to run in a network nobody else listens to: keys are accepted in clear. */
  readonly privateNetwork?: boolean;
  /** Suites this trunk may use; all of {@link SUITE_ORDER} when absent. Its order does not matter. */
  readonly allowedSuites?: readonly SrtpSuiteName[];
}

/** What becomes of one media line. */
export type SrtpDecision =
  | {
      readonly kind: "srtp";
      /** The one attribute to take. */
      readonly crypto: UsableCrypto;
      /** Attributes passed over because they cannot be used, for the log. */
      readonly skipped: readonly UnusableCrypto[];
    }
  | {
      readonly kind: "plain";
      /** The line had keys, which are ignored. */
      readonly ignoredKeys: boolean;
    }
  | Refusal;

/** Whether keys may be read from, or put into, SDP that goes this way. */
export function keysMayTravel({ transport, privateNetwork }: SrtpContext): boolean {
  return privateNetwork === true || /^(tls|wss)$/i.test(transport);
}

/**
 * Decides about one offered RTP line. RTP/SAVP(F) demands SRTP; RTP/AVP(F) with keys offers it as best effort (RFC 8643), which we take
 * unless the policy is none. Keys that came over an unencrypted transport are known to others: never used.
 */
export function decideSrtp({ offerMedia, ...context }: SrtpContext & { readonly offerMedia: SdpMedia }): SrtpDecision {
  const { policy } = context;
  const { secure, dtls } = profileOf(offerMedia.protocol);
  const hasKeys = offerMedia.crypto.length > 0 || offerMedia.attributes.some(({ name }) => name === "crypto");
  if (dtls) {
    return refusal("dtls-srtp-not-supported", "DTLS-SRTP is not supported on this trunk, offer RTP/SAVP with a=crypto");
  }
  if (policy === "none") {
    return secure
      ? refusal("srtp-not-allowed", "SRTP is switched off on this trunk, offer RTP/AVP")
      : { kind: "plain", ignoredKeys: hasKeys };
  }
  if (!keysMayTravel(context)) {
    if (policy === "required") return refusal("srtp-keys-in-clear", "SRTP is required and its keys are accepted over TLS only");
    return secure
      ? refusal("srtp-keys-in-clear", "SRTP keys are accepted over TLS only, call by TLS or offer RTP/AVP")
      : { kind: "plain", ignoredKeys: hasKeys };
  }
  const { best, skipped } = chooseCrypto(offerMedia, context);
  if (best) return { kind: "srtp", crypto: best, skipped };
  if (!hasKeys && policy === "required") return refusal("srtp-required", "SRTP is required, the offer has no a=crypto");
  if (secure || policy === "required") {
    const reasons = skipped.map(({ tag, suiteName, reason }) => `${tag} ${suiteName.slice(0, 40)}: ${reason}`);
    return refusal("srtp-no-acceptable-suite", ["No acceptable SRTP suite", ...reasons.slice(0, 6)].join("; "));
  }
  return { kind: "plain", ignoredKeys: hasKeys };
}

/** Best by {@link SUITE_ORDER}; of two with one suite the one without MKI, else the offerer's order (RFC 4568 section 5.1.1). */
function chooseCrypto(media: SdpMedia, context: SrtpContext): { best: UsableCrypto | undefined; skipped: UnusableCrypto[] } {
  const usable: UsableCrypto[] = [];
  const skipped: UnusableCrypto[] = [];
  for (const attribute of media.crypto) {
    const crypto = readCrypto(attribute);
    if (!crypto.usable) skipped.push(crypto);
    else if (!isAllowed(crypto.keying.suite.name, context)) skipped.push(unusable(crypto, "not allowed on this trunk"));
    else usable.push(crypto);
  }
  return { best: sortByPreference(usable)[0], skipped };
}

/** In our order; stable. */
export function sortByPreference(cryptos: readonly UsableCrypto[]): UsableCrypto[] {
  const rank = ({ keying }: UsableCrypto) => 2 * SUITE_ORDER.indexOf(keying.suite.name) + (keying.mki ? 1 : 0);
  return [...cryptos].sort((a, b) => rank(a) - rank(b));
}

export function isAllowed(suite: SrtpSuiteName, { allowedSuites }: SrtpContext): boolean {
  return allowedSuites === undefined || allowedSuites.includes(suite);
}

function unusable({ tag, suiteName }: UsableCrypto, reason: string): UnusableCrypto {
  return { usable: false, tag, suiteName, reason };
}

/** What a media protocol says of security. */
export function profileOf(protocol: string): { readonly secure: boolean; readonly dtls: boolean; readonly feedback: boolean } {
  return { secure: /SAVPF?$/i.test(protocol), dtls: /TLS/i.test(protocol), feedback: /AVPF$/i.test(protocol) };
}

/** The audio line to use, and how it is protected. */
export interface AudioChoice {
  readonly kind: "audio";
  /** Position among the offer's media lines. */
  readonly index: number;
  readonly decision: Exclude<SrtpDecision, Refusal>;
}

/**
 * Chooses the audio line of an offer: a protected one before a plain one (some peers offer both), else the first. Refuses with the
 * first line's reason, or 304 where there is no audio at all.
 */
export function chooseAudio(offer: SdpSession, context: SrtpContext): AudioChoice | Refusal {
  let plain: AudioChoice | undefined;
  let refused: Refusal | undefined;
  for (const [index, offerMedia] of offer.media.entries()) {
    if (offerMedia.kind !== "audio" || offerMedia.port === 0 || offerMedia.formats.length === 0) continue;
    const decision = decideSrtp({ ...context, offerMedia });
    if (decision.kind === "srtp") return { kind: "audio", index, decision };
    if (decision.kind === "plain") plain ??= { kind: "audio", index, decision };
    else refused ??= decision;
  }
  return plain ?? refused ?? refusal("no-audio", "The offer has no audio line", 304);
}

/** A key we offered, by its tag. */
export interface OfferedKey {
  readonly tag: number;
  readonly suiteName: string;
}

/**
 * Reads the crypto attribute of an answer to our offer: the one chosen must carry a tag and suite we offered (RFC 4568 section 5.1.3).
 * `required` refuses an answer without one; otherwise it means the peer declined best-effort SRTP.
 */
export function readAnswerCrypto(answerMedia: SdpMedia, offered: readonly OfferedKey[], required: boolean): SrtpDecision {
  const { secure } = profileOf(answerMedia.protocol);
  const [first, ...more] = answerMedia.crypto;
  if (!first) {
    if (required || secure) return refusal("srtp-required", "SRTP is required, the answer has no usable a=crypto");
    return { kind: "plain", ignoredKeys: false };
  }
  const ours = offered.find(({ tag }) => tag === first.tag);
  if (more.length > 0 || !ours || findSuite(ours.suiteName) !== findSuite(first.suite)) {
    return refusal("srtp-answer-mismatch", "The answer's a=crypto is not one that was offered");
  }
  const crypto = readCrypto(first);
  return crypto.usable
    ? { kind: "srtp", crypto, skipped: [] }
    : refusal("srtp-answer-mismatch", `The answer's a=crypto cannot be used: ${crypto.reason}`);
}

/** Decides about one line of an answer to our offer: what its crypto attribute makes of the keys that our line offered, if any. */
export function decideAnsweredSrtp(ours: SdpMedia, answered: SdpMedia, { policy }: SrtpContext): SrtpDecision {
  if (ours.crypto.length === 0) {
    // the profile of an answer is the offer's (RFC 3264 section 6): who answers another one sends what we cannot decrypt
    if (profileOf(answered.protocol).secure && !profileOf(ours.protocol).secure) {
      return refusal("srtp-not-allowed", `${ours.protocol} was offered, the answer takes ${answered.protocol}`);
    }
    return { kind: "plain", ignoredKeys: answered.crypto.length > 0 };
  }
  const keys = ours.crypto.map(({ tag, suite }) => ({ tag, suiteName: suite }));
  return readAnswerCrypto(answered, keys, policy === "required");
}

/** Suites whose keys a line of ours may offer, best first; none where keys may not travel. */
export function offeredSuites(context: SrtpContext): SrtpSuite[] {
  if (context.policy === "none" || !keysMayTravel(context)) return [];
  return SUITE_ORDER.filter((suite) => isAllowed(suite, context)).map((suite) => SRTP_SUITES[suite]);
}

/** Profile of a line of ours in an offer: keys that may be declined go into RTP/AVP (RFC 8643). */
export function offeredProfile({ policy }: SrtpContext): "RTP/SAVP" | "RTP/AVP" {
  return policy === "required" ? "RTP/SAVP" : "RTP/AVP";
}
