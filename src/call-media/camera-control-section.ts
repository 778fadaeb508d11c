import { randomInt } from "node:crypto";
import { EventEmitter } from "node:events";
import { systemClock } from "../base/clock.ts";
import { canonicalAddress } from "../base/ip-address.ts";
import { TokenBucket } from "../base/token-bucket.ts";
import { openRtpPort, type PortRange, type RtpPort } from "../io/index.ts";
import {
  decideAnsweredSrtp,
  decideSrtp,
  directionOf,
  emptyMedia,
  type MediaPolicy,
  mediaSources,
  offeredProfile,
  remoteMedia,
  reverse,
  type SrtpDecision,
} from "../negotiation/index.ts";
import { SRTP_MAX_OVERHEAD, SrtpReceiver, SrtpSender, sameKeying } from "../srtp/index.ts";
import { parseH224 } from "../wire/h224/index.ts";
import { buildRtp, parseRtp } from "../wire/rtp/index.ts";
import type { SdpCrypto, SdpMedia, SdpSession } from "../wire/sdp/index.ts";
import { LineKeys } from "./sdes-keys.ts";
import type { SideLine } from "./media-sections.ts";

/** H.224 runs at 4800 bit/s on paper: an RTP clock of that (RFC 4573 section 5). */
const CLOCK_RATE = 4800;
const OFFERED_TYPE = 125;
/** Frames a second that are passed on; a hand on a remote control makes ten. */
const MAX_FRAMES = 50;

export interface CameraLineOptions {
  readonly host: string;
  readonly advertise: string;
  readonly ports: PortRange;
}

/** Whether a line is `m=application ... RTP/AVP` with H224: a room's remote control for other rooms' cameras (RFC 4573). */
export function isCameraControl(session: SdpSession, index: number): boolean {
  const { kind, formats } = session.media[index]!;
  return kind === "application" && formats.some(isH224);
}

function isH224({ codec }: { readonly codec?: string }): boolean {
  return codec?.toUpperCase() === "H224";
}

/** One call's line of camera control: frames come as `frame`, `send` sends one. What they mean is the rooms' affair. */
export class CameraLine extends EventEmitter<{ frame: [frame: Uint8Array] }> implements SideLine {
  readonly #options: CameraLineOptions;
  readonly #keys = new LineKeys();
  readonly #ssrc = randomInt(1, 2 ** 32 - 1);
  readonly #allowance = new TokenBucket(MAX_FRAMES, MAX_FRAMES);
  #sequence = randomInt(2 ** 15);
  #timestamp = 0;
  #port: RtpPort | undefined;
  #remote: { readonly address: string; readonly port: number; readonly payloadType: number } | undefined;
  /** Hosts whose frames are taken without SRTP; null: any. */
  #hosts: ReadonlySet<string> | null = new Set();
  #sender: SrtpSender | undefined;
  #receiver: SrtpReceiver | undefined;
  #closed = false;
  /** Begins to send and to listen, once the far end has acknowledged the call. */
  #held: (() => void) | undefined;

  constructor(options: CameraLineOptions) {
    super();
    this.#options = options;
  }

  /** Whether the far end can steer, or be steered. */
  get up(): boolean {
    return this.#remote !== undefined;
  }

  async answer(offer: SdpSession, index: number, context: MediaPolicy): Promise<SdpMedia | null> {
    const media = offer.media[index]!;
    const format = media.formats.find(isH224);
    const decision = decideSrtp({ ...context, offerMedia: media });
    if (!format || decision.kind === "refuse") return null;
    await this.#open();
    const agree = () => this.#agree(offer, media, format.payloadType, decision, context);
    // frames of other rooms do not go to an address that has not acknowledged the call
    this.#held = context.held === true ? agree : undefined;
    if (context.held !== true) agree();
    return {
      ...this.#line(media.protocol, format.payloadType, this.#keys.answer(decision)),
      direction: reverse(directionOf(offer, media)),
      ...(media.mid !== undefined && { mid: media.mid }),
    };
  }

  async offer(context: MediaPolicy): Promise<SdpMedia | null> {
    const crypto = this.#keys.offer(context);
    if (context.policy === "required" && crypto.length === 0) return null;
    await this.#open();
    return this.#line(offeredProfile(context), OFFERED_TYPE, crypto);
  }

  answered(ours: SdpMedia, answer: SdpSession, index: number, context: MediaPolicy) {
    const media = answer.media[index]!;
    const format = media.formats.find(isH224);
    const decision = decideAnsweredSrtp(ours, media, context);
    if (!format || decision.kind === "refuse") return this.dropped();
    this.#agree(answer, media, format.payloadType, decision, context);
  }

  acknowledged(): void {
    this.#held?.();
    this.#held = undefined;
  }

  dropped(): void {
    this.#held = undefined;
    this.#remote = undefined;
    this.#port?.close();
    this.#port = undefined;
  }

  close(): void {
    this.#closed = true;
    this.dropped();
  }

  /** Sends a frame; does nothing while the far end takes none. */
  send(frame: Uint8Array) {
    const remote = this.#remote;
    if (!remote || !this.#port) return;
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.#timestamp = (this.#timestamp + frame.length * 8) >>> 0;
    const fields = {
      payloadType: remote.payloadType,
      ssrc: this.#ssrc,
      timestamp: this.#timestamp,
      sequenceNumber: this.#sequence,
      marker: true,
    };
    const packet = buildRtp(fields, frame);
    if (!this.#sender) return this.#port.send(packet, remote.address, remote.port);
    const out = Buffer.alloc(packet.length + SRTP_MAX_OVERHEAD);
    const length = this.#sender.protectRtp(packet, out);
    if (length > 0) this.#port.send(out.subarray(0, length), remote.address, remote.port);
  }

  #receive(packet: Uint8Array, address: string, port: number) {
    const remote = this.#remote;
    // SRTP tells whose packet it is; without, it comes from where the room or its signalling is
    if (!remote || packet.length > 512) return;
    if (!this.#receiver && this.#hosts !== null && !this.#hosts.has(canonicalAddress(address))) return;
    if (!this.#allowance.take(systemClock.now())) return;
    const copy = Buffer.from(packet);
    const length = this.#receiver ? this.#receiver.unprotectRtp(copy, copy) : copy.length;
    const parsed = length < 0 ? undefined : parseRtp(copy, length);
    if (!parsed || parsed.payloadType !== remote.payloadType) return;
    this.#remote = { ...remote, address, port };
    if (parseH224(parsed.payload)) this.emit("frame", Uint8Array.from(parsed.payload));
  }

  async #open(): Promise<void> {
    if (this.#port) return;
    const { host, ports } = this.#options;
    const port = await openRtpPort({ host, range: ports, onPacket: (packet, address, from) => this.#receive(packet, address, from) });
    if (this.#closed) return port.close();
    this.#port = port;
  }

  #agree(
    session: SdpSession,
    media: SdpMedia,
    payloadType: number,
    decision: Exclude<SrtpDecision, { kind: "refuse" }>,
    context: MediaPolicy,
  ): void {
    const remote = remoteMedia(session, media);
    const sources = mediaSources(context);
    const told = remote && !("kind" in remote) ? [remote.address] : [];
    this.#hosts = sources === "any" ? null : new Set([...told, ...(sources === "signalled" ? [] : sources)].map(canonicalAddress));
    this.#remote = remote && !("kind" in remote) ? { address: remote.address, port: remote.port, payloadType } : undefined;
    if (decision.kind === "plain") {
      this.#receiver = this.#sender = undefined;
      return;
    }
    const { keying } = decision.crypto;
    if (!this.#receiver || !sameKeying(this.#receiver.keying, keying)) this.#receiver = new SrtpReceiver(keying);
    const own = this.#keys.of(keying.suite);
    if (!this.#sender || !sameKeying(this.#sender.keying, own)) this.#sender = new SrtpSender(own);
  }

  #line(protocol: string, payloadType: number, crypto: readonly SdpCrypto[]): SdpMedia {
    const { advertise } = this.#options;
    return {
      ...emptyMedia("application", protocol, [{ payloadType, codec: "H224", clockRate: CLOCK_RATE, feedback: [] }]),
      port: this.#port?.port ?? 0,
      connection: { ipVersion: advertise.includes(":") ? 6 : 4, address: advertise },
      crypto,
      direction: "sendrecv",
    };
  }
}
