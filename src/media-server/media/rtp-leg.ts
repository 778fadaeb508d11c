import { randomBytes } from "node:crypto";
import { codecInfo } from "../../audio/codec.ts";
import type { DtmfEvent } from "../../audio/dtmf/keys.ts";
import type { SampleRate } from "../../audio/format.ts";
import type { Clock, Millis } from "../../base/clock.ts";
import {
  type AeadProvider,
  findSuite,
  sameKeying,
  type SrtpKeying,
  SrtpReceiver,
  SrtpSender,
  SRTP_MAX_OVERHEAD,
} from "../../srtp/index.ts";
import { parseRtcp } from "../../wire/rtcp/index.ts";
import { parseRtp, RTP_HEADER_LENGTH, writeUint32 } from "../../wire/rtp/index.ts";
import type { LegConfig, LegKeys, LegStats } from "../messages.ts";
import { Latch, ReportLatch } from "../../rtp/latch.ts";
import { Reception } from "./reception.ts";
import { Reporter } from "./reporter.ts";
import { Playout } from "./playout.ts";
import { DigitsIn } from "./digits-in.ts";
import { DigitsOut } from "./digits-out.ts";

/** Room for the largest payload we send, 60 ms of Opus at a high rate or of G.711, behind the header and before SRTP's tag. */
const MAX_PAYLOAD = 1280;
/** Packets being sent may still be in the socket's hands while the next is written. */
const PACKET_BUFFERS = 3;

/** What a leg tells. */
export interface RtpLegEvents {
  digit(digit: string, durationMs: number): void;
  /** A packet came from elsewhere than the source that is believed, and was dropped. */
  stranger(source: { readonly address: string; readonly port: number; readonly rtcp: boolean }): void;
  /** Something for the log; each kind is told once a leg. */
  notice(kind: string, fields: Readonly<Record<string, string | number>>): void;
}

/**
 * One call's RTP, both ways, without sockets: SRTP, latching, reception, playout, packets out, telephone events, RTCP. Datagrams in, datagrams out, time as
 * an argument.
 */
export class RtpLeg {
  #ssrc = randomBytes(4).readUInt32BE();
  readonly reception = new Reception();
  readonly playout = new Playout();
  readonly reporter: Reporter;
  readonly #events: RtpLegEvents;
  readonly #aead: AeadProvider | undefined;
  readonly #digitsIn = new DigitsIn();
  #digitsOut: DigitsOut | undefined;
  #config: LegConfig | undefined;
  #latch: Latch | undefined;
  readonly #reports = new ReportLatch();
  #receiver: SrtpReceiver | undefined;
  #sender: SrtpSender | undefined;
  #sequence = firstSequence();
  #timestamp = randomBytes(4).readUInt32BE();
  #marker = true;
  /** The far end has not acknowledged the call: nothing is sent, wherever its description says it is. */
  #held = false;
  #released = false;
  readonly #noticed = new Set<string>();
  readonly #buffers: Buffer[] = [];
  #buffer = 0;
  authFailures = 0;
  packetsOut = 0;
  bytesOut = 0;
  mediaBytesOut = 0;
  dtmfPacketsOut = 0;
  lastPacketAt: Millis;
  /** The telephone event that ended last, and when. */
  lastEvent: { readonly key: string; readonly at: Millis } = { key: "", at: Number.NEGATIVE_INFINITY };
  configuredAt: Millis;

  /** `aead`: AES-GCM for SRTP where there is a better one than SRTP's own. */
  constructor(clock: Clock, events: RtpLegEvents, aead?: AeadProvider) {
    this.#events = events;
    this.#aead = aead;
    this.lastPacketAt = this.configuredAt = clock.now();
    this.reporter = new Reporter(this.#ssrc, clock);
  }

  /** The source of what we send. */
  get ssrc(): number {
    return this.#ssrc;
  }
  get config(): LegConfig | undefined {
    return this.#config;
  }
  /** PCM rate of what is received and sent, Hz. */
  get rate(): SampleRate {
    const first = this.#config?.codecs[0];
    return first ? codecInfo[first.name].sampleRate : 8000;
  }
  /** Where to send to; undefined before the first negotiation. */
  get target(): { address: string; port: number } | undefined {
    if (this.#held) return undefined;
    const target = this.#latch?.target;
    // Port 0: the far end has not said where it is (held at once, or its answer is still to come).
    return target === undefined || target.port === 0 ? undefined : target;
  }
  get latched(): boolean {
    return this.#latch?.latched === true;
  }
  get sends(): boolean {
    const direction = this.#config?.direction;
    return direction === "sendrecv" || direction === "sendonly";
  }
  get receives(): boolean {
    const direction = this.#config?.direction;
    return direction === "sendrecv" || direction === "recvonly";
  }
  /** Digits are being sent. */
  get sendingDigits(): boolean {
    return this.#digitsOut?.busy === true;
  }

  /** A negotiation came to an end, the first or a later one. Throws RangeError when keys do not fit their suite. */
  configure(config: LegConfig, now: Millis): void {
    const before = this.#config;
    this.#config = config;
    this.configuredAt = this.lastPacketAt = now;
    this.#held = config.held === true && !this.#released;
    const { remote, sources } = config;
    const asymmetric = config.asymmetric === true;
    if (this.#latch) this.#latch.signal(remote, sources, asymmetric);
    else this.#latch = new Latch(remote, sources, asymmetric);
    this.#reports.signal({ address: remote.address, port: remote.rtcpPort });
    this.#setKeys(config);
    this.playout.configure(config);
    if (before?.codecs[0]?.name !== config.codecs[0]?.name) this.#marker = true;
    if (config.dtmf && before?.dtmf?.rate !== config.dtmf.rate) this.#digitsOut = new DigitsOut(config.dtmf.rate);
    else if (!config.dtmf) this.#digitsOut = undefined;
    this.#digitsIn.configure([...(config.dtmf ? [config.dtmf] : []), ...(config.otherEvents ?? [])]);
    this.reporter.clockRate = codecInfo[config.codecs[0]?.name ?? "PCMU"].clockRate;
  }

  /** The far end has acknowledged the call. */
  release(): void {
    this.#released = true;
    this.#held = false;
  }

  #setKeys({ srtp }: LegConfig): void {
    if (!srtp) {
      this.#closeKeys();
      this.#receiver = this.#sender = undefined;
      return;
    }
    const [send, receive] = [keyingOf(srtp.send), keyingOf(srtp.receive)];
    if (!this.#sender || !sameKeying(this.#sender.keying, send)) {
      if (this.#sender?.hasRolledOver(this.#ssrc)) this.#newSource();
      this.#sender?.close();
      this.#sender = new SrtpSender(send, this.#aead);
    }
    if (!this.#receiver) this.#receiver = new SrtpReceiver(receive, this.#aead);
    else this.#receiver.rekey(receive);
  }

  /**
   * Another SSRC, from its beginning. A new key starts the rollover counter at zero with us and most peers, while others go on counting for a source
   * they know (RFC 3711 section 3.3.1): once it has counted, only a source nobody knows means zero to all.
   */
  #newSource(): void {
    const before = this.#ssrc;
    while (this.#ssrc === before) this.#ssrc = randomBytes(4).readUInt32BE();
    this.#sequence = firstSequence();
    this.#marker = true;
    this.reporter.restart(this.#ssrc);
  }

  // ── in ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A datagram on the RTP port. It is decrypted in place. `held`: how late the thread is, milliseconds; it may have waited so long for us. */
  receive(datagram: Buffer, address: string, port: number, now: Millis, held = 0): void {
    const config = this.#config;
    const latch = this.#latch;
    if (!config || !latch || datagram.length < RTP_HEADER_LENGTH) return;
    const second = datagram[1]!;
    if (second >= 192 && second <= 223) {
      if (config.rtcpMux) this.receiveRtcp(datagram, address, port, false, now);
      return;
    }
    const receiver = this.#receiver;
    let length = datagram.length;
    if (receiver) {
      length = receiver.unprotectRtp(datagram, datagram);
      if (length < 0) {
        this.#authFailed(length, address, port);
        return;
      }
    }
    const packet = parseRtp(datagram, length);
    const clockRate = packet ? this.playout.clockRateOf(packet.payloadType) : 0;
    const eventRate = packet && this.#digitsIn.rateOf(packet.payloadType);
    if (!packet || (clockRate === 0 && eventRate === undefined)) {
      this.reception.invalid++;
      return;
    }
    const verdict = latch.judge(address, port, packet.ssrc, receiver !== undefined, now);
    if (verdict === "unproven") return;
    if (verdict === "stranger") {
      this.#stranger(address, port, false);
      return;
    }
    this.lastPacketAt = now;
    const { reception } = this;
    reception.packets++;
    reception.rawBytes += datagram.length;
    reception.packet(packet.ssrc, packet.sequenceNumber, packet.timestamp, eventRate ?? clockRate, now);
    if (!this.receives) return;
    if (eventRate !== undefined) {
      reception.dtmfPackets++;
      this.#tellDigits(this.#digitsIn.put(packet.payloadType, packet, now), now);
      return;
    }
    reception.mediaPackets++;
    reception.mediaBytes += packet.payloadLength;
    if (packet.payloadType === config.cn) reception.cngPackets++;
    this.playout.put(packet, clockRate, now, held);
  }

  #tellDigits(events: readonly DtmfEvent[], now: Millis): void {
    for (const event of events) {
      if (event.type !== "end") continue;
      this.lastEvent = { key: event.key, at: now };
      this.#events.digit(event.key, event.durationMs);
    }
  }

  #authFailed(failure: number, address: string, port: number): void {
    this.authFailures++;
    this.#notice("srtp packet rejected", { address, port, failure });
  }

  #stranger(address: string, port: number, rtcp: boolean): void {
    this.reception.strangers++;
    // While we take nothing from anybody, whoever sends is only early.
    if (this.receives) this.#events.stranger({ address, port, rtcp });
  }

  #notice(kind: string, fields: Readonly<Record<string, string | number>>): void {
    if (this.#noticed.has(kind)) return;
    this.#noticed.add(kind);
    this.#events.notice(kind, fields);
  }

  /** A datagram on the RTCP port (`apart`), or one of RTCP on the RTP port. */
  receiveRtcp(datagram: Buffer, address: string, port: number, apart: boolean, now: Millis): void {
    if (!this.#config || !this.#latch) return;
    let bytes: Buffer = datagram;
    if (!this.#receiver && !this.#reports.takes(address, port, apart, this.#latch, now)) {
      this.#stranger(address, port, true);
      return;
    }
    if (this.#receiver) {
      const length = this.#receiver.unprotectRtcp(datagram, datagram);
      if (length < 0) {
        this.authFailures++;
        return;
      }
      bytes = datagram.subarray(0, length);
    }
    const packets = parseRtcp(bytes);
    if (!packets) return;
    // RTCP too says that the network is alive: the far end may be silent on purpose.
    this.lastPacketAt = now;
    this.reporter.receive(packets, this.reception, now);
  }

  /** The next 20 ms of the far end at {@link rate}; false for nothing. `late`: so many milliseconds after it was due. */
  pull(now: Millis, out: Int16Array, late = 0): boolean {
    this.#tellDigits(this.#digitsIn.handleTimeout(now), now);
    return this.playout.pull(now - late, out);
  }

  // ── out ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  sendDigits(digits: string, durationMs: number): boolean {
    if (!this.#digitsOut) return false;
    this.#digitsOut.add(digits, durationMs);
    return true;
  }

  /** Media time goes on by 20 ms in which nothing is sent. */
  skip(ms = 20): void {
    this.#timestamp = (this.#timestamp + (ms * this.reporter.clockRate) / 1000) >>> 0;
    this.#marker = true;
  }

  /**
   * The packet that sends `payload` (of `ms` of sound), ready for the socket; undefined when there is nobody to send to. The buffer is ours
   * again two packets later.
   */
  packet(payload: Uint8Array, ms: number, now: Millis): Buffer | undefined {
    const codec = this.#config?.codecs[0];
    if (!codec) return undefined;
    const packet = this.#write(codec.sendPayloadType, this.#timestamp, this.#marker, payload, payload.length);
    this.#timestamp = (this.#timestamp + (ms * this.reporter.clockRate) / 1000) >>> 0;
    this.#marker = false;
    this.mediaBytesOut += payload.length;
    this.reporter.sent(payload.length, this.#timestamp, now);
    return packet;
  }

  /** In place of 20 ms of audio: the telephone event packet that is due, or undefined: send audio now. */
  digitPacket(now: Millis): Buffer | undefined {
    const { dtmf } = this.#config ?? {};
    if (!dtmf || !this.#digitsOut?.busy) return undefined;
    const event = this.#digitsOut.tick(this.#timestamp);
    if (!event) return undefined;
    const packet = this.#write(dtmf.sendPayloadType, event.timestamp, event.marker, event.payload, event.payload.length);
    this.skip();
    this.dtmfPacketsOut++;
    this.reporter.sent(event.payload.length, this.#timestamp, now);
    return packet;
  }

  #write(payloadType: number, timestamp: number, marker: boolean, payload: Uint8Array, length: number): Buffer | undefined {
    let buffer = this.#buffers[this.#buffer];
    if (!buffer || buffer.length < RTP_HEADER_LENGTH + length + SRTP_MAX_OVERHEAD) {
      // Most payloads are 160 bytes; only who needs more gets more.
      buffer = Buffer.allocUnsafeSlow(RTP_HEADER_LENGTH + (length <= 192 ? 192 : MAX_PAYLOAD) + SRTP_MAX_OVERHEAD);
      this.#buffers[this.#buffer] = buffer;
    }
    this.#buffer = (this.#buffer + 1) % PACKET_BUFFERS;
    buffer[0] = 0x80;
    buffer[1] = marker ? payloadType | 0x80 : payloadType;
    buffer[2] = this.#sequence >>> 8;
    buffer[3] = this.#sequence;
    this.#sequence = (this.#sequence + 1) & 0xffff;
    writeUint32(buffer, 4, timestamp);
    writeUint32(buffer, 8, this.#ssrc);
    buffer.set(length === payload.length ? payload : payload.subarray(0, length), RTP_HEADER_LENGTH);
    let size = RTP_HEADER_LENGTH + length;
    if (this.#sender) {
      size = this.#sender.protectRtp(buffer, buffer, size);
      if (size < 0) return undefined;
    }
    this.packetsOut++;
    this.bytesOut += size;
    return buffer.subarray(0, size);
  }

  /** The RTCP datagram that is due, with where to send it; undefined for none yet. */
  rtcp(now: Millis): { data: Buffer; address: string; port: number; mux: boolean } | undefined {
    const config = this.#config;
    const { target } = this;
    if (!config || !target || !this.reporter.due(now)) return undefined;
    return this.#rtcpTo(this.reporter.compose(this.reception, now), config, target);
  }

  /** The goodbye, when the call ends. */
  goodbye(now: Millis): { data: Buffer; address: string; port: number; mux: boolean } | undefined {
    const config = this.#config;
    const { target } = this;
    if (!config || !target || this.packetsOut === 0) return undefined;
    return this.#rtcpTo(this.reporter.compose(this.reception, now, true), config, target);
  }

  #rtcpTo(plain: Buffer, config: LegConfig, target: { address: string; port: number }) {
    let data = plain;
    if (this.#sender) {
      const out = Buffer.alloc(plain.length + this.#sender.rtcpOverhead);
      const length = this.#sender.protectRtcp(plain, out);
      if (length < 0) return undefined;
      data = out.subarray(0, length);
    }
    // Whoever sends from elsewhere than signalled listens there too: RTCP on the next port.
    const moved = target.port !== config.remote.port || target.address !== config.remote.address;
    const port = config.rtcpMux ? target.port : moved ? target.port + 1 : config.remote.rtcpPort;
    return { data, address: target.address, port, mux: config.rtcpMux };
  }

  stats(): LegStats {
    const { reception, reporter } = this;
    const playout = this.playout.stats;
    const clockRate = reporter.clockRate;
    const jitter = reception.jitterMs(clockRate);
    const lossRate = reception.lossRate;
    // Loss and delay to a quality as the E-model's short form has it (ITU-T G.107): good enough to compare calls.
    const r = Math.max(0, Math.min(100, 93.2 - 2.5 * lossRate - Math.max(0, jitter - 20) * 0.2));
    const mos = r < 6.5 ? 1 : 1 + 0.035 * r + 0.000007 * r * (r - 60) * (100 - r);
    return {
      counters: {
        in_raw_bytes: reception.rawBytes,
        in_media_bytes: reception.mediaBytes,
        in_packet_count: reception.packets,
        in_media_packet_count: reception.mediaPackets,
        in_skip_packet_count: reception.lost,
        in_jitter_packet_count: playout?.late ?? 0,
        in_dtmf_packet_count: reception.dtmfPackets,
        in_cng_packet_count: reception.cngPackets,
        in_flush_packet_count: playout?.discarded ?? 0,
        in_largest_jb_size: playout?.depth ?? 0,
        in_jitter_min_variance: Number.isFinite(reception.minJitterMs) ? reception.minJitterMs ** 2 : 0,
        in_jitter_max_variance: reception.maxJitterMs ** 2,
        in_jitter_loss_rate: lossRate / 100,
        in_jitter_burst_rate: 0,
        in_mean_interval: reception.meanIntervalMs,
        in_flaw_total: Math.round((playout?.concealedMs ?? 0) / 20),
        in_quality_percentage: r,
        in_mos: Math.min(4.5, mos),
        out_raw_bytes: this.bytesOut,
        out_media_bytes: this.mediaBytesOut,
        out_packet_count: this.packetsOut,
        out_media_packet_count: this.packetsOut - this.dtmfPacketsOut,
        out_skip_packet_count: 0,
        out_dtmf_packet_count: this.dtmfPacketsOut,
        out_cng_packet_count: 0,
        rtcp_packet_count: reporter.remotePackets,
        rtcp_octet_count: reporter.remoteOctets,
        // Not FreeSWITCH's: exact figures, and what the far end says of what we send.
        in_lost_packet_count: reception.lost,
        in_jitter_ms: jitter,
        out_remote_lost: reporter.remoteLost,
        out_remote_jitter_ms: reporter.remoteJitterMs,
      },
      roundTripMs: reporter.roundTripMs,
      remoteAddress: this.target?.address ?? "",
      remotePort: this.target?.port ?? 0,
      authFailures: this.authFailures,
      ssrc: this.ssrc,
    };
  }

  close(): void {
    this.playout.close();
    this.#closeKeys();
  }

  #closeKeys(): void {
    this.#receiver?.close();
    this.#sender?.close();
  }
}

function keyingOf({ suite, masterKey, masterSalt, mki }: LegKeys): SrtpKeying {
  const found = findSuite(suite);
  if (!found) throw new RangeError(`unknown SRTP suite ${suite}`);
  return { suite: found, masterKey, masterSalt, ...(mki ? { mki } : {}) };
}

/** A random sequence number of the lower half: the far end may miss the first packets, but not that the number has wrapped (RFC 3711 section 3.3.1). */
function firstSequence(): number {
  return randomBytes(2).readUInt16BE() & 0x7fff;
}
