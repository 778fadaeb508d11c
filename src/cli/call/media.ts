import { randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { isIP } from "node:net";
import {
  type AudioEncoder,
  AudioReceiver,
  type CodecName,
  createDecoder,
  createEncoder,
  findCodec,
  frameSamples,
  levelDb,
  loadOpus,
  type ReceiverStats,
  TelephoneEventSender,
} from "../../audio/index.ts";
import {
  type AudioAgreement,
  composeAudioAnswer,
  composeAudioOffer,
  G722,
  type LocalMedia,
  type MediaCapability,
  negotiateAudio,
  OPUS,
  PCMA,
  PCMU,
  readAudioAnswer,
  SUITE_ORDER,
  telephoneEvent,
  telephoneEventFor,
} from "../../negotiation/index.ts";
import {
  cryptoOf,
  findSuite,
  generateKeying,
  readCrypto,
  SRTP_MAX_OVERHEAD,
  type SrtpKeying,
  SrtpReceiver,
  SrtpSender,
} from "../../srtp/index.ts";
import { buildRtp, isRtcp, parseRtp, RTP_HEADER_LENGTH } from "../../wire/rtp/index.ts";
import { parseSdp, type SdpSession, writeSdp } from "../../wire/sdp/index.ts";
import { CallReports } from "./reports.ts";
import { CallError, UsageError } from "./target.ts";

const capabilities: Readonly<Record<string, MediaCapability>> = { opus: OPUS, g722: G722, pcmu: PCMU, pcma: PCMA };
const frameMs = 20;
const reportEveryMs = 2000;
/** A frame louder than this is somebody speaking, not the hiss of an idle line. */
const audibleDb = -50;

export interface MediaOptions {
  readonly localAddress: string;
  /** `none`, a suite, or every suite where absent. */
  readonly srtp: string | undefined;
  readonly secureSignalling: boolean;
  readonly codec: string | undefined;
}

/** What the call's audio was like. */
export interface MediaReport {
  readonly codec: string;
  readonly srtp: string | null;
  readonly remote: string | null;
  readonly packetsOut: number;
  readonly packetsIn: number;
  readonly lossPercent: number;
  readonly jitterMs: number;
  readonly concealedMs: number;
  /** Of packets that SRTP did not authenticate. */
  readonly refused: number;
  readonly roundTripMs: number | null;
  /** What the far end reports of our packets. */
  readonly remoteLossPercent: number | null;
}

/** The audio of one test call: offers, sends a tone and keys, listens and counts. */
export class CallMedia {
  /** Monotonic times of the first packet, and of the first that is loud enough to be a prompt. */
  firstPacketAt: number | null = null;
  firstSoundAt: number | null = null;
  readonly #rtp: Socket;
  readonly #rtcp: Socket;
  readonly #wished: readonly MediaCapability[];
  readonly #keys: readonly SrtpKeying[];
  readonly #local: LocalMedia;
  readonly #session: SdpSession;
  readonly #ssrc = randomBytes(4).readUInt32BE();
  #agreement: AudioAgreement | null = null;
  #suite: string | null = null;
  #protect: SrtpSender | null = null;
  #unprotect: SrtpReceiver | null = null;
  #encoder: AudioEncoder | null = null;
  #receiver: AudioReceiver | null = null;
  #probe: { decode(payload: Uint8Array, out: Int16Array): number; rate: number } | null = null;
  #events: TelephoneEventSender | null = null;
  #timer: NodeJS.Timeout | undefined;
  #sequence = randomBytes(2).readUInt16BE();
  #timestamp = randomBytes(4).readUInt32BE();
  #phase = 0;
  #ticks = 0;
  #sent = { packets: 0, octets: 0 };
  #refused = 0;
  readonly #reports = new CallReports(this.#ssrc);

  private constructor(options: MediaOptions, sockets: { rtp: Socket; rtcp: Socket }) {
    this.#rtp = sockets.rtp;
    this.#rtcp = sockets.rtcp;
    const codecs = options.codec === undefined ? [OPUS, G722, PCMU, PCMA] : [capabilities[options.codec.toLowerCase()]];
    if (codecs[0] === undefined) throw new UsageError(`"${options.codec}" is no codec of ours: opus, G722, PCMU or PCMA`);
    const events = codecs.includes(OPUS) ? [telephoneEvent(48_000), telephoneEvent(8000)] : [telephoneEvent(8000)];
    this.#wished = [...(codecs as MediaCapability[]), ...events];
    this.#keys = wantedSuites(options).map((name) => generateKeying(findSuite(name)!));
    const ipVersion = isIP(options.localAddress) === 6 ? 6 : 4;
    this.#local = {
      connection: { ipVersion, address: options.localAddress },
      port: this.#rtp.address().port,
      rtcpPort: this.#rtcp.address().port,
      rtcpMux: true,
      crypto: this.#keys.map((keying, i) => cryptoOf(keying, { tag: i + 1 })),
    };
    this.#session = {
      origin: { username: "-", sessionId: String(randomBytes(4).readUInt32BE()), version: "1", ipVersion, address: options.localAddress },
      name: "-",
      timing: "0 0",
      otherLines: [],
      bandwidths: [],
      fingerprints: [],
      attributes: [],
      media: [composeAudioOffer({ capabilities: this.#wished, local: this.#local })],
    };
    const receive = (data: Buffer): void => (isRtcp(data) ? this.#onRtcp(data) : this.#onRtp(data));
    this.#rtp.on("message", receive).on("error", () => {});
    this.#rtcp.on("message", receive).on("error", () => {});
  }

  /** Opens the ports. */
  static async open(options: MediaOptions): Promise<CallMedia> {
    const sockets = await openPair(options.localAddress);
    await loadOpus();
    try {
      return new CallMedia(options, sockets);
    } catch (error) {
      sockets.rtp.close();
      sockets.rtcp.close();
      throw error;
    }
  }

  get offer(): string {
    return writeSdp(this.#session);
  }

  /** Takes the answer and begins to send. Throws CallError when it cannot be used. */
  start(answerText: string): void {
    const answer = parseSdp(answerText);
    const agreed = readAudioAnswer(this.#session, 0, answer, this.#wished);
    if (agreed.kind !== "agreed") throw new CallError(`the answer cannot be used: ${agreed.text}`);
    this.#takeKeys(answer);
    this.#use(agreed);
    this.begin();
  }

  /** Begins to send, once something is agreed. */
  begin(): void {
    let due = performance.now();
    const loop = (): void => {
      for (const now = performance.now(); due <= now; due += frameMs) this.#tick();
      this.#timer = setTimeout(loop, Math.max(1, due - performance.now()));
    };
    loop();
  }

  /** Answers an offer inside the call (hold, resume, a moved stream); null when nothing fits. */
  answer(offerText: string): string | null {
    const offer = parseSdp(offerText);
    const index = offer.media.findIndex((media) => media.kind === "audio" && media.port !== 0);
    if (index < 0) return null;
    const agreed = negotiateAudio(offer, index, { capabilities: this.#wished });
    if (agreed.kind !== "agreed") return null;
    const ours = this.#takeKeys(offer, index);
    this.#use(agreed);
    const local = { ...this.#local, crypto: ours ? [ours] : [] };
    const version = String(Number(this.#session.origin.version) + 1);
    return writeSdp({
      ...this.#session,
      origin: { ...this.#session.origin, version },
      media: offer.media.map((media) => composeAudioAnswer(media, agreed, local)),
    });
  }

  /** Sends keys as telephone events. False when the far end takes none. */
  press(digits: string): boolean {
    if (!this.#events) return false;
    this.#events.enqueue(digits);
    return true;
  }

  /** Whether every key has been sent. */
  get pressed(): boolean {
    return !this.#events || (this.#events.pending === 0 && !this.#events.active);
  }

  report(): MediaReport | null {
    const codec = this.#agreement?.codecs[0];
    if (!codec) return null;
    const stats: ReceiverStats | undefined = this.#receiver?.stats;
    const received = stats?.received ?? 0;
    const lost = Math.max(0, stats?.lost ?? 0);
    const round = (value: number): number => Math.round(value * 100) / 100;
    const { remote } = this.#agreement!;
    return {
      codec: codec.capability.codec,
      srtp: this.#suite,
      remote: remote ? `${remote.address}:${remote.port}` : null,
      packetsOut: this.#sent.packets,
      packetsIn: received,
      lossPercent: received + lost === 0 ? 0 : round((100 * lost) / (received + lost)),
      jitterMs: round(stats?.jitterMs ?? 0),
      concealedMs: Math.round(stats?.concealedMs ?? 0),
      refused: this.#refused,
      roundTripMs: this.#reports.roundTripMs === null ? null : round(this.#reports.roundTripMs),
      remoteLossPercent: this.#reports.remoteLossPercent,
    };
  }

  close(): void {
    clearTimeout(this.#timer);
    if (this.#agreement) this.#sendReport(true);
    this.#encoder?.close();
    setImmediate(() => {
      this.#rtp.close();
      this.#rtcp.close();
    });
  }

  /** Our key for what the far end chose; theirs for what comes. Returns our attribute for an answer. */
  #takeKeys(description: SdpSession, index = 0) {
    const crypto = description.media[index]!.crypto.map(readCrypto).find((each) => each.usable);
    if (!crypto?.usable) {
      if (this.#keys.length > 0 && /SAVP/.test(description.media[index]!.protocol))
        throw new CallError("the answer has no SRTP key that can be used");
      this.#protect = this.#unprotect = null;
      this.#suite = null;
      return null;
    }
    const ours = this.#keys.find((keying) => keying.suite.name === crypto.keying.suite.name);
    if (!ours) throw new CallError(`the answer takes ${crypto.suiteName}, which was not offered`);
    if (this.#suite !== ours.suite.name) this.#protect = new SrtpSender(ours);
    if (this.#unprotect && this.#suite === ours.suite.name) this.#unprotect.rekey(crypto.keying);
    else this.#unprotect = new SrtpReceiver(crypto.keying);
    this.#suite = ours.suite.name;
    return cryptoOf(ours, { tag: crypto.tag });
  }

  #use(agreed: AudioAgreement): void {
    const before = this.#agreement?.codecs[0]?.capability.codec;
    this.#agreement = agreed;
    const [codec] = agreed.codecs;
    if (!codec) return;
    // Keys may be said later than the codec: H.245 tells of telephone events by its capabilities.
    const event = telephoneEventFor(agreed, codec);
    if (!event) this.#events = null;
    else if (before !== codec.capability.codec || !this.#events) this.#events = new TelephoneEventSender(event.capability.clockRate);
    if (before === codec.capability.codec) return;
    const info = findCodec(codec.capability.codec)!;
    this.#encoder?.close();
    this.#encoder = createEncoder(info.name);
    const decoders = new Map(
      agreed.codecs.flatMap((each) => {
        const name = findCodec(each.capability.codec)?.name as CodecName;
        return each.capability.clockRate === info.clockRate ? [[each.receivePayloadType, createDecoder(name)] as const] : [];
      }),
    );
    this.#receiver = new AudioReceiver({ rate: info.sampleRate, clockRate: info.clockRate, decoders });
    const probe = createDecoder(info.name);
    this.#probe = { decode: (payload, out) => probe.decode(payload, out), rate: info.sampleRate };
  }

  #tick(): void {
    const codec = this.#agreement?.codecs[0];
    const encoder = this.#encoder;
    if (!codec || !encoder) return;
    const step = (encoder.clockRate * frameMs) / 1000;
    this.#timestamp = (this.#timestamp + step) >>> 0;
    this.#ticks++;
    const event = this.#events?.tick(this.#timestamp);
    const eventType = event && telephoneEventFor(this.#agreement!, codec)?.sendPayloadType;
    if (event && eventType !== undefined) this.#send(eventType, event.timestamp, event.marker, event.payload);
    else if (!this.#events?.active && this.#agreement!.direction.startsWith("send")) {
      const pcm = new Int16Array(frameSamples(encoder.sampleRate));
      // 440 Hz at -20 dBFS.
      for (let i = 0; i < pcm.length; i++) pcm[i] = 3277 * Math.sin(2 * Math.PI * ((this.#phase += 440 / encoder.sampleRate) % 1));
      const payload = new Uint8Array(2048);
      const length = encoder.encode(pcm, payload);
      if (length > 0) this.#send(codec.sendPayloadType, this.#timestamp, this.#sent.packets === 0, payload.subarray(0, length));
    }
    this.#receiver?.pull(performance.now(), new Int16Array(frameSamples(this.#receiver.rate)));
    if (this.#ticks % (reportEveryMs / frameMs) === 25) this.#sendReport(false);
  }

  #send(payloadType: number, timestamp: number, marker: boolean, payload: Uint8Array): void {
    const remote = this.#agreement?.remote;
    if (!remote) return;
    this.#sequence = (this.#sequence + 1) & 0xffff;
    const packet = buildRtp({ payloadType, sequenceNumber: this.#sequence, timestamp, ssrc: this.#ssrc, marker }, payload);
    let out = packet;
    if (this.#protect) {
      out = Buffer.alloc(packet.length + SRTP_MAX_OVERHEAD);
      out = out.subarray(0, this.#protect.protectRtp(packet, out));
    }
    this.#rtp.send(out, remote.port, remote.address);
    this.#sent = { packets: this.#sent.packets + 1, octets: this.#sent.octets + packet.length - RTP_HEADER_LENGTH };
  }

  #onRtp(data: Buffer): void {
    const now = performance.now();
    let plain: Uint8Array = data;
    if (this.#unprotect) {
      const out = new Uint8Array(data.length);
      const length = this.#unprotect.unprotectRtp(data, out);
      if (length < 0) {
        this.#refused++;
        return;
      }
      plain = out.subarray(0, length);
    }
    const packet = parseRtp(plain);
    if (!packet || !this.#receiver) return;
    this.firstPacketAt ??= now;
    this.#receiver.put(packet, now);
    this.#reports.heard(packet);
    if (this.firstSoundAt !== null || packet.payloadType !== this.#agreement?.codecs[0]?.receivePayloadType) return;
    const pcm = new Int16Array(Math.ceil(this.#probe!.rate * 0.12));
    const samples = this.#probe!.decode(packet.payload, pcm);
    if (samples > 0 && levelDb(pcm.subarray(0, samples)) > audibleDb) this.firstSoundAt = now;
  }

  #onRtcp(data: Buffer): void {
    const out = new Uint8Array(data.length);
    const length = this.#unprotect ? this.#unprotect.unprotectRtcp(data, out) : data.length;
    if (length < 0) this.#refused++;
    else this.#reports.receive(this.#unprotect ? out.subarray(0, length) : data);
  }

  #sendReport(last: boolean): void {
    const remote = this.#agreement?.remote;
    if (!remote) return;
    const datagram = this.#reports.compose({
      ...this.#sent,
      timestamp: this.#timestamp,
      clockRate: this.#encoder?.clockRate ?? 8000,
      stats: this.#receiver?.stats,
      last,
    });
    let out = datagram;
    if (this.#protect) {
      out = Buffer.alloc(datagram.length + SRTP_MAX_OVERHEAD);
      out = out.subarray(0, this.#protect.protectRtcp(datagram, out));
    }
    const socket = remote.rtcpMux ? this.#rtp : this.#rtcp;
    socket.send(out, remote.rtcpMux ? remote.port : remote.rtcpPort, remote.rtcpAddress);
  }
}

function wantedSuites({ srtp, secureSignalling }: MediaOptions): readonly string[] {
  if (srtp === undefined) return secureSignalling ? SUITE_ORDER : [];
  if (srtp.toLowerCase() === "none") return [];
  const known = SUITE_ORDER.find((name) => name.toLowerCase() === srtp.toLowerCase());
  if (!known) throw new UsageError(`"${srtp}" is no SRTP suite of ours: none, ${SUITE_ORDER.join(", ")}`);
  return [known];
}

/** Two ports side by side, the even one for RTP. */
async function openPair(address: string): Promise<{ rtp: Socket; rtcp: Socket }> {
  const bind = (port: number): Promise<Socket | null> =>
    new Promise((resolve) => {
      const socket = createSocket(isIP(address) === 6 ? "udp6" : "udp4");
      socket.once("error", () => resolve(null));
      socket.bind(port, address, () => {
        socket.removeAllListeners("error");
        resolve(socket);
      });
    });
  for (let tries = 0; tries < 50; tries++) {
    const port = 40_000 + 2 * Math.floor(Math.random() * 5000);
    const rtp = await bind(port);
    const rtcp = rtp && (await bind(port + 1));
    if (rtp && rtcp) return { rtp, rtcp };
    rtp?.close();
  }
  throw new CallError(`no free pair of UDP ports on ${address}`);
}
