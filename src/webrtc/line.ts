import { createSocket, type Socket } from "node:dgram";
import type { Track } from "node-datachannel";
import { systemClock } from "../base/clock.ts";
import { isRtcp, type OutgoingStream } from "./stream-rewriter.ts";
import type { LineTarget } from "./messages.ts";
import { withSendTime } from "./send-time.ts";

/** A key frame comes at once; the kernel grants what it may. */
const RECEIVE_BUFFER = 1 << 20;
/** When a browser has said nothing for so long, an empty receiver report (RFC 3550 section 6.4.2) tells the media server that its caller is waited for. */
const QUIET_MS = 5_000;
const EMPTY_REPORT = Buffer.from([0x80, 201, 0, 1, 0, 0, 0, 1]);
/** No RTP packet on a network path is larger. */
const MAX_PACKET = 1500;

/** One line's bridge: a local UDP socket with plain RTP on one side, a track of the browser's connection on the other. The socket outlives connections. */
export class Line {
  readonly #socket: Socket;
  #track: Track | undefined;
  #stream: OutgoingStream | undefined;
  /** Packets go out with the time of sending. */
  timed = false;
  #target: LineTarget | null = null;
  #heard = false;
  readonly #quiet: NodeJS.Timeout;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (packet, from) => this.#toBrowser(packet, from.address));
    // an unreachable port (ICMP) says what the media server says better
    socket.on("error", () => {});
    this.#quiet = setInterval(() => this.#report(), QUIET_MS).unref();
  }

  static open(address: string): Promise<Line> {
    const type = address.includes(":") ? "udp6" : "udp4";
    const family = type === "udp6" ? 6 : 4;
    // addresses are literal: asking the resolver would cost more than sending
    const socket = createSocket({ type, recvBufferSize: RECEIVE_BUFFER, lookup: (host, _, done) => done(null, host, family) });
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.bind({ address, port: 0, exclusive: true }, () => {
        socket.off("error", reject);
        resolve(new Line(socket));
      });
    });
  }

  get port(): number {
    return this.#socket.address().port;
  }

  set target(target: LineTarget | null) {
    this.#target = target;
  }

  /** A new connection's track; `stream` is what the browser was told that we send. */
  attach(track: Track, stream: OutgoingStream): void {
    this.#track = track;
    this.timed = false;
    this.#stream = stream;
    track.onMessage((packet) => {
      // what was on its way when the track was given up still comes; sent by a closed socket it would throw, into the library, which ends the process
      if (this.#track === track) this.#fromBrowser(packet);
    });
  }

  detach(): void {
    this.#track = undefined;
  }

  close(): void {
    this.detach();
    clearInterval(this.#quiet);
    this.#socket.close();
  }

  #toBrowser(packet: Buffer, from: string): void {
    const track = this.#track;
    const stream = this.#stream;
    if (!track || !stream || this.#target?.address !== from || packet.length > MAX_PACKET || packet.length < 8) return;
    try {
      if (isRtcp(packet)) {
        if (stream.rtcpOut(packet) && track.isOpen()) track.sendMessageBinary(packet);
        return;
      }
      const now = systemClock.now();
      if (stream.rtp(packet, now) && track.isOpen()) track.sendMessageBinary(this.timed ? withSendTime(packet, now) : packet);
    } catch {
      // the connection is going down: its state tells
    }
  }

  #report(): void {
    if (!this.#heard && this.#target) this.#socket.send(EMPTY_REPORT, this.#target.rtcpPort, this.#target.address);
    this.#heard = false;
  }

  #fromBrowser(packet: Buffer): void {
    const target = this.#target;
    if (!target || packet.length > MAX_PACKET || packet.length < 8) return;
    this.#heard = true;
    if (!isRtcp(packet)) this.#socket.send(packet, target.port, target.address);
    else if (this.#stream?.rtcpBack(packet)) this.#socket.send(packet, target.rtcpPort, target.address);
  }
}
