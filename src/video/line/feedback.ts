import type { Millis } from "../../base/clock.ts";
import type { RtcpPacket } from "../../wire/rtcp/index.ts";
import { BitrateNotices, commonBitrate, LossEstimate, ReceiverCapacity } from "../send/bandwidth.ts";
import type { IncomingStream } from "../receive/incoming.ts";
import type { LineReports, LossReport } from "./line-reports.ts";
import type { LineOutput } from "../send/output.ts";
import type { LineAgreement } from "../port.ts";
import type { Retransmitter } from "../send/retransmitter.ts";
import type { LineTransport } from "./transport.ts";
import type { Viewer } from "../meeting/viewer.ts";

/** Requests for key frames by signalling are no closer than this. */
const SIGNALLING_SPACING_MS = 1000;
/** RTCP requests that brought nothing before signalling is tried as well. */
const PATIENCE = 3;
/** Bit rates are looked at this often. */
const STEER_MS = 200;
/** REMB is repeated, since it expires; RTCP's limits are not closer than the shorter, signalling's than the longer. */
const REMB_MS = 1000;
const RTCP_NOTICE_MS = 500;
const SIGNALLING_NOTICE_MS = 2000;
/** A TMMBR is repeated until it is confirmed, so often in all. */
const TMMBR_REPEAT_MS = 1000;
const TMMBR_TRIES = 4;
/** Bytes a packet that TMMBR's rate counts beyond the payload: IP, UDP and RTP (RFC 5104 section 4.2.1.1). */
const OVERHEAD = 40;
/** What a far end may send when nothing else is agreed, bits per second. */
const DEFAULT_RECEIVE_BITRATE = 4_000_000;

/** What a line's feedback is about. */
export interface FeedbackParts {
  readonly io: LineOutput;
  readonly transport: LineTransport;
  readonly incoming: IncomingStream;
  readonly viewer: Viewer;
  readonly reports: LineReports;
  readonly retransmitter: Retransmitter;
  /** Bits per second sent now. */
  readonly bitrateOut: (now: Millis) => number;
}

/**
 * A line's feedback, both ways. What its far end says of the picture it is sent reaches that picture's sender translated and merged with the others'; what
 * those who watch its own picture need is asked of it by what it understands: RTCP, or signalling.
 */
export class LineFeedback {
  readonly capacity = new ReceiverCapacity();
  keyFrameRequests = 0;
  /** Bits per second the far end was last told to send at most; null before it was told more than what was agreed. */
  told: number | null = null;
  readonly #parts: FeedbackParts;
  readonly #uplink = new LossEstimate();
  #agreement: LineAgreement | undefined;
  #signalledAt: Millis = Number.NEGATIVE_INFINITY;
  #firSequence = 0;
  /** A TMMBR that no TMMBN has answered. */
  #unconfirmed: { readonly bitrate: number; left: number; at: Millis } | undefined;
  #steeredAt: Millis = Number.NEGATIVE_INFINITY;
  #rembAt: Millis = Number.NEGATIVE_INFINITY;
  #notices = new BitrateNotices(DEFAULT_RECEIVE_BITRATE, SIGNALLING_NOTICE_MS, 0.15);

  constructor(parts: FeedbackParts) {
    this.#parts = parts;
  }

  /** Bits per second we have said that we take. */
  get receiveBitrate(): number {
    return this.#agreement?.receiveBitrate ?? DEFAULT_RECEIVE_BITRATE;
  }

  configure(agreement: LineAgreement): void {
    const before = this.#agreement;
    this.#agreement = agreement;
    this.capacity.agreed = agreement.maxBitrate;
    const { tmmbr } = agreement.feedback;
    if (!before || before.feedback.tmmbr !== tmmbr || before.receiveBitrate !== agreement.receiveBitrate)
      this.#notices = new BitrateNotices(this.receiveBitrate, tmmbr ? RTCP_NOTICE_MS : SIGNALLING_NOTICE_MS, tmmbr ? 0.05 : 0.15);
  }

  // ── the far end's ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  handle(packet: RtcpPacket, now: Millis): void {
    const { viewer, incoming, retransmitter } = this.#parts;
    switch (packet.kind) {
      case "sr":
        if (packet.ssrc === incoming.ssrc) incoming.reception.senderReport(packet.ntp, packet.rtpTimestamp, now);
        this.#reported(packet.reports, now);
        return;
      case "rr":
        this.#reported(packet.reports, now);
        return;
      case "pli":
      case "fir":
        // Some name source 0 or one they made up: a line has one picture only.
        viewer.requestKeyFrame(now);
        return;
      case "nack":
        if (packet.mediaSsrc === viewer.ssrc) {
          const { limit, estimate } = this.capacity.now(now);
          this.#parts.io.counts.nackedOut += packet.lost.length;
          retransmitter.repeat(packet.lost, this.#parts.bitrateOut(now), Math.min(limit, estimate), now);
        }
        return;
      case "remb":
        this.capacity.remb(packet.bitrate, now);
        return;
      case "tmmbr": {
        const entry = packet.entries.find(({ ssrc }) => ssrc === viewer.ssrc);
        if (!entry) return;
        this.capacity.demanded = entry.bitrate > 0 ? entry.bitrate : Number.POSITIVE_INFINITY;
        const owner = { ssrc: packet.ssrc, bitrate: entry.bitrate, overhead: entry.overhead };
        this.#send([{ kind: "tmmbn", ssrc: viewer.ssrc, mediaSsrc: 0, entries: [owner] }]);
        return;
      }
      case "tmmbn":
        this.#unconfirmed = undefined;
        return;
      default:
    }
  }

  #reported(blocks: readonly Parameters<LineReports["receive"]>[0][], now: Millis): void {
    const { viewer, reports } = this.#parts;
    for (const block of blocks) {
      if (block.ssrc !== viewer.ssrc) continue;
      reports.receive(block);
      this.capacity.loss.update(reports.told, this.#parts.bitrateOut(now), now);
    }
  }

  // ── ours ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Asks for a key frame; `attempt` counts those that brought nothing. */
  askKeyFrame(attempt: number, now: Millis): void {
    const feedback = this.#agreement?.feedback;
    const { incoming, viewer, io } = this.#parts;
    const media = incoming.ssrc;
    // Nothing has come yet: what comes first will be asked for if it is no key frame.
    if (!feedback || media < 0) return;
    this.keyFrameRequests++;
    io.counts.keyFramesAsked++;
    const { ssrc } = viewer;
    const requests: RtcpPacket[] = [];
    if (feedback.pli) requests.push({ kind: "pli", ssrc, mediaSsrc: media });
    if (feedback.fir && (!feedback.pli || attempt >= PATIENCE)) {
      // A repetition of a request that brought nothing keeps its number (RFC 5104 section 4.3.1.2).
      if (attempt === 1 || this.#firSequence === 0) this.#firSequence = (this.#firSequence + 1) & 0xff;
      requests.push({ kind: "fir", ssrc, mediaSsrc: 0, entries: [{ ssrc: media, sequence: this.#firSequence }] });
    }
    if (requests.length > 0) this.#send(requests);
    if ((requests.length === 0 || attempt >= PATIENCE) && now - this.#signalledAt >= SIGNALLING_SPACING_MS) {
      this.#signalledAt = now;
      io.event("keyframe");
    }
  }

  /** Asks for what is missing, when it is time. Cheap when it is not. */
  requestMissing(now: Millis): void {
    const { incoming, viewer, reports } = this.#parts;
    if (now < incoming.nacks.dueAt) return;
    const lost = incoming.nacks.due(now, reports.roundTripMs);
    if (lost.length === 0) return;
    this.#parts.io.counts.nackedIn += lost.length;
    this.#send([{ kind: "nack", ssrc: viewer.ssrc, mediaSsrc: incoming.ssrc, lost }]);
  }

  /** Tells the far end what it may send. */
  tick(now: Millis): void {
    this.requestMissing(now);
    const agreement = this.#agreement;
    const { incoming, viewer, io } = this.#parts;
    if (!agreement || incoming.ssrc < 0 || now - this.#steeredAt < STEER_MS) return;
    this.#steeredAt = now;
    if (incoming.watchers.length === 0) return;
    const wanted = commonBitrate(incoming.watchers.map((watcher) => watcher.capacity(now)));
    const bitrate = Math.round(Math.min(wanted, this.receiveBitrate, this.#uplink.bitrate(now)));
    const { remb, tmmbr } = agreement.feedback;
    if (remb) {
      if (now - this.#rembAt < REMB_MS && !this.#notices.tell(bitrate, now)) return;
      this.#rembAt = now;
      this.told = bitrate;
      this.#send([{ kind: "remb", ssrc: viewer.ssrc, bitrate, ssrcs: [incoming.ssrc] }]);
    } else if (this.#notices.tell(bitrate, now)) {
      this.told = bitrate;
      if (tmmbr) this.#unconfirmed = { bitrate, left: TMMBR_TRIES, at: now };
      else io.event("bitrate", bitrate);
    }
    this.#demand(now);
  }

  /** Sends the TMMBR that is due. */
  #demand(now: Millis): void {
    const demand = this.#unconfirmed;
    if (!demand || now < demand.at) return;
    demand.at = now + TMMBR_REPEAT_MS;
    if (--demand.left === 0) this.#unconfirmed = undefined;
    const entries = [{ ssrc: this.#parts.incoming.ssrc, bitrate: demand.bitrate, overhead: OVERHEAD }];
    this.#send([{ kind: "tmmbr", ssrc: this.#parts.viewer.ssrc, mediaSsrc: 0, entries }]);
  }

  /** Our own report on the far end's stream, which came at `bitrate`, said this. */
  lossSeen(report: LossReport, bitrate: number, now: Millis): void {
    this.#uplink.update(report, bitrate, now);
  }

  #send(packets: readonly RtcpPacket[]): void {
    this.#parts.transport.sendRtcp([...this.#parts.reports.preface(), ...packets]);
  }
}
