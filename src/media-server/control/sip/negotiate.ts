import { randomInt } from "node:crypto";
import {
  type AgreedCodec,
  type AudioAgreement,
  chooseAudio,
  COMFORT_NOISE,
  composeAnswer,
  composeAudioAnswer,
  composeAudioOffer,
  emptySession,
  G722,
  type MediaCapability,
  isAnswer,
  isAsymmetric,
  isHeld,
  mediaSourcesOf,
  negotiateAudio,
  OPUS,
  PCMA,
  PCMU,
  readAnswerCrypto,
  readAudioAnswer,
  type Refusal,
  refusal,
  reviseOrigin,
  SUITE_ORDER,
  telephoneEvent,
  telephoneEventFor,
} from "../../../negotiation/index.ts";
import { cryptoOf, findSuite, generateKeying, sameKeying, type SrtpKeying } from "../../../srtp/index.ts";
import type { MediaSources } from "../../../rtp/latch.ts";
import { parseSdp, type SdpOrigin, type SdpSession, writeSdp } from "../../../wire/sdp/index.ts";
import type { LegCodec, LegConfig, LegKeys } from "../../messages.ts";

/** Where a leg's media comes in. */
export interface LocalAddress {
  readonly address: string;
  readonly rtpPort: number;
  readonly rtcpPort: number;
}

/** What a negotiation came to: the leg's configuration, and our text when it is our turn. */
export interface Outcome {
  readonly kind: "outcome";
  readonly config: LegConfig;
  readonly agreement: AudioAgreement;
}

const capabilities: Readonly<Record<string, MediaCapability>> = { OPUS, G722, PCMU, PCMA };

/** Keys pass only between this server and the application's SIP server beside it: the transport is not what decides here. */
const srtpContext = { policy: "preferred", transport: "tcp", privateNetwork: true } as const;

/** One call's session descriptions: offers and answers both ways, the keys in them, and what they come to. Throws nothing on what a peer sent. */
export class MediaNegotiation {
  readonly #local: LocalAddress;
  readonly #capabilities: MediaCapability[];
  readonly #origin: SdpOrigin;
  #ourLast: SdpSession | undefined;
  #offered: SdpSession | undefined;
  #agreement: AudioAgreement | undefined;
  /** Our keys by suite: a re-offer repeats them. */
  readonly #ourKeys = new Map<string, SrtpKeying>();
  #theirKey: SrtpKeying | undefined;
  /** From where the far end's media may come, as its last description said. */
  #sources: MediaSources | undefined;
  /** The far end has not acknowledged the call yet, as its last description said. */
  #held = false;
  /** The far end may send from other ports than those of its last description. */
  #asymmetric = false;
  /** Our key in force. */
  #ourKey: SrtpKeying | undefined;
  localSdp = "";
  remoteSdp = "";

  constructor(local: LocalAddress, codecs: readonly string[]) {
    this.#local = local;
    const audio = codecs.flatMap((name) => capabilities[name.toUpperCase()] ?? []);
    this.#capabilities = [...audio, COMFORT_NOISE, ...(audio.includes(OPUS) ? [telephoneEvent(48000)] : []), telephoneEvent(8000)];
    const id = String(randomInt(1, 2 ** 47));
    this.#origin = { username: "-", sessionId: id, version: id, ipVersion: local.address.includes(":") ? 6 : 4, address: local.address };
  }

  get secure(): boolean {
    return this.#theirKey !== undefined;
  }
  get agreement(): AudioAgreement | undefined {
    return this.#agreement;
  }

  /** Answers an offer: {@link localSdp} is the answer. */
  answer(offerText: string): Outcome | Refusal {
    const offer = parse(offerText);
    if (!offer) return refusal("no-audio", "The session description cannot be read");
    const choice = chooseAudio(offer, srtpContext);
    if (choice.kind === "refuse") return choice;
    const common = negotiateAudio(offer, choice.index, { capabilities: this.#capabilities });
    if (common.kind === "refuse") return common;
    const agreement = withOneCodec(common);
    const line = offer.media[choice.index]!;
    this.#sources = mediaSourcesOf(line);
    this.#held = isHeld(line);
    this.#asymmetric = isAsymmetric(line);
    const { decision } = choice;
    let ours: SrtpKeying | undefined;
    if (decision.kind === "srtp") {
      const theirs = decision.crypto.keying;
      const kept = this.#ourKey;
      // What answers us has been told our keys. An offer with the same key of theirs keeps ours: a refresh must not restart the contexts.
      // A new one gets a new one.
      if (isAnswer(line)) ours = this.#keyFor(theirs.suite.name);
      else if (kept) ours = this.#theirKey && kept.suite === theirs.suite && sameKeying(this.#theirKey, theirs) ? kept : newKey(theirs);
      // The peer may have learnt the key of our own offer already, while its answer comes to us as an offer (see `answered`).
      else ours = this.#ourKeys.get(theirs.suite.name) ?? newKey(theirs);
      this.#theirKey = theirs;
      // an offer of ours later has the key in force
      this.#ourKeys.set(theirs.suite.name, ours);
    } else this.#theirKey = undefined;
    this.#ourKey = ours;
    const media = composeAudioAnswer(line, agreement, {
      ...this.#localMedia(),
      crypto:
        ours && decision.kind === "srtp"
          ? [cryptoOf(ours, { tag: decision.crypto.tag, suiteName: decision.crypto.suiteName, padded: decision.crypto.padded })]
          : [],
    });
    this.#say(composeAnswer(offer, new Map([[choice.index, media]]), this.#origin));
    this.remoteSdp = offerText;
    const outcome = this.#outcome(agreement, line.rtcpMux);
    // The far end of an H.323 call sends the codec of its own channel, whatever is answered.
    const { codecs } = this.#config(common, line.rtcpMux);
    return { ...outcome, config: { ...outcome.config, codecs } };
  }

  /** Makes our offer: {@link localSdp}. With `secure` it is RTP/SAVP with a key for each suite. */
  offer(secure: boolean): string {
    const crypto = secure ? SUITE_ORDER.map((name, i) => cryptoOf(this.#keyFor(name), { tag: i + 1 })) : [];
    const media = composeAudioOffer({
      capabilities: this.#capabilities,
      local: { ...this.#localMedia(), crypto },
      ...(this.#agreement ? { established: this.#agreement } : {}),
    });
    this.#say(emptySession(this.#origin, [media], this.#connection()));
    this.#offered = this.#ourLast;
    return this.localSdp;
  }

  /** Reads the answer to our offer. */
  answered(answerText: string): Outcome | Refusal {
    const answer = parse(answerText);
    const ourOffer = this.#offered;
    if (!answer || !ourOffer) return refusal("audio-rejected", "The answer cannot be read");
    const read = readAudioAnswer(ourOffer, 0, answer, this.#capabilities);
    if (read.kind === "refuse") return read;
    // drachtio-srf acknowledges an offer with the offer itself while the real answer is not there: nobody to send to, no keys yet.
    const echoed = read.remote?.port === this.#local.rtpPort && read.remote.address === this.#local.address;
    // The discard port is nobody's either: its key is not anybody's, and ours stays the one that was offered.
    const nobody = echoed || read.remote?.port === DISCARD_PORT;
    const agreement: AudioAgreement = nobody ? withoutRemote(read) : read;
    this.remoteSdp = answerText;
    const line = answer.media[0]!;
    this.#sources = mediaSourcesOf(line);
    this.#asymmetric = isAsymmetric(line);
    const offeredKeys = ourOffer.media[0]!.crypto.map(({ tag, suite }) => ({ tag, suiteName: suite }));
    // An answer that holds us at once brings no keys yet; its next offer does.
    if (agreement.remote && offeredKeys.length > 0) {
      const decision = readAnswerCrypto(line, offeredKeys, true);
      if (decision.kind === "refuse") return decision;
      if (decision.kind === "srtp") {
        this.#theirKey = decision.crypto.keying;
        this.#ourKey = this.#keyFor(decision.crypto.keying.suite.name);
      }
    }
    return this.#outcome(agreement, ourOffer.media[0]!.rtcpMux && line.rtcpMux);
  }

  #outcome(agreement: AudioAgreement, mux: boolean): Outcome {
    this.#agreement = agreement;
    return { kind: "outcome", agreement, config: this.#config(agreement, mux) };
  }

  #config(agreement: AudioAgreement, mux: boolean): LegConfig {
    const { remote, direction, codecs } = agreement;
    const first = codecs[0]!;
    const event = telephoneEventFor(agreement, first);
    const others = agreement.telephoneEvents
      .filter((other) => other !== event)
      .map(({ receivePayloadType, capability }) => ({ receivePayloadType, rate: capability.clockRate }));
    const noise = agreement.comfortNoise;
    const srtp = this.#ourKey && this.#theirKey ? { send: legKeys(this.#ourKey), receive: legKeys(this.#theirKey) } : undefined;
    const has = (name: string) => first.remoteParameters[name] === "1";
    return {
      codecs: codecs.map((codec) => legCodec(codec, agreement.ptime)),
      ...(first.capability.codec === "opus"
        ? { opus: { fec: has("useinbandfec"), dtx: has("usedtx"), ...opusRate(first.remoteParameters["maxaveragebitrate"]) } }
        : {}),
      remote: remote
        ? { address: remote.address, port: remote.port, rtcpPort: remote.rtcpPort }
        : { address: "0.0.0.0", port: 0, rtcpPort: 0 },
      ...(this.#sources === undefined ? {} : { sources: this.#sources }),
      rtcpMux: mux,
      ...(this.#held ? { held: true } : {}),
      ...(this.#asymmetric ? { asymmetric: true } : {}),
      direction,
      ...(event
        ? {
            dtmf: {
              sendPayloadType: event.sendPayloadType,
              receivePayloadType: event.receivePayloadType,
              rate: event.capability.clockRate,
            },
          }
        : {}),
      ...(others.length > 0 ? { otherEvents: others } : {}),
      ...(noise ? { cn: noise.receivePayloadType } : {}),
      ...(srtp ? { srtp } : {}),
    };
  }

  #keyFor(name: string): SrtpKeying {
    let key = this.#ourKeys.get(name);
    if (!key) {
      key = generateKeying(findSuite(name)!);
      this.#ourKeys.set(name, key);
    }
    return key;
  }

  #connection() {
    return { ipVersion: this.#origin.ipVersion, address: this.#local.address };
  }

  #localMedia() {
    return { connection: this.#connection(), port: this.#local.rtpPort, rtcpPort: this.#local.rtcpPort, rtcpMux: true };
  }

  #say(session: SdpSession): void {
    this.#ourLast = reviseOrigin(this.#ourLast, session);
    this.localSdp = writeSdp(this.#ourLast);
  }
}

/** RFC 863: where a stand-in for a later answer says that it is. */
const DISCARD_PORT = 9;

/** FreeSWITCH answers with one codec, and so nobody is surprised by a change in mid-call. */
function withOneCodec(agreement: AudioAgreement): AudioAgreement {
  const codecs = agreement.codecs.slice(0, 1);
  return { ...agreement, codecs };
}

function withoutRemote({ remote: _, ...agreement }: AudioAgreement): AudioAgreement {
  return agreement;
}

function newKey(theirs: SrtpKeying): SrtpKeying {
  return { ...generateKeying(theirs.suite), ...(theirs.mki ? { mki: theirs.mki } : {}) };
}

function legKeys({ suite, masterKey, masterSalt, mki }: SrtpKeying): LegKeys {
  return { suite: suite.name, masterKey, masterSalt, ...(mki ? { mki } : {}) };
}

function legCodec({ capability, sendPayloadType, receivePayloadType }: AgreedCodec, ptime: number): LegCodec {
  return { name: capability.codec as LegCodec["name"], sendPayloadType, receivePayloadType, ptime };
}

function parse(text: string): SdpSession | undefined {
  try {
    return parseSdp(text);
  } catch {
    return undefined;
  }
}

/** Least and default bit rate of Opus, bits a second (RFC 7587 section 6.1; `audio/opus.ts`). */
const OPUS_RATE = { least: 6000, usual: 64_000 } as const;

/** What `maxaveragebitrate` leaves, in steps of 4 kbit/s so that listeners share encodings. A value that is no number counts as absent. */
function opusRate(maxAverage: string | undefined): { maxBitrate?: number } {
  const asked = Number(maxAverage);
  if (maxAverage === undefined || !(asked > 0) || asked >= OPUS_RATE.usual) return {};
  return { maxBitrate: Math.max(OPUS_RATE.least, asked - (asked % 4000)) };
}
