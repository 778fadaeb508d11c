/** A packet waiting to be played. */
export interface StoredPacket {
  readonly seq: number;
  readonly ticks: number;
  readonly payloadType: number;
  readonly payload: Uint8Array;
}

/** Packets in order of their sequence numbers. Small (tens of packets), so a sorted array. */
export class PacketStore {
  readonly #packets: StoredPacket[] = [];

  get size(): number {
    return this.#packets.length;
  }

  get first(): StoredPacket | undefined {
    return this.#packets[0];
  }

  get last(): StoredPacket | undefined {
    return this.#packets[this.#packets.length - 1];
  }

  /** Puts a packet in its place; false when one of its number is there already. */
  insert(packet: StoredPacket): boolean {
    const packets = this.#packets;
    let at = packets.length;
    while (at > 0 && packets[at - 1].seq > packet.seq) at--;
    if (at > 0 && packets[at - 1].seq === packet.seq) return false;
    packets.splice(at, 0, packet);
    return true;
  }

  shift(): StoredPacket | undefined {
    return this.#packets.shift();
  }

  clear(): void {
    this.#packets.length = 0;
  }
}
