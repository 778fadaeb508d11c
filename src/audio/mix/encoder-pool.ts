import type { AudioEncoder } from "../codec.ts";
import type { MixMember } from "./member.ts";
import type { MixRoom } from "./room.ts";

/** An encoder of an output that several members hear, with what it made last. */
interface Shared {
  readonly encoder: AudioEncoder;
  readonly bytes: Uint8Array;
  length: number;
  tick: number;
}

/** Ticks after which an encoder nobody asked is given back: 10 s. */
const IDLE_TICKS = 500;
const MAX_PAYLOAD = 2000;
/** After so many ticks of sound below this peak (-54 dB of full scale) a codec's memory of what came before is as good as gone. */
const QUIET = { ticks: 8, peak: 64 } as const;
/** Where it is never as quiet as that for 10 s, so much will do, and after a minute anything. */
const HARDLY_QUIET = { after: 500, ticks: 4, peak: 500 } as const;
const MOST_OWN_TICKS = 3000;

/**
 * Encodes a room's outputs, each shared one once for all who hear it with the same codec: in a room of 1,000 PCMU listeners one encoding a tick. Members
 * with a mix of their own use their own encoder, which takes over the shared one's state when they leave the common mix, and keep it until the next silence.
 */
export class EncoderPool {
  readonly #room: MixRoom;
  readonly #create: (key: string) => AudioEncoder;
  readonly #shared = new Map<Int16Array, Map<string, Shared>>();
  #swept = 0;

  /** `create` makes an encoder for a key; equal keys mean streams that may share bytes (codec, rate, bit rate, ...). */
  constructor(room: MixRoom, create: (key: string) => AudioEncoder) {
    this.#room = room;
    this.#create = create;
  }

  /** Encoders of shared outputs that exist now. */
  get size(): number {
    let n = 0;
    for (const byKey of this.#shared.values()) n += byKey.size;
    return n;
  }

  /** A stream to one member. */
  stream(member: MixMember, key: string): MixStream {
    return new MixStream(this, member, key);
  }

  /** For {@link MixStream}: an encoder of its own. */
  create(key: string): AudioEncoder {
    return this.#create(key);
  }

  /** For {@link MixStream}: the shared encoding of this tick's `output`. */
  shared(output: Int16Array, key: string): Shared {
    const tick = this.#room.ticks;
    if (tick - this.#swept > IDLE_TICKS) this.#sweep(tick);
    let byKey = this.#shared.get(output);
    if (!byKey) this.#shared.set(output, (byKey = new Map()));
    let entry = byKey.get(key);
    if (!entry) byKey.set(key, (entry = { encoder: this.#create(key), bytes: new Uint8Array(MAX_PAYLOAD), length: 0, tick: -1 }));
    if (entry.tick !== tick) {
      entry.tick = tick;
      entry.length = entry.encoder.encode(output, entry.bytes);
    }
    return entry;
  }

  #sweep(tick: number): void {
    this.#swept = tick;
    for (const [output, byKey] of this.#shared) {
      for (const [key, entry] of byKey) {
        if (tick - entry.tick <= IDLE_TICKS) continue;
        entry.encoder.close();
        byKey.delete(key);
      }
      if (byKey.size === 0) this.#shared.delete(output);
    }
  }

  /** Closes the shared encoders. */
  close(): void {
    for (const byKey of this.#shared.values()) for (const { encoder } of byKey.values()) encoder.close();
    this.#shared.clear();
  }
}

/** One member's outgoing stream: 20 ms a call. */
export class MixStream {
  readonly #pool: EncoderPool;
  readonly #member: MixMember;
  readonly #key: string;
  #own: AudioEncoder | undefined;
  #bytes: Uint8Array | undefined;
  #last: AudioEncoder | undefined;
  /** Ticks since the member's output is the shared one again, and how many of the latest were quiet. */
  #sharing = 0;
  #quiet = 0;

  constructor(pool: EncoderPool, member: MixMember, key: string) {
    this.#pool = pool;
    this.#member = member;
    this.#key = key;
  }

  /** The payload of this tick's output; a view that is valid until the next tick. Empty: send nothing (DTX). */
  encode(): Uint8Array {
    const member = this.#member;
    if (!member.sharesOutput) {
      this.#sharing = this.#quiet = 0;
      return this.#encodeOwn();
    }
    if (this.#own && this.#last === this.#own && !this.#mayShare(this.#own)) return this.#encodeOwn();
    const shared = this.#pool.shared(member.output, this.#key);
    this.#last = shared.encoder;
    return shared.bytes.subarray(0, shared.length);
  }

  /**
   * The far end's decoder has followed this member's own encoder. Another encoder in mid-speech would leave it with a state that does not fit, which is heard
   * for half a second. So the change waits for silence.
   */
  #mayShare(own: AudioEncoder): boolean {
    if (!own.hasMemory) return true;
    this.#sharing++;
    const { ticks, peak } = this.#sharing < HARDLY_QUIET.after ? QUIET : HARDLY_QUIET;
    if (this.#member.output.every((v) => v < peak && v > -peak)) this.#quiet++;
    else this.#quiet = 0;
    return this.#quiet >= ticks || this.#sharing >= MOST_OWN_TICKS;
  }

  #encodeOwn(): Uint8Array {
    this.#own ??= this.#pool.create(this.#key);
    this.#bytes ??= new Uint8Array(MAX_PAYLOAD);
    if (this.#last && this.#last !== this.#own) this.#own.adopt?.(this.#last);
    this.#last = this.#own;
    return this.#bytes.subarray(0, this.#own.encode(this.#member.output, this.#bytes));
  }

  /** Frees the member's own encoder. */
  close(): void {
    this.#own?.close();
    this.#own = undefined;
  }
}
