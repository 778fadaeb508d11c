import { EventEmitter } from "node:events";
import {
  composeVideoAnswer,
  composeVideoOffer,
  decideAnsweredSrtp,
  decideSrtp,
  type LocalMedia,
  type MediaPolicy,
  mediaSources,
  negotiateVideo,
  offeredProfile,
  type PictureRole,
  pictureRole,
  readVideoAnswer,
  type SrtpDecision,
  type VideoAgreement,
  type VideoCodecName,
  type VideoWish,
} from "../negotiation/index.ts";
import { type SrtpKeying, sameKeying } from "../srtp/index.ts";
import type { LineAgreement, RelayLine, UnsuitedPicture, VideoRelay } from "../video/port.ts";
import type { SdpMedia, SdpSession } from "../wire/sdp/index.ts";
import { LineKeys } from "./sdes-keys.ts";
import type { SideLine, SideLineKind } from "./media-sections.ts";

/** Label of the screen's line, to which a floor refers; any text would do. */
export const SCREEN_LABEL = "12";

/** One picture of a call, as its meeting is to know it. */
export interface Picture {
  readonly role: PictureRole;
  /** Place of its line in the description, for signalling about it. */
  readonly index: number;
  /** At the relay; undefined while the line is refused or switched off. */
  readonly line: RelayLine | undefined;
  /** Why there is no picture. */
  readonly reason: string | null;
  /** SDES suite; null for plain RTP. */
  readonly suite: string | null;
  /** What both sides have, the one first that the far end sends; nothing while there is no line. */
  readonly codecs: readonly VideoCodecName[];
  /** Whether the far end sends, and whether it takes, pictures on it. */
  readonly sends: boolean;
  readonly takes: boolean;
  /** Whom it shows the far end; null for nobody. */
  readonly shows: string | null;
  /** What it would show if the far end could decode it; null where it can. */
  readonly unsuited: UnsuitedPicture | null;
}

interface PicturesEvents {
  /** Lines have come, gone, or changed. */
  changed: [];
  /** The far end must be asked by signalling for a key frame on line `index`. */
  keyframe: [index: number];
  /** It is to send at most this on line `index`, bits per second. */
  bitrate: [index: number, bitsPerSecond: number];
  /** A picture shows the far end somebody else now. */
  shown: [picture: Picture, stream: "camera" | "screen"];
  /** There is something to be shown that the far end cannot decode, or that is over. */
  unsuited: [picture: Picture];
}

/**
 * The pictures of one call: a line at the video relay for each line of its description that both sides have, kept through every later offer. Says what changes;
 * where the pictures go is its meeting's affair.
 */
export class Pictures extends EventEmitter<PicturesEvents> implements SideLineKind {
  readonly #relay: VideoRelay;
  readonly #wish: VideoWish;
  readonly #lines: PictureLine[] = [];

  constructor(relay: VideoRelay, wish: VideoWish) {
    super();
    this.#relay = relay;
    this.#wish = wish;
  }

  /** In the order of their lines. */
  get all(): readonly Picture[] {
    return this.#lines;
  }

  claim(session: SdpSession, index: number): SideLine | null {
    const role = pictureRole(session, index);
    return role === null ? null : this.#add(role);
  }

  offered(): SideLine[] {
    return (["camera", "screen"] as const).map((role) => this.#lines.find((line) => line.role === role) ?? this.#add(role));
  }

  /** The far end asks by signalling for a key frame: on line `index`, on all where that is -1. */
  requestKeyframe(index: number): void {
    for (const picture of this.#lines) if (index === -1 || picture.index === index) picture.line?.requestKeyframe();
  }

  limit(index: number, bitsPerSecond: number | null): void {
    for (const picture of this.#lines) if (picture.index === index) picture.line?.limit(bitsPerSecond);
  }

  #add(role: PictureRole): PictureLine {
    const line = new PictureLine({
      role,
      relay: this.#relay,
      wish: this.#wish,
      changed: () => this.emit("changed"),
      keyframe: (index) => this.emit("keyframe", index),
      bitrate: (index, bitsPerSecond) => this.emit("bitrate", index, bitsPerSecond),
      shown: (picture, stream) => this.emit("shown", picture, stream),
      unsuited: (picture) => this.emit("unsuited", picture),
    });
    this.#lines.push(line);
    return line;
  }
}

interface PictureLineOptions {
  readonly role: PictureRole;
  readonly relay: VideoRelay;
  readonly wish: VideoWish;
  readonly changed: () => void;
  readonly keyframe: (index: number) => void;
  readonly bitrate: (index: number, bitsPerSecond: number) => void;
  readonly shown: (picture: Picture, stream: "camera" | "screen") => void;
  readonly unsuited: (picture: Picture) => void;
}

class PictureLine implements SideLine, Picture {
  readonly role: PictureRole;
  readonly #options: PictureLineOptions;
  readonly #keys = new LineKeys();
  #opening: Promise<RelayLine> | undefined;
  #open: RelayLine | undefined;
  #remoteKey: SrtpKeying | undefined;
  #closed = false;
  /** Tells the relay where the far end is, once that has acknowledged the call. */
  #reach: (() => void) | undefined;
  index = -1;
  reason: string | null = null;
  suite: string | null = null;
  codecs: readonly VideoCodecName[] = [];
  sends = false;
  takes = false;
  shows: string | null = null;
  unsuited: UnsuitedPicture | null = null;
  #on = false;

  constructor(options: PictureLineOptions) {
    this.role = options.role;
    this.#options = options;
  }

  get line(): RelayLine | undefined {
    return this.#on ? this.#open : undefined;
  }

  async answer(offer: SdpSession, index: number, context: MediaPolicy): Promise<SdpMedia | null> {
    const { wish } = this.#options;
    this.index = index;
    const offered = offer.media[index]!;
    const agreement = negotiateVideo(offer, index, wish);
    if (agreement.kind === "none") return this.#refuse(agreement.reason);
    const decision = decideSrtp({ ...context, offerMedia: offered });
    if (decision.kind === "refuse") return this.#refuse(decision.text);
    const line = await this.#line();
    if (!line) return null;
    const crypto = this.#keys.answer(decision);
    this.#configure(line, agreement, decision, context);
    return composeVideoAnswer(offered, agreement, { ...localOf(line), crypto }, wish);
  }

  async offer(context: MediaPolicy): Promise<SdpMedia | null> {
    const { wish, role } = this.#options;
    const line = await this.#line();
    if (!line) return null;
    const crypto = this.#keys.offer(context);
    if (context.policy === "required" && crypto.length === 0) return null;
    return composeVideoOffer({
      role,
      wish,
      local: { ...localOf(line), crypto },
      protocol: offeredProfile(context),
      ...(role === "screen" && { label: SCREEN_LABEL }),
    });
  }

  answered(ours: SdpMedia, answer: SdpSession, index: number, context: MediaPolicy): void {
    this.index = index;
    const agreement = readVideoAnswer(ours, answer, index, this.#options.wish);
    if (agreement.kind === "none") return void this.#refuse(agreement.reason);
    const decision = decideAnsweredSrtp(ours, answer.media[index]!, context);
    if (decision.kind === "refuse" || !this.#open)
      return void this.#refuse(decision.kind === "refuse" ? decision.text : "the line is gone");
    this.#configure(this.#open, agreement, decision, context);
  }

  acknowledged(): void {
    this.#reach?.();
    this.#reach = undefined;
  }

  dropped(): void {
    const was = this.#on;
    this.#letGo();
    if (!was) return;
    this.reason = "the far end takes no picture";
    this.#options.changed();
  }

  close(): void {
    this.#closed = true;
    this.#letGo();
  }

  #letGo(): void {
    this.#reach = undefined;
    this.#on = false;
    this.codecs = [];
    this.sends = false;
    this.takes = false;
    this.shows = null;
    this.unsuited = null;
    void this.#open?.close().catch(() => undefined);
    this.#open = undefined;
    this.#opening = undefined;
  }

  #refuse(reason: string): null {
    this.reason = reason;
    this.#letGo();
    this.#options.changed();
    return null;
  }

  /** Our line at the relay, opened when it is first needed. Undefined where it cannot be had, or is not wanted any more: then there is no picture. */
  async #line(): Promise<RelayLine | undefined> {
    if (this.#open) return this.#open;
    const opening = (this.#opening ??= this.#options.relay.open());
    try {
      const line = await opening;
      if (this.#closed || this.#opening !== opening) {
        void line.close().catch(() => undefined);
        return undefined;
      }
      if (this.#open !== line) this.#take(line);
      return line;
    } catch (error) {
      this.#refuse(`the video relay has no line: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }

  #take(line: RelayLine): void {
    this.#open = line;
    line.on("keyframe", () => this.#options.keyframe(this.index));
    line.on("bitrate", (bitsPerSecond) => this.#options.bitrate(this.index, bitsPerSecond));
    line.on("shown", (participantId, stream) => {
      this.shows = participantId;
      this.#options.shown(this, stream);
    });
    line.on("unsuited", (picture) => {
      this.unsuited = picture;
      this.#options.unsuited(this);
    });
    line.once("gone", (reason) => {
      if (this.#open === line) this.#refuse(`the video relay: ${reason}`);
    });
  }

  #configure(line: RelayLine, agreement: VideoAgreement, decision: Exclude<SrtpDecision, { kind: "refuse" }>, context: MediaPolicy): void {
    const key = decision.kind === "srtp" ? decision.crypto.keying : undefined;
    // the relay tells a new key by its identity: a repeated one is the same object as before
    if (!key || !this.#remoteKey || !sameKeying(key, this.#remoteKey)) this.#remoteKey = key;
    const { direction, codecs, feedback, maxBitrate } = agreement;
    this.suite = key ? key.suite.name : null;
    this.reason = null;
    this.codecs = [...new Set(codecs.map(({ name }) => name))];
    this.#on = true;
    this.sends = direction === "sendrecv" || direction === "recvonly";
    this.takes = direction === "sendrecv" || direction === "sendonly";
    const remote = agreement.remote
      ? { address: agreement.remote.address, port: agreement.remote.port, rtcpPort: agreement.remote.rtcpPort }
      : null;
    const known: LineAgreement = {
      remote,
      sources: mediaSources(context),
      rtcpMux: agreement.remote?.rtcpMux ?? false,
      srtp: this.#remoteKey ? { local: this.#keys.of(this.#remoteKey.suite), remote: this.#remoteKey } : null,
      codecs,
      direction,
      feedback,
      maxBitrate,
      receiveBitrate: this.#options.wish.maxBitrate,
    };
    // without an address neither pictures nor reports are sent
    line.configure(context.held === true ? { ...known, remote: null } : known);
    this.#reach = context.held === true ? () => line.configure(known) : undefined;
    this.#options.changed();
  }
}

function localOf(line: RelayLine): LocalMedia {
  const { address, port, rtcpPort } = line.local;
  return { connection: { ipVersion: address.includes(":") ? 6 : 4, address }, port, rtcpPort, rtcpMux: true };
}
