import type { LineAgreement, RelayLineEvents, VideoCodec } from "../../../src/video/index.ts";
import { type LineOutput, noCounts, OutBuffer, type Shown, VideoEngine, type VideoLine } from "../../../src/video/index.ts";
import { parseRtcp, type RtcpPacket } from "../../../src/wire/rtcp/index.ts";
import { buildRtp, isRtcp, parseRtp, type RtpPacket } from "../../../src/wire/rtp/index.ts";

/** A 1280x720 constrained baseline sequence parameter set and a picture parameter set that x264 made. */
export const SPS = Buffer.from("6742c01fda014016ec0440000003004000000f03c60ca8", "hex");
export const PPS = Buffer.from("68ce3c80", "hex");

export const h264 = (more: Partial<VideoCodec> = {}): VideoCodec => ({
  name: "H264",
  sendPayloadType: 96,
  receivePayloadType: 96,
  profileLevelId: "42c01f",
  packetizationMode: 1,
  ...more,
});
export const vp8 = (more: Partial<VideoCodec> = {}): VideoCodec => ({
  name: "VP8",
  sendPayloadType: 100,
  receivePayloadType: 100,
  ...more,
});

export function agreement(port: number, more: Partial<LineAgreement> = {}): LineAgreement {
  return {
    remote: { address: "192.0.2.1", port, rtcpPort: port + 1 },
    rtcpMux: false,
    srtp: null,
    codecs: [h264()],
    direction: "sendrecv",
    feedback: { nack: false, pli: true, fir: false, tmmbr: false, remb: false },
    maxBitrate: null,
    ...more,
  };
}

/** A far end on fake time: sends pictures into its line, keeps what comes back. */
export class Endpoint {
  readonly line: VideoLine;
  readonly rtp: RtpPacket[] = [];
  readonly rtcp: RtcpPacket[] = [];
  readonly datagrams: Buffer[] = [];
  readonly events: (readonly [string, ...unknown[]])[] = [];
  readonly port: number;
  /** Where the last datagram went. */
  sentTo = 0;
  ssrc: number;
  payloadType = 96;
  sequence: number;
  timestamp: number;
  readonly #relay: TestRelay;

  /** `early` runs when the line is open and nothing is agreed. */
  constructor(relay: TestRelay, id: string, port: number, terms: Partial<LineAgreement>, early?: (far: Endpoint) => void) {
    this.#relay = relay;
    this.port = port;
    this.ssrc = port * 1000;
    this.sequence = port & 0xffff;
    this.timestamp = port * 7919;
    const io: LineOutput = {
      out: relay.out,
      counts: relay.counts,
      transmit: (datagram, toPort, address, rtcp) => {
        const copy = Buffer.from(datagram);
        if (address !== "192.0.2.1") throw new Error(`sent to ${address}`);
        this.sentTo = toPort;
        this.datagrams.push(copy);
        if (rtcp || isRtcp(copy)) this.rtcp.push(...(parseRtcp(copy) ?? []));
        else this.rtp.push(parseRtp(copy)!);
        return false;
      },
      event: <K extends Exclude<keyof RelayLineEvents, "gone">>(event: K, ...values: RelayLineEvents[K]) => {
        this.events.push([event, ...values]);
      },
      wall: () => Date.UTC(2026, 0, 1) + relay.now,
      random: () => relay.random(),
    };
    this.line = relay.engine.open(id, io, relay.now);
    early?.(this);
    relay.engine.configure(id, agreement(port, terms), relay.now);
  }

  /** A packet with this payload, in the stream's order unless told. */
  payload(payload: Uint8Array, marker = false, at: { sequence?: number } = {}): void {
    const sequenceNumber = (at.sequence ?? this.sequence++) & 0xffff;
    const fields = { payloadType: this.payloadType, ssrc: this.ssrc, timestamp: this.timestamp >>> 0, sequenceNumber, marker };
    this.datagram(buildRtp(fields, payload));
  }

  datagram(bytes: Uint8Array, from = this.port, rtcpSocket = false): void {
    this.line.receive(Buffer.from(bytes), "192.0.2.1", from, rtcpSocket, this.#relay.now);
  }

  /** The next picture: `size` bytes of slice in one packet. `key` with its parameter sets, or without when `bare`. */
  picture(kind: "key" | "bare" | "delta", size = 100): void {
    this.timestamp += 3000;
    if (kind === "key") {
      this.payload(SPS);
      this.payload(PPS);
    }
    const slice = Buffer.alloc(size, this.port & 0xff);
    slice[0] = kind === "delta" ? 0x41 : 0x65;
    slice[1] = 0x88;
    this.payload(slice, true);
  }

  /** Takes what came so far. */
  take(): RtpPacket[] {
    return this.rtp.splice(0);
  }

  takeRtcp(kind?: RtcpPacket["kind"]): RtcpPacket[] {
    return this.rtcp.splice(0).filter((packet) => kind === undefined || packet.kind === kind);
  }
}

/** The engine on fake time, without hysteresis unless told. */
export class TestRelay {
  now = 1000;
  readonly out = new OutBuffer();
  readonly counts = noCounts();
  readonly shown: Shown[] = [];
  readonly engine: VideoEngine;
  #seed = 1;
  #seats = 1;
  #ports = 4000;

  constructor(timing = { confirmMs: 0, holdMs: 0 }) {
    this.engine = new VideoEngine((event) => this.shown.push(event), timing);
  }

  random(): number {
    this.#seed = (Math.imul(this.#seed, 1664525) + 1013904223) >>> 0;
    return this.#seed;
  }

  endpoint(id: string, terms: Partial<LineAgreement> = {}, early?: (far: Endpoint) => void): Endpoint {
    this.#ports += 10;
    return new Endpoint(this, id, this.#ports, terms, early);
  }

  /** An endpoint with a seat: brings its camera and sees who speaks. */
  participant(id: string, terms: Partial<LineAgreement> = {}): Endpoint & { seat: number } {
    const endpoint = this.endpoint(id, terms);
    const seat = this.#seats++;
    this.engine.join("m", seat, id);
    this.engine.arrange(seat, [{ lineId: id, brings: "camera", shows: { kind: "speaker", rank: 0 } }], this.now);
    return Object.assign(endpoint, { seat });
  }

  advance(ms: number): void {
    const end = this.now + ms;
    while (this.now < end) {
      this.now = Math.min(end, this.now + 20);
      this.engine.tick(this.now, (_, error) => {
        throw error;
      });
    }
  }
}
