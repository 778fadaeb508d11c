import {
  type AudioChoice,
  answerForCaller,
  answerForMediaServer,
  asAnswer,
  checkCodecs,
  chooseAudio,
  compareDescriptions,
  decideAnsweredSrtp,
  firstCodec,
  type MediaPolicy,
  mediaSources,
  offerForMediaServer,
  offerForPeer,
  type Refusal,
  refusal,
  withAsymmetry,
  withHold,
  withMediaSources,
} from "../negotiation/index.ts";
import { parseSdp, type SdpCrypto, type SdpMedia, type SdpSession, writeSdp } from "../wire/sdp/index.ts";
import type { MediaPort, MediaSession } from "./media-server.ts";
import { SideLines } from "./media-sections.ts";

/** An offer that has been read and may be answered. */
export interface AcceptableOffer {
  readonly kind: "acceptable";
  readonly offer: SdpSession;
  readonly choice: AudioChoice;
}

/** An offer or answer that is no session description. */
export interface Unreadable {
  readonly kind: "unreadable";
  readonly text: string;
}

/** Reads an offer and decides about its audio, before anything is opened for it. */
export function readOffer(text: string, context: MediaPolicy): AcceptableOffer | Refusal | Unreadable {
  const offer = read(text);
  if ("kind" in offer) return offer;
  const choice = chooseAudio(offer, context);
  if (choice.kind === "refuse") return choice;
  return checkCodecs(offer.media[choice.index]!, context) ?? { kind: "acceptable", offer, choice };
}

function read(text: string): SdpSession | Unreadable {
  try {
    return parseSdp(text);
  } catch (error) {
    return { kind: "unreadable", text: error instanceof Error ? error.message : String(error) };
  }
}

/** A call of which only the audio is taken. */
const NO_SIDES = new SideLines([]);

async function closingOnFailure<T>(sides: SideLines, opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    sides.close();
    throw error;
  }
}

/** An exchange that failed for a reason the far end is to be told. */
export class MediaRefused extends Error {
  override name = "MediaRefused";
  readonly refusal: Refusal;
  constructor(reason: Refusal) {
    super(reason.text);
    this.refusal = reason;
  }
}

function agreed<T extends { readonly kind: string }>(result: T | Refusal): T {
  if (result.kind === "refuse") throw new MediaRefused(result as Refusal);
  return result as T;
}

/**
 * The descriptions between a far end and its media session: the far end's offer as the media server gets it, and the way back, now and for every change
 * later. Whoever made the last offer does not matter to a later one.
 */
export class MediaExchange {
  readonly #port: MediaPort;
  #context: MediaPolicy;
  #media: MediaSession;
  /** The far end's last description and which line of it is the audio. */
  #theirs: { readonly session: SdpSession; readonly index: number } | undefined;
  /** Our last to them, whose o= line goes on. */
  #ours: SdpSession;
  /** Which of its lines is the audio. */
  #audio = 0;
  /** It is an offer, and so no answer to any of theirs. */
  #offered = false;
  /** What was in force before an offer of ours in mid-call that has not been answered yet. */
  #before: { readonly ours: SdpSession; readonly offered: boolean } | undefined;
  #suite: string | null;
  /** The codec in force, which a later offer does not change unless it has to. */
  #codec: string | undefined;
  readonly #sides: SideLines;
  #hearsTones = false;
  /** The far end has telephone events, as far as its leg knows. */
  #farHasEvents = true;
  /** The far end's signalling comes from elsewhere than when its last description came. */
  #moved = false;

  private constructor(port: MediaPort, context: MediaPolicy, media: MediaSession, ours: SdpSession, sides: SideLines) {
    this.#port = port;
    this.#context = context;
    this.#media = media;
    this.#ours = ours;
    this.#suite = null;
    this.#sides = sides;
  }

  /** Answers an offer. Rejects with MediaRefused when the media server has nothing in common with it. */
  static async answering(port: MediaPort, context: MediaPolicy, accepted: AcceptableOffer, sides = NO_SIDES): Promise<MediaExchange> {
    const { offer, choice } = accepted;
    const [media, others] = await closingOnFailure(
      sides,
      Promise.all([
        openFor(port, forMediaServer(offerForMediaServer(offer, choice, context), context)),
        sides.answer(offer, choice.index, context),
      ]),
    );
    try {
      const { session } = agreed(answerForCaller(parseSdp(media.localSdp), { offer, choice, others }));
      const exchange = new MediaExchange(port, context, media, session, sides);
      exchange.#theirs = { session: offer, index: choice.index };
      exchange.#audio = choice.index;
      exchange.#suite = suiteOf(choice);
      exchange.#codec = firstCodec(session.media[choice.index]);
      exchange.#listenForKeys();
      return exchange;
    } catch (error) {
      sides.close();
      await media.close();
      throw error;
    }
  }

  /** Makes an offer, to be answered soon (delayed offer) or later (a call of ours). */
  static async offering(
    port: MediaPort,
    context: MediaPolicy,
    { answer, secure, sides = NO_SIDES }: { readonly answer: "soon" | "later"; readonly secure: boolean; readonly sides?: SideLines },
  ): Promise<MediaExchange> {
    const [media, others] = await closingOnFailure(sides, Promise.all([port.openWithoutOffer({ secure, answer }), sides.offer(context)]));
    try {
      const { session } = agreed(offerForPeer(parseSdp(media.localSdp), context, { others }));
      const exchange = new MediaExchange(port, context, media, session, sides);
      exchange.#offered = true;
      return exchange;
    } catch (error) {
      sides.close();
      await media.close();
      throw error;
    }
  }

  /** The far end's next description comes from this address: where its media may come from, too, without SRTP to prove them. */
  cameFrom(address: string | undefined): void {
    if (address === undefined || address === this.#context.source) return;
    this.#context = { ...this.#context, source: address };
    this.#moved = true;
  }

  /** Whether the far end has telephone events, where its leg knows it better than its description. */
  telephoneEvents(has: boolean | undefined): void {
    this.#farHasEvents = has !== false;
    this.#listenForKeys();
  }

  get media(): MediaSession {
    return this.#media;
  }

  /** The far end has acknowledged the call: media may be sent to it from now on. */
  async acknowledged(): Promise<void> {
    if (this.#context.held !== true) return;
    this.#context = { ...this.#context, held: false };
    this.#sides.acknowledged();
    // an offer of ours has held nothing back: its answer is still to come
    if (this.#theirs) await this.#media.release();
  }

  /** What the far end is to get: our answer, or our offer. */
  get localSdp(): string {
    return writeSdp(this.#ours);
  }

  /** SDES suite in use; null for plain RTP. */
  get suite(): string | null {
    return this.#suite;
  }

  /**
   * Takes the answer to our offer. Resolves with a new offer where the media server, once it knew the answer, wants the far end to know other keys or
   * another address; null when all is said. Rejects with MediaRefused.
   */
  async complete(answerText: string): Promise<string | null> {
    const answer = this.#readAnswer(answerText);
    const before = this.#media.localSdp;
    const { session, decision } = agreed(
      answerForMediaServer(answer, { mediaServerOffer: parseSdp(before), sent: this.#ours, context: this.#context }),
    );
    this.#sides.answered(this.#ours, answer, 0, this.#context);
    await this.#media.accept(forMediaServer(session, this.#context));
    this.#theirs = { session: answer, index: 0 };
    this.#codec = firstCodec(session.media[0]);
    this.#suite = decision.kind === "srtp" ? decision.crypto.keying.suite.name : null;
    this.#listenForKeys();
    const after = parseSdp(this.#media.localSdp);
    const changed = compareDescriptions(withRtcpAsSettled(parseSdp(before), after), after, 0);
    if (changed.kind === "refuse" || !(changed.keys || changed.address)) return null;
    return this.#offer(parseSdp(this.#media.localSdp));
  }

  /** Their answer to our last offer. Lines beyond those that were offered are none (RFC 3264 section 6). */
  #readAnswer(text: string): SdpSession {
    const answer = read(text);
    if ("kind" in answer) throw new MediaRefused(refusal("audio-rejected", `The answer is no session description: ${answer.text}`, 304));
    return { ...answer, media: answer.media.slice(0, this.#ours.media.length) };
  }

  /** Our next description, made of the media server's: an offer; `anew` as for a new call. */
  async #offer(mediaServer: SdpSession, anew = false): Promise<string> {
    const index = this.#audio;
    const others = await this.#sides.offer(this.#context, this.#ours, index, anew);
    const { session } = agreed(offerForPeer(mediaServer, this.#context, { previous: this.#ours, others, index }));
    this.#ours = session;
    this.#offered = true;
    return writeSdp(session);
  }

  /**
   * Our offer where they ask for one in mid-call, by a re-INVITE without SDP: what we could do, as in a new call and whatever has been on hold (RFC 3261
   * section 14.2, RFC 6337 sections 5.1 and 5.3). Payload types and keys in force stay as they are. Their answer goes to `reanswered`.
   */
  async reoffer(): Promise<string> {
    const said = parseSdp((await this.#media.offer()) ?? this.#media.localSdp);
    const media = said.media.map((line): SdpMedia => ({ ...line, direction: "sendrecv" }));
    const before = { ours: this.#ours, offered: this.#offered };
    const sdp = await this.#offer({ ...said, media }, true);
    this.#before = before;
    return sdp;
  }

  /**
   * `reoffer` has not been answered, or by nothing that can be taken: what was agreed on before goes on. Returns our description in force, whose version counts
   * the offer as said (RFC 3264 section 8).
   */
  withdrawOffer(): string {
    const before = this.#before;
    if (before) {
      const { version } = this.#ours.origin;
      this.#before = undefined;
      this.#sides.withdraw(before.ours);
      this.#ours = { ...before.ours, origin: { ...this.#ours.origin, version: String((BigInt(version) + 1n) & 0xffffffffffffffffn) } };
      this.#offered = before.offered;
    }
    return writeSdp(this.#ours);
  }

  /**
   * Answers a later offer of the far end. Its first codec is what it is sent from now on where it `switches`; else the
   * one in force is, as long as it can be. Rejects with
   * MediaRefused; then everything is as it was.
   */
  async reanswer(offerText: string, switches = false): Promise<string> {
    const read = readOffer(offerText, this.#context);
    if (read.kind === "unreadable") throw new MediaRefused(refusal("audio-rejected", read.text, 304));
    const { offer, choice } = agreed(read) as AcceptableOffer;
    const before = this.#theirs;
    const changes = before?.session.media.map((_, index) => agreed(compareDescriptions(before.session, offer, index)));
    // an offer of ours is no answer to what they offer, although it was said last (RFC 3264 section 6)
    if (!this.#moved && !this.#offered && changes?.every(({ unchanged }) => unchanged)) return writeSdp(this.#ours);
    const codec = switches ? firstCodec(offer.media[choice.index]) : this.#codec;
    const answer = await this.#media
      .modify(forMediaServer(offerForMediaServer(offer, choice, this.#context, codec), this.#context))
      .catch((error: unknown) => {
        throw error instanceof MediaRefused
          ? error
          : new MediaRefused(refusal("no-common-codec", `The media server refuses the change: ${String(error)}`, 304));
      });
    this.#moved = false;
    const others = await this.#sides.answer(offer, choice.index, this.#context);
    const { session } = agreed(answerForCaller(parseSdp(answer), { offer, choice, others, previous: this.#ours }));
    this.#theirs = { session: offer, index: choice.index };
    this.#ours = session;
    this.#audio = choice.index;
    this.#offered = false;
    this.#suite = suiteOf(choice);
    this.#codec = firstCodec(session.media[choice.index]);
    this.#listenForKeys();
    return writeSdp(session);
  }

  /**
   * Takes their answer to our last description: to `reoffer`, or to a session refresh of ours. It may hold, resume, move the media, or bring new keys.
   * Resolves with a new offer where the media server wants the far end to know other keys or another address than it was told; null when all is said.
   * Rejects with MediaRefused; then everything is as it was.
   */
  async reanswered(answerText: string): Promise<string | null> {
    const answer = this.#readAnswer(answerText);
    if (!this.#moved && this.#before === undefined && this.#saidBefore(answer)) return null;
    const index = this.#audio;
    const [told, line] = [this.#ours.media[index], answer.media[index]];
    if (!told || line?.kind !== "audio" || line.port === 0)
      throw new MediaRefused(refusal("audio-rejected", "The answer rejects the audio line", 304));
    const decision = agreed(decideAnsweredSrtp(told, line, this.#context));
    const none = checkCodecs(line, this.#context);
    if (none) throw new MediaRefused(none);
    const choice: AudioChoice = { kind: "audio", index, decision };
    const theirs = asAnswer(offerForMediaServer(answer, choice, this.#context, firstCodec(line)));
    const said = parseSdp(await this.#media.modify(forMediaServer(theirs, this.#context)));
    this.#moved = false;
    this.#before = undefined;
    this.#sides.answered(this.#ours, answer, index, this.#context);
    this.#theirs = { session: answer, index };
    this.#codec = firstCodec(line);
    this.#suite = suiteOf(choice);
    this.#listenForKeys();
    return isTold(told, said, decision) ? null : this.#offer(said);
  }

  /** Whether a description of theirs says what their last one said. */
  #saidBefore(answer: SdpSession): boolean {
    const before = this.#theirs?.session;
    if (before?.media.length !== answer.media.length) return false;
    return before.media.every((_, index) => {
      const change = compareDescriptions(before, answer, index);
      return change.kind === "change" && change.unchanged;
    });
  }

  /** Keys are heard in the sound where telephone events were not agreed on, and there only: some send both. */
  #listenForKeys(): void {
    const theirs = this.#theirs;
    if (!theirs) return;
    const tones = !this.#farHasEvents || ![theirs.session, this.#ours].every(({ media }) => hasTelephoneEvents(media[theirs.index]));
    if (tones === this.#hearsTones) return;
    this.#hearsTones = tones;
    // A session that is gone hears nothing more, and has said so.
    this.#media.hearTones(tones).catch(() => undefined);
  }

  /** Drops the media session for a new one that offers without keys: the far end has declined SRTP, which was not required. */
  async offerPlain(): Promise<string> {
    const media = await this.#port.openWithoutOffer({ secure: false, answer: "later" });
    const before = this.#media;
    this.#media = media;
    this.#hearsTones = false;
    await before.close();
    const plain: MediaPolicy = { ...this.#context, policy: "none" };
    const others = await this.#sides.offer(plain, this.#ours, this.#audio);
    const { session } = agreed(offerForPeer(parseSdp(media.localSdp), plain, { previous: this.#ours, others }));
    this.#ours = session;
    return writeSdp(session);
  }

  close(): Promise<void> {
    this.#sides.close();
    return this.#media.close();
  }
}

/** Whether the far end was told, in line `told` of ours, the key and the address that the media server has now. */
function isTold(told: SdpMedia, mediaServer: SdpSession, decision: AudioChoice["decision"]): boolean {
  const line = mediaServer.media.find(({ kind, port }) => kind === "audio" && port !== 0);
  if (!line) return true;
  const address = (line.connection ?? mediaServer.connection)?.address;
  if (line.port !== told.port || (told.connection !== undefined && address !== told.connection.address)) return false;
  if (decision.kind === "plain") return true;
  const ours = told.crypto.find(({ tag }) => tag === decision.crypto.tag);
  return keyOf(ours) === keyOf(line.crypto[0]);
}

/** Key and salt without padding, which is a matter of spelling. */
function keyOf(crypto: SdpCrypto | undefined): string | undefined {
  return crypto?.keys[0]?.keySalt.replaceAll("=", "");
}

/** A far end's description as the media server gets it, with whose media it may believe. */
function forMediaServer(session: SdpSession, context: MediaPolicy): string {
  const marked = withAsymmetry(withMediaSources(session, mediaSources(context)), context.asymmetric === true);
  return writeSdp(withHold(marked, context.held === true));
}

/** The offer with RTCP as the answer settled it: one port or two were both offered (RFC 5761 section 5.1.1), so choosing one changes nothing. */
function withRtcpAsSettled(offer: SdpSession, settled: SdpSession): SdpSession {
  const [now] = settled.media;
  const port = (media: SdpMedia): number => media.rtcp?.port ?? media.port + 1;
  const media = offer.media.map((line, index) => {
    if (index !== 0 || !now || !(now.rtcpMux ? line.rtcpMux : port(line) === port(now))) return line;
    const { rtcp: _, ...rest } = line;
    return { ...rest, rtcpMux: now.rtcpMux, ...(now.rtcp && { rtcp: now.rtcp }) };
  });
  return { ...offer, media };
}

function hasTelephoneEvents(line: SdpMedia | undefined): boolean {
  return line?.formats.some(({ codec }) => codec?.toLowerCase() === "telephone-event") === true;
}

function suiteOf(choice: AudioChoice): string | null {
  return choice.decision.kind === "srtp" ? choice.decision.crypto.keying.suite.name : null;
}

/** A media server that cannot take an offer answers 488 (415, 606); anything else is its own trouble. */
async function openFor(port: MediaPort, offer: string): Promise<MediaSession> {
  try {
    return await port.open(offer);
  } catch (error) {
    const status = (error as { status?: unknown }).status;
    if (status === 488 || status === 415 || status === 606)
      throw new MediaRefused(refusal("no-common-codec", "No audio codec in common", 304));
    throw error;
  }
}
