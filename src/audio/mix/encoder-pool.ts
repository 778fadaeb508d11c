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

/**
 * Encodes a room's outputs, each shared one once for all who hear it with the same codec: in a room of 1,000 PCMU listeners one encoding a tick. Members
 * with a mix of their own use their own encoder, which takes over the shared one's state when they leave the common mix.
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

  constructor(pool: EncoderPool, member: MixMember, key: string) {
    this.#pool = pool;
    this.#member = member;
    this.#key = key;
  }

  /** The payload of this tick's output; a view that is valid until the next tick. Empty: send nothing (DTX). */
  encode(): Uint8Array {
    const member = this.#member;
    if (member.sharesOutput) {
      const shared = this.#pool.shared(member.output, this.#key);
      this.#last = shared.encoder;
      return shared.bytes.subarray(0, shared.length);
    }
    this.#own ??= this.#pool.create(this.#key);
    this.#bytes ??= new Uint8Array(MAX_PAYLOAD);
    if (this.#last && this.#last !== this.#own) this.#own.adopt?.(this.#last);
    this.#last = this.#own;
    return this.#bytes.subarray(0, this.#own.encode(member.output, this.#bytes));
  }

  /** Frees the member's own encoder. */
  close(): void {
    this.#own?.close();
    this.#own = undefined;
  }
}
