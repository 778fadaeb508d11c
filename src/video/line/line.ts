import type { Millis } from "../../base/clock.ts";
import { decodesH264, H264_PROFILES, type H264Profile, h264ProfileName, h264ProfileOf } from "../../negotiation/index.ts";
import { isRtcp, RTX_OVERHEAD, readUint32, unwrapRtx } from "../../wire/rtp/index.ts";
import type { Capacity } from "../send/bandwidth.ts";
import type { VideoCounts } from "../counts.ts";
import { LineFeedback } from "./feedback.ts";
import { IncomingStream } from "../receive/incoming.ts";
import { LineReports } from "./line-reports.ts";
import { RateMeter } from "../receive/meter.ts";
import type { LineOutput } from "../send/output.ts";
import type { LineAgreement, UnsuitedPicture, VideoCodec, VideoCodecName, VideoStats } from "../port.ts";
import { Retransmitter } from "../send/retransmitter.ts";
import { LineTransport } from "./transport.ts";
import { Viewer, type ViewerSink } from "../meeting/viewer.ts";

/** Nothing for so long of a line that is to receive: the line is silent. */
const SILENT_MS = 30_000;
/** A camera from which nothing has come for so long is none: somebody else is shown meanwhile. */
const STALLED_MS = 5000;
/** Who sends so many times what was agreed is cut, until he sends no more than that again. Encoders overshoot, but not for two seconds by so much. */
const CUT_FACTOR = 2.5;
const RESUME_FACTOR = 1.2;

/** One RTP session of the relay, without sockets: the picture that comes in, the one that goes out, and what both sides say of them. */
export class VideoLine implements ViewerSink {
  readonly id: string;
  readonly incoming: IncomingStream;
  readonly viewer: Viewer;
  readonly feedback: LineFeedback;
  readonly counts: VideoCounts;
  /** Told when the picture sent changes. */
  onShowing: ((stream: IncomingStream | undefined) => void) | undefined;
  /** Told when the line brings another codec than before, or none any longer, or again. */
  onChange: (() => void) | undefined;
  readonly #io: LineOutput;
  readonly #transport: LineTransport;
  readonly #reports: LineReports;
  readonly #retransmitter: Retransmitter;
  readonly #in = new RateMeter();
  readonly #out = new RateMeter();
  #agreement: LineAgreement | undefined;
  /** Codec by the payload type the far end sends, for pictures and for retransmissions; the payload type we send by codec. */
  readonly #received: (VideoCodec | undefined)[] = new Array(128).fill(undefined);
  readonly #repeated: (VideoCodec | undefined)[] = new Array(128).fill(undefined);
  /** What we send VP8 in, and H.264 of each profile; undefined for what the far end does not take. */
  #vp8: VideoCodec | undefined;
  readonly #h264: (VideoCodec | undefined)[] = H264_PROFILES.map(() => undefined);
  /** The same of H.264 whose profile is not known: what the far end likes best. */
  #anyH264: VideoCodec | undefined;
  /** What the far end would be shown if it could decode it, as told last. */
  #unsuited: UnsuitedPicture | null = null;
  #sends = false;
  #receives = false;
  #lastHeardAt: Millis;
  #silent = false;
  #stalled = false;

  constructor(id: string, io: LineOutput, now: Millis) {
    this.id = id;
    this.#io = io;
    this.#lastHeardAt = now;
    this.counts = io.counts;
    this.incoming = new IncomingStream((attempt, at) => this.feedback.askKeyFrame(attempt, at), io.counts);
    this.incoming.onCodec = () => this.onChange?.();
    this.viewer = new Viewer(this, io.random(), io.random());
    this.#reports = new LineReports(this.viewer, this.incoming, io);
    this.#transport = new LineTransport(io);
    this.#retransmitter = new Retransmitter(this.#transport, io.random(), io.random(), io.counts);
    this.feedback = new LineFeedback({
      io,
      transport: this.#transport,
      incoming: this.incoming,
      viewer: this.viewer,
      reports: this.#reports,
      retransmitter: this.#retransmitter,
      bitrateOut: (at) => this.#out.bitrate(at),
    });
  }

  /** First agreement and each later one. */
  configure(agreement: LineAgreement, now: Millis): void {
    const received = this.#receives;
    const secured = this.#transport.secured;
    this.#agreement = agreement;
    this.#sends = agreement.direction === "sendrecv" || agreement.direction === "sendonly";
    this.#receives = agreement.direction === "sendrecv" || agreement.direction === "recvonly";
    if (this.#transport.configure(agreement, this.viewer.ssrc)) {
      this.viewer.renew(this.#io.random(), this.#io.random());
      this.#retransmitter.forget();
    }
    // Under SRTP an SSRC is never chosen twice: a key stream must not begin anew when the line moves to another thread.
    if (agreement.sendSsrc !== undefined && !agreement.srtp && agreement.sendSsrc !== this.viewer.ssrc) {
      this.viewer.renew(agreement.sendSsrc, this.#io.random());
      this.#retransmitter.forget();
    }
    if (secured !== this.#transport.secured) this.#retransmitter.forget();
    this.#configureCodecs(agreement);
    this.feedback.configure(agreement);
    this.incoming.nacking = agreement.feedback.nack;
    if (this.#receives && !received) this.#heard(now);
  }

  #configureCodecs({ codecs, feedback }: LineAgreement): void {
    this.#received.fill(undefined);
    this.#repeated.fill(undefined);
    const repeats = new Map<number, number>();
    for (const codec of codecs) {
      this.#received[codec.receivePayloadType & 0x7f] ??= codec;
      if (codec.rtx) {
        this.#repeated[codec.rtx.receivePayloadType & 0x7f] ??= codec;
        repeats.set(codec.sendPayloadType, codec.rtx.sendPayloadType);
      }
      if (codec.parameterSets) this.incoming.takeSdp(codec.parameterSets);
    }
    this.#vp8 = codecs.find(({ name }) => name === "VP8");
    const h264 = codecs.filter(({ name }) => name === "H264");
    this.#anyH264 = h264[0];
    // The payload type of its own profile where there is one, else that of a decoder which is capable of it.
    for (const profile of H264_PROFILES)
      this.#h264[profile] =
        h264.find(({ profileLevelId }) => profileLevelId === undefined || h264ProfileOf(profileLevelId) === profile) ??
        h264.find((codec) => decodersOf(codec).some((decoder) => decodesH264(decoder, profile)));
    this.#retransmitter.configure(feedback.nack, repeats);
  }

  /** Whether there is a picture to be had of this line. */
  get brings(): boolean {
    return this.#receives && !this.#transport.flooded;
  }

  /** Whether pictures come, or may still be about to. */
  get live(): boolean {
    return this.brings && !this.#stalled;
  }

  /** Whether its picture can be shown on another line: in the codec that came, or before anything came in any that was agreed. */
  suits(other: VideoLine): boolean {
    if (!this.brings) return false;
    const { codec, profile } = this.incoming;
    if (codec === "VP8" || (codec && profile >= 0)) return other.takes(codec, profile);
    const possible = this.#agreement?.codecs.filter(({ name }) => !codec || name === codec) ?? [];
    return possible.some(({ name, profileLevelId }) =>
      other.takes(name, profileLevelId === undefined ? -1 : h264ProfileOf(profileLevelId)),
    );
  }

  /** What comes, for people. */
  get brought(): string {
    const { codec, profile } = this.incoming;
    if (codec !== "VP8" && profile >= 0) return h264ProfileName(profile as H264Profile);
    const agreed = this.#agreement?.codecs.find(({ name }) => codec === null || name === codec);
    if (codec === "VP8" || agreed?.name === "VP8") return "VP8";
    return agreed?.profileLevelId === undefined ? "H.264" : h264ProfileName(h264ProfileOf(agreed.profileLevelId));
  }

  /** Whether the far end is sent pictures. */
  get sends(): boolean {
    return this.#sends;
  }

  /** Who sends fragments takes them, whatever was agreed: several products agree on mode 0 and send FU-A. Not said is 0 (RFC 6184 section 8.1). */
  singleNal(profile: H264Profile | -1): boolean {
    return (this.#codecFor("H264", profile)?.packetizationMode ?? 0) === 0 && !this.incoming.fragments;
  }

  /** Whether the far end can be shown a stream of this codec, H.264 of this profile. */
  takes(codec: VideoCodecName, profile: H264Profile | -1): boolean {
    return this.payloadType(codec, profile) >= 0;
  }

  /** What the far end would be shown if it could decode it; null where it can. Told when it changes. */
  unsuited(picture: UnsuitedPicture | null): void {
    const before = this.#unsuited;
    if (before?.participantId === picture?.participantId && before?.stream === picture?.stream && before?.codec === picture?.codec) return;
    this.#unsuited = picture;
    this.#io.event("unsuited", picture);
  }

  /** The far end's limit by signalling, bits per second; null lifts it. */
  limit(bitsPerSecond: number | null): void {
    this.feedback.capacity.signalled = bitsPerSecond;
  }

  // ── in ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A datagram from the RTP socket, or with `rtcpSocket` from the other. Its bytes may be overwritten. */
  receive(datagram: Uint8Array, address: string, port: number, rtcpSocket: boolean, now: Millis): void {
    if (rtcpSocket || isRtcp(datagram)) {
      if (rtcpSocket !== this.#agreement?.rtcpMux) this.#receiveRtcp(datagram, address, port, rtcpSocket, now);
      return;
    }
    const type = datagram[1]! & 0x7f;
    const codec = this.#received[type];
    const original = codec ?? this.#repeated[type];
    const wanted = this.#agreement?.receiveSsrc;
    if (!this.#receives || !original || datagram.length < 12 || (wanted !== undefined && codec && readUint32(datagram, 8) !== wanted)) {
      this.counts.unexpected++;
      return;
    }
    this.#in.add(datagram.length, now);
    const length = this.#transport.openRtp(datagram, address, port, codec === undefined, now);
    if (length < 0) return;
    this.counts.packetsIn++;
    this.counts.octetsIn += datagram.length;
    this.#heard(now);
    if (codec) this.incoming.take(datagram, length, codec.name, now);
    else this.#takeRepeated(datagram, length, original, now);
    this.feedback.requestMissing(now);
  }

  #heard(now: Millis): void {
    this.#lastHeardAt = now;
    this.#silent = false;
    if (!this.#stalled) return;
    this.#stalled = false;
    this.onChange?.();
  }

  /** A retransmission is the original packet again, late. */
  #takeRepeated(datagram: Uint8Array, length: number, codec: VideoCodec, now: Millis): void {
    const { ssrc } = this.incoming;
    if (ssrc < 0 || readUint32(datagram, 8) === ssrc || !unwrapRtx(datagram, length, ssrc, codec.receivePayloadType)) return;
    this.incoming.take(datagram.subarray(RTX_OVERHEAD), length - RTX_OVERHEAD, codec.name, now, true);
  }

  #receiveRtcp(datagram: Uint8Array, address: string, port: number, apart: boolean, now: Millis): void {
    const packets = this.#transport.openRtcp(datagram, address, port, apart, now);
    if (packets) for (const packet of packets) this.feedback.handle(packet, now);
  }

  // ── out ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  payloadType(codec: VideoCodecName, profile: H264Profile | -1): number {
    return (this.#sends ? this.#codecFor(codec, profile)?.sendPayloadType : undefined) ?? -1;
  }

  #codecFor(codec: VideoCodecName, profile: H264Profile | -1): VideoCodec | undefined {
    if (codec === "VP8") return this.#vp8;
    return profile < 0 ? this.#anyH264 : this.#h264[profile];
  }

  showing(stream: IncomingStream | undefined): void {
    this.onShowing?.(stream);
  }

  capacity(now: Millis): Capacity {
    return this.feedback.capacity.now(now);
  }

  send(bytes: Uint8Array, length: number, sequence: number, now: Millis): void {
    const datagram = this.#transport.sendRtp(bytes, length);
    if (!datagram) return;
    this.#out.add(datagram.length, now);
    this.#retransmitter.sent(bytes, length, datagram, sequence);
  }

  tick(now: Millis): void {
    if (!this.#agreement) return;
    this.incoming.tick(now);
    this.viewer.tick(now);
    this.feedback.tick(now);
    if (this.#reports.due(now)) {
      this.#transport.sendRtcp(this.#reports.compose(now, this.#io.random()));
      this.feedback.lossSeen(this.#reports.seen, this.#in.bitrate(now), now);
    }
    this.#police(now);
    if (!this.#stalled && now - this.#lastHeardAt > STALLED_MS) {
      this.#stalled = true;
      this.onChange?.();
    }
    if (this.#receives && !this.#silent && now - this.#lastHeardAt > SILENT_MS) {
      this.#silent = true;
      this.#io.event("silent");
    }
  }

  /** Cuts a far end that sends far more than agreed, or lets it in again: what it sends then is a stream that begins anew. */
  #police(now: Millis): void {
    const rate = this.#in.bitrate(now);
    const { receiveBitrate } = this.feedback;
    if (!this.#transport.flooded && rate > CUT_FACTOR * receiveBitrate) {
      this.#transport.flooded = true;
      this.counts.cuts++;
      for (const watcher of this.incoming.watchers) watcher.drop(this.incoming);
      this.onChange?.();
    } else if (this.#transport.flooded && rate < RESUME_FACTOR * receiveBitrate) {
      this.#transport.flooded = false;
      this.incoming.restart(now);
      this.onChange?.();
    }
  }

  /** The goodbye, when the line closes. */
  goodbye(now: Millis): void {
    if (this.viewer.packets === 0) return;
    this.#transport.sendRtcp([...this.#reports.compose(now, 0), { kind: "bye", ssrcs: [this.viewer.ssrc] }]);
  }

  /** The last of it. */
  close(): void {
    this.#transport.close();
  }

  stats(now: Millis): VideoStats {
    const { incoming, viewer } = this;
    return {
      codec: incoming.codec,
      srtp: this.#transport.suite,
      packetsIn: incoming.packets,
      packetsOut: viewer.packets,
      lossPercent: incoming.reception.lossPercent,
      jitterMs: incoming.reception.jitterMs,
      bitrateIn: this.#in.bitrate(now),
      bitrateOut: this.#out.bitrate(now),
      keyFramesIn: incoming.keyFramesIn,
      keyFrameRequests: this.feedback.keyFrameRequests,
      freezes: viewer.freezes,
      width: incoming.width,
      height: incoming.height,
      limitIn: this.feedback.told,
      limitOut: finite(Math.min(...Object.values(this.feedback.capacity.now(now)))),
    };
  }
}

/** Profiles that the far end decodes under a payload type. */
function decodersOf({ profileLevelId, decodes = [] }: VideoCodec): H264Profile[] {
  return [...(profileLevelId === undefined ? [] : [profileLevelId]), ...decodes].map(h264ProfileOf);
}

function finite(bitsPerSecond: number): number | null {
  return Number.isFinite(bitsPerSecond) ? Math.round(bitsPerSecond) : null;
}
