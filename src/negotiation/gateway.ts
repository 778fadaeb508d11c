import { cryptoOf, readCrypto, type UsableCrypto } from "../srtp/index.ts";
import type { SdpFormat, SdpMedia, SdpSession } from "../wire/sdp/index.ts";
import { composeAnswer, emptyMedia, emptySession } from "./answer.ts";
import { checkCodecs, firstCodec, type MediaPolicy, orderFormats } from "./codec-policy.ts";
import { type Refusal, refusal } from "./refusal.ts";
import { reviseOrigin } from "./reoffer.ts";
import {
  type AudioChoice,
  decideAnsweredSrtp,
  isAllowed,
  keysMayTravel,
  offeredProfile,
  profileOf,
  type SrtpContext,
  type SrtpDecision,
  sortByPreference,
} from "./srtp-policy.ts";

/**
 * The B2BUA's rewriting between a peer, which may offer anything, and a media server, which is shown one audio line with at most one key.
 * FreeSWITCH would otherwise choose a suite by its own order and match names by substring.
 */

/** A description for one side. */
export interface Rewritten {
  readonly kind: "sdp";
  readonly session: SdpSession;
}

/**
 * A caller's offer as the media server gets it: the chosen audio line alone, RTP/SAVP with the one chosen key or RTP/AVP with none; ICE,
 * BUNDLE, DTLS, capability negotiation and what nobody there understands left out. Its formats are the policy's, in the policy's order, so that a media
 * server that takes the offer's first decides as we do; `current` is the codec in force.
 */
export function offerForMediaServer(
  offer: SdpSession,
  choice: AudioChoice,
  policy: Pick<MediaPolicy, "codecs"> = {},
  current?: string,
): SdpSession {
  const line = withFormats(offer.media[choice.index]!, policy, current);
  return singleAudio(offer, line, choice.decision, choice.decision.kind === "srtp" ? "RTP/SAVP" : "RTP/AVP");
}

function withFormats(line: SdpMedia, policy: Pick<MediaPolicy, "codecs">, current?: string): SdpMedia {
  return { ...line, formats: orderFormats(line, policy, current) };
}

/** What {@link answerForCaller} needs to know of the call. */
export interface CallerSide {
  readonly offer: SdpSession;
  readonly choice: AudioChoice;
  /** Answers to further lines, by position; lines without one are rejected. */
  readonly others?: ReadonlyMap<number, SdpMedia>;
  /** Our last description to this caller, whose o= line goes on. */
  readonly previous?: SdpSession;
}

/**
 * The media server's answer as the caller gets it: the offer's lines in their order, the offered profile, the key under the offered tag and
 * the suite in the caller's spelling. Refused when the media server rejected the line or did not protect what had to be.
 */
export function answerForCaller(mediaServerAnswer: SdpSession, { offer, choice, others, previous }: CallerSide): Rewritten | Refusal {
  const offered = offer.media[choice.index]!;
  const answered = mediaServerAnswer.media.find(({ kind, port }) => kind === "audio" && port !== 0);
  if (!answered) return refusal("audio-rejected", "The media server has no codec in common with the offer", 304);
  const crypto = choice.decision.kind === "srtp" ? answeredKey(answered, choice.decision.crypto) : [];
  if (!crypto) return refusal("srtp-answer-mismatch", "The media server did not take the SRTP suite that was chosen");
  const line: SdpMedia = {
    ...audioOf(mediaServerAnswer, answered, offered.protocol),
    crypto,
    rtcpMux: offered.rtcpMux && answered.rtcpMux,
    ...(offered.mid !== undefined && { mid: offered.mid }),
  };
  const session = composeAnswer(offer, new Map([...(others ?? []), [choice.index, line]]), mediaServerAnswer.origin);
  return { kind: "sdp", session: reviseOrigin(previous, session) };
}

function answeredKey(answered: SdpMedia, { tag, suiteName, padded, keying }: UsableCrypto) {
  const key = answered.crypto.map(readCrypto).find((crypto) => crypto.usable && crypto.keying.suite === keying.suite);
  return key?.usable ? [cryptoOf(key.keying, { tag, suiteName, padded })] : undefined;
}

/**
 * The media server's offer (late offer, or dial out) as the peer gets it. Its keys go along only where they may travel, in our order;
 * `required` makes the line RTP/SAVP, `preferred` RTP/AVP with keys, which the peer may decline (RFC 8643). `others` are the lines besides it, which is
 * line `index`; `previous` is our last description, whose o= line goes on, and whose `RTP/SAVP` stays.
 */
export function offerForPeer(
  mediaServerOffer: SdpSession,
  context: MediaPolicy,
  {
    previous,
    others = [],
    index = 0,
  }: { readonly previous?: SdpSession; readonly others?: readonly SdpMedia[]; readonly index?: number } = {},
): Rewritten | Refusal {
  const line = mediaServerOffer.media.find(({ kind, port }) => kind === "audio" && port !== 0);
  if (!line) return refusal("no-audio", "The media server offers no audio", 304);
  const none = checkCodecs(line, context);
  if (none) return none;
  const last = previous?.media[index];
  const offered = withFormats(line, context, firstCodec(last));
  const keys = context.policy === "none" || !keysMayTravel(context) ? [] : offeredKeys(offered, context);
  if (context.policy === "required" && keys.length === 0) {
    return keysMayTravel(context)
      ? refusal("srtp-required", "SRTP is required and the media server offers no acceptable suite")
      : refusal("srtp-keys-in-clear", "SRTP is required and its keys are sent over TLS only");
  }
  if (keys.length === 0 && profileOf(offered.protocol).secure) {
    return refusal("srtp-not-allowed", "The media server insists on SRTP, which this trunk does not carry");
  }
  const crypto = keys.map(({ keying, tag, suiteName }) => cryptoOf(keying, { tag, suiteName }));
  const secured = keys.length > 0 && last?.protocol === "RTP/SAVP";
  const ours = { ...audioOf(mediaServerOffer, offered, secured ? last.protocol : offeredProfile(context)), crypto };
  const media = [...others.slice(0, index), ours, ...others.slice(index)];
  return { kind: "sdp", session: reviseOrigin(previous, emptySession(mediaServerOffer.origin, media, ours.connection)) };
}

function offeredKeys(offered: SdpMedia, context: SrtpContext): UsableCrypto[] {
  const usable = offered.crypto.map(readCrypto).filter((crypto): crypto is UsableCrypto => crypto.usable);
  return sortByPreference(usable.filter(({ keying }) => isAllowed(keying.suite.name, context)));
}

/** What {@link answerForMediaServer} needs to know of the call. */
export interface PeerSide {
  readonly mediaServerOffer: SdpSession;
  /** What {@link offerForPeer} made of it. */
  readonly sent: SdpSession;
  readonly context: MediaPolicy;
}

/**
 * The peer's answer as the media server gets it: one audio line with the profile the media server offered, the one key under the tag it
 * gave. `decision` says what was agreed. Refused when the peer rejected audio, answered with a key that was not offered, or declined SRTP
 * that is required.
 */
export function answerForMediaServer(
  peerAnswer: SdpSession,
  { mediaServerOffer, sent, context }: PeerSide,
): (Rewritten & { readonly decision: Exclude<SrtpDecision, Refusal> }) | Refusal {
  const offered = mediaServerOffer.media.find(({ kind, port }) => kind === "audio" && port !== 0);
  const [sentLine] = sent.media;
  const [answered] = peerAnswer.media;
  if (!offered || !sentLine || !answered || answered.kind !== "audio" || answered.port === 0) {
    return refusal("audio-rejected", "The answer rejects the audio line", 304);
  }
  const decision = decideAnsweredSrtp(sentLine, answered, context);
  if (decision.kind === "refuse") return decision;
  if (decision.kind === "plain" && profileOf(offered.protocol).secure) {
    return refusal("srtp-answer-mismatch", "The answer declines SRTP, on which the media server insists");
  }
  const none = checkCodecs(answered, context);
  if (none) return none;
  // an answer's order is the peer's own: it says what it will send
  const line = context.codecs ? { ...answered, formats: answered.formats.filter(allowedIn(orderFormats(answered, context))) } : answered;
  return { kind: "sdp", session: singleAudio(peerAnswer, line, decision, offered.protocol), decision };
}

function allowedIn(formats: readonly SdpFormat[]) {
  return (format: SdpFormat): boolean => formats.includes(format);
}

function singleAudio(session: SdpSession, media: SdpMedia, decision: Exclude<SrtpDecision, Refusal>, protocol: string): SdpSession {
  // Padding is always written here, whatever the peer does: some servers take no key without it.
  const crypto = decision.kind === "srtp" ? [cryptoOf(decision.crypto.keying, { ...decision.crypto, padded: true })] : [];
  const line = { ...audioOf(session, media, protocol), crypto };
  return emptySession(session.origin, [line], line.connection);
}

/** What of an audio line concerns the other side whatever its surroundings: address, formats, packet time, direction, RTCP. */
function audioOf(session: SdpSession, media: SdpMedia, protocol: string): SdpMedia {
  const connection = media.connection ?? session.connection;
  const direction = media.direction ?? session.direction;
  const { port, ptime, maxptime, rtcp, rtcpMux } = media;
  return {
    ...emptyMedia(
      "audio",
      protocol,
      media.formats.map((format) => ({ ...format, feedback: [] })),
    ),
    port,
    ...(connection && { connection }),
    ...(ptime !== undefined && { ptime }),
    ...(maxptime !== undefined && { maxptime }),
    ...(rtcp && { rtcp }),
    rtcpMux,
    ...(direction && { direction }),
  };
}
