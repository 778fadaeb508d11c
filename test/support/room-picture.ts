import type { Socket } from "node:dgram";
import { parseRtcp, type RtcpPacket, writeRtcp } from "../../src/wire/rtcp/index.ts";
import { buildRtp, isRtcp, parseRtp, type RtpPacket } from "../../src/wire/rtp/index.ts";

const HOST = "127.0.0.1";
/** 1280x720 constrained baseline and 320x180 High, as x264 makes them. */
const SPS = Buffer.from("6742c01fda014016ec0440000003004000000f03c60ca8", "hex");
const HIGH_SPS = Buffer.from("6764000cacb202833f3e0220000003002000000303c1e28549", "hex");
const PPS = Buffer.from("68ce3c80", "hex");
/** Bytes of a fragment. */
const PART = 1000;

/** One picture of a scripted room, both ways, RTP and RTCP on one port: fragments (FU-A) filled with a mark by which others know whose they see. */
export class RoomPicture {
  readonly ssrc: number;
  /** Our port at the gateway; 0 while the line is refused. */
  target = 0;
  /** PLIs and FIRs that came. */
  keyFrameRequests = 0;
  /** Bits per second of the last TMMBR that came. */
  limit: number | undefined;
  readonly rtcp: RtcpPacket[] = [];
  // what it does wrong
  deaf = false;
  /** No parameter sets but with the very first picture; or none ever. */
  sets: "each" | "first" | "never" = "each";
  high = false;
  /** Pictures in place of one. */
  times = 1;
  /** Of each picture's fragments: what is sent, in the order it is. */
  shuffle: (packets: readonly Buffer[]) => readonly Buffer[] = (packets) => packets;
  readonly #socket: Socket;
  readonly #mark: number;
  readonly #received: { readonly at: number; readonly packet: RtpPacket }[] = [];
  #sequence = 100;
  #timestamp = 1000;
  #key = true;
  #first = true;
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, mark: number) {
    this.#socket = socket;
    this.#mark = mark;
    this.ssrc = 1000 + mark;
    socket.on("message", (datagram) => this.#receive(datagram));
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** Fifteen pictures a second, half a Mbit/s. */
  start(): void {
    this.#key = true;
    this.#timer ??= setInterval(() => {
      for (let i = 0; i < this.times; i++) this.#picture();
    }, 66);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  close(): void {
    this.stop();
    try {
      this.#socket.close();
    } catch {
      // closed before
    }
  }

  /** The next picture stands alone. */
  keyFrame(): void {
    this.#key = true;
  }

  #picture(): void {
    const key = this.#key;
    this.#key = false;
    this.#timestamp += 6000;
    const packets: Buffer[] = [];
    const sets = this.sets === "each" || (this.sets === "first" && this.#first);
    if (key && sets) packets.push(this.#packet(this.high ? HIGH_SPS : SPS), this.#packet(PPS));
    if (key) this.#first = false;
    const type = key ? 5 : 1;
    for (let part = 0; part < 4; part++) {
      const head = (part === 0 ? 0x80 : part === 3 ? 0x40 : 0) | type;
      const body = Buffer.alloc(PART, this.#mark);
      if (part === 0) body[0] = 0x88;
      packets.push(this.#packet(Buffer.concat([Buffer.of(0x7c, head), body]), part === 3));
    }
    for (const packet of this.shuffle(packets)) this.send(packet);
  }

  #packet(payload: Uint8Array, marker = false): Buffer {
    const sequenceNumber = this.#sequence++ & 0xffff;
    return buildRtp({ payloadType: 97, ssrc: this.ssrc, timestamp: this.#timestamp >>> 0, sequenceNumber, marker }, payload);
  }

  send(datagram: Uint8Array): void {
    if (this.target > 0) this.#socket.send(datagram, this.target, HOST);
  }

  sendRtcp(...packets: readonly RtcpPacket[]): void {
    this.send(writeRtcp([{ kind: "rr", ssrc: this.ssrc, reports: [] }, ...packets]));
  }

  /** SSRC of what comes. */
  get shown(): number {
    return this.#received.at(-1)?.packet.ssrc ?? 0;
  }

  #receive(datagram: Buffer): void {
    if (!isRtcp(datagram)) {
      const packet = parseRtp(datagram);
      if (packet) this.#received.push({ at: Date.now(), packet });
      return;
    }
    for (const packet of parseRtcp(datagram) ?? []) {
      this.rtcp.push(packet);
      if (packet.kind === "tmmbr") this.limit = packet.entries[0]?.bitrate;
      if (packet.kind !== "pli" && packet.kind !== "fir") continue;
      this.keyFrameRequests++;
      if (!this.deaf) this.#key = true;
    }
  }

  /** Marks of those whose pictures came in the last `ms`. */
  sees(ms = 400): number[] {
    const since = Date.now() - ms;
    const slices = this.#received.filter(({ at, packet }) => at > since && packet.payload.length > 100);
    return [...new Set(slices.map(({ packet }) => packet.payload.at(-1)!))];
  }

  /** What came since the last time, in order. */
  take(): RtpPacket[] {
    return this.#received.splice(0).map(({ packet }) => packet);
  }
}
