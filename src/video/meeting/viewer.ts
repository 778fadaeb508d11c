import type { Millis } from "../../base/clock.ts";
import type { H264Profile } from "../../negotiation/index.ts";
import { H264Content, inspectH264, writeUint32 } from "../../wire/rtp/index.ts";
import type { Capacity } from "../send/bandwidth.ts";
import type { VideoCounts } from "../counts.ts";
import type { IncomingStream, Watcher } from "../receive/incoming.ts";
import { MAX_PACKET } from "../send/output.ts";
import { HEADER, type MediaPacket } from "../send/packet.ts";
import type { VideoCodecName } from "../port.ts";
import { TICKS_PER_MS } from "../../rtp/receive-statistics.ts";
import { SingleNalTranslator, type TakePayload } from "../send/single-nal.ts";

/** How long the old picture goes on while a new one's sender sends no key frame. After that the new one is forwarded without: some never send any. */
const SWITCH_CAP_MS = 10_000;
/** A gap like this in the packets sent is a picture that stands still. */
const FREEZE_MS = 500;
/** Packets kept of a sender whose key frame is waited for: as many as a network may put in the wrong order. */
const EARLY_PACKETS = 8;
/** Least step of the clock from one picture to another sender's: a frame at 30 a second. */
const SWITCH_TICKS = 3000;

/** Where a viewer's packets go, and what is agreed there. */
export interface ViewerSink {
  /** Twelve bytes of header, then the payload; the bytes are the caller's again afterwards. `sequence` counts with cycles. */
  send(bytes: Uint8Array, length: number, sequence: number, now: Millis): void;
  /** The payload type a codec is sent with, H.264 of a profile (-1 while that is unknown); -1 when the far end does not take it. */
  payloadType(codec: VideoCodecName, profile: H264Profile | -1): number;
  /** The far end takes no fragments and aggregates of H.264 of this profile: packetization mode 0. */
  singleNal(profile: H264Profile | -1): boolean;
  /** What the far end takes. */
  capacity(now: Millis): Capacity;
  readonly counts: VideoCounts;
  /** The picture has changed: this stream is sent from now on. */
  showing(stream: IncomingStream | undefined): void;
}

/** Packets of our own making: parameter sets, and what a translator makes. */
const scratch = Buffer.alloc(MAX_PACKET);

/**
 * One outgoing picture of a line. Its far end sees one stream, whose numbers and times go on, whoever is shown: a switch happens at a key frame of the
 * new sender, and until that comes the old picture goes on.
 */
export class Viewer implements Watcher {
  ssrc: number;
  packets = 0;
  octets = 0;
  freezes = 0;
  /** Of the newest packet sent. */
  lastTimestamp: number;
  lastSentAt: Millis = Number.NEGATIVE_INFINITY;
  /** A picture that rests for a while is nothing unusual: a screen's. */
  mayRest = false;
  readonly #sink: ViewerSink;
  #current: IncomingStream | undefined;
  #target: IncomingStream | undefined;
  #targetSince: Millis = 0;
  /** The target's last packets: those that overtook its key frame's first one are sent after it. */
  #early: MediaPacket[] = [];
  /** Forward the target from its next picture on, key frame or not. */
  #force = false;
  /** Highest sequence number sent, with cycles. */
  #highest: number;
  /** From the current stream's numbers to ours; before `#boundary` the previous one, before `#floor` nothing. */
  #offset = 0;
  #previousOffset = 0;
  #boundary = 0;
  #floor = 0;
  #timeOffset = 0;
  #pictureId = -1;
  #pictureOffset = 0;
  #tl0 = -1;
  #tl0Offset = 0;
  #frozen = false;
  #shown: IncomingStream | undefined;
  /** In use for the current stream when its far end takes single NAL units only. */
  #translator: SingleNalTranslator | undefined;
  #translates = false;
  /** The sender's time of the picture whose parameter sets were sent by the translator. */
  #setsSentFor = -1;

  /** `seed` gives the random beginnings that RFC 3550 section 5.1 asks for: 32-bit numbers. */
  constructor(sink: ViewerSink, ssrc: number, seed: number) {
    this.#sink = sink;
    this.ssrc = ssrc;
    // Far from the wrap, which SRTP receivers that join late mistake (RFC 3711 section 3.3.1).
    this.#highest = 65_536 + (seed & 0x3fff);
    this.lastTimestamp = (seed * 2654435761) >>> 0;
  }

  /** The stream goes on under another SSRC, whose numbers begin anew. */
  renew(ssrc: number, seed: number): void {
    const shift = 65_536 + (seed & 0x3fff) - this.#highest;
    this.ssrc = ssrc;
    this.#highest += shift;
    this.#offset += shift;
    this.#previousOffset += shift;
  }

  capacity(now: Millis): Capacity {
    return this.#sink.capacity(now);
  }

  /** What is to be sent: what is sent already, unless a switch is under way. */
  get wanted(): IncomingStream | undefined {
    return this.#target ?? this.#current;
  }

  /** Shows another stream as soon as it can be decoded, or with undefined nothing. */
  show(stream: IncomingStream | undefined, now: Millis): void {
    if (stream === this.wanted) return;
    this.#leaveTarget();
    if (stream === undefined) {
      this.#leaveCurrent();
      return;
    }
    if (stream === this.#current) return;
    this.#target = stream;
    this.#targetSince = now;
    this.#force = false;
    stream.watch(this);
    stream.keyFrames.ask(now);
  }

  /** A stream may not be forwarded any longer, from this moment. */
  drop(stream: IncomingStream): void {
    if (this.#target === stream) this.#leaveTarget();
    if (this.#current === stream || this.#shown === stream) this.#leaveCurrent();
  }

  /** The far end cannot decode what it has. */
  requestKeyFrame(now: Millis): void {
    this.#sink.counts.keyFramesWanted++;
    this.wanted?.keyFrames.ask(now);
  }

  packet(stream: IncomingStream, packet: MediaPacket): void {
    if (stream === this.#target && (packet.keyFrame || (this.#force && packet.startsPicture))) {
      if (this.#sink.payloadType(packet.codec, stream.profile) < 0) return;
      const early = this.#early;
      this.#begin(stream, packet);
      this.#take(stream, packet);
      for (const other of early) if (other.sequence > packet.sequence) this.#take(stream, other);
    } else if (stream === this.#current) this.#take(stream, packet);
    else if (stream === this.#target) {
      if (this.#early.length >= EARLY_PACKETS) this.#early.shift();
      this.#early.push(packet.copy());
    }
  }

  #take(stream: IncomingStream, packet: MediaPacket): void {
    if (this.#translates && packet.codec === "H264") this.#translator?.take(packet);
    else this.#forward(stream, packet);
  }

  restarted(stream: IncomingStream, now: Millis): void {
    if (stream !== this.#current) return;
    // The same sender's new stream is switched to as another's would be.
    this.#current = undefined;
    if (this.#target) {
      stream.unwatch(this);
      return;
    }
    this.#target = stream;
    this.#targetSince = now;
    this.#force = false;
    this.#early = [];
  }

  tick(now: Millis): void {
    if (this.#target && now - this.#targetSince > SWITCH_CAP_MS) this.#force = true;
    if (this.#translates && this.#current) this.#translator?.tick(now);
    if (this.#current && !this.#frozen && !this.mayRest && now - this.lastSentAt > FREEZE_MS) {
      this.#frozen = true;
      this.#froze();
    }
  }

  /** What our clock would show now, for sender reports: the sender's own clock where it has reported one. */
  timestampAt(now: Millis): number {
    const clock = this.#current?.reception.clock;
    if (clock) return (clock.rtp + Math.round((now - clock.at) * TICKS_PER_MS) + this.#timeOffset) >>> 0;
    return (this.lastTimestamp + Math.round((now - this.lastSentAt) * TICKS_PER_MS)) >>> 0;
  }

  #leaveTarget(): void {
    this.#early = [];
    const target = this.#target;
    this.#target = undefined;
    if (target && target !== this.#current) target.unwatch(this);
  }

  #leaveCurrent(): void {
    const current = this.#current;
    this.#current = undefined;
    if (current && current !== this.#target) current.unwatch(this);
    this.#show(undefined);
  }

  #show(stream: IncomingStream | undefined): void {
    if (stream === this.#shown) return;
    this.#shown = stream;
    this.#sink.showing(stream);
  }

  /** The switch: this packet is the new stream's first, and the next number is its own. */
  #begin(stream: IncomingStream, packet: MediaPacket): void {
    if (this.#current && this.#current !== stream) this.#current.unwatch(this);
    this.#current = stream;
    this.#target = undefined;
    this.#early = [];
    this.#frozen = false;
    this.#boundary = this.#floor = packet.sequence;
    this.#offset = this.#previousOffset = this.#highest + 1 - packet.sequence;
    const pause = this.packets === 0 ? 0 : Math.max(SWITCH_TICKS, Math.round((packet.arrival - this.lastSentAt) * TICKS_PER_MS));
    this.#timeOffset = (this.lastTimestamp + pause - packet.timestamp) >>> 0;
    this.#pictureOffset = this.#pictureId < 0 ? 0 : this.#pictureId + 1 - packet.vp8.pictureId;
    this.#tl0Offset = this.#tl0 < 0 ? 0 : this.#tl0 + 1 - packet.vp8.tl0PicIdx;
    // the same sender's stream that began anew is none
    if (this.#shown !== stream) this.#sink.counts[packet.keyFrame ? "switches" : "forcedSwitches"]++;
    this.#show(stream);
    this.#translates = packet.codec === "H264" && this.#sink.singleNal(stream.profile);
    if (this.#translates) {
      this.#translator ??= new SingleNalTranslator(this.#sendUnit);
      this.#translator.begin(packet.sequence);
      this.#setsSentFor = -1;
      return;
    }
    // Sets sent just before belong to this picture and were not forwarded.
    if (packet.codec === "H264" && (packet.content & H264Content.Sps) === 0) this.#injectParameterSets(stream, packet);
  }

  #forward(stream: IncomingStream, packet: MediaPacket): void {
    const payloadType = this.#sink.payloadType(packet.codec, stream.profile);
    if (payloadType < 0) return;
    if (packet.keyFrame && packet.codec === "H264" && packet.sequence > this.#boundary && stream.parameterSetsAt !== packet.timestamp)
      this.#injectParameterSets(stream, packet);
    let offset = this.#offset;
    if (packet.sequence < this.#boundary) {
      if (packet.sequence < this.#floor) return;
      offset = this.#previousOffset;
    }
    const sequence = packet.sequence + offset;
    const timestamp = (packet.timestamp + this.#timeOffset) >>> 0;
    const { bytes, length, arrival } = packet;
    if (packet.codec === "VP8") this.#renumber(packet);
    this.#header(bytes, (packet.marker ? 0x80 : 0) | payloadType, sequence, timestamp);
    if (sequence > this.#highest) this.#sentNewest(sequence, timestamp, arrival);
    this.#send(bytes, length, sequence, arrival);
  }

  /** Sends the stream's parameter sets ahead of a packet, whose number and all later ones move up. */
  #injectParameterSets(stream: IncomingStream, packet: MediaPacket): void {
    const payloadType = this.#sink.payloadType("H264", stream.profile);
    let sequence = packet.sequence + this.#offset;
    // A key frame that comes late has its place between numbers already given: none are free for sets.
    if (payloadType < 0 || sequence <= this.#highest) return;
    const sets = stream.parameterSets.all();
    if (sets.length === 0) return;
    for (const set of sets) this.#sendOwn(set, 0, set.length, payloadType, sequence++, packet);
    if (this.#floor !== packet.sequence) this.#floor = this.#boundary;
    this.#previousOffset = this.#offset;
    this.#offset += sets.length;
    this.#boundary = packet.sequence;
  }

  /** What the translator makes is numbered anew; a loss before it leaves a gap, so that the far end knows. */
  readonly #sendUnit: TakePayload = (bytes, from, to, about) => {
    const stream = this.#current;
    const payloadType = stream ? this.#sink.payloadType("H264", stream.profile) : -1;
    if (!stream || payloadType < 0) return;
    if (about.gap) this.#highest++;
    const content = inspectH264(bytes, from, to);
    if (content & H264Content.Sps) this.#setsSentFor = about.timestamp;
    if (content & H264Content.Idr && content & H264Content.FirstSlice && this.#setsSentFor !== about.timestamp) {
      this.#setsSentFor = about.timestamp;
      for (const set of stream.parameterSets.all()) this.#sendOwn(set, 0, set.length, payloadType, this.#highest + 1, about);
    }
    this.#sendOwn(bytes, from, to, about.marker ? payloadType | 0x80 : payloadType, this.#highest + 1, about);
  };

  /** Sends a payload that is no received packet's as the newest. */
  #sendOwn(
    bytes: Uint8Array,
    from: number,
    to: number,
    second: number,
    sequence: number,
    about: { timestamp: number; arrival: Millis },
  ): void {
    const timestamp = (about.timestamp + this.#timeOffset) >>> 0;
    this.#header(scratch, second, sequence, timestamp);
    scratch.set(bytes.subarray(from, to), HEADER);
    this.#sentNewest(sequence, timestamp, about.arrival);
    this.#send(scratch, HEADER + to - from, sequence, about.arrival);
  }

  #sentNewest(sequence: number, timestamp: number, arrival: Millis): void {
    if (!this.#frozen && !this.mayRest && this.packets > 0 && arrival - this.lastSentAt > FREEZE_MS) this.#froze();
    this.#frozen = false;
    this.#highest = sequence;
    this.lastTimestamp = timestamp;
    this.lastSentAt = arrival;
  }

  #froze(): void {
    this.freezes++;
    this.#sink.counts.freezes++;
  }

  #renumber(packet: MediaPacket): void {
    const { vp8 } = packet;
    const pictureId = (vp8.pictureId + this.#pictureOffset) & 0x7fff;
    const tl0 = (vp8.tl0PicIdx + this.#tl0Offset) & 0xff;
    vp8.rewrite(packet.bytes, HEADER, pictureId, tl0);
    if (packet.sequence + this.#offset > this.#highest) {
      this.#pictureId = vp8.pictureId < 0 ? -1 : pictureId;
      this.#tl0 = vp8.tl0PicIdx < 0 ? -1 : tl0;
    }
  }

  #header(bytes: Uint8Array, second: number, sequence: number, timestamp: number): void {
    bytes[0] = 0x80;
    bytes[1] = second;
    bytes[2] = sequence >>> 8;
    bytes[3] = sequence;
    writeUint32(bytes, 4, timestamp);
    writeUint32(bytes, 8, this.ssrc);
  }

  #send(bytes: Uint8Array, length: number, sequence: number, now: Millis): void {
    this.packets++;
    this.octets += length - HEADER;
    this.#sink.send(bytes, length, sequence, now);
  }
}
