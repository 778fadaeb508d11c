import { Application, createDecoder, createEncoder, loadLibopus, type OpusDecoderHandle, type OpusEncoderHandle } from "libopus-wasm";
import type { AudioDecoder, AudioEncoder } from "./codec.ts";
import type { SampleRate } from "./format.ts";

/** Loads the WebAssembly module, about 20 ms. Once it has been awaited, new encoders and decoders are ready before the next turn of the event loop. */
export async function loadOpus(): Promise<void> {
  await loadLibopus();
}

/** What the peer's fmtp (RFC 7587 section 6.1) and the network ask of an encoder. */
export interface OpusEncoderOptions {
  /** Rate of the PCM given, Hz; the audio bandwidth follows it. */
  readonly sampleRate?: SampleRate;
  /** Bits a second; default 16000 at 8 kHz, 24000 at 16 kHz, 64000 at 48 kHz: as much as G.711, for speech that was encoded once already. */
  readonly bitrate?: number;
  /** In-band FEC: worth its cost only when the peer says `useinbandfec=1` and loses packets. */
  readonly fec?: boolean;
  /** Loss that FEC is dimensioned for, 0 to 100. */
  readonly lossPercent?: number;
  /** Discontinuous transmission (`usedtx=1`): `encode` then answers 0 for most frames of silence. */
  readonly dtx?: boolean;
  /** 0 to 10. Default 5: speech at these rates gains little above, and time doubles. */
  readonly complexity?: number;
}

const defaultBitrate: Readonly<Record<SampleRate, number>> = { 8000: 16000, 16000: 24000, 48000: 64000 };
/** A packet of at most this many bytes says "nothing new" and need not be sent (libopus, opus_encode). */
const DTX_BYTES = 2;

/** Frame length by the TOC byte's configuration, microseconds (RFC 6716 section 3.1, table 2). */
function frameMicros(toc: number): number {
  const config = toc >> 3;
  if (config < 12) return [10000, 20000, 40000, 60000][config & 3];
  if (config < 16) return config & 1 ? 20000 : 10000;
  return 2500 << (config & 3);
}

/** Duration of an Opus packet in microseconds, at most 120,000; -1 when it is malformed (RFC 6716 sections 3.2 and 3.4). */
export function opusPacketMicros(payload: Uint8Array): number {
  if (payload.length === 0) return -1;
  const code = payload[0] & 3;
  if (code === 3 && payload.length < 2) return -1;
  const count = code === 3 ? payload[1] & 63 : code === 0 ? 1 : 2;
  const micros = count * frameMicros(payload[0]);
  return count === 0 || micros > 120000 ? -1 : micros;
}

/** Opus for one stream, mono. Until the module is loaded (see {@link loadOpus}) it sends nothing. */
export class OpusEncoder implements AudioEncoder {
  readonly codec = "opus";
  readonly sampleRate: SampleRate;
  readonly clockRate = 48000;
  readonly channels = 1;
  readonly hasMemory = true;
  /** Resolves when encoding has begun; rejects when libopus cannot be loaded. */
  readonly ready: Promise<void>;
  readonly #dtx: boolean;
  #handle: OpusEncoderHandle | undefined;
  #closed = false;

  constructor(options: OpusEncoderOptions = {}) {
    this.sampleRate = options.sampleRate ?? 48000;
    this.#dtx = options.dtx ?? false;
    this.ready = createEncoder({
      channels: 1,
      sampleRate: this.sampleRate,
      application: Application.Voip,
      bitrate: options.bitrate ?? defaultBitrate[this.sampleRate],
      complexity: options.complexity ?? 5,
      fec: options.fec ?? false,
      packetLossPercent: options.lossPercent ?? (options.fec ? 5 : 0),
      dtx: this.#dtx,
    }).then((handle) => {
      if (this.#closed) handle.free();
      else this.#handle = handle;
    });
    this.ready.catch(() => {});
  }

  encode(pcm: Int16Array, out: Uint8Array): number {
    if (!this.#handle) return 0;
    const ms = (pcm.length * 1000) / this.sampleRate;
    if (ms !== 10 && ms !== 20 && ms !== 40 && ms !== 60) throw new RangeError(`Opus: a frame of ${ms} ms`);
    const packet = this.#handle.encode(pcm, { frameSize: pcm.length, maxPacketBytes: Math.min(out.length, 1275) });
    if (this.#dtx && packet.length <= DTX_BYTES) return 0;
    out.set(packet);
    return packet.length;
  }

  /** Follows the loss the peer reports (RTCP): FEC is on from 1 %. */
  setLoss(percent: number): void {
    const loss = Math.max(0, Math.min(100, Math.round(percent)));
    this.#handle?.setFec(loss > 0);
    this.#handle?.setPacketLossPercent(loss);
  }

  /** The package has no way to reset an encoder (OPUS_RESET_STATE), and a new one is only ready after the frame: the next frames adapt. */
  reset(): void {}

  close(): void {
    this.#closed = true;
    this.#handle?.free();
    this.#handle = undefined;
  }
}

/** Opus decoding to mono at 8, 16 or 48 kHz (stereo is mixed down), with concealment and in-band FEC. */
export class OpusDecoder implements AudioDecoder {
  readonly codec = "opus";
  readonly sampleRate: SampleRate;
  readonly clockRate = 48000;
  /** Resolves when decoding has begun; until then payloads give silence. */
  readonly ready: Promise<void>;
  #handle: OpusDecoderHandle | undefined;
  #closed = false;

  constructor(sampleRate: SampleRate = 48000) {
    this.sampleRate = sampleRate;
    this.ready = createDecoder({ channels: 1, sampleRate, maxFrameSize: (sampleRate * 120) / 1000 }).then((handle) => {
      if (this.#closed) handle.free();
      else this.#handle = handle;
    });
    this.ready.catch(() => {});
  }

  decode(payload: Uint8Array, out: Int16Array): number {
    const samples = this.samplesOf(payload);
    if (samples < 0 || samples > out.length) return -1;
    if (!this.#handle) {
      out.fill(0, 0, samples);
      return samples;
    }
    try {
      const pcm = this.#handle.decode(payload);
      if (pcm.length > out.length) return -1;
      out.set(pcm);
      return pcm.length;
    } catch {
      return -1; // libopus found the frames within malformed; its state is as before
    }
  }

  samplesOf(payload: Uint8Array): number {
    const micros = opusPacketMicros(payload);
    return micros < 0 ? -1 : (micros * this.sampleRate) / 1_000_000;
  }

  carriesFec(payload: Uint8Array): boolean {
    const toc = payload[0] ?? 0;
    // RFC 6716 sections 3.1 and 4.2.4: only SILK has it; after a flag of voice activity for each of the 1 to 3 SILK frames comes that of LBRR.
    if (payload.length < 2 || toc >> 3 >= 16 || (toc & 3) > 1) return false;
    const frames = Math.max(1, frameMicros(toc) / 20_000);
    return ((payload[1] >> (7 - frames)) & 1) === 1;
  }

  conceal(samples: number, out: Int16Array, next?: Uint8Array): boolean {
    const step = this.sampleRate / 400; // libopus conceals in multiples of 2.5 ms
    if (!this.#handle || samples % step !== 0 || samples > out.length) return false;
    try {
      const pcm = next?.length
        ? this.#handle.decode(next, { decodeFec: true, frameSize: samples })
        : this.#handle.decodePacketLoss(samples);
      out.set(pcm);
      return true;
    } catch {
      return false;
    }
  }

  reset(): void {}

  close(): void {
    this.#closed = true;
    this.#handle?.free();
    this.#handle = undefined;
  }
}
