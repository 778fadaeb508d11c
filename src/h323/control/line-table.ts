import type { Millis } from "../../base/clock.ts";
import { earliest, Timers } from "../../base/machine.ts";
import type { OpenLogicalChannel, OpenLogicalChannelAck, OpenLogicalChannelReject } from "../../wire/h245/index.ts";
import type { LocalCapabilities, RemoteCapabilities } from "./capabilities.ts";
import { type ChannelOwner, Channels, reject } from "./channels.ts";
import { type AudioFormat, sameAudio } from "./codecs.ts";
import { commonVideo, type VideoFormat } from "./h264.ts";
import { AUDIO, CAMERA, type CameraFormat, CONTENT, LINES, type LineName, lineOf, VIDEO } from "./lines.ts";
import type { ControlPort, LineMedia, LocalMedia } from "./types.ts";

/** What the table asks its owner: how far the call has come and what both ends can. */
export interface TableOwner extends ControlPort {
  readonly media: LocalMedia | undefined;
  readonly local: LocalCapabilities;
  readonly remote: RemoteCapabilities | undefined;
  readonly role: "master" | "slave" | undefined;
  /** Channels of ours may be opened. */
  readonly ready: boolean;
  /** H.239's token is ours; or the peer's. */
  readonly presenting: "us" | "peer" | "nobody";
}

/**
 * How long a picture's channel waits for the peer's own, ms: payload types are free, field devices send on the one they name whatever they are
 * told, and a description has one for both directions. So ours is theirs where theirs comes first.
 */
const FOLLOW = 400;
/** As master we let an endpoint that follows do so, before we do. */
const FOLLOW_MASTER = 1_500;

type TimerName = "video" | "content" | "camera";

/** All channels of a call by line: numbers, which line a message is for, and when ours are opened. */
export class LineTable {
  readonly #owner: TableOwner;
  readonly #timers = new Timers<TimerName>();
  readonly audio: Channels<AudioFormat>;
  readonly video: Channels<VideoFormat>;
  readonly content: Channels<VideoFormat>;
  readonly camera: Channels<CameraFormat>;
  readonly #refusedAudio: AudioFormat[] = [];
  readonly #refused = new Set<LineName>();
  /** Lines that we do not want, whatever the peer opens. */
  readonly #unwanted = new Set<LineName>();
  /** Lines whose payload type was the peer's already, or is not followed again. */
  readonly #followed = new Set<LineName>();
  #waiting: OpenLogicalChannel[] = [];
  #next = 1;

  constructor(owner: TableOwner, durations: { readonly T103: number; readonly closing: number }) {
    this.#owner = owner;
    const channels: ChannelOwner = {
      send: (message) => owner.send(message),
      emit: (event) => owner.emit(event),
      take: () => this.#next++,
      taken: (number) => {
        this.#next = Math.max(this.#next, number + 1);
      },
      get master() {
        return owner.role === "master";
      },
    };
    this.audio = new Channels(AUDIO, channels, durations);
    this.video = new Channels(VIDEO, channels, durations);
    this.content = new Channels(CONTENT, channels, durations);
    this.camera = new Channels(CAMERA, channels, durations);
  }

  /** Number the next channel of ours will have. */
  get nextNumber(): number {
    return this.#next;
  }
  nextTimeout(): Millis | undefined {
    return earliest(this.#timers.next(), ...LINES.map((line) => this[line].nextTimeout()));
  }

  /** The line of a channel of ours, or of the peer's. */
  lineSent(number: number | undefined): LineName | undefined {
    return LINES.find((line) => number !== undefined && this[line].transmitting?.number === number);
  }
  lineReceived(number: number): LineName | undefined {
    return LINES.find((line) => this[line].receivingNumber === number);
  }

  /** Opens what is to be sent and is not yet, as soon as everything for it is there. */
  open(now: Millis, lastCause?: string): void {
    const { media, ready, remote } = this.#owner;
    if (!ready || media === undefined) return;
    if (this.audio.transmitting === undefined) {
      const format = this.#chooseAudio();
      if (format === undefined) this.#owner.emit({ type: "transmit-refused", line: "audio", cause: lastCause ?? "no common codec" });
      else this.audio.open(format, media, now);
    }
    this.#openVideo("video", media.video, now);
    if (this.#owner.presenting === "us") this.#openVideo("content", media.content, now);
    if (media.camera !== undefined && remote?.camera === true && this.camera.transmitting === undefined && this.#mayOpen("camera"))
      this.camera.open({ codec: "H224", payloadType: this.#payloadType("camera") ?? 126 }, media.camera, now);
  }

  /** The peer's capabilities are new: what was refused may be asked again. */
  forget(): void {
    this.#refusedAudio.length = 0;
    this.#refused.clear();
  }

  /**
   * The peer's capabilities are others: what we send and it takes no longer is closed, and opened in another codec
   * where there is one.
   */
  revise(now: Millis): void {
    const { remote } = this.#owner;
    const { transmitting } = this.audio;
    if (remote === undefined || transmitting === undefined) return;
    if (remote.audio.length === 0 || remote.audio.some((format) => sameAudio(format, transmitting.format))) return;
    this.audio.closeTransmit(now);
    this.open(now);
  }

  /** Another audio codec than before (H.245 mode request). */
  replaceAudio(format: AudioFormat, now: Millis): void {
    const { media } = this.#owner;
    if (media === undefined) return;
    this.audio.closeTransmit(now);
    this.audio.open(format, media, now);
  }

  /** A line is not wanted: ours is closed and stays so, the peer is asked to close its own. */
  close(line: Exclude<LineName, "audio">, now: Millis): void {
    this.#unwanted.add(line);
    this.#timers.clear(line);
    this[line].closeTransmit(now);
    this[line].refuseReceive();
  }

  /** Media were set anew: what has some is wanted. */
  want(): void {
    this.#unwanted.clear();
  }

  closeAll(now: Millis): void {
    for (const line of LINES) this[line].closeTransmit(now);
    for (const line of ["video", "content", "camera"] as const) this.#timers.clear(line);
  }

  /** The media are known, or others: channels that came too early are answered. */
  serve(now: Millis): void {
    for (const olc of this.#waiting.splice(0)) this.opened(olc, now);
  }

  /** The peer opens a channel. One that comes before our media are known waits. */
  opened(olc: OpenLogicalChannel, now: Millis): void {
    const { local, media } = this.#owner;
    const { dataType } = olc.forwardLogicalChannelParameters;
    const number = olc.forwardLogicalChannelNumber;
    if (media === undefined) {
      if (this.#waiting.length < 8) this.#waiting.push(olc);
      return;
    }
    const line = lineOf(dataType);
    if (dataType.$unknown !== undefined) reject(this.#owner, number, { unknownDataType: true });
    else if (dataType.h235Media !== undefined || dataType.encryptionData !== undefined)
      reject(this.#owner, number, { securityDenied: true });
    else if (line !== undefined && this.#unwanted.has(line)) reject(this.#owner, number, { dataTypeNotAvailable: true });
    else if (line === "audio") this.audio.opened(olc, local.audio, media);
    else if (line === "video" && media.video !== undefined) this.video.opened(olc, local.video ?? [], media.video);
    else if (line === "content" && media.content !== undefined) {
      // Only who holds the token presents.
      if (this.#owner.presenting === "peer") this.content.opened(olc, local.content ?? [], media.content);
      else reject(this.#owner, number, { dataTypeNotAvailable: true });
    } else if (line === "camera" && media.camera !== undefined) this.camera.opened(olc, [{ codec: "H224" }], media.camera);
    else reject(this.#owner, number, { dataTypeNotSupported: true });
    if (line !== undefined && line !== "audio" && this.lineReceived(number) === line) this.#follow(line, now);
  }

  acked(ack: OpenLogicalChannelAck): void {
    const line = this.lineSent(ack.forwardLogicalChannelNumber);
    if (line !== undefined) this[line].acked(ack);
  }

  rejected(refusal: OpenLogicalChannelReject, now: Millis): void {
    const line = this.lineSent(refusal.forwardLogicalChannelNumber);
    if (line === undefined) return;
    if (line === "audio") {
      const refused = this.audio.rejected(refusal);
      if (refused === undefined) return;
      this.#refusedAudio.push(refused.format);
      this.open(now, refused.cause);
      return;
    }
    const refused = this[line].rejected(refusal);
    if (refused === undefined) return;
    this.#refused.add(line);
    this.#owner.emit({ type: "transmit-refused", line, cause: refused.cause });
  }

  closeAcked(number: number): void {
    for (const line of LINES) this[line].closeAcked(number);
  }

  /** The peer closes a channel of its own; returns which line's. */
  closed(number: number): LineName | undefined {
    const line = this.lineReceived(number);
    this.#owner.send({ response: { closeLogicalChannelAck: { forwardLogicalChannelNumber: number } } });
    if (line !== undefined) this[line].closed(number);
    return line;
  }

  /** The peer asks us to close what we send. */
  closeRequested(number: number, now: Millis): void {
    const line = this.lineSent(number);
    if (line === undefined) {
      this.#owner.send({ response: { requestChannelCloseReject: { forwardLogicalChannelNumber: number, cause: { unspecified: true } } } });
      return;
    }
    this.#owner.send({ response: { requestChannelCloseAck: { forwardLogicalChannelNumber: number } } });
    // A picture that is not wanted is not sent again; without audio there is no call, so that it may come back.
    if (line !== "audio") this.#refused.add(line);
    this[line].closeTransmit(now);
  }

  timeout(now: Millis): void {
    for (const line of this.#timers.expire(now)) {
      if (this[line].transmitting === undefined) this.open(now);
      else this.#reopen(line, now);
    }
    for (const line of LINES) if (this[line].timeout(now) && line !== "audio") this.#refused.add(line);
  }

  #mayOpen(line: LineName): boolean {
    return !this.#refused.has(line) && !this.#unwanted.has(line);
  }

  #openVideo(line: "video" | "content", media: LineMedia | undefined, now: Millis): void {
    const { local, remote } = this.#owner;
    const channels = this[line];
    if (media === undefined || channels.transmitting !== undefined || !this.#mayOpen(line)) return;
    const format = commonVideo(local[line] ?? [], remote?.[line] ?? []);
    if (format === undefined) return;
    if (line === "video" && channels.receiving === undefined && !this.#followed.has(line)) {
      if (!this.#timers.running(line)) this.#timers.set(line, now + FOLLOW);
      this.#followed.add(line);
      return;
    }
    if (line === "video" && this.#timers.running(line) && channels.receiving === undefined) return;
    this.#timers.clear(line);
    const own = local[line]?.find((f) => f.profile === format.profile)?.payloadType;
    channels.open({ ...format, payloadType: this.#payloadType(line) ?? own ?? 96 }, media, now);
  }

  /** The payload type the peer sends on. */
  #payloadType(line: LineName): number | undefined {
    return this[line].receiving?.payloadType;
  }

  /** The peer has opened a line: ours follows with the same payload type. */
  #follow(line: "video" | "content" | "camera", now: Millis): void {
    const { transmitting } = this[line];
    const theirs = this.#payloadType(line);
    if (transmitting === undefined) this.open(now);
    else if (theirs !== undefined && transmitting.format.payloadType !== theirs) {
      if (this.#owner.role === "slave") this.#reopen(line, now);
      else this.#timers.set(line, now + FOLLOW_MASTER);
    }
  }

  #reopen(line: "video" | "content" | "camera", now: Millis): void {
    const theirs = this.#payloadType(line);
    if (theirs === undefined || this[line].transmitting?.format.payloadType === theirs) return;
    this[line].closeTransmit(now);
    this.open(now);
  }

  /** What the peer sends if it takes that too, else the first in the master's order. */
  #chooseAudio(): AudioFormat | undefined {
    const local = this.#owner.local.audio;
    const remote = this.#owner.remote?.audio ?? [];
    const [first, second] = this.#owner.role === "master" ? [local, remote] : [remote, local];
    const common = first.flatMap((a) => {
      const b = second.find((f) => sameAudio(f, a));
      if (b === undefined || this.#refusedAudio.some((f) => sameAudio(f, a))) return [];
      const payloadType = local.find((f) => sameAudio(f, a))?.payloadType;
      return [{ ...a, maxPtime: Math.min(a.maxPtime, b.maxPtime), ...(payloadType === undefined ? {} : { payloadType }) }];
    });
    const heard = this.audio.receiving;
    const same = heard && common.find((f) => sameAudio(f, heard));
    if (heard !== undefined && same !== undefined)
      return heard.payloadType === undefined ? same : { ...same, payloadType: heard.payloadType };
    return common[0];
  }
}
