import type { Millis } from "../../base/clock.ts";
import { TokenBucket } from "../../base/token-bucket.ts";
import { Latch, type MediaAddress, ReportLatch } from "../../rtp/latch.ts";
import { SrtpFailure, SrtpReceiver, SrtpSender, sameKeying } from "../../srtp/index.ts";
import { parseRtcp, type RtcpPacket, writeRtcp } from "../../wire/rtcp/index.ts";
import { RTP_HEADER_LENGTH, readUint32 } from "../../wire/rtp/index.ts";
import { type LineOutput, MAX_PACKET } from "../send/output.ts";
import type { LineAgreement } from "../port.ts";

/** RTCP datagrams a second that are looked at, and how many at once: reports and feedback of a lively WebRTC peer need about 30. */
const RTCP_RATE = 100;
const RTCP_BURST = 100;
/** Packets a second from elsewhere than the latched source whose key is tried: enough for a far end that moves, too few to cost much. */
const STRANGER_RATE = 50;
const STRANGER_BURST = 50;
/** While a flood is cut one packet in so many is still opened: SRTP's count of wraps must not be lost. */
const FLOOD_SAMPLE = 16;

/** A line's datagrams: where they come from and go to, SRTP, and what is turned away before it costs anything. */
export class LineTransport {
  /** The far end sends far more than agreed: nearly everything is dropped unopened. */
  flooded = false;
  readonly #io: LineOutput;
  readonly #rtcpAllowance = new TokenBucket(RTCP_RATE, RTCP_BURST);
  readonly #strangerAllowance = new TokenBucket(STRANGER_RATE, STRANGER_BURST);
  #agreement: LineAgreement | undefined;
  #latch: Latch | undefined;
  readonly #reports = new ReportLatch();
  /** Where RTCP on the port of its own came from last, from whom it may be taken; before the first agreement, from anybody. */
  #rtcpSource: MediaAddress | undefined;
  #receiver: SrtpReceiver | undefined;
  #sender: SrtpSender | undefined;
  #sample = 0;

  constructor(io: LineOutput) {
    this.#io = io;
  }

  /** Returns whether what we send needs a new SSRC: a new key begins its count of wraps at zero, which the far end knows of a new source only. */
  configure(agreement: LineAgreement, ssrc: number): boolean {
    this.#agreement = agreement;
    const { remote, srtp } = agreement;
    if (remote) {
      const before = this.#latch?.signalled;
      // The far end may be faster than the agreement with it: Janus opens its way with one datagram, which is not repeated.
      const isElsewhere = before
        ? before.address !== remote.address || before.port !== remote.port
        : srtp !== null || this.#rtcpSource?.address !== remote.address;
      if (isElsewhere) this.#rtcpSource = undefined;
      if (this.#latch) this.#latch.signal(remote, agreement.sources);
      else this.#latch = new Latch(remote, agreement.sources);
      this.#reports.signal({ address: remote.address, port: remote.rtcpPort });
    }
    if (!srtp) {
      this.close();
      this.#receiver = this.#sender = undefined;
      return false;
    }
    if (this.#receiver) this.#receiver.rekey(srtp.remote);
    else this.#receiver = new SrtpReceiver(srtp.remote, this.#io.aead);
    const before = this.#sender;
    if (before && sameKeying(before.keying, srtp.local)) return false;
    this.#sender = new SrtpSender(srtp.local, this.#io.aead);
    before?.close();
    return before?.hasRolledOver(ssrc) ?? false;
  }

  /** Keys are let go; what is sent or received afterwards is nothing. */
  close(): void {
    this.#receiver?.close();
    this.#sender?.close();
  }

  /** Suite in use, null for plain RTP. */
  get suite(): string | null {
    return this.#sender?.keying.suite.name ?? null;
  }

  get secured(): boolean {
    return this.#sender !== undefined;
  }

  /** There is somewhere to send to. */
  get ready(): boolean {
    return this.#latch !== undefined && this.#agreement?.remote !== null;
  }

  /**
   * Opens an RTP datagram in place; the plain packet's length, or -1 when it is not to be looked at. `repeated`: it is of the retransmission stream, which
   * proves nothing of where the far end is.
   */
  openRtp(datagram: Uint8Array, address: string, port: number, repeated: boolean, now: Millis): number {
    const latch = this.#latch;
    if (!latch || datagram.length < RTP_HEADER_LENGTH || datagram.length > MAX_PACKET) return this.#drop("unexpected");
    if (this.flooded && ++this.#sample % FLOOD_SAMPLE !== 0) return this.#drop("overRate");
    const known = latch.isKnown(address, port);
    if (!known && latch.latched && !this.#strangerAllowance.take(now)) return this.#drop("strangers");
    let length = datagram.length;
    if (this.#receiver) {
      length = this.#receiver.unprotectRtp(datagram, datagram);
      if (length < 0) return this.#drop(length === SrtpFailure.Replayed ? "replayed" : "unauthenticated");
    }
    if (repeated) return known ? length : this.#drop("strangers");
    const verdict = latch.judge(address, port, readUint32(datagram, 8), this.#receiver !== undefined, now);
    if (verdict === "unproven") return -1;
    if (verdict === "stranger") return this.#drop("strangers");
    // opened for SRTP's sake only
    return this.flooded ? this.#drop("overRate") : length;
  }

  /** Opens an RTCP datagram; undefined when it is not to be looked at. `apart`: it came to the RTCP port. */
  openRtcp(datagram: Uint8Array, address: string, port: number, apart: boolean, now: Millis): RtcpPacket[] | undefined {
    const latch = this.#latch;
    if (datagram.length < 8) return undefined;
    if (!this.#rtcpAllowance.take(now)) return void this.#drop("rtcpOverRate");
    if (!latch) {
      if (apart) this.#rtcpSource = { address, port };
      return undefined;
    }
    let length = datagram.length;
    if (this.#receiver) length = this.#receiver.unprotectRtcp(datagram, datagram);
    else if (!this.#reports.takes(address, port, apart, latch, now)) return void this.#drop("strangers");
    if (length < 0) return void this.#drop(length === SrtpFailure.Replayed ? "replayed" : "unauthenticated");
    // also of what is no RTCP: some open their way through a NAT with anything
    if (apart) this.#rtcpSource = { address, port };
    return parseRtcp(length === datagram.length ? datagram : datagram.subarray(0, length));
  }

  #drop(reason: "unauthenticated" | "replayed" | "strangers" | "overRate" | "unexpected" | "rtcpOverRate"): -1 {
    this.#io.counts[reason]++;
    return -1;
  }

  /** Sends the plain packet; what was sent, valid until the next, or undefined. */
  sendRtp(bytes: Uint8Array, length: number): Buffer | undefined {
    if (!this.ready) return undefined;
    const { out } = this.#io;
    let size = length;
    if (this.#sender) {
      size = this.#sender.protectRtp(bytes, out.bytes, length);
      if (size < 0) return undefined;
    } else out.bytes.set(length === bytes.length ? bytes : bytes.subarray(0, length));
    return this.#transmit(size);
  }

  /** Sends once more what {@link sendRtp} made. */
  sendAgain(datagram: Uint8Array): void {
    if (!this.ready) return;
    this.#io.out.bytes.set(datagram);
    this.#transmit(datagram.length);
  }

  #transmit(size: number): Buffer {
    const { out, counts } = this.#io;
    counts.packetsOut++;
    counts.octetsOut += size;
    const { target } = this.#latch!;
    const sent = out.view(size);
    if (this.#io.transmit(sent, target.port, target.address, false)) out.renew();
    return sent;
  }

  /** Sends one compound datagram. */
  sendRtcp(packets: readonly RtcpPacket[]): void {
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
    const mux = this.#agreement!.rtcpMux;
    const { address, port } = mux ? target : this.#rtcpTarget(target, remote);
    if (this.#io.transmit(out.view(size), port, address, !mux)) out.renew();
  }

  /** Whoever sends from elsewhere than signalled listens there too: where its RTCP comes from, else on the next port. */
  #rtcpTarget(target: MediaAddress, remote: NonNullable<LineAgreement["remote"]>): MediaAddress {
    const moved = target.port !== remote.port || target.address !== remote.address;
    if (!moved) return { address: target.address, port: remote.rtcpPort };
    return this.#rtcpSource ?? { address: target.address, port: target.port + 1 };
  }
}
