/** A packet waiting to be played. */
export interface StoredPacket {
  readonly seq: number;
  readonly ticks: number;
  readonly payloadType: number;
  /** Memory of the store: valid until the first {@link PacketStore.insert} after the packet has been taken out. */
  readonly payload: Uint8Array;
}

/** Least size of a payload's memory: 20 ms of G.711 or G.722. */
const SLOT_BYTES = 160;
/** Memory kept for packets to come; what a bunch needed beyond goes with it. */
const SPARE_SLOTS = 4;

/**
 * Packets in order of their sequence numbers. Small (tens of packets), so a sorted array. Payloads are copied into memory that is used again and again:
 * datagrams kept would each outlive the garbage collector's nursery, and that is what a call would weigh most.
 */
export class PacketStore {
  readonly #packets: StoredPacket[] = [];
  readonly #spare: Uint8Array[] = [];

  get size(): number {
    return this.#packets.length;
  }

  get first(): StoredPacket | undefined {
    return this.#packets[0];
  }

  get last(): StoredPacket | undefined {
    return this.#packets[this.#packets.length - 1];
  }

  /** Puts a copy of a packet in its place; false when one of its number is there already. */
  insert({ seq, ticks, payloadType, payload }: StoredPacket): boolean {
    const packets = this.#packets;
    let at = packets.length;
    while (at > 0 && packets[at - 1].seq > seq) at--;
    if (at > 0 && packets[at - 1].seq === seq) return false;
    packets.splice(at, 0, { seq, ticks, payloadType, payload: this.#copy(payload) });
    return true;
  }

  /** Takes the first packet out. */
  shift(): StoredPacket | undefined {
    const packet = this.#packets.shift();
    if (packet && this.#spare.length < SPARE_SLOTS) this.#spare.push(packet.payload);
    return packet;
  }

  clear(): void {
    this.#packets.length = 0;
  }

  #copy(payload: Uint8Array): Uint8Array {
    const { length } = payload;
    let slot = this.#spare.pop();
    if (slot === undefined || slot.buffer.byteLength < length) slot = new Uint8Array(Math.max(SLOT_BYTES, length));
    else if (slot.length !== length) slot = new Uint8Array(slot.buffer);
    slot.set(payload);
    return slot.length === length ? slot : slot.subarray(0, length);
  }
}
