import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { Handshakes } from "../../../src/io/handshakes.ts";

let port = 1000;
class FakeSocket extends EventEmitter {
  destroyed = false;
  readonly remotePort = port++;
  readonly remoteAddress: string;
  constructor(address: string) {
    super();
    this.remoteAddress = address;
  }
  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit("close");
  }
}

const limits = { timeout: 60_000, most: 40, perSource: 10, strangers: 30, isTrunk: (address: string) => address.startsWith("203.0.113.") };

function begin(handshakes: Handshakes, address: string): FakeSocket {
  const socket = new FakeSocket(address);
  handshakes.begin(socket as unknown as Socket);
  return socket;
}
const alive = (sockets: readonly FakeSocket[]) => sockets.filter(({ destroyed }) => !destroyed).length;

describe("handshakes under way", () => {
  it("of one source are as many as may be, its oldest given up for its newest, however it spells its addresses", () => {
    const handshakes = new Handshakes(limits);
    const flood = Array.from({ length: 500 }, (_, i) => begin(handshakes, `2001:db8::${i.toString(16)}`));
    expect(handshakes.size).toBe(10);
    expect(flood.slice(-10).every(({ destroyed }) => !destroyed)).toBe(true);
  });

  it("of eight sources that hold all they can do not keep a stranger or a trunk out", () => {
    const handshakes = new Handshakes(limits);
    const flood = Array.from({ length: 800 }, (_, i) => begin(handshakes, `192.0.2.${i % 8}`));
    expect(alive(flood)).toBe(30);
    const stranger = begin(handshakes, "198.51.100.1");
    const trunks = Array.from({ length: 10 }, (_, i) => begin(handshakes, `203.0.113.${i}`));
    for (let i = 0; i < 24; i++) flood.push(begin(handshakes, `192.0.2.${i % 8}`));
    expect([stranger, ...trunks].map(({ destroyed }) => destroyed)).toEqual(new Array(11).fill(false));
    expect(handshakes.size).toBe(40);
  });

  it("of strangers never take a trunk's place, and a trunk takes theirs when all are in use", () => {
    const handshakes = new Handshakes(limits);
    const trunks = Array.from({ length: 10 }, (_, i) => begin(handshakes, `203.0.113.${i}`));
    const flood = Array.from({ length: 300 }, (_, i) => begin(handshakes, `10.0.${i >> 8}.${i & 255}`));
    expect(alive(trunks)).toBe(10);
    expect(alive(flood)).toBe(30);
    const more = Array.from({ length: 5 }, (_, i) => begin(handshakes, `203.0.113.${100 + i}`));
    expect(alive([...trunks, ...more])).toBe(15);
    expect(alive(flood)).toBe(25);
  });

  it("are over once done, known by the far end's port where TLS has made another socket", () => {
    const handshakes = new Handshakes(limits);
    const raw = begin(handshakes, "192.0.2.1");
    const other = begin(handshakes, "192.0.2.1");
    handshakes.done({ remoteAddress: raw.remoteAddress, remotePort: raw.remotePort } as Socket);
    expect(handshakes.size).toBe(1);
    handshakes.done(other as unknown as Socket);
    expect(handshakes.size).toBe(0);
    expect(raw.destroyed).toBe(false);
  });
});
