import { createSocket } from "node:dgram";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { portsOf } from "../../support/ports.ts";
import { type RoomOptions, ScriptedRoom } from "../../support/scripted-room.ts";
import { ATTRIBUTE, numberAttribute, PRIMITIVE } from "../../../src/wire/bfcp/index.ts";

const PORT = portsOf("room-system");
const TONES = [440, 700, 1100];
const WAIT = { interval: 100 };

/** Room systems by script on a running gateway: re-INVITEs, the second stream, the floor, bit rates, profiles. */
describe("a room system", () => {
  let gateway: Crosspoint;
  const rooms: ScriptedRoom[] = [];

  async function room(index: number, options: Partial<RoomOptions> = {}): Promise<ScriptedRoom> {
    const one = await ScriptedRoom.call({
      sipPort: PORT,
      to: "1000",
      displayName: `Room ${index}`,
      tone: TONES[index]!,
      mark: 1 + index,
      ...options,
    });
    rooms.push(one);
    await gateway.waitForParticipants("1000", (all) => all.filter(({ state }) => state === "joined").length === rooms.length);
    return one;
  }
  const called = async (index: number) => (await gateway.participants("1000")).find(({ displayName }) => displayName === `Room ${index}`)!;
  const sees = (get: () => number[]) => expect.poll(get, WAIT);

  beforeAll(async () => {
    gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20 });
  });
  afterEach(async () => {
    for (const one of rooms.splice(0)) await one.close();
    await gateway.endCalls();
    await gateway.waitForParticipants("1000", (all) => all.length === 0);
  });
  afterAll(() => gateway?.stop());

  test("adds its camera, holds it, comes back, drops it and adds it again by re-INVITE; the audio goes on", async () => {
    const viewer = await room(0);
    const one = await room(1, { lines: [] });
    expect((await called(1)).video).toBeNull();
    one.state.camera.on = true;
    expect(await one.offer()).toMatchObject([{ kind: "video", direction: "sendrecv" }]);
    one.camera.start();
    await sees(() => viewer.camera.sees()).toEqual([2]);
    await sees(() => one.camera.sees()).toEqual([1]);
    const before = one.camera.target;

    one.state.camera.direction = "inactive";
    expect(await one.offer()).toMatchObject([{ direction: "inactive", port: before }]);
    await sees(() => viewer.camera.sees()).toEqual([]);
    await sees(() => one.camera.sees()).toEqual([]);
    await expect.poll(async () => (await called(1)).video, WAIT).toMatchObject({ state: "held" });

    one.state.camera.direction = "sendonly";
    expect(await one.offer()).toMatchObject([{ direction: "recvonly" }]);
    await sees(() => viewer.camera.sees()).toEqual([2]);
    expect(one.camera.sees()).toEqual([]);

    one.state.camera.gone = true;
    expect(await one.offer()).toMatchObject([{ port: 0 }]);
    one.camera.stop();
    await sees(() => viewer.camera.sees()).toEqual([]);
    await expect.poll(async () => (await called(1)).video, WAIT).toMatchObject({ state: "off" });

    one.state.camera = { on: true, direction: "sendrecv" };
    expect(await one.offer()).toMatchObject([{ direction: "sendrecv" }]);
    one.camera.start();
    await sees(() => viewer.camera.sees()).toEqual([2]);
    await sees(() => one.camera.sees()).toEqual([1]);
    await expect.poll(() => viewer.hears(TONES), WAIT).toEqual([700]);
    await expect.poll(() => one.hears(TONES), WAIT).toEqual([440]);
  });

  test.each([
    { floor: "udp", floorVersion: 2 },
    { floor: "udp", floorVersion: 1 },
    { floor: "tcp", floorVersion: 1 },
  ] as const)("presents by BFCP over $floor, version $floorVersion: one at a time, handed over, gone with its room", async (floor) => {
    const lines = ["camera", "screen"] as const;
    const one = await room(0, { lines, ...floor });
    const two = await room(1, { lines, floor: "udp" });
    // has no line for it: sees it in its main picture
    const plain = await room(2);
    one.screen.start();
    await sees(() => plain.camera.sees()).toHaveLength(1);
    // a screen whose owner has not been given the floor is nobody's affair
    expect([two.screen.sees(), plain.camera.sees()].flat().filter((mark) => mark > 100)).toEqual([]);
    one.floor!.request();
    await expect.poll(() => one.floor!.told, WAIT).toEqual(["pending", "granted"]);
    expect(one.floor!.version).toBe(floor.floorVersion);
    await sees(() => two.screen.sees()).toEqual([101]);
    await sees(() => plain.camera.sees()).toEqual([101]);
    expect(two.camera.sees()).not.toContain(101);
    expect(one.screen.sees()).toEqual([]);

    two.screen.start();
    two.floor!.request();
    await expect.poll(() => two.floor!.told, WAIT).toEqual(["pending", "granted"]);
    await expect.poll(() => one.floor!.told, WAIT).toEqual(["pending", "granted", "revoked"]);
    await sees(() => one.screen.sees()).toEqual([102]);
    await sees(() => plain.camera.sees()).toEqual([102]);

    // the first wants it back, and gives it up again
    one.floor!.request();
    await sees(() => plain.camera.sees()).toEqual([101]);
    one.floor!.release();
    await expect.poll(() => one.floor!.told.at(-1), WAIT).toBe("released");
    await expect.poll(() => plain.camera.sees().filter((mark) => mark > 100), WAIT).toEqual([]);

    two.floor!.request();
    await sees(() => plain.camera.sees()).toEqual([102]);
    await two.close();
    rooms.splice(rooms.indexOf(two), 1);
    await expect.poll(() => plain.camera.sees(), WAIT).toEqual([1]);
    await expect.poll(() => plain.hears(TONES), WAIT).toEqual([440]);
  });

  test("is not disturbed by a stranger who speaks BFCP to its floor", async () => {
    const one = await room(0, { lines: ["camera", "screen"], floor: "udp" });
    const plain = await room(1);
    one.screen.start();
    one.floor!.request();
    await sees(() => plain.camera.sees()).toEqual([101]);
    const stranger = createSocket("udp4");
    const answers: Buffer[] = [];
    stranger.on("message", (bytes) => answers.push(bytes));
    const release = [numberAttribute(ATTRIBUTE.floorRequestId, 1)];
    for (let i = 0; i < 500; i++) {
      const ids = { conferenceId: 1 + i, userId: 1 + i };
      stranger.send(one.floor!.message(PRIMITIVE.floorRelease, release, ids), one.floor!.port, "127.0.0.1");
      stranger.send(one.floor!.message(PRIMITIVE.goodbye, [], ids), one.floor!.port, "127.0.0.1");
      stranger.send(Buffer.alloc(40, i), one.floor!.port, "127.0.0.1");
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
    stranger.close();
    // it hears that there is no such conference, and nothing else
    expect(new Set(answers.map((bytes) => bytes[1]))).toEqual(new Set([PRIMITIVE.error]));
    await sees(() => plain.camera.sees()).toEqual([101]);
    expect(one.floor!.told).toEqual(["pending", "granted"]);
    one.floor!.release();
    await expect.poll(() => one.floor!.told.at(-1), WAIT).toBe("released");
  });

  test("turns the camera of the room it sees, by H.224, and no other", async () => {
    const [one, two] = [await room(0, { remote: true }), await room(1, { remote: true })];
    const apart = await room(2, { remote: true, lines: [] });
    await sees(() => one.camera.sees()).toEqual([2]);
    // H.281: turn right for 800 ms
    const turn = "0071030000000001c001c0f0";
    one.remote!.send(turn);
    await expect.poll(() => two.remote!.frames, WAIT).toContain(turn);
    expect(one.remote!.frames).not.toContain(turn);
    expect(apart.remote!.frames).not.toContain(turn);
    // it sees nobody: it turns nobody
    apart.remote!.send(turn);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(two.remote!.frames.filter((frame) => frame === turn)).toHaveLength(1);
    expect(one.remote!.frames).not.toContain(turn);
  });

  test("is told what those take who watch it, by TMMBR; the roster says both limits", async () => {
    const sender = await room(0, { feedback: ["nack pli", "ccm fir", "ccm tmmbr"] });
    await room(1, { bitrate: 300_000 });
    await expect.poll(() => sender.camera.limit, WAIT).toBeLessThanOrEqual(300_000);
    expect(sender.camera.limit).toBeGreaterThan(250_000);
    await expect.poll(async () => (await called(0)).video, WAIT).toMatchObject({ limitIn: 300_000, limitOut: null });
    expect((await called(1)).video).toMatchObject({ limitOut: 300_000 });
  });

  test("that knows no RTCP feedback is asked for key frames by INFO (RFC 5168)", async () => {
    const sender = await room(0, { feedback: [] });
    // its first key frame is over when the other comes
    await expect.poll(async () => (await called(0)).video?.keyFramesIn, WAIT).toBe(1);
    const viewer = await room(1);
    await expect.poll(() => sender.infos.length, WAIT).toBeGreaterThan(0);
    expect(sender.infos[0]).toContain("<picture_fast_update/>");
    sender.camera.keyFrame();
    await sees(() => viewer.camera.sees()).toEqual([1]);
  });

  test("that has High Profile only is not shown to who takes Baseline; the roster says so, and they hear each other", async () => {
    const before = gateway.logged("picture-unsuited").length;
    const high = await room(0, { profile: "640028" });
    high.camera.high = true;
    const baseline = await room(1);
    await sees(() => high.camera.sees()).toEqual([2]);
    await expect
      .poll(async () => (await called(1)).video?.unsuited, WAIT)
      .toEqual({ participantId: (await called(0)).id, stream: "camera", codec: "H.264 High" });
    expect((await called(0)).video?.unsuited).toBeNull();
    expect(baseline.camera.take()).toEqual([]);
    expect(gateway.logged("picture-unsuited").slice(before)).toMatchObject([{ codec: "H.264 High", line: "camera" }]);
    await expect.poll(() => baseline.hears(TONES), WAIT).toEqual([440]);
    const both = await room(2, { profile: "640028" });
    await sees(() => both.camera.sees()).toEqual([1]);
  });
});
