import type { Millis } from "../../base/clock.ts";
import { ntpFromWall, ntpMiddle, type ReportBlock, type RtcpPacket, roundTripMs, SdesItem } from "../../wire/rtcp/index.ts";
import type { IncomingStream } from "../receive/incoming.ts";
import type { LineOutput } from "../send/output.ts";
import type { Viewer } from "../meeting/viewer.ts";

/** Mean distance of reports; each is drawn between half and one and a half of it (RFC 3550 section 6.2, and 360 / kbit/s below five seconds). */
const INTERVAL_MS = 1000;

/** Share lost, 0 to 1, of so many packets. */
export interface LossReport {
  readonly loss: number;
  readonly packets: number;
}
const NOTHING: LossReport = { loss: 0, packets: 0 };

/** A line's RTCP reports: SR or RR with SDES out, the far end's view of what we send and the round trip in. */
export class LineReports {
  /** -1 before it is known. */
  roundTripMs = -1;
  /** The far end's last report on our packets. */
  told: LossReport = NOTHING;
  /** Our last report on the far end's. */
  seen: LossReport = NOTHING;
  readonly #viewer: Viewer;
  readonly #incoming: IncomingStream;
  /** A name that tells nothing and differs from line to line (RFC 7022). */
  readonly #cname: string;
  readonly #io: LineOutput;
  #next: Millis = Number.NEGATIVE_INFINITY;
  #toldHighest = -1;
  #seenHighest = -1;
  /** Lost packets that have been counted: of those that came, and of those of this source that we sent. */
  #lostIn = 0;
  #lostOut = 0;
  #toldSsrc = -1;

  constructor(viewer: Viewer, incoming: IncomingStream, io: LineOutput) {
    this.#viewer = viewer;
    this.#incoming = incoming;
    this.#io = io;
    this.#cname = viewer.ssrc.toString(36);
  }

  due(now: Millis): boolean {
    return now >= this.#next;
  }

  /** What every compound datagram begins with: a report and our name. */
  compose(now: Millis, random: number): RtcpPacket[] {
    this.#next = now + INTERVAL_MS * (0.5 + random / 2 ** 32);
    const { ssrc } = this.#viewer;
    const block = this.#incoming.ssrc < 0 ? undefined : this.#incoming.reception.report(this.#incoming.ssrc, now);
    const reports = block ? [block] : [];
    this.seen = block ? { loss: block.fractionLost / 256, packets: since(this.#seenHighest, block.highestSequence) } : NOTHING;
    this.#seenHighest = block?.highestSequence ?? -1;
    const { lostOnTheWay } = this.#incoming.reception;
    this.#io.counts.lostIn += lostOnTheWay - this.#lostIn;
    this.#lostIn = lostOnTheWay;
    const name: RtcpPacket = { kind: "sdes", chunks: [{ ssrc, items: [{ type: SdesItem.CNAME, text: this.#cname }] }] };
    if (this.#viewer.packets === 0) return [{ kind: "rr", ssrc, reports }, name];
    const report: RtcpPacket = {
      kind: "sr",
      ssrc,
      ntp: ntpFromWall(this.#io.wall()),
      rtpTimestamp: this.#viewer.timestampAt(now),
      packetCount: this.#viewer.packets >>> 0,
      octetCount: this.#viewer.octets >>> 0,
      reports,
    };
    return [report, name];
  }

  /** A compound that only carries feedback: an empty report costs nothing of the next real one. */
  preface(): RtcpPacket[] {
    const { ssrc } = this.#viewer;
    return [
      { kind: "rr", ssrc, reports: [] },
      { kind: "sdes", chunks: [{ ssrc, items: [{ type: SdesItem.CNAME, text: this.#cname }] }] },
    ];
  }

  /** The far end's report block on what we send. */
  receive(block: ReportBlock): void {
    if (block.ssrc !== this.#viewer.ssrc) return;
    this.told = { loss: block.fractionLost / 256, packets: since(this.#toldHighest, block.highestSequence) };
    this.#toldHighest = block.highestSequence;
    this.#countLost(block);
    const trip = roundTripMs(ntpMiddle(ntpFromWall(this.#io.wall())), block.lastSr, block.delaySinceLastSr);
    if (trip !== undefined) this.roundTripMs = trip;
  }

  /** A far end's count may shrink when late packets come, and is no more than was sent, whatever it says. */
  #countLost({ ssrc, cumulativeLost }: ReportBlock): void {
    if (ssrc !== this.#toldSsrc) this.#lostOut = 0;
    this.#toldSsrc = ssrc;
    const lost = Math.min(cumulativeLost, this.#viewer.packets);
    if (lost <= this.#lostOut) return;
    this.#io.counts.lostOut += lost - this.#lostOut;
    this.#lostOut = lost;
  }
}

/** Packets from one report's highest number to the next's; 0 for the first, or where the stream began anew. */
function since(before: number, highest: number): number {
  const packets = (highest - before) | 0;
  return before < 0 || packets < 0 ? 0 : packets;
}
