import type { ReceiverStats } from "../../audio/index.ts";
import { ntpFromWall, ntpMiddle, parseRtcp, roundTripMs, SdesItem, writeRtcp } from "../../wire/rtcp/index.ts";
import { sequenceDistance } from "../../wire/rtp/index.ts";

/** What a report of ours is made of. */
export interface Sent {
  readonly packets: number;
  readonly octets: number;
  readonly timestamp: number;
  readonly clockRate: number;
  readonly stats: ReceiverStats | undefined;
  /** The stream ends: with a BYE. */
  readonly last: boolean;
}

/** RTCP of a test call (RFC 3550 section 6): reports on what came, and what the far end reports. */
export class CallReports {
  /** As the far end's report gives it; null before the first. */
  roundTripMs: number | null = null;
  /** Loss that the far end reports of our packets. */
  remoteLossPercent: number | null = null;
  readonly #ssrc: number;
  #theirs = 0;
  #highest = -1;
  #senderReport: { readonly ntp: number; readonly at: number } | null = null;
  #before = { lost: 0, received: 0 };

  constructor(ssrc: number) {
    this.#ssrc = ssrc;
  }

  /** An RTP packet came. */
  heard({ ssrc, sequenceNumber }: { readonly ssrc: number; readonly sequenceNumber: number }): void {
    if (ssrc !== this.#theirs || this.#highest < 0) {
      this.#theirs = ssrc;
      this.#highest = sequenceNumber;
      return;
    }
    this.#highest += Math.max(0, sequenceDistance(this.#highest & 0xffff, sequenceNumber));
  }

  /** An RTCP datagram came. */
  receive(datagram: Uint8Array): void {
    const now = ntpMiddle(ntpFromWall(Date.now()));
    for (const packet of parseRtcp(datagram) ?? []) {
      if (packet.kind === "sr" && packet.ssrc === this.#theirs) this.#senderReport = { ntp: ntpMiddle(packet.ntp), at: now };
      if (packet.kind !== "sr" && packet.kind !== "rr") continue;
      for (const block of packet.reports.filter(({ ssrc }) => ssrc === this.#ssrc)) {
        this.roundTripMs = roundTripMs(now, block.lastSr, block.delaySinceLastSr) ?? this.roundTripMs;
        this.remoteLossPercent = Math.round((block.fractionLost / 256) * 10_000) / 100;
      }
    }
  }

  /** The next compound datagram. */
  compose({ packets, octets, timestamp, clockRate, stats, last }: Sent): Buffer {
    const ntp = ntpFromWall(Date.now());
    const reports = stats && this.#highest >= 0 ? [this.#block(stats, clockRate, ntpMiddle(ntp))] : [];
    return writeRtcp([
      { kind: "sr", ssrc: this.#ssrc, ntp, rtpTimestamp: timestamp, packetCount: packets, octetCount: octets, reports },
      { kind: "sdes", chunks: [{ ssrc: this.#ssrc, items: [{ type: SdesItem.CNAME, text: "crosspoint-call" }] }] },
      ...(last ? [{ kind: "bye" as const, ssrcs: [this.#ssrc] }] : []),
    ]);
  }

  #block(stats: ReceiverStats, clockRate: number, now: number) {
    const lost = stats.lost - this.#before.lost;
    const expected = stats.received - this.#before.received + lost;
    this.#before = { lost: stats.lost, received: stats.received };
    return {
      ssrc: this.#theirs,
      fractionLost: lost > 0 && expected > 0 ? Math.min(255, Math.floor((256 * lost) / expected)) : 0,
      cumulativeLost: stats.lost,
      highestSequence: this.#highest,
      jitter: Math.round((stats.jitterMs * clockRate) / 1000),
      lastSr: this.#senderReport?.ntp ?? 0,
      delaySinceLastSr: this.#senderReport ? (now - this.#senderReport.at) >>> 0 : 0,
    };
  }
}
