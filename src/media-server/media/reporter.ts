import type { Clock, Millis } from "../../base/clock.ts";
import { ntpFromWall, ntpMiddle, roundTripMs, type RtcpPacket, SdesItem, writeRtcp } from "../../wire/rtcp/index.ts";
import type { Reception } from "./reception.ts";

/** Mean distance of reports (RFC 3550 section 6.2); each is drawn between half and one and a half of it. */
const INTERVAL_MS = 5000;
/** The first comes sooner, so that round trip and loss are known early in short calls. */
const FIRST_MS = 1500;

/** A leg's RTCP: sender and receiver reports out, the far end's view and the round trip in. */
export class Reporter {
  clockRate = 8000;
  roundTripMs = -1;
  /** From the far end's reports on what we send. */
  remoteLost = 0;
  remoteJitterMs = 0;
  /** From its sender reports. */
  remotePackets = 0;
  remoteOctets = 0;
  #ssrc: number;
  readonly #clock: Clock;
  readonly #cname: string;
  #next: Millis;
  #packets = 0;
  #octets = 0;
  #lastTimestamp = 0;
  #lastSentAt: Millis = 0;

  constructor(ssrc: number, clock: Clock) {
    this.#ssrc = ssrc;
    this.#clock = clock;
    // A name that tells nothing and differs from call to call (RFC 7022).
    this.#cname = ssrc.toString(36);
    this.#next = clock.now() + FIRST_MS * (0.5 + Math.random());
  }

  /** What we send has another source from now on, of which nothing has been sent. */
  restart(ssrc: number): void {
    this.#ssrc = ssrc;
    this.#packets = this.#octets = 0;
  }

  /** A packet was sent; `timestamp` is the RTP time of what comes after it. */
  sent(payloadBytes: number, timestamp: number, now: Millis): void {
    this.#packets++;
    this.#octets += payloadBytes;
    this.#lastTimestamp = timestamp;
    this.#lastSentAt = now;
  }

  due(now: Millis): boolean {
    return now >= this.#next;
  }

  /** A report, or with `bye` the last one. */
  compose(reception: Reception, now: Millis, bye = false): Buffer {
    this.#next = now + INTERVAL_MS * (0.5 + Math.random());
    const block = reception.report(now);
    const reports = block ? [block] : [];
    const packets: RtcpPacket[] = [];
    if (this.#packets > 0) {
      const sinceSent = Math.round(((now - this.#lastSentAt) * this.clockRate) / 1000);
      packets.push({
        kind: "sr",
        ssrc: this.#ssrc,
        ntp: ntpFromWall(this.#clock.wall()),
        rtpTimestamp: (this.#lastTimestamp + sinceSent) >>> 0,
        packetCount: this.#packets >>> 0,
        octetCount: this.#octets >>> 0,
        reports,
      });
    } else packets.push({ kind: "rr", ssrc: this.#ssrc, reports });
    packets.push({ kind: "sdes", chunks: [{ ssrc: this.#ssrc, items: [{ type: SdesItem.CNAME, text: this.#cname }] }] });
    if (bye) packets.push({ kind: "bye", ssrcs: [this.#ssrc] });
    return writeRtcp(packets);
  }

  /** The far end's RTCP. */
  receive(packets: readonly RtcpPacket[], reception: Reception, now: Millis): void {
    for (const packet of packets) {
      if (packet.kind !== "sr" && packet.kind !== "rr") continue;
      if (packet.kind === "sr") {
        reception.senderReport(ntpMiddle(packet.ntp), now);
        this.remotePackets = packet.packetCount;
        this.remoteOctets = packet.octetCount;
      }
      for (const report of packet.reports) {
        if (report.ssrc !== this.#ssrc) continue;
        this.remoteLost = report.cumulativeLost;
        this.remoteJitterMs = (report.jitter * 1000) / this.clockRate;
        const trip = roundTripMs(ntpMiddle(ntpFromWall(this.#clock.wall())), report.lastSr, report.delaySinceLastSr);
        // A wall clock that was set in between makes nonsense of it.
        if (trip !== undefined && trip < 60_000) this.roundTripMs = trip;
      }
    }
  }
}
