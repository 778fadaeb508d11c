// Packets of another length than the engine's tick, on fake time before the media engine itself.
import { describe, expect, it } from "vitest";
import { FakeClock } from "../../../support/standing-clock.ts";
import { MediaEngine } from "../../../../src/media-server/media/engine.ts";
import type { ToMedia } from "../../../../src/media-server/messages.ts";
import { seededNoise } from "../../../support/spectrum.ts";

interface Sent {
  readonly at: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly bytes: number;
}

type Way = "room" | "bridge" | "prompt";

/** Two legs that send `theirs` ms a packet and are sent `ours` ms, in a room, bridged, or with a tone played; what the second is sent after two seconds. */
function send(ours: number, theirs: number, way: Way, timerMs = 1): Sent[] {
  const clock = new FakeClock();
  clock.advance(1000);
  const sent: Sent[] = [];
  const engine = new MediaEngine({ clock, tell: () => {}, rtpTimeoutMs: 0 });
  const handle = (message: ToMedia) => engine.handle(message);
  handle({ t: "room-open", room: 1, music: undefined });
  for (const id of [0, 1]) {
    engine.add(id, (data, _port, _address, rtcp) => {
      if (rtcp || id === 0 || (data[1]! & 0x7f) !== 0) return;
      sent.push({ at: clock.now(), sequence: data.readUInt16BE(2), timestamp: data.readUInt32BE(4), bytes: data.length - 12 });
    });
    handle({
      t: "configure",
      id,
      config: {
        codecs: [{ name: "PCMU", sendPayloadType: 0, receivePayloadType: 0, ptime: ours }],
        remote: { address: "127.0.0.1", port: 1000 + id, rtcpPort: 60_000 },
        rtcpMux: false,
        direction: "sendrecv",
      },
    });
    if (way === "room")
      handle({ t: "room-join", room: 1, member: id, id, state: { speak: true, hear: true, gainInDb: 0, gainOutDb: 0, energy: 100 } });
  }
  if (way === "bridge") handle({ t: "bridge", a: 0, b: 1 });
  if (way === "prompt") handle({ t: "play", id: 1, job: 1, source: "tone_stream://%(9000,0,440)", seek: 0, timeoutMs: 0 });
  const noise = seededNoise(7);
  const late = () => ((noise() + 1) / 2) * timerMs;
  const packet = Buffer.alloc(12 + theirs * 8, 0x30);
  packet[0] = 0x80;
  packet[1] = 0;
  let wake = clock.now() + engine.wait(clock.now()) + late();
  for (let k = 0; k * theirs < 6000; ) {
    const arrival = 1003 + k * theirs;
    const next = Math.min(arrival, wake);
    clock.advance(Math.max(0, next - clock.now()));
    if (arrival <= wake) {
      packet.writeUInt16BE(k, 2);
      packet.writeUInt32BE(k * theirs * 8, 4);
      engine.receive(0, Buffer.from(packet), "127.0.0.1", 1000, false);
      k++;
    } else {
      engine.run(clock.now());
      wake = clock.now() + engine.wait(clock.now()) + late();
    }
  }
  return sent.filter(({ at }) => at > 3000);
}

describe("packets leave a packet's length apart", () => {
  for (const way of ["room", "bridge", "prompt"] as const)
    it.each([10, 20, 30, 40, 50, 60])(`${way}: of %i ms`, (ours) => {
      for (const theirs of [20, 30]) {
        const sent = send(ours, theirs, way);
        const gaps = sent.slice(1).map(({ at }, i) => at - sent[i]!.at);
        // our timer is up to 1 ms late, and a room's tick may move by 2 ms at a time
        expect(Math.max(...gaps)).toBeLessThan(ours + 3.1);
        expect(Math.min(...gaps)).toBeGreaterThan(ours - 3.1);
        expect(sent.length).toBeGreaterThan(3900 / ours - 2);
        for (const [i, { timestamp, sequence, bytes }] of sent.entries()) {
          expect(bytes).toBe(ours * 8);
          if (i > 0) expect([(timestamp - sent[i - 1]!.timestamp) | 0, (sequence - sent[i - 1]!.sequence) & 0xffff]).toEqual([ours * 8, 1]);
        }
      }
    });

  it("and late timers do not add up", () => {
    const sent = send(30, 20, "prompt", 6);
    const off = sent.map(({ at }, i) => at - sent[0]!.at - i * 30);
    expect(Math.max(...off) - Math.min(...off)).toBeLessThan(8);
  });
});
