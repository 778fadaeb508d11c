import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { RtcpPacket } from "../../../src/wire/rtcp/index.ts";
import type { RtpPacket } from "../../../src/wire/rtp/index.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { portsOf } from "../../support/ports.ts";
import { type RoomOptions, ScriptedRoom } from "../../support/scripted-room.ts";

const PORT = portsOf("room-bad-input");
const TONES = [440, 700, 1100];
const WAIT = { interval: 100 };

/** What far ends do wrong with their pictures, on a running gateway: the others are served, and everybody is heard. */
describe("bad pictures", () => {
  let gateway: Crosspoint;
  const rooms: ScriptedRoom[] = [];

  async function room(index: number, options: Partial<RoomOptions> = {}): Promise<ScriptedRoom> {
    const names = { displayName: `Room ${index}`, tone: TONES[index]!, mark: 1 + index };
    const one = await ScriptedRoom.call({ sipPort: PORT, to: "1000", ...names, ...options });
    rooms.push(one);
    await gateway.waitForParticipants("1000", (all) => all.filter(({ state }) => state === "joined").length === rooms.length);
    return one;
  }
  const sees = (one: ScriptedRoom) => expect.poll(() => one.camera.sees(), WAIT);
  const called = async (index: number) => (await gateway.participants("1000")).find(({ displayName }) => displayName === `Room ${index}`)!;
  /** Everybody hears the other two, now. */
  async function heard(): Promise<void> {
    for (const [index, one] of rooms.entries())
      await expect.poll(() => one.hears(TONES), WAIT).toEqual(TONES.filter((_, other) => other !== index && other < rooms.length));
  }
  const types = (packets: readonly RtpPacket[]) => packets.map(({ payload }) => payload[0]! & 0x1f);

  beforeAll(async () => {
    gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20 });
  });
  afterEach(async () => {
    for (const one of rooms.splice(0)) await one.close();
    await gateway.endCalls();
    await gateway.waitForParticipants("1000", (all) => all.length === 0);
    // nothing of it was a mistake of ours
    expect(gateway.logged(/a mistake/)).toEqual([]);
  });
  afterAll(() => gateway?.stop());

  test("parameter sets sent once reach who comes later; those never sent are no end of anything", async () => {
    await room(0, { sets: "first" });
    await expect.poll(async () => (await called(0)).video?.keyFramesIn, WAIT).toBeGreaterThan(0);
    const late = await room(1);
    await sees(late).toEqual([1]);
    expect(types(late.camera.take()).slice(0, 3)).toEqual([7, 8, 28]);
    await late.close();
    rooms.pop();
    rooms[0]!.camera.take();
    const never = await room(1, { sets: "never" });
    await sees(never).toEqual([1]);
    await sees(rooms[0]!).toEqual([2]);
    expect(types(rooms[0]!.camera.take())).not.toContain(7);
    await heard();
  });

  test("fragments lost and in the wrong order are passed on as they are, and cost nobody else a picture", async () => {
    const sender = await room(0);
    const viewer = await room(1);
    await sees(viewer).toEqual([1]);
    let picture = 0;
    sender.camera.shuffle = (packets) => {
      picture++;
      if (picture % 3 === 0) return packets.filter((_, part) => part !== packets.length - 2);
      return picture % 3 === 1 ? packets.toReversed() : packets;
    };
    viewer.camera.take();
    await delay(3000);
    const numbers = viewer.camera.take().map(({ sequenceNumber }) => sequenceNumber);
    const span = Math.max(...numbers) - Math.min(...numbers) + 1;
    // one of twelve is missing, and its number with it
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(numbers.length / span).toBeGreaterThan(0.88);
    expect(numbers.length / span).toBeLessThan(0.95);
    await sees(sender).toEqual([2]);
    await heard();
  });

  test("a sender that answers no request for key frames is shown after ten seconds as it is, and is asked with patience", async () => {
    const sender = await room(0);
    sender.camera.deaf = true;
    await expect.poll(async () => (await called(0)).video?.keyFramesIn, WAIT).toBeGreaterThan(0);
    const before = sender.camera.keyFrameRequests;
    const viewer = await room(1);
    await delay(3000);
    expect(viewer.camera.sees()).toEqual([]);
    await heard();
    await sees(viewer).toEqual([1]);
    expect(sender.camera.keyFrameRequests - before).toBeGreaterThan(3);
    expect(sender.camera.keyFrameRequests - before).toBeLessThan(15);
    expect(sender.infos.join()).toContain("picture_fast_update");
  });

  test("a sender at ten times its rate is cut, the other is shown instead, and it is let in again", async () => {
    const sender = await room(0);
    const other = await room(1);
    const viewer = await room(2);
    other.camera.stop();
    await sees(viewer).toEqual([1]);
    other.camera.start();
    // 20 Mbit/s where 2 were agreed
    sender.camera.times = 41;
    await sees(viewer).toEqual([2]);
    await expect.poll(async () => (await called(0)).video?.bitrateIn, WAIT).toBeGreaterThan(10_000_000);
    await heard();
    await sees(other).toEqual([3]);
    sender.camera.times = 1;
    other.camera.stop();
    await sees(viewer).toEqual([1]);
  });

  test("a storm of RTCP is answered within bounds and disturbs nobody", async () => {
    const sender = await room(0);
    const stormy = await room(1, { feedback: ["nack", "nack pli", "ccm fir", "ccm tmmbr"] });
    const viewer = await room(2);
    await sees(viewer).toHaveLength(1);
    const before = sender.camera.keyFrameRequests;
    const { ssrc } = stormy.camera;
    const shown = () => stormy.camera.shown;
    const began = Date.now();
    stormy.camera.rtcp.length = 0;
    for (let tick = 0; Date.now() - began < 3000; tick++) {
      const lost = Array.from({ length: 16 }, (_, i) => (tick * 16 + i) & 0xffff);
      const storm: RtcpPacket[] = [
        { kind: "pli", ssrc, mediaSsrc: shown() },
        { kind: "fir", ssrc, mediaSsrc: 0, entries: [{ ssrc: shown(), sequence: tick & 0xff }] },
        { kind: "nack", ssrc, mediaSsrc: shown(), lost },
        { kind: "tmmbr", ssrc, mediaSsrc: 0, entries: [{ ssrc: shown(), bitrate: 100_000 + tick, overhead: 40 }] },
      ];
      for (let i = 0; i < 20; i++) stormy.camera.sendRtcp(...storm);
      await delay(5);
    }
    // twice a second, whatever is asked
    expect(sender.camera.keyFrameRequests - before).toBeLessThan(10);
    expect(stormy.camera.rtcp.filter(({ kind }) => kind === "tmmbn").length).toBeLessThan(600);
    await sees(viewer).toHaveLength(1);
    await heard();
  });

  test("a room that vanishes without a word is replaced, and the others go on", async () => {
    const gone = await room(0);
    const other = await room(1);
    const viewer = await room(2);
    other.camera.stop();
    await sees(viewer).toEqual([1]);
    other.camera.start();
    await sees(viewer).toHaveLength(1);
    gone.vanish();
    await sees(viewer).toEqual([2]);
    await expect.poll(() => viewer.hears(TONES), WAIT).toEqual([700]);
    await expect.poll(() => other.hears(TONES), WAIT).toEqual([1100]);
  });
});
