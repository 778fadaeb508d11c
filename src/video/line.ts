import type { Millis } from "../base/clock.ts";
import { Latch } from "../rtp/latch.ts";
import { SrtpReceiver, SrtpSender, sameKeying } from "../srtp/index.ts";
import { parseRtcp, type RtcpPacket, writeRtcp } from "../wire/rtcp/index.ts";
import { isRtcp, RTP_HEADER_LENGTH, readUint32 } from "../wire/rtp/index.ts";
import { IncomingStream } from "./incoming.ts";
import { LineReports } from "./line-reports.ts";
import { RateMeter } from "./meter.ts";
import { type LineOutput, MAX_PACKET } from "./output.ts";
import type { LineAgreement, VideoCodec, VideoCodecName, VideoStats } from "./port.ts";
import { Viewer, type ViewerSink } from "./viewer.ts";

/** Nothing for so long of a line that is to receive: the line is silent. */
const SILENT_MS = 30_000;
/** Requests by signalling are no closer than this. */
const SIGNALLING_SPACING_MS = 1000;
/** RTCP requests that brought nothing before signalling is tried as well. */
const PATIENCE = 3;

/** One RTP session of the relay, without sockets: SRTP, latching, RTCP, the picture that comes in and the one that goes out. */
export class VideoLine implements ViewerSink {
  readonly id: string;
  readonly incoming: IncomingStream;
  readonly viewer: Viewer;
  /** Told when the picture sent changes. */
  onShowing: ((stream: IncomingStream | undefined) => void) | undefined;
  readonly #io: LineOutput;
  readonly #reports: LineReports;
  readonly #out = new RateMeter();
  #agreement: LineAgreement | undefined;
  #latch: Latch | undefined;
  #receiver: SrtpReceiver | undefined;
  #sender: SrtpSender | undefined;
  /** Codec by the payload type the far end sends, and the payload type we send by codec. */
  readonly #received: (VideoCodec | undefined)[] = new Array(128).fill(undefined);
  readonly #sent: Record<VideoCodecName, number> = { H264: -1, VP8: -1 };
  #sends = false;
  #receives = false;
  #lastHeardAt: Millis;
  #silent = false;
  #keyFrameRequests = 0;
  #signalledAt: Millis = Number.NEGATIVE_INFINITY;
  #firSequence = 0;

  constructor(id: string, io: LineOutput, now: Millis) {
    this.id = id;
    this.#io = io;
    this.#lastHeardAt = now;
    this.incoming = new IncomingStream((attempt, at) => this.#askKeyFrame(attempt, at));
    this.viewer = new Viewer(this, io.random(), io.random());
    this.#reports = new LineReports(this.viewer, this.incoming, () => io.wall());
  }

  /** First agreement and each later one. */
  configure(agreement: LineAgreement, now: Millis): void {
    const received = this.#receives;
    this.#agreement = agreement;
    this.#sends = agreement.direction === "sendrecv" || agreement.direction === "sendonly";
    this.#receives = agreement.direction === "sendrecv" || agreement.direction === "recvonly";
    const { remote, srtp } = agreement;
    if (remote) {
      if (this.#latch) this.#latch.signal(remote, now);
      else this.#latch = new Latch(remote, now);
    }
    if (!srtp) this.#receiver = this.#sender = undefined;
    else {
      if (this.#receiver) this.#receiver.rekey(srtp.remote);
      else this.#receiver = new SrtpReceiver(srtp.remote);
      if (!this.#sender || !sameKeying(this.#sender.keying, srtp.local)) this.#sender = new SrtpSender(srtp.local);
    }
    this.#received.fill(undefined);
    this.#sent.H264 = this.#sent.VP8 = -1;
    for (const codec of agreement.codecs) {
      this.#received[codec.receivePayloadType & 0x7f] ??= codec;
      if (this.#sent[codec.name] < 0) this.#sent[codec.name] = codec.sendPayloadType;
    }
    if (this.#receives && !received) {
      this.#lastHeardAt = now;
      this.#silent = false;
    }
  }

  /** Whether a picture of this line is to be had at all, and in which codec: what came, or before that what was agreed first. */
  get brings(): VideoCodecName | undefined {
    if (!this.#receives) return undefined;
    return this.incoming.codec ?? this.#agreement?.codecs[0]?.name;
  }

  /** Whether the far end can be shown a stream of this codec. */
  takes(codec: VideoCodecName): boolean {
    return this.#sends && this.#sent[codec] >= 0;
  }

  /** The far end's limit by signalling, bits per second; null lifts it. */
  limit(_bitsPerSecond: number | null, _now: Millis): void {}

  // ── in ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A datagram from the RTP socket, or with `rtcpSocket` from the other. Its bytes may be overwritten. */
  receive(datagram: Uint8Array, address: string, port: number, rtcpSocket: boolean, now: Millis): void {
    const agreement = this.#agreement;
    const latch = this.#latch;
    if (!agreement || !latch || datagram.length < 8) return;
    if (rtcpSocket || isRtcp(datagram)) {
      if (rtcpSocket || agreement.rtcpMux) this.#receiveRtcp(datagram, address, port, rtcpSocket, now);
      return;
    }
    if (!this.#receives || datagram.length < RTP_HEADER_LENGTH || datagram.length > MAX_PACKET) return;
    const codec = this.#received[datagram[1]! & 0x7f];
    if (!codec) return;
    let length = datagram.length;
    const receiver = this.#receiver;
    if (receiver) {
      length = receiver.unprotectRtp(datagram, datagram);
      if (length < 0) return;
    }
    if (latch.judge(address, port, readUint32(datagram, 8), receiver !== undefined, now) === "stranger") return;
    this.#heard(now);
    this.incoming.take(datagram, length, codec.name, now);
  }

  #heard(now: Millis): void {
    this.#lastHeardAt = now;
    this.#silent = false;
  }

  #receiveRtcp(datagram: Uint8Array, address: string, port: number, rtcpSocket: boolean, now: Millis): void {
    let plain = datagram;
    if (this.#receiver) {
      const length = this.#receiver.unprotectRtcp(datagram, datagram);
      if (length < 0) return;
      plain = datagram.subarray(0, length);
    } else if (!this.#mayReport(address, port, rtcpSocket)) return;
    const packets = parseRtcp(plain);
    if (!packets) return;
    for (const packet of packets) this.#handleRtcp(packet, now);
  }

  /** Without SRTP only whoever sends the picture, or is where signalling says, is listened to. */
  #mayReport(address: string, port: number, rtcpSocket: boolean): boolean {
    const target = this.#latch!.target;
    const { remote } = this.#agreement!;
    if (!rtcpSocket) return target.address === address && target.port === port;
    return address === target.address || address === remote?.address;
  }

  #handleRtcp(packet: RtcpPacket, now: Millis): void {
    switch (packet.kind) {
      case "sr":
        if (packet.ssrc === this.incoming.ssrc) this.incoming.reception.senderReport(packet.ntp, packet.rtpTimestamp, now);
        for (const block of packet.reports) this.#reports.receive(block);
        return;
      case "rr":
        for (const block of packet.reports) this.#reports.receive(block);
        return;
      case "pli":
        // Some send 0 or a source they made up: a line has one picture only.
        this.viewer.requestKeyFrame(now);
        return;
      case "fir":
        this.viewer.requestKeyFrame(now);
        return;
      default:
    }
  }

  // ── out ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  payloadType(codec: VideoCodecName): number {
    return this.#sends ? this.#sent[codec] : -1;
  }

  showing(stream: IncomingStream | undefined): void {
    this.onShowing?.(stream);
  }

  send(bytes: Uint8Array, length: number, _sequence: number, now: Millis): void {
    const target = this.#latch?.target;
    if (!target || !this.#agreement?.remote) return;
    const { out } = this.#io;
    let size = length;
    if (this.#sender) {
      size = this.#sender.protectRtp(bytes, out.bytes, length);
      if (size < 0) return;
    } else out.bytes.set(length === bytes.length ? bytes : bytes.subarray(0, length));
    this.#out.add(size, now);
    if (this.#io.transmit(out.view(size), target.port, target.address, false)) out.renew();
  }

  /** Sends one compound datagram of a report and these. */
  #sendRtcp(packets: readonly RtcpPacket[]): void {
    const target = this.#latch?.target;
    const remote = this.#agreement?.remote;
    if (!target || !remote) return;
    const plain = writeRtcp(packets);
    const { out } = this.#io;
    let size = plain.length;
    if (this.#sender) {
      size = this.#sender.protectRtcp(plain, out.bytes);
      if (size < 0) return;
    } else out.bytes.set(plain);
    // Whoever sends from elsewhere than signalled listens there too: RTCP on the next port.
    const moved = target.port !== remote.port || target.address !== remote.address;
    const mux = this.#agreement!.rtcpMux;
    const port = mux ? target.port : moved ? target.port + 1 : remote.rtcpPort;
    if (this.#io.transmit(out.view(size), port, target.address, !mux)) out.renew();
  }

  #askKeyFrame(attempt: number, now: Millis): void {
    const feedback = this.#agreement?.feedback;
    const media = this.incoming.ssrc;
    // Nothing has come yet: what comes first will be asked for if it is no key frame.
    if (!feedback || media < 0) return;
    this.#keyFrameRequests++;
    const { ssrc } = this.viewer;
    const byRtcp = feedback.pli || feedback.fir;
    const requests: RtcpPacket[] = [];
    if (feedback.pli) requests.push({ kind: "pli", ssrc, mediaSsrc: media });
    if (feedback.fir && (!feedback.pli || attempt >= PATIENCE)) {
      // A repetition of a request that brought nothing keeps its number (RFC 5104 section 4.3.1.2).
      if (attempt === 1 || this.#firSequence === 0) this.#firSequence = (this.#firSequence + 1) & 0xff;
      requests.push({ kind: "fir", ssrc, mediaSsrc: 0, entries: [{ ssrc: media, sequence: this.#firSequence }] });
    }
    if (requests.length > 0) this.#sendRtcp([...this.#reports.preface(), ...requests]);
    if ((!byRtcp || attempt >= PATIENCE) && now - this.#signalledAt >= SIGNALLING_SPACING_MS) {
      this.#signalledAt = now;
      this.#io.event("keyframe");
    }
  }

  tick(now: Millis): void {
    this.incoming.tick(now);
    this.viewer.tick(now);
    if (!this.#agreement) return;
    if (this.#reports.due(now)) this.#sendRtcp(this.#reports.compose(now, this.#io.random()));
    if (this.#receives && !this.#silent && now - this.#lastHeardAt > SILENT_MS) {
      this.#silent = true;
      this.#io.event("silent");
    }
  }

  /** The goodbye, when the line closes. */
  goodbye(now: Millis): void {
    if (this.viewer.packets === 0) return;
    this.#sendRtcp([...this.#reports.compose(now, 0), { kind: "bye", ssrcs: [this.viewer.ssrc] }]);
  }

  stats(now: Millis): VideoStats {
    const { incoming, viewer } = this;
    return {
      codec: incoming.codec,
      srtp: this.#sender?.keying.suite.name ?? null,
      packetsIn: incoming.reception.received,
      packetsOut: viewer.packets,
      lossPercent: incoming.reception.lossPercent,
      jitterMs: incoming.reception.jitterMs,
      bitrateIn: incoming.meter.bitrate(now),
      bitrateOut: this.#out.bitrate(now),
      keyFramesIn: incoming.keyFramesIn,
      keyFrameRequests: this.#keyFrameRequests,
      freezes: viewer.freezes,
      width: incoming.width,
      height: incoming.height,
    };
  }
}
