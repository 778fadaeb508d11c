import type { Millis } from "../../base/clock.ts";
import { type H264Profile, h264Profile } from "../../negotiation/index.ts";
import { H264Content, inspectH264, readUint32, rtpHeaderLength } from "../../wire/rtp/index.ts";
import type { Capacity } from "../send/bandwidth.ts";
import type { VideoCounts } from "../counts.ts";
import { KeyFrameRequester } from "./key-frames.ts";
import { NackList } from "./nacks.ts";
import { HEADER, MediaPacket } from "../send/packet.ts";
import { ParameterSets } from "../line/parameter-sets.ts";
import type { VideoCodecName } from "../port.ts";
import { Reception, Sequence } from "../../rtp/receive-statistics.ts";

/** Who forwards a stream. Called for each packet in the order of arrival; the packet is valid during the call only. */
export interface Watcher {
  packet(stream: IncomingStream, packet: MediaPacket): void;
  /** The sender started anew: neither numbers nor pictures go on from those before. */
  restarted(stream: IncomingStream, now: Millis): void;
  /** It may not be forwarded any longer, from this moment. */
  drop(stream: IncomingStream): void;
  /** What may be sent to it. */
  capacity(now: Millis): Capacity;
}

/** Packets of another SSRC in a row before it is taken for the sender's new stream. */
const NEW_SOURCE_PACKETS = 3;
/** After a silence like this the first packet of another SSRC is believed at once. */
const SILENT_MS = 300;

/** The picture one line receives: what is counted, looked into and handed to its watchers. */
export class IncomingStream {
  readonly reception = new Reception();
  readonly keyFrames: KeyFrameRequester;
  readonly parameterSets = new ParameterSets();
  readonly nacks = new NackList();
  /** The far end sends again what we ask for. */
  nacking = false;
  /** Told when another codec or H.264 profile comes than before. */
  onCodec: (() => void) | undefined;
  /** Since the line began, whatever the sender's streams. */
  packets = 0;
  /** Those who forward it now or wait to. */
  watchers: readonly Watcher[] = [];
  codec: VideoCodecName | null = null;
  /** H.264: of the newest sequence parameter set; -1 before one has come. */
  profile: H264Profile | -1 = -1;
  /** H.264 fragments or aggregates have come. */
  fragments = false;
  /** -1 before the first packet. */
  ssrc = -1;
  keyFramesIn = 0;
  width: number | null = null;
  height: number | null = null;
  lastPacketAt: Millis = Number.NEGATIVE_INFINITY;
  /** RTP time at which parameter sets last came. */
  parameterSetsAt = -1;
  readonly #counts: VideoCounts;
  readonly #packet = new MediaPacket();
  #keyFrameAt = -1;
  #otherSsrc = -1;
  #otherPackets = 0;
  /** No picture has come since the stream began. */
  #begins = false;

  /** `askKeyFrame` asks the far end, by whatever it understands. */
  constructor(askKeyFrame: (attempt: number, now: Millis) => void, counts: VideoCounts) {
    this.#counts = counts;
    this.keyFrames = new KeyFrameRequester(askKeyFrame);
  }

  watch(watcher: Watcher): void {
    if (!this.watchers.includes(watcher)) this.watchers = [...this.watchers, watcher];
  }

  unwatch(watcher: Watcher): void {
    this.watchers = this.watchers.filter((other) => other !== watcher);
    if (this.watchers.length === 0) this.keyFrames.satisfied();
  }

  /**
   * Takes a plain RTP packet of the line's media payload type in the first `length` bytes, which must have authenticated. The bytes may be
   * overwritten. `repeated`: it is one that was lost before, out of a retransmission.
   */
  take(bytes: Uint8Array, length: number, codec: VideoCodecName, now: Millis, repeated = false): void {
    const headerLength = rtpHeaderLength(bytes, length);
    if (headerLength < 0) return;
    let end = length;
    if ((bytes[0]! & 0x20) !== 0) end -= bytes[length - 1]!;
    const ssrc = readUint32(bytes, 8);
    if (ssrc !== this.ssrc && (end <= headerLength || !this.#changeSource(ssrc, now))) return;
    const timestamp = readUint32(bytes, 4);
    const sequence = this.#sequenceOf((bytes[2]! << 8) | bytes[3]!, timestamp, repeated, now);
    if (sequence < 0) return;
    this.packets++;
    this.#otherPackets = 0;
    this.lastPacketAt = now;
    // A packet without payload keeps a path open or probes it: it has its place in the sequence and nothing to forward.
    if (end <= headerLength) return;
    if (codec !== this.codec) {
      if (this.codec !== null) this.restart(now);
      this.codec = codec;
      this.onCodec?.();
    }
    const packet = this.#packet;
    packet.bytes = headerLength === HEADER ? bytes : bytes.subarray(headerLength - HEADER);
    packet.length = end - headerLength + HEADER;
    packet.marker = (bytes[1]! & 0x80) !== 0;
    packet.sequence = sequence;
    packet.timestamp = timestamp;
    packet.codec = codec;
    packet.arrival = now;
    if (!(codec === "H264" ? this.#inspectH264(packet) : this.#inspectVp8(packet))) return;
    if (packet.keyFrame && timestamp !== this.#keyFrameAt) {
      this.#keyFrameAt = timestamp;
      this.keyFramesIn++;
      this.#counts.keyFrames++;
      this.keyFrames.satisfied();
    }
    for (const watcher of this.watchers) watcher.packet(this, packet);
    // Those who watch a stream that begins anew need a key frame, unless it begins with one, or with the parameter sets before one.
    if (this.#begins && (codec === "VP8" || (packet.content & H264Content.Slice) !== 0)) {
      this.#begins = false;
      if (!packet.keyFrame && this.watchers.length > 0) this.keyFrames.ask(now);
    }
  }

  /** The number with cycles; negative for a duplicate. */
  #sequenceOf(sequence16: number, timestamp: number, repeated: boolean, now: Millis): number {
    const before = this.reception.highest;
    const sequence = this.reception.take(sequence16, timestamp, now, repeated);
    if (sequence !== Sequence.Restart) {
      if (this.nacking && sequence >= 0 && this.nacks.take(sequence, before, now)) this.#counts.repairedIn++;
      return sequence;
    }
    if (repeated) return -1;
    this.restart(now);
    return this.reception.take(sequence16, timestamp, now, repeated);
  }

  tick(now: Millis): void {
    this.keyFrames.tick(now);
  }

  #inspectH264(packet: MediaPacket): boolean {
    const { bytes, length } = packet;
    const content = inspectH264(bytes, HEADER, length);
    if (content < 0) return false;
    packet.content = content;
    if ((content & (H264Content.Fragment | H264Content.Aggregate)) !== 0) this.fragments = true;
    packet.startsPicture = (content & H264Content.FirstSlice) !== 0;
    packet.keyFrame = packet.startsPicture && (content & H264Content.Idr) !== 0;
    if ((content & (H264Content.Sps | H264Content.Pps)) !== 0) {
      this.parameterSets.take(bytes, HEADER, length);
      this.parameterSetsAt = packet.timestamp;
      this.#learn();
    }
    return true;
  }

  /** Parameter sets that stand in SDP. */
  takeSdp(sets: string): void {
    this.parameterSets.takeSdp(sets);
    if (this.codec !== "VP8") this.#learn();
  }

  #learn(): void {
    const { picture } = this.parameterSets;
    this.width = picture?.width ?? null;
    this.height = picture?.height ?? null;
    const profile = picture ? h264Profile(picture.profile, picture.constraints) : -1;
    if (profile === this.profile) return;
    this.profile = profile;
    this.onCodec?.();
  }

  #inspectVp8(packet: MediaPacket): boolean {
    const { vp8 } = packet;
    if (!vp8.read(packet.bytes, HEADER, packet.length)) return false;
    packet.content = 0;
    packet.startsPicture = vp8.start;
    packet.keyFrame = vp8.keyFrame;
    if (vp8.width > 0) {
      this.width = vp8.width;
      this.height = vp8.height;
    }
    return true;
  }

  #changeSource(ssrc: number, now: Millis): boolean {
    if (this.ssrc >= 0 && now - this.lastPacketAt < SILENT_MS) {
      if (ssrc !== this.#otherSsrc) this.#otherPackets = 0;
      this.#otherSsrc = ssrc;
      if (++this.#otherPackets < NEW_SOURCE_PACKETS) return false;
    }
    this.ssrc = ssrc;
    this.restart(now);
    return true;
  }

  /** What comes next has nothing to do with what came before. */
  restart(now: Millis): void {
    this.reception.reset();
    this.nacks.clear();
    this.parameterSetsAt = this.#keyFrameAt = -1;
    this.#otherPackets = 0;
    this.#begins = true;
    this.keyFrames.reset();
    for (const watcher of this.watchers) watcher.restarted(this, now);
  }
}
