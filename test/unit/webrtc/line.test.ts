import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { Track } from "node-datachannel";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { OutgoingStream } from "../../../src/webrtc/stream-rewriter.ts";
import { Line } from "../../../src/webrtc/line.ts";

/** A track of the library's, as far as a line uses it. */
class FakeTrack {
  receive: (packet: Buffer) => void = () => {};
  readonly sent: Buffer[] = [];
  onMessage(receive: (packet: Buffer) => void): void {
    this.receive = receive;
  }
  isOpen(): boolean {
    return true;
  }
  sendMessageBinary(packet: Buffer): boolean {
    this.sent.push(packet);
    return true;
  }
}

const rtp = (sequence: number): Buffer => {
  const packet = Buffer.alloc(20);
  packet.writeUInt8(0x80, 0);
  packet.writeUInt8(96, 1);
  packet.writeUInt16BE(sequence, 2);
  return packet;
};

let far: Socket;
let line: Line;
let arrived: number[];

const attached = (): FakeTrack => {
  const track = new FakeTrack();
  line.attach(track as unknown as Track, new OutgoingStream(7, 90_000));
  return track;
};

beforeEach(async () => {
  arrived = [];
  far = createSocket("udp4").on("message", (packet) => arrived.push(packet.readUInt16BE(2)));
  far.bind(0, "127.0.0.1");
  await once(far, "listening");
  line = await Line.open("127.0.0.1");
  line.target = { address: "127.0.0.1", port: far.address().port, rtcpPort: far.address().port };
});
afterEach(() => far.close());

it("takes packets from the newest connection only", async () => {
  const before = attached();
  const now = attached();
  before.receive(rtp(1));
  now.receive(rtp(2));
  await expect.poll(() => arrived).toEqual([2]);
  line.close();
});

it("drops what still comes from the library once it is closed: an exception would end the process, and every browser's call with it", () => {
  const track = attached();
  line.close();
  expect(() => track.receive(rtp(1))).not.toThrow();
});

it("reports for a browser that says nothing, so that the media server waits for it as long as the gateway does", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  try {
    const quiet = await Line.open("127.0.0.1");
    quiet.target = { address: "127.0.0.1", port: far.address().port, rtcpPort: far.address().port };
    const reports: string[] = [];
    far.on("message", (packet) => reports.push(packet.toString("hex")));
    const track = new FakeTrack();
    quiet.attach(track as unknown as Track, new OutgoingStream(7, 90_000));
    track.receive(rtp(1));
    vi.advanceTimersByTime(5_000);
    vi.advanceTimersByTime(5_000);
    await expect.poll(() => reports.filter((one) => one.startsWith("80c90001"))).toHaveLength(1);
    quiet.close();
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
    line.close();
  }
});
