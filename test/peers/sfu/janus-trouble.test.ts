import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { makeAudioRoom, makeVideoRoom, type RoomOptions as JanusRoom } from "../../../src/sfu/janus/rooms.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { type Janus, startJanus } from "../../support/janus.ts";
import { connectToJanus, JanusListener } from "../../support/janus-listener.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { portsOf } from "../../support/ports.ts";
import { type RoomOptions, ScriptedRoom } from "../../support/scripted-room.ts";

const PORT = portsOf("janus-trouble");
const TONES = [440, 700, 1100];
/** Notes of the tones that tell of who comes and goes. */
const NOTES = [659, 880];
const WAIT = { interval: 100 };

/** Janus with the meeting, and what it may do to it: announcements in it, rooms it refuses, rooms that are full, no answer for a while. */
describeWithPeers("a meeting in Janus", ["janus"], () => {
  let gateway: Crosspoint;
  let janus: Janus;
  const rooms: ScriptedRoom[] = [];
  const closing: (() => void)[] = [];

  async function room(index: number, options: Partial<RoomOptions> = {}): Promise<ScriptedRoom> {
    const names = { displayName: `Room ${index}`, tone: TONES[index] ?? 0, mark: 1 + index };
    const one = await ScriptedRoom.call({ sipPort: PORT, to: "1000", ...names, ...options });
    rooms.push(one);
    return one;
  }
  const joined = (count: number, meeting = "1000") =>
    gateway.waitForParticipants(meeting, (all) => all.filter(({ state }) => state === "joined").length === count);
  const hears = (one: ScriptedRoom) => expect.poll(() => one.hears(TONES), WAIT);

  let made = 7000;
  /** A meeting of the present try's whose rooms are at Janus already, made by somebody else. */
  async function found(change: Partial<JanusRoom>, video?: object): Promise<string> {
    const id = String(++made);
    await gateway.api("POST", "/meetings", { id, name: id, language: "en" });
    const connection = await connectToJanus(janus.url);
    closing.push(() => connection.close());
    const audio = await connection.attach("janus.plugin.audiobridge");
    const pictures = await connection.attach("janus.plugin.videoroom");
    const options: JanusRoom = { room: Number(id), description: id, adminKey: janus.adminKey, secret: "", pin: null, ...change };
    await makeAudioRoom(audio, options);
    if (video) await pictures.request({ request: "create", room: Number(id), admin_key: janus.adminKey, ...video });
    else await makeVideoRoom(pictures, options);
    return id;
  }

  beforeAll(async () => {
    janus = await startJanus({ port: PORT + 10, media: PORT + 220, audio: 20 });
    gateway = await startCrosspoint({
      port: PORT,
      mediaPort: PORT + 20,
      set: ["sfu=janus", `janus.url=${janus.url}`, `janus.adminKey=${janus.adminKey}`, "janus.mediaHost=127.0.0.1"],
    });
  });
  afterEach(async () => {
    for (const one of rooms.splice(0)) await one.close();
    for (const close of closing.splice(0)) close();
    for (const { id } of await gateway.api<{ id: string }[]>("GET", "/meetings"))
      await gateway.waitForParticipants(id, (all) => all.length === 0);
  });
  afterAll(async () => {
    await gateway?.stop();
    await janus?.stop();
  });

  test("who comes and goes is heard by Janus's own clients as by everybody, once", async () => {
    const one = await room(0);
    await joined(1);
    const connection = await connectToJanus(janus.url);
    closing.push(() => connection.close());
    const listener = await JanusListener.join(connection, 1000);
    closing.push(() => listener.close());
    const tones = [...TONES, ...NOTES];
    /** Waits until all of them have sounded since the last time. */
    const sounded = async (...wanted: number[]) => {
      const all = new Set<number>();
      await expect
        .poll(() => {
          for (const tone of listener.heard(tones)) all.add(tone);
          return [...all].sort((a, b) => a - b);
        }, WAIT)
        .toEqual(expect.arrayContaining(wanted));
      return [...all].sort((a, b) => a - b);
    };
    await expect.poll(() => listener.heard(tones), WAIT).toEqual([440]);
    const two = await room(1);
    await joined(2);
    await delay(2500);
    expect(await sounded(440, 659, 700, 880)).toEqual([440, 659, 700, 880]);
    expect(gateway.logged("janus-announcer-failed")).toEqual([]);
    await hears(one).toEqual([700]);
    rooms.splice(rooms.indexOf(two), 1);
    await two.close();
    await joined(1);
    await delay(2500);
    await sounded(880);
    // all that sounded in half a second
    await expect.poll(() => listener.heard(tones), { interval: 500 }).toEqual([440]);
  });

  test("a room that Janus refuses ends the way into that meeting with words and a record, and of no other", async () => {
    const id = await found({ pin: "not-ours" });
    const refused = await room(2, { to: id });
    await expect.poll(() => refused.ended, WAIT).toBe("bye-received");
    await expect.poll(async () => (await gateway.records())[0], WAIT).toMatchObject({ meetingId: id, outcome: "internal-error" });
    const [one, two] = [await room(0), await room(1)];
    await joined(2);
    await hears(one).toEqual([700]);
    await hears(two).toEqual([440]);
  });

  test("a videoroom that refuses pictures costs the pictures at Janus only", async () => {
    const id = await found({}, { publishers: 10, secret: "another" });
    const [one, two] = [await room(0, { to: id }), await room(1, { to: id })];
    await joined(2, id);
    await hears(one).toEqual([700]);
    await hears(two).toEqual([440]);
    await expect.poll(() => gateway.logged("janus-publish-failed").filter(({ meeting }) => meeting === id).length, WAIT).toBe(2);
    // rooms see each other by the relay, whatever Janus does
    await expect.poll(() => one.camera.sees(), WAIT).toEqual([2]);
  });

  test("a Janus without ports left turns away who comes, and keeps who is in", async () => {
    const [one, two] = [await room(0), await room(1)];
    await joined(2);
    let refused: ScriptedRoom | undefined;
    for (let more = 2; !refused; more++) {
      expect(more).toBeLessThan(20);
      const next = await room(more, { tone: 0, lines: [] });
      await expect
        .poll(
          async () => next.ended ?? (await gateway.participants("1000")).find(({ displayName }) => displayName === `Room ${more}`)?.state,
          WAIT,
        )
        .toMatch(/^(joined|bye-received)$/);
      if (next.ended !== undefined) refused = next;
    }
    await expect.poll(async () => (await gateway.records())[0], WAIT).toMatchObject({ meetingId: "1000", outcome: "internal-error" });
    await hears(one).toEqual([700]);
    await hears(two).toEqual([440]);
    await expect.poll(() => one.camera.sees(), WAIT).toEqual([2]);
  });

  test("Janus stands still for seven seconds: who is in stays in, who comes hears why not, and both are well afterwards", async () => {
    const [one, two] = [await room(0), await room(1)];
    await joined(2);
    await hears(one).toEqual([700]);
    janus.freeze();
    try {
      await hears(one).toEqual([]);
      const late = await room(2);
      await expect.poll(() => late.ended, WAIT).toBe("bye-received");
      rooms.splice(rooms.indexOf(late), 1);
      await late.close();
    } finally {
      janus.thaw();
    }
    await hears(one).toEqual([700]);
    await hears(two).toEqual([440]);
    await room(2);
    await joined(3);
    await hears(one).toEqual([700, 1100]);
  });
});
