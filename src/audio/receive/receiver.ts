import type { Millis } from "../../base/clock.ts";
import type { AudioDecoder } from "../codec.ts";
import { ComfortNoise } from "../comfort-noise.ts";
import { frameSamples, MAX_PACKET_MS, type SampleRate, samplesIn } from "../format.ts";
import { Resampler } from "../resampler.ts";
import { Concealer } from "./concealer.ts";
import { DelayEstimator, type DelayLimits } from "./delay-estimator.ts";
import { PacketStore, type StoredPacket } from "./packet-store.ts";
import { PcmQueue } from "./pcm-queue.ts";
import { type AudioPacket, Timeline } from "./timeline.ts";
import { isQuiet, lengthen, maxStretch, shorten, stretchNeeds } from "./time-stretch.ts";

/** What a pulled frame is made of (for the most part): received sound, concealment of loss, comfort noise, or silence because nothing comes. */
export type FrameKind = "audio" | "conceal" | "noise" | "silence";

export interface ReceiverOptions {
  /** Rate of the PCM to give, Hz: the rate of the stream's main codec. */
  readonly rate: SampleRate;
  /** RTP clock of all payload types, Hz. */
  readonly clockRate: number;
  /** Decoders by payload type. The receiver closes none of them. */
  readonly decoders: ReadonlyMap<number, AudioDecoder>;
  /** Payload type of comfort noise, where negotiated. */
  readonly comfortNoise?: number;
  /** Playout delay, milliseconds; default at least 4, at most 300, 40 to begin with. */
  readonly delay?: Partial<DelayLimits>;
}

/** A receiver's counts since the start, and its present state. Packets unless said otherwise. */
export interface ReceiverStats {
  readonly received: number;
  /** By RFC 3550's count: expected less received. */
  readonly lost: number;
  /** Arrived after their turn. */
  readonly late: number;
  readonly duplicate: number;
  /** Arrived in time, thrown away: malformed, unknown payload type, stray source, or to cut an excessive delay. */
  readonly discarded: number;
  /** Sound made up, removed, put in: milliseconds. */
  readonly concealedMs: number;
  readonly shortenedMs: number;
  readonly lengthenedMs: number;
  readonly sourceChanges: number;
  readonly timestampJumps: number;
  /** Interarrival jitter of RFC 3550, milliseconds. */
  readonly jitterMs: number;
  /** Present playout delay over the least transit time, and the one aimed at, milliseconds. */
  readonly delayMs: number;
  readonly targetMs: number;
  /** Packets waiting. */
  readonly depth: number;
}

/** The delay may be over and under its target by so much before the sound is stretched; over it by less where there is so much that nothing needs. */
const OVER_MS = 10;
const LEAST_MS = 1;
const UNDER_MS = 15;
/** Least time between two stretches, by how far off it is: the nearer, the less may be heard of it. Quiet can be taken out at any time. */
const HURRY_MS = 40;
const STEADY_MS = 80;
const CALM_MS = 200;
const FAR_MS = 60;
const NEAR_MS = 25;
/** So far over the target packets are skipped ... */
const SKIP_MS = 120;
/** ... and so far after sound that nobody could be given anyway. */
const SKIP_MISSED_MS = 20;
/** Made up between the two ends of such a cut. */
const BRIDGE_MS = 5;
/** Without any packet for so long there is no more made-up sound, and playing starts anew with the next. */
const GIVE_UP_MS = 200;
/** A single loss is waited for at the length of the packets seen last; before any, 20 ms. */
const FIRST_PACKET_MS = 20;
/** What is in hand with packets of up to 40 ms, a frame and a pitch period beside them. */
const USUAL_PACKET_MS = 72;
/** After so many packets the delay aimed at is of their own lateness. */
const KNOWN_PACKETS = 75;
/** From this share of packets lost on, the delay is one packet longer where the next packet can tell what a lost one said; below the second no more. */
const FEC_LOSS = { from: 0.015, to: 0.004 } as const;
/** By less than this under the target nothing is put in for it. */
const SHORT_MS = 5;
/** Weight of the newest packet in that share, and in how many carry FEC. */
const LOSS_WEIGHT = 1 / 200;
/** Packets kept when nobody pulls. */
const MAX_STORED = 128;

/** A packet's sound on its way into the queue, decoded and made otherwise. Nothing stays in them: one of each serves all streams of the thread. */
const DECODED = new Int16Array(samplesIn(48000, MAX_PACKET_MS));
const MADE = new Int16Array(samplesIn(48000, MAX_PACKET_MS));

const defaultLimits: DelayLimits = { min: 4, max: 300, initial: 40 };

/**
 * The receiving side of one audio stream: put packets in as they come, pull a frame every 20 ms. Between lie reordering, an adaptive delay held by
 * stretching time, decoding, concealment, comfort noise in DTX, packets of any length, and clocks that drift. Sans-IO.
 */
export class AudioReceiver {
  readonly rate: SampleRate;
  readonly #options: ReceiverOptions;
  readonly #timeline: Timeline;
  readonly #delay: DelayEstimator;
  readonly #store = new PacketStore();
  readonly #queue: PcmQueue;
  readonly #concealer: Concealer;
  readonly #noise = new ComfortNoise();
  readonly #resamplers = new Map<AudioDecoder, Resampler>();
  readonly #limits: DelayLimits;
  readonly #frame: number;
  /** Samples to one tick of the RTP clock. */
  readonly #perTick: number;
  /** The most samples that are made at once. */
  readonly #longest: number;

  #playing = false;
  #inNoise = false;
  /** Media time and sequence number that come next into the queue. */
  #ticks = 0;
  #seq = Number.NEGATIVE_INFINITY;
  #lastPlayed = Number.NEGATIVE_INFINITY;
  #lastDecoder: AudioDecoder | undefined;
  #packetSamples: number;
  /** Made up since the store ran dry, samples; not yet counted as media time, since the packets may only be late. */
  #starved = 0;
  #sinceStretch = 0;
  /** Frames were not pulled: what they would have carried is skipped. */
  #missed = false;
  #now: Millis = 0;
  #kind: FrameKind = "silence";
  /** Shares of the packets of late that were lost, and that carry FEC. */
  #lossShare = 0;
  #fecShare = 0;
  #late = 0;
  #duplicate = 0;
  #discarded = 0;
  #concealed = 0;
  #shortened = 0;
  #lengthened = 0;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.rate = options.rate;
    this.#limits = { ...defaultLimits, ...options.delay };
    this.#timeline = new Timeline(options.clockRate);
    this.#delay = new DelayEstimator(this.#limits);
    this.#concealer = new Concealer(options.rate);
    this.#frame = frameSamples(options.rate);
    this.#perTick = options.rate / options.clockRate;
    const stretch = stretchNeeds(options.rate);
    this.#queue = new PcmQueue(samplesIn(options.rate, 2 * MAX_PACKET_MS) + stretch, samplesIn(options.rate, USUAL_PACKET_MS) + stretch);
    this.#longest = samplesIn(options.rate, MAX_PACKET_MS);
    this.#packetSamples = samplesIn(options.rate, FIRST_PACKET_MS);
  }

  /** SSRC of the stream, once there is one. */
  get ssrc(): number | undefined {
    return this.#timeline.ssrc;
  }

  /**
   * When the packet that comes next is there for sure (a moment of its 20 ms; which of them says nothing), and how often that is, milliseconds, 20 at most:
   * a pull just after it plays what waits least. Undefined while nothing is played, and until the delay is no first guess any more.
   */
  get ready(): { readonly at: Millis; readonly every: number } | undefined {
    if (!this.#playing || this.#timeline.received < KNOWN_PACKETS) return undefined;
    const length = this.#ms(this.#packetSamples);
    const every = length % 20 === 0 ? 20 : length % 10 === 0 ? 10 : 5;
    return { at: this.#delay.base + (this.#ticks * 1000) / this.#options.clockRate + this.#delay.target, every };
  }

  get stats(): ReceiverStats {
    const timeline = this.#timeline;
    return {
      received: timeline.received,
      lost: timeline.lost,
      late: this.#late,
      duplicate: this.#duplicate,
      discarded: this.#discarded,
      concealedMs: this.#ms(this.#concealed),
      shortenedMs: this.#ms(this.#shortened),
      lengthenedMs: this.#ms(this.#lengthened),
      sourceChanges: timeline.sourceChanges,
      timestampJumps: timeline.timestampJumps,
      jitterMs: timeline.jitterMs,
      delayMs: this.#playing ? this.#delayNow() : 0,
      targetMs: this.#delay.target,
      depth: this.#store.size,
    };
  }

  /**
   * Takes a packet at `now`. Its payload is copied. `held`: milliseconds that it may have been waiting for us, because the
   * thread is late; the next pull is as late, so they are none of the network's.
   */
  put(packet: AudioPacket, now: Millis, held = 0): void {
    const { payloadType, payload } = packet;
    if (payloadType !== this.#options.comfortNoise && !this.#options.decoders.has(payloadType)) {
      this.#discarded++;
      return;
    }
    const place = this.#timeline.place(packet, now);
    if (!place) {
      this.#discarded++;
      return;
    }
    this.#delay.update(place.transit, now, held);
    if (place.seq < this.#seq) {
      if (place.seq === this.#lastPlayed) this.#duplicate++;
      else this.#late++;
      return;
    }
    if (!this.#store.insert({ seq: place.seq, ticks: place.ticks, payloadType, payload })) this.#duplicate++;
    else if (this.#store.size > MAX_STORED) {
      this.#store.shift();
      this.#discarded++;
    }
  }

  /** Pulls were left out, and their time will not be made up: the sound of it is not to be heard late either. */
  miss(): void {
    this.#missed = true;
  }

  /** Writes the next 20 ms into `out` ({@link frameSamples} of `rate`). Call it every 20 ms, with the time at which it was due. */
  pull(now: Millis, out: Int16Array): FrameKind {
    this.#now = now;
    const first = this.#store.first;
    if (!this.#playing && first && this.#delayAt(first.ticks) >= this.#delay.target) this.#begin(first);
    if (this.#playing) this.#skipExcess();
    while (this.#queue.length < this.#frame) this.#kind = this.#fill();
    if (this.#playing) this.#steer();
    this.#queue.take(out);
    return this.#kind;
  }

  /** Puts at least one sample into the queue. */
  #fill(): FrameKind {
    if (!this.#playing) return this.#rest();
    const next = this.#store.first;
    if (!next) return this.#starve();
    this.#starvedEnds(next);
    const gap = next.ticks - this.#ticks;
    if (next.seq === this.#seq) {
      // Nothing lost. A leap in media time is the sender's silence: wait for the packet's own time.
      if (gap <= 1 || gap * this.#perTick < this.#frame / 2 || this.#delayAt(next.ticks) >= this.#delay.target) return this.#play(next);
      return this.#pause(gap);
    }
    if (gap > 0) return this.#concealLoss(next, gap);
    return this.#play(next);
  }

  #begin(first: StoredPacket): void {
    this.#playing = true;
    this.#starved = 0;
    this.#seq = first.seq;
    this.#ticks = first.ticks;
  }

  /** Not playing, or in the sender's silence: comfort noise when that was the sender's last word, else silence. */
  #rest(): FrameKind {
    this.#makeNoise(this.#frame);
    this.#ticks += Math.round(this.#frame / this.#perTick);
    return this.#inNoise ? "noise" : "silence";
  }

  /** Fills a pause the sender made, of `gap` ticks at most. */
  #pause(gap: number): FrameKind {
    const samples = Math.min(this.#frame, Math.round(gap * this.#perTick));
    this.#makeNoise(samples);
    this.#ticks += Math.round(samples / this.#perTick);
    return this.#inNoise ? "noise" : "silence";
  }

  #makeNoise(samples: number): void {
    const pcm = MADE;
    if (this.#inNoise) this.#noise.generate(pcm, 0, samples);
    else pcm.fill(0, 0, samples);
    // Through the concealer as good sound, so that speech that broke off fades into it.
    this.#concealer.good(pcm, 0, samples);
    this.#queue.push(pcm, samples);
  }

  #starve(): FrameKind {
    if (this.#inNoise) return this.#rest();
    if (this.#ms(this.#starved) >= GIVE_UP_MS) {
      this.#playing = false;
      return this.#rest();
    }
    this.#starved += this.#frame;
    return this.#conceal(this.#frame);
  }

  /**
   * After starving: if packets were lost meanwhile, the sound made up stood for them; if not, they are late and the delay has grown. So it does where a longer
   * delay is wanted for the sake of FEC: the lost one is then read from this packet, as those to come will be.
   */
  #starvedEnds(next: StoredPacket): void {
    if (this.#starved === 0) return;
    const grows = this.#delay.extra > 0 && this.#delayNow() - this.#ms(this.#starved) < this.#delay.target - SHORT_MS;
    if (next.seq > this.#seq && !grows) this.#ticks = Math.min(next.ticks, this.#ticks + Math.round(this.#starved / this.#perTick));
    this.#starved = 0;
  }

  #concealLoss(next: StoredPacket, gap: number): FrameKind {
    const missing = Math.round(gap * this.#perTick);
    // A loss that ends with the next packet can be read from that packet's FEC.
    const last = missing <= this.#packetSamples;
    const samples = Math.min(missing, this.#packetSamples, this.#longest);
    this.#ticks += Math.round(samples / this.#perTick);
    if (last) this.#ticks = next.ticks;
    if (this.#ms(missing) > GIVE_UP_MS && this.#inNoise) {
      this.#makeNoise(samples);
      return "noise";
    }
    return this.#conceal(samples, last ? next : undefined);
  }

  #conceal(samples: number, next?: StoredPacket): FrameKind {
    const pcm = MADE;
    const decoder = this.#lastDecoder;
    this.#concealed += samples;
    const fec = next && decoder && this.#options.decoders.get(next.payloadType) === decoder ? next.payload : undefined;
    if (decoder && decoder.sampleRate === this.rate && decoder.conceal(samples, pcm, fec)) this.#concealer.good(pcm, 0, samples);
    else this.#concealer.conceal(pcm, 0, samples);
    this.#queue.push(pcm, samples);
    return "conceal";
  }

  #play(packet: StoredPacket): FrameKind {
    this.#store.shift();
    this.#watchLoss(packet);
    this.#lastPlayed = packet.seq;
    this.#seq = packet.seq + 1;
    this.#ticks = packet.ticks;
    if (packet.payloadType === this.#options.comfortNoise) {
      this.#noise.update(packet.payload);
      this.#inNoise = true;
      return this.#rest();
    }
    const decoder = this.#options.decoders.get(packet.payloadType);
    const n = decoder ? decoder.decode(packet.payload, DECODED) : -1;
    if (!decoder || n <= 0) {
      this.#discarded++;
      return this.#conceal(this.#packetSamples);
    }
    this.#inNoise = false;
    this.#lastDecoder = decoder;
    const [pcm, length] = this.#toRate(decoder, n);
    this.#packetSamples = length;
    this.#concealer.good(pcm, 0, length);
    this.#queue.push(pcm, length);
    this.#ticks = packet.ticks + Math.round(length / this.#perTick);
    return "audio";
  }

  /** FEC comes with the next packet: without a packet's length of delay it would come too late. */
  #watchLoss({ seq, payloadType, payload }: StoredPacket): void {
    const carries = this.#options.decoders.get(payloadType)?.carriesFec;
    if (!carries) return;
    const lost = this.#lastPlayed > Number.NEGATIVE_INFINITY ? Math.min(10, Math.max(0, seq - this.#lastPlayed - 1)) : 0;
    for (let i = 0; i <= lost; i++) this.#lossShare += ((i < lost ? 1 : 0) - this.#lossShare) * LOSS_WEIGHT;
    this.#fecShare += ((carries(payload) ? 1 : 0) - this.#fecShare) * LOSS_WEIGHT;
    const ms = this.#ms(this.#packetSamples);
    if (this.#lossShare > FEC_LOSS.from && this.#fecShare > FEC_LOSS.from) this.#delay.extra = ms;
    else if (this.#lossShare < FEC_LOSS.to || this.#fecShare < FEC_LOSS.to) this.#delay.extra = 0;
  }

  #toRate(decoder: AudioDecoder, samples: number): [Int16Array, number] {
    if (decoder.sampleRate === this.rate) return [DECODED, samples];
    let resampler = this.#resamplers.get(decoder);
    if (!resampler) this.#resamplers.set(decoder, (resampler = new Resampler(decoder.sampleRate, this.rate)));
    return [MADE, resampler.process(DECODED, MADE, samples)];
  }

  /** Holds the delay near its target by taking out or putting in pitch periods. */
  #steer(): void {
    this.#sinceStretch += this.#ms(this.#frame);
    const off = this.#delayNow() - this.#delay.target;
    const size = Math.abs(off);
    if (this.#kind !== "audio" || (off < 0 && size < UNDER_MS)) return;
    if (off >= 0 && size < OVER_MS && this.#dispensable() < samplesIn(this.rate, LEAST_MS)) return;
    const quiet = off > 0 && isQuiet(this.#queue.samples, this.#queue.length);
    if (!quiet && this.#sinceStretch < (size > FAR_MS ? HURRY_MS : size > NEAR_MS ? STEADY_MS : CALM_MS)) return;
    const needs = stretchNeeds(this.rate);
    while (this.#queue.length < needs) {
      const next = this.#store.first;
      if (!next || next.seq !== this.#seq || next.ticks > this.#ticks + 1) break;
      if (this.#play(next) !== "audio") return;
    }
    if (off > 0) {
      const removed = shorten(this.#queue.samples, this.#queue.length, this.rate, this.#dispensable(), size > FAR_MS);
      this.#queue.changeLength(-removed);
      this.#shortened += removed;
      if (removed > 0) this.#sinceStretch = 0;
    } else if (this.#queue.length >= needs && this.#queue.room >= maxStretch(this.rate)) {
      this.#queue.reserve(maxStretch(this.rate));
      const added = lengthen(this.#queue.samples, this.#queue.length, this.rate);
      this.#queue.changeLength(added);
      this.#lengthened += added;
      if (added > 0) this.#sinceStretch = 0;
    }
  }

  /**
   * Samples that the queue can go without: the packet that comes next may still be as late as the target allows when a pull finds the queue short of it,
   * which only whole frames in the queue put off.
   */
  #dispensable(): number {
    const frames = Math.ceil((this.#delay.target - this.#delayAt(this.#ticks)) / this.#ms(this.#frame));
    return this.#queue.length - Math.max(1, frames) * this.#frame;
  }

  /** A burst that would be heard far too late is cut: the oldest packets go. */
  #skipExcess(): void {
    const limit = this.#delay.target + (this.#missed ? SKIP_MISSED_MS : SKIP_MS);
    this.#missed = false;
    let skipped = false;
    while (this.#store.size > 1 && this.#delayNow() > limit) {
      const dropped = this.#store.shift();
      const first = this.#store.first;
      if (!dropped || !first) break;
      this.#discarded++;
      this.#seq = first.seq;
      this.#ticks = first.ticks;
      skipped = true;
    }
    // what was played goes on for a moment, and fades into what comes
    if (skipped && this.#lastDecoder) this.#conceal(samplesIn(this.rate, BRIDGE_MS));
  }

  /** How much later than possible the sample that is next to be played is, milliseconds. */
  #delayNow(): number {
    return this.#delayAt(this.#ticks) + this.#ms(this.#queue.length);
  }

  #delayAt(ticks: number): number {
    return this.#now - this.#delay.base - (ticks * 1000) / this.#options.clockRate;
  }

  #ms(samples: number): number {
    return (samples * 1000) / this.rate;
  }
}
