/** One TCP connection for RAS and every call of an endpoint (H.460.17). Each call sees its own part of it as a stream of frames. */
import { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import { TokenBucket } from "../../base/token-bucket.ts";
import { type Address, callOf, composeTunnelledRas, readTunnelledRas } from "../../h323/index.ts";
import { TpktReader, tpkt } from "../../wire/h225/index.ts";
import type { H323Limits } from "./session.ts";

/** Q.931 Setup. */
const SETUP = 5;
/** Most calls in one connection. */
const MOST_CALLS = 100;
/** An empty frame so often keeps firewalls open. */
const KEEP_ALIVE_MS = 20_000;

/** A call's part: what is written goes out as it is, what arrives is what is of this call. */
class Channel extends Duplex {
  readonly #out: (frame: Uint8Array, done: (error?: Error | null) => void) => void;
  constructor(out: (frame: Uint8Array, done: (error?: Error | null) => void) => void) {
    super({ allowHalfOpen: false });
    this.#out = out;
  }
  override _read(): void {}
  override _write(frame: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#out(frame, done);
  }
}

export class SignallingTunnel {
  readonly peer: Address;
  /** Resolves when the connection is no more. */
  readonly ended: Promise<void>;
  /** A RAS message. */
  onRas: (bytes: Uint8Array) => void = () => {};
  /** A call that comes in: its Setup is on the way. */
  onCall: (channel: Duplex) => void = () => {};
  /** Something came that is neither RAS nor a call's, or no frame. */
  onMalformed: () => void = () => {};
  readonly #socket: Duplex;
  readonly #reader: TpktReader;
  readonly #clock: Clock;
  /** Channels by reference and by whether we chose it. */
  readonly #channels = new Map<string, Channel>();
  readonly #keepAlive: NodeJS.Timeout;
  readonly #allowance: TokenBucket;

  constructor(socket: Duplex, peer: Address, limits: H323Limits, clock: Clock) {
    this.#socket = socket;
    this.peer = peer;
    this.#clock = clock;
    this.#allowance = new TokenBucket(limits.framesPerSecond, limits.framesPerSecond * 10);
    this.#reader = new TpktReader(limits.frame);
    const ended = Promise.withResolvers<void>();
    this.ended = ended.promise;
    if (socket instanceof Socket) socket.setNoDelay(true).setKeepAlive(true, 30_000);
    this.#keepAlive = setInterval(() => socket.write(Uint8Array.of(3, 0, 0, 4)), KEEP_ALIVE_MS);
    this.#keepAlive.unref();
    socket.on("data", (chunk: Uint8Array) => this.#data(chunk));
    socket.on("error", () => {});
    socket.on("close", () => {
      clearInterval(this.#keepAlive);
      for (const channel of [...this.#channels.values()]) channel.destroy();
      ended.resolve();
    });
    socket.resume();
  }

  /** Calls inside. */
  get calls(): number {
    return this.#channels.size;
  }

  sendRas(bytes: Uint8Array): void {
    this.#socket.write(tpkt(composeTunnelledRas(bytes)));
  }

  /** A part for a call of ours; known by the reference of the first message written. */
  channel(): Duplex {
    const channel: Channel = new Channel((frame, done) => {
      const call = callOf(frame.subarray(4));
      if (call !== undefined && !call.fromDestination) this.#register(`ours ${call.reference}`, channel);
      this.#write(frame, done);
    });
    return channel;
  }

  /** A payload that was read before the connection was known for what it is. */
  take(payload: Uint8Array): void {
    const ras = readTunnelledRas(payload);
    if (ras !== undefined) {
      for (const bytes of ras) this.onRas(bytes);
      return;
    }
    const call = callOf(payload);
    if (call === undefined) this.onMalformed();
    if (call === undefined || call.reference === 0) return;
    const key = `${call.fromDestination ? "ours" : "theirs"} ${call.reference}`;
    let channel = this.#channels.get(key);
    if (channel === undefined) {
      if (call.fromDestination || payload[4] !== SETUP || this.#channels.size >= MOST_CALLS) return;
      channel = new Channel((frame, done) => this.#write(frame, done));
      this.#register(key, channel);
      this.onCall(channel);
    }
    if (!channel.destroyed) channel.push(tpkt(payload));
  }

  close(): void {
    this.#socket.end();
    setTimeout(() => this.#socket.destroy(), 2_000).unref();
  }

  #register(key: string, channel: Channel): void {
    if (this.#channels.get(key) === channel) return;
    this.#channels.set(key, channel);
    channel.once("close", () => {
      if (this.#channels.get(key) === channel) this.#channels.delete(key);
    });
  }

  #write(frame: Uint8Array, done: (error?: Error | null) => void): void {
    if (!this.#socket.writable) done(new Error("the connection is closed"));
    else this.#socket.write(frame, done);
  }

  #data(chunk: Uint8Array): void {
    let payloads: Uint8Array[];
    try {
      payloads = this.#reader.push(chunk);
    } catch {
      this.onMalformed();
      this.#socket.destroy();
      return;
    }
    if (!this.#allowance.take(this.#clock.now(), payloads.length)) this.#socket.destroy();
    else for (const payload of payloads) this.take(payload);
  }
}
