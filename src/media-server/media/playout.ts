import { type AudioDecoder, codecInfo } from "../../audio/codec.ts";
import { createDecoder } from "../../audio/codecs.ts";
import type { SampleRate } from "../../audio/format.ts";
import { AudioReceiver } from "../../audio/receive/receiver.ts";
import type { Millis } from "../../base/clock.ts";
import type { RtpPacket } from "../../wire/rtp/index.ts";
import type { LegConfig } from "../messages.ts";

/** The receiving half of a leg's audio: decoders and playout for what was negotiated. Changes with each (re-)negotiation, keeping what stays the same. */
export class Playout {
  #receiver: AudioReceiver | undefined;
  #clockRate = 0;
  #decoders = new Map<number, AudioDecoder>();
  #key = "";
  #config: LegConfig | undefined;

  /** Rate of the frames that {@link pull} gives, Hz. */
  get rate(): SampleRate {
    return this.#receiver?.rate ?? 8000;
  }

  get stats(): AudioReceiver["stats"] | undefined {
    return this.#receiver?.stats;
  }

  configure(config: LegConfig): void {
    this.#config = config;
    const first = config.codecs[0];
    if (!first) return;
    this.#use(codecInfo[first.name].clockRate);
  }

  /** Clock of a payload type, Hz; 0 for one that was not negotiated as audio or comfort noise. */
  clockRateOf(payloadType: number): number {
    const config = this.#config;
    if (!config) return 0;
    for (const codec of config.codecs) if (codec.receivePayloadType === payloadType) return codecInfo[codec.name].clockRate;
    return payloadType === config.cn ? 8000 : 0;
  }

  /** Makes a receiver for the codecs of one RTP clock; the same set again is no change. */
  #use(clockRate: number): void {
    const config = this.#config;
    if (!config) return;
    const codecs = config.codecs.filter((codec) => codecInfo[codec.name].clockRate === clockRate);
    const key = `${config.codecs[0]?.name} ${clockRate} ${codecs.map((codec) => `${codec.name}/${codec.receivePayloadType}`).join(" ")} ${config.cn ?? ""}`;
    if (key === this.#key) return;
    this.#key = key;
    this.#clockRate = clockRate;
    this.#close();
    for (const codec of codecs) this.#decoders.set(codec.receivePayloadType, createDecoder(codec.name));
    // Frames are pulled at the rate of the codec that is sent, whichever comes: an H.323 far end may send another in
    // its own channel (H.245 6.2).
    const rate = codecInfo[config.codecs[0]?.name ?? "PCMU"].sampleRate;
    const noise = clockRate === 8000 ? config.cn : undefined;
    this.#receiver = new AudioReceiver({
      rate,
      clockRate,
      decoders: this.#decoders,
      ...(noise === undefined ? {} : { comfortNoise: noise }),
    });
  }

  /** When the packet that comes next is there for sure, and how often that is, 20 ms at most; undefined while none come. */
  get ready(): { readonly at: Millis; readonly every: number } | undefined {
    return this.#receiver?.ready;
  }

  put(packet: RtpPacket, clockRate: number, now: Millis, held: number): void {
    if (clockRate !== this.#clockRate) this.#use(clockRate);
    this.#receiver?.put(packet, now, held);
  }

  /** The next 20 ms at `rate` into `out`, due at `due`; false when there is nothing to hear. */
  pull(due: Millis, out: Int16Array): boolean {
    return this.#receiver !== undefined && this.#receiver.pull(due, out) !== "silence";
  }

  /** Ticks were let go. */
  miss(): void {
    this.#receiver?.miss();
  }

  #close(): void {
    for (const decoder of this.#decoders.values()) decoder.close();
    this.#decoders = new Map();
  }

  close(): void {
    this.#close();
    this.#receiver = undefined;
    this.#key = "";
  }
}
