import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, it, test } from "vitest";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { portsOf } from "../../support/ports.ts";
import { type RoomOptions, ScriptedRoom } from "../../support/scripted-room.ts";
import { SFU_ADAPTERS, type SfuUnderTest } from "../../support/sfu.ts";

const PORT = portsOf("sfu-contract");
const TONES = [440, 700, 1100];
/** Notes of the tones that tell of who comes and goes. */
const NOTES = [659, 880];
const WAIT = { interval: 100 };

it("has every adapter that there is", () => {
  const folders = readdirSync(join(import.meta.dirname, "../../../src/sfu"), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  expect(Object.keys(SFU_ADAPTERS).sort()).toEqual([...folders.map(({ name }) => name), "module"].sort());
});

/** What the port (src/sfu/port.ts) asks of each adapter, by what rooms hear and see. */
for (const [index, [name, adapter]] of Object.entries(SFU_ADAPTERS).entries()) {
  const port = PORT + index * 40;
  const media = PORT + 100 + index * 200;

  describeWithPeers(`a meeting at the SFU '${name}'`, adapter.peers, () => {
    let sfu: SfuUnderTest;
    let gateway: Crosspoint;
    const rooms: ScriptedRoom[] = [];

    async function room(which: number, options: Partial<RoomOptions> = {}): Promise<ScriptedRoom> {
      const names = { displayName: `Room ${which}`, tone: TONES[which]!, mark: 1 + which };
      const one = await ScriptedRoom.call({ sipPort: port, to: "1000", ...names, ...options });
      rooms.push(one);
      await gateway.waitForParticipants("1000", (all) => all.filter(({ state }) => state === "joined").length === rooms.length);
      return one;
    }
    const called = async (which: number) =>
      (await gateway.participants("1000")).find(({ displayName }) => displayName === `Room ${which}`)!;
    const act = async (which: number, action: string) =>
      gateway.api("POST", `/meetings/1000/participants/${(await called(which)).id}/${action}`);
    const hears = (one: ScriptedRoom) => expect.poll(() => one.hears(TONES), WAIT);
    const sees = (one: ScriptedRoom) => expect.poll(() => one.camera.sees(), WAIT);

    beforeAll(async () => {
      sfu = await adapter.start(port + 30, PORT + 500);
      gateway = await startCrosspoint({ port, mediaPort: media, set: sfu.set });
    });
    afterEach(async () => {
      for (const one of rooms.splice(0)) await one.close();
      await gateway.endCalls();
      await gateway.waitForParticipants("1000", (all) => all.length === 0);
    });
    afterAll(async () => {
      await gateway?.stop();
      await sfu?.stop();
    });

    test("everybody hears everybody else and not himself; the roster says who talks", async () => {
      const all = [await room(0), await room(1), await room(2)];
      for (const [own, one] of all.entries()) await hears(one).toEqual(TONES.filter((_, other) => other !== own));
      await expect.poll(async () => (await gateway.participants("1000")).map(({ talking }) => talking), WAIT).toEqual([true, true, true]);
      all[1]!.silent = true;
      await expect.poll(async () => (await called(1)).talking, WAIT).toBe(false);
      await hears(all[0]!).toEqual([1100]);
      all[1]!.silent = false;
      await expect.poll(async () => (await called(1)).talking, WAIT).toBe(true);
    });

    test("who is muted is heard by nobody from the answer on, and again when unmuted", async () => {
      const [one, two] = [await room(0), await room(1)];
      await hears(two).toEqual([440]);
      await act(0, "mute");
      // what is on its way: jitter buffers of two hops
      await delay(500);
      const heard: number[] = [];
      for (const end = Date.now() + 2500; Date.now() < end; await delay(100)) heard.push(...two.hears(TONES, 200));
      expect(heard).toEqual([]);
      expect((await called(0)).muted).toBe(true);
      await hears(one).toEqual([700]);
      await act(0, "unmute");
      await hears(two).toEqual([440]);
    });

    test("everybody sees who speaks; who speaks sees who spoke before, and nobody himself", async () => {
      const all = [await room(0), await room(1), await room(2)];
      for (const one of all) one.silent = true;
      await expect.poll(async () => (await gateway.participants("1000")).some(({ talking }) => talking), WAIT).toBe(false);
      const [first, second, third] = all as [ScriptedRoom, ScriptedRoom, ScriptedRoom];
      third.silent = false;
      await sees(first).toEqual([3]);
      await sees(second).toEqual([3]);
      third.silent = true;
      second.silent = false;
      await sees(first).toEqual([2]);
      await sees(third).toEqual([2]);
      await sees(second).toEqual([3]);
      for (const [own, one] of all.entries()) expect(one.camera.sees(60_000), `room ${own}`).not.toContain(own + 1);
    });

    test("a shared screen is shown to all, and the camera again when it ends", async () => {
      const presenter = await room(0, { lines: ["camera", "screen"], floor: "udp" });
      const [plain, wide] = [await room(1), await room(2, { lines: ["camera", "screen"], floor: "udp" })];
      presenter.screen.start();
      presenter.floor!.request();
      await sees(plain).toEqual([101]);
      await expect.poll(() => wide.screen.sees(), WAIT).toEqual([101]);
      expect(wide.camera.sees()).not.toContain(101);
      presenter.floor!.release();
      await expect.poll(() => plain.camera.sees().filter((mark) => mark > 100), WAIT).toEqual([]);
      await expect.poll(() => wide.screen.sees(), WAIT).toEqual([]);
      await expect.poll(() => plain.camera.sees().length, WAIT).toBe(1);
    });

    test("who comes and goes is told to those who are in", async () => {
      const one = await room(0, { lines: [] });
      one.silent = true;
      const isQuiet = async () => {
        // as long as what is listened to
        await delay(1100);
        await expect.poll(() => one.hears([...TONES, ...NOTES]), WAIT).toEqual([]);
      };
      const isTold = () => expect.poll(() => one.hears(NOTES, 600), { ...WAIT, interval: 50 }).not.toEqual([]);
      await isQuiet();
      await room(1, { lines: [], tone: 0 });
      await isTold();
      await isQuiet();
      await rooms.pop()!.close();
      await isTold();
      await isQuiet();
    });

    test("who is put out hears and is heard no more, the others go on", async () => {
      const all = [await room(0), await room(1), await room(2)];
      await hears(all[0]!).toEqual([700, 1100]);
      await act(1, "remove");
      await expect.poll(() => all[1]!.ended, WAIT).toBe("bye-received");
      rooms.splice(1, 1);
      await hears(all[0]!).toEqual([1100]);
      await hears(all[2]!).toEqual([440]);
      await sees(all[0]!).toEqual([3]);
      await sees(all[2]!).toEqual([1]);
      await all[1]!.close();
    });

    test("a meeting that all have left is there again for who comes", async () => {
      for (let time = 0; time < 2; time++) {
        const [one, two] = [await room(0), await room(1)];
        await hears(one).toEqual([700]);
        await sees(two).toEqual([1]);
        for (const gone of rooms.splice(0)) await gone.close();
        await gateway.waitForParticipants("1000", (all) => all.length === 0);
      }
    });
  });
}
