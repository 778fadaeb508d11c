import type { Millis } from "../../base/clock.ts";
import { wrapRtx } from "../../wire/rtp/index.ts";
import type { VideoCounts } from "../counts.ts";
import { PacketHistory } from "./history.ts";
import { RateMeter } from "../receive/meter.ts";
import { MAX_PACKET } from "./output.ts";
import type { LineTransport } from "../line/transport.ts";

/** Bits per second of repetitions that are granted; above, no more than the stream itself has. */
const LEAST_ALLOWANCE = 500_000;
/** Of what a far end says it takes: on a narrow path repetitions without end would be the congestion that loses what they repeat. */
const ALLOWED_SHARE = 0.5;

const scratch = Buffer.alloc(MAX_PACKET + 2);

/**
 * Answers the far end's NACKs. Where retransmissions have a stream of their own (RFC 4588) the plain packet is kept and wrapped; else the very datagram, as
 * SRTP protects a sequence number once only.
 */
export class Retransmitter {
  readonly #transport: LineTransport;
  readonly #ssrc: number;
  readonly #meter = new RateMeter();
  #history: PacketHistory | undefined;
  /** Payload type of the retransmission stream by that of the original. */
  #payloadTypes = new Map<number, number>();
  readonly #counts: VideoCounts;
  #enabled = false;
  #sequence: number;

  /** `ssrc` is the retransmission stream's. */
  constructor(transport: LineTransport, ssrc: number, sequence: number, counts: VideoCounts) {
    this.#counts = counts;
    this.#transport = transport;
    this.#ssrc = ssrc;
    this.#sequence = sequence & 0x3fff;
  }

  configure(enabled: boolean, payloadTypes: Map<number, number>): void {
    if (payloadTypes.size > 0 !== this.#payloadTypes.size > 0 || !enabled) this.#history = undefined;
    this.#enabled = enabled;
    this.#payloadTypes = payloadTypes;
  }

  /** What was kept was made with another key, or under another SSRC. */
  forget(): void {
    this.#history = undefined;
  }

  /** A packet was sent: its plain bytes, and the datagram made of them. */
  sent(plain: Uint8Array, length: number, datagram: Uint8Array, sequence: number): void {
    if (!this.#enabled) return;
    this.#history ??= new PacketHistory();
    if (this.#payloadTypes.size === 0) this.#history.put(datagram, sequence);
    else this.#history.put(length === plain.length ? plain : plain.subarray(0, length), sequence);
  }

  /** The far end misses these. `bitrate` is what it is sent, `takes` what it takes by its own account; infinity for no limit. */
  repeat(lost: readonly number[], bitrate: number, takes: number, now: Millis): void {
    const history = this.#history;
    if (!history) return;
    const allowance = Math.min(Math.max(LEAST_ALLOWANCE, bitrate), ALLOWED_SHARE * takes);
    for (const sequence of lost) {
      if (this.#meter.bitrate(now) > allowance) return;
      const packet = history.repeat(sequence, now);
      if (!packet) continue;
      this.#meter.add(packet.length, now);
      const payloadType = this.#payloadTypes.get(packet[1]! & 0x7f);
      if (payloadType === undefined) {
        if (this.#payloadTypes.size > 0) continue;
        this.#transport.sendAgain(packet);
        this.#counts.repairedOut++;
        continue;
      }
      const length = wrapRtx(packet, packet.length, scratch, { ssrc: this.#ssrc, payloadType, sequence: this.#sequence++ & 0xffff });
      if (length > 0 && this.#transport.sendRtp(scratch, length)) this.#counts.repairedOut++;
    }
  }
}
