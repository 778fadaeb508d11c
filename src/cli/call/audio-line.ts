import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import {
  type AudioDecoder,
  type AudioEncoder,
  AudioReceiver,
  createDecoder,
  createEncoder,
  findCodec,
  frameSamples,
  levelDb,
  loadOpus,
  TelephoneEventSender,
} from "../../audio/index.ts";
import type { AudioAgreement } from "../../negotiation/index.ts";
import { type SrtpKeying, SrtpReceiver, SrtpSender } from "../../srtp/index.ts";
import { parseRtcp } from "../../wire/rtcp/index.ts";
import { buildRtp, isRtcp, parseRtp } from "../../wire/rtp/index.ts";

/** Level above which something is said: idle noise is below. */
const SOUND_DB = -50;
const TONE_HERTZ = 425;
const TONE_LEVEL = 2000;
const FRAME_MS = 20;

/** What the line counts while it runs. */
export interface AudioLineStats {
  packetsIn: number;
  packetsOut: number;
  rejected: number;
  /** `performance.now()` of the first packet and the first sound. */
  firstPacketAt: number | null;
  firstSoundAt: number | null;
  pinSentAt: number | null;
  peakDb: number | null;
  remoteLossPercent: number | null;
  lossPercent: number;
  jitterMs: number;
}

/** Our end of a test call's audio: a soft tone out, everything that comes in measured. */
export class AudioLine {
  readonly stats: AudioLineStats = {
    packetsIn: 0,
    packetsOut: 0,
    rejected: 0,
    firstPacketAt: null,
    firstSoundAt: null,
    pinSentAt: null,
    peakDb: null,
    remoteLossPercent: null,
    lossPercent: 0,
    jitterMs: 0,
  };
  readonly #socket: Socket;
  readonly #ssrc = Math.floor(Math.random() * 0x1_0000_0000);
  #sender: SrtpSender | undefined;
  #receiver: SrtpReceiver | undefined;
  #agreement: AudioAgreement | undefined;
  #encoder: AudioEncoder | undefined;
  #decoders: AudioDecoder[] = [];
  #audio: AudioReceiver | undefined;
  #dtmf: TelephoneEventSender | undefined;
  #dtmfType = 0;
  #timer: NodeJS.Timeout | undefined;
  #started = 0;
  #ticks = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (packet) => this.#take(packet));
    // An ICMP error of a port that is not open yet.
    socket.on("error", () => {});
  }

  /** Binds any free UDP port of `host`; RTCP is expected on the same one. Loads Opus, which offers need. */
  static async open(host: string): Promise<AudioLine> {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    socket.bind(0, host);
    await once(socket, "listening");
    await loadOpus();
    return new AudioLine(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** Starts sending and measuring as agreed. Keys both or neither. */
  start(agreement: AudioAgreement, keys?: { readonly ours: SrtpKeying; readonly theirs: SrtpKeying }): void {
    this.stop();
    const [main] = agreement.codecs;
    const info = main === undefined ? undefined : findCodec(main.capability.codec);
    if (main === undefined || info === undefined) throw new Error(`no such codec: ${main?.capability.codec ?? "none agreed"}`);
    this.#agreement = agreement;
    this.#sender = keys && new SrtpSender(keys.ours);
    this.#receiver = keys && new SrtpReceiver(keys.theirs);
    this.#encoder = createEncoder(info.name);
    const decoders = new Map<number, AudioDecoder>();
    for (const codec of agreement.codecs) {
      const known = findCodec(codec.capability.codec);
      if (known?.clockRate === info.clockRate) decoders.set(codec.receivePayloadType, createDecoder(known.name));
    }
    this.#decoders = [...decoders.values()];
    this.#audio = new AudioReceiver({ rate: info.sampleRate, clockRate: info.clockRate, decoders });
    const event = agreement.telephoneEvents.find(({ capability }) => capability.clockRate === info.clockRate);
    if (event !== undefined) {
      this.#dtmf = new TelephoneEventSender(info.clockRate);
      this.#dtmfType = event.sendPayloadType;
    }
    this.#started = performance.now();
    this.#ticks = 0;
    this.#timer = setInterval(() => this.#catchUp(), FRAME_MS / 2);
  }

  /** Queues digits as telephone events (RFC 4733). False when the peer takes none. */
  press(digits: string): boolean {
    return this.#dtmf !== undefined && this.#dtmf.enqueue(digits, 120, 80) > 0;
  }

  /** Ends sending; `stats` keep. */
  stop(): void {
    clearInterval(this.#timer);
    const received = this.#audio?.stats;
    if (received !== undefined) {
      this.stats.lossPercent = (100 * received.lost) / Math.max(1, received.lost + received.received);
      this.stats.jitterMs = received.jitterMs;
    }
    this.#encoder?.close();
    for (const decoder of this.#decoders) decoder.close();
    this.#encoder = undefined;
    this.#decoders = [];
    this.#audio = undefined;
  }

  close(): void {
    this.stop();
    this.#socket.close();
  }

  /** As many frames as time has passed for: the pace is the deadline's, not the timer's. */
  #catchUp(): void {
    const due = Math.floor((performance.now() - this.#started) / FRAME_MS);
    while (this.#ticks <= due) this.#tick(this.#ticks++);
  }

  #tick(tick: number): void {
    const encoder = this.#encoder;
    const audio = this.#audio;
    const remote = this.#agreement?.remote;
    if (encoder === undefined || audio === undefined || remote === undefined) return;
    const heard = new Int16Array(frameSamples(audio.rate));
    const kind = audio.pull(performance.now(), heard);
    if (kind === "audio") {
      const level = levelDb(heard);
      if (level > (this.stats.peakDb ?? Number.NEGATIVE_INFINITY)) this.stats.peakDb = level;
      if (level > SOUND_DB) this.stats.firstSoundAt ??= performance.now();
    }
    const timestamp = (tick * encoder.clockRate * FRAME_MS) / 1000;
    const event = this.#dtmf?.tick(timestamp);
    if (event !== undefined) {
      this.#send(this.#dtmfType, event.timestamp, event.marker, event.payload);
      if (this.#dtmf?.pending === 0) this.stats.pinSentAt = performance.now();
      return;
    }
    if (this.#dtmf?.active === true) return;
    const samples = frameSamples(encoder.sampleRate);
    const pcm = new Int16Array(samples * encoder.channels);
    for (let index = 0; index < samples; index++) {
      const value = TONE_LEVEL * Math.sin((2 * Math.PI * TONE_HERTZ * (tick * samples + index)) / encoder.sampleRate);
      for (let channel = 0; channel < encoder.channels; channel++) pcm[index * encoder.channels + channel] = value;
    }
    const payload = Buffer.alloc(1500);
    const length = encoder.encode(pcm, payload);
    if (length > 0) this.#send(this.#agreement!.codecs[0]!.sendPayloadType, timestamp, tick === 0, payload.subarray(0, length));
  }

  #send(payloadType: number, timestamp: number, marker: boolean, payload: Uint8Array): void {
    const remote = this.#agreement!.remote!;
    const packet = buildRtp(
      { payloadType, sequenceNumber: this.stats.packetsOut & 0xffff, timestamp: timestamp >>> 0, ssrc: this.#ssrc, marker },
      payload,
    );
    let out: Uint8Array = packet;
    if (this.#sender !== undefined) {
      const room = Buffer.alloc(packet.length + this.#sender.rtpOverhead);
      const length = this.#sender.protectRtp(packet, room);
      if (length < 0) return;
      out = room.subarray(0, length);
    }
    this.stats.packetsOut++;
    this.#socket.send(out, remote.port, remote.address);
  }

  #take(packet: Buffer): void {
    if (isRtcp(packet)) this.#takeRtcp(packet);
    else this.#takeRtp(packet);
  }

  #takeRtp(packet: Buffer): void {
    let length = packet.length;
    if (this.#receiver !== undefined) {
      length = this.#receiver.unprotectRtp(packet, packet);
      if (length < 0) {
        this.stats.rejected++;
        return;
      }
    }
    const rtp = parseRtp(packet, length);
    if (rtp === undefined) return;
    this.stats.packetsIn++;
    this.stats.firstPacketAt ??= performance.now();
    this.#audio?.put(rtp, performance.now());
  }

  #takeRtcp(packet: Buffer): void {
    const length = this.#receiver === undefined ? packet.length : this.#receiver.unprotectRtcp(packet, packet);
    if (length < 0) return;
    for (const report of parseRtcp(packet.subarray(0, length)) ?? []) {
      if (!("reports" in report)) continue;
      for (const block of report.reports) if (block.ssrc === this.#ssrc) this.stats.remoteLossPercent = (100 * block.fractionLost) / 256;
    }
  }
}
