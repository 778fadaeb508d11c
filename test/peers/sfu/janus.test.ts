import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Baresip, startBaresip } from "../../support/baresip.ts";
import { type BrowserCaller, startBrowser } from "../../support/browser.ts";
import { colourOf, colourVideo } from "../../support/colours.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { tonesHeard } from "../../support/heard.ts";
import { type Janus, startJanus } from "../../support/janus.ts";
import { canUnshareNetwork } from "../../support/namespace.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { inTurn, portsOf } from "../../support/ports.ts";

const run = promisify(execFile);
const PORT = portsOf("janus");
/** Of a room: its SIP ports and its control socket; a hundred for its media. */
const roomPorts = inTurn(PORT + 820, 110, 4);
/** Janus's ICE never uses loopback: an interface of its own, in a network of its own. */
const ADDRESS = "198.18.0.1";
const NETWORK = `ip link set lo up && ip link add client0 type veth peer name client1 && ip addr add ${ADDRESS}/24 dev client0 && ip link set client0 up && ip link set client1 up`;

/** The same meeting in Janus's audiobridge and videoroom. */
describeWithPeers("a meeting in Janus", ["janus", "baresip", "ffmpeg", "chromium", "ip"], () => {
  let gateway: Crosspoint;
  let janus: Janus;
  let folder: string;
  const rooms: Baresip[] = [];
  const browsers: BrowserCaller[] = [];

  async function room(options: Partial<Parameters<typeof startBaresip>[0]> = {}): Promise<Baresip> {
    const own = roomPorts();
    const peer = await startBaresip({ port: own, controlPort: own + 3, rtpStart: own + 10, ...options });
    rooms.push(peer);
    await peer.command("dial", `sip:1000@${gateway.sip}`);
    await peer.waitForEvent("CALL_ESTABLISHED");
    return peer;
  }
  const joined = (count: number) =>
    gateway.waitForParticipants("1000", (all) => all.filter(({ state }) => state === "joined").length === count);
  const sees = (peer: Baresip) =>
    expect.poll(() => peer.picture().then(colourOf, (error: Error) => error.message.slice(0, 200)), { interval: 500 });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "crosspoint-colours-"));
    for (const colour of ["red", "green"]) colourVideo(join(folder, `${colour}.mp4`), colour);
    janus = await startJanus({ port: PORT + 10, media: PORT + 220 });
    gateway = await startCrosspoint({
      port: PORT,
      mediaPort: PORT + 20,
      set: ["sfu=janus", `janus.url=${janus.url}`, `janus.adminKey=${janus.adminKey}`, "janus.mediaHost=127.0.0.1"],
    });
  });
  afterEach(async () => {
    for (const one of browsers.splice(0)) await one.close();
    for (const peer of rooms.splice(0)) await peer.stop();
    await gateway?.waitForParticipants("1000", (all) => all.length === 0);
  });
  afterAll(async () => {
    await gateway?.stop();
    await janus?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("each hears the others through the audiobridge and not itself", async () => {
    const tones = [440, 700, 1100];
    for (const [index, tone] of tones.entries()) {
      await room({ tone });
      await joined(index + 1);
    }
    await delay(4000);
    await expect
      .poll(() => rooms.map((peer) => tonesHeard(peer, tones, 2)))
      .toEqual(tones.map((own) => tones.filter((tone) => tone !== own)));
  });

  test("browsers of the meeting page and rooms see and hear each other, and the metrics say that Janus is there", async () => {
    const red = await room({ camera: join(folder, "red.mp4"), tone: 440 });
    const ada = await startBrowser({ colour: "green", tone: 1100 });
    browsers.push(ada);
    await ada.join(gateway.web, "Ada", "1000");
    await ada.inMeeting();
    const people = await joined(2);
    const name = people.find(({ protocol }) => protocol === "sip")!.displayName;
    const slowly = { interval: 500 };
    await expect.poll(() => ada.sees(name), slowly).toBe("red");
    await expect.poll(() => red.picture().then(colourOf, (error: Error) => error.message.slice(0, 200)), slowly).toBe("green");
    await expect.poll(() => ada.hears([440, 1100]), slowly).toEqual([440]);
    await expect.poll(() => tonesHeard(red, [440, 1100], 2), slowly).toEqual([1100]);
    await expect.poll(() => gateway.metric('crosspoint_engine_connected{engine="janus"}')).toBe(1);
    expect(ada.faults).toEqual([]);
  });

  test.skipIf(!canUnshareNetwork())("Janus's own browser clients and rooms see and hear each other", { timeout: 300_000 }, async () => {
    const { stdout } = await run(
      "unshare",
      ["-n", "sh", "-c", `${NETWORK} && exec node "$@"`, "sh", join(import.meta.dirname, "../../support/janus-native.ts"), ADDRESS],
      { timeout: 280_000 },
    );
    expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({
      clientSees: "red",
      clientHears: [440],
      roomSees: "green",
      roomHears: [1100],
      speakers: ["green", "red", "green", "red", "green"],
    });
  });

  test("rooms see each other; Janus killed and started anew, the meeting goes on without anybody redialling", async () => {
    const red = await room({ camera: join(folder, "red.mp4"), tone: 440 });
    const green = await room({ camera: join(folder, "green.mp4"), tone: 1100 });
    await joined(2);
    await sees(red).toBe("green");
    await sees(green).toBe("red");
    const connected = () => gateway.output().match(/janus-connected/g)?.length ?? 0;
    const before = connected();
    await janus.kill();
    await delay(1000);
    await janus.start();
    const back = Date.now();
    await expect.poll(connected).toBe(before + 1);
    await delay(Math.max(0, 6_000 - (Date.now() - back)));
    await joined(2);
    await expect.poll(() => tonesHeard(red, [440, 1100], 2)).toEqual([1100]);
    await expect.poll(() => tonesHeard(green, [440, 1100], 2)).toEqual([440]);
  });
});
