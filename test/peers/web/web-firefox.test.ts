import { existsSync, readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { startBaresip } from "../../support/baresip.ts";
import { type BrowserCaller, startBrowser } from "../../support/browser.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { type Firefox, KEYS, startFirefox } from "../../support/firefox.ts";
import { tonesHeard } from "../../support/heard.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { portsOf } from "../../support/ports.ts";

const PORT = portsOf("web-firefox");
const TONES = [440, 620, 880];
const WAIT = { timeout: 30_000 };

/** Firefox looks for a way for media only where there is one to the outside: a default route (proc_pid_net(5), destination 0). */
const routed = existsSync("/proc/net/route") && /^\S+\t0{8}\t/m.test(readFileSync("/proc/net/route", "utf8"));

let gateway: Crosspoint;
let fay: Firefox;
const open: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, set: [`video.ports=${PORT + 220}-${PORT + 419}`] });
});
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  await gateway.endCalls();
  for (const meeting of ["1000", "2000", "3000"]) await gateway.waitForParticipants(meeting, (all) => all.length === 0);
  // no browser has taken the process that ends WebRTC with it
  expect(gateway.logged(/WebRTC process has ended/)).toEqual([]);
});
afterAll(() => gateway?.stop());

async function firefox(): Promise<Firefox> {
  fay = await startFirefox({ tone: 440, viewport: { width: 1000, height: 640 } });
  open.push(fay);
  return fay;
}

const inMeeting = () => fay.until("!document.getElementById('meeting-view').hidden");

/** With camera and microphone. */
async function join(meeting: string): Promise<void> {
  await fay.goto(`${gateway.web}/meeting#meeting=${meeting}&name=Fay`);
  await fay.until("tests.devices().length === 2");
  await fay.click("#join");
}

async function leave(): Promise<void> {
  await fay.click("#leave");
  await fay.until("!document.getElementById('over').hidden");
  expect(await fay.evaluate("tests.devices()")).toEqual([]);
  // the page's address alone is no reason to load it anew
  await fay.goto("about:blank");
}

describeWithPeers("Firefox in the meeting page", ["firefox", "baresip"], () => {
  test.skipIf(!routed)("by keyboard with a PIN, by the lobby, and with a telephone: they hear each other", async () => {
    await firefox();
    await fay.goto(`${gateway.web}/meeting`);
    await fay.until("document.activeElement.id === 'name'");
    await fay.type(`Fay${KEYS.tab}2000${KEYS.enter}`);
    await fay.until("document.activeElement.id === 'keys'");
    await fay.type(`9999${KEYS.enter}`);
    await fay.until("!document.getElementById('keys-error').hidden");
    await fay.type(`98765${KEYS.enter}`);
    await inMeeting();
    expect(await fay.evaluate("document.activeElement.id")).toBe("mute");
    await fay.type(KEYS.space);
    await gateway.waitForParticipants("2000", ([one]) => one?.muted === true);
    await leave();

    await join("3000");
    const [guest] = await gateway.waitForParticipants("3000", ([one]) => one?.state === "lobby");
    await gateway.api("POST", `/meetings/3000/participants/${guest!.id}/admit`);
    await inMeeting();
    await leave();

    await join("1000");
    await inMeeting();
    const phone = await startBaresip({ port: PORT + 420, controlPort: PORT + 424, rtpStart: PORT + 430, tone: 620 });
    open.push({ close: () => phone.stop() });
    await phone.command("dial", `sip:1000@${gateway.sip}`);
    await phone.waitForEvent("CALL_ESTABLISHED");
    await expect.poll(() => fay.hears(TONES), WAIT).toEqual([620]);
    await expect.poll(() => tonesHeard(phone, TONES), WAIT).toEqual([440]);
    const people = await gateway.waitForParticipants("1000", (all) => all.length === 2 && all.every(({ audio }) => audio !== null));
    expect(people.find(({ protocol }) => protocol === "web")!.audio).toMatchObject({ codec: "opus", srtp: "DTLS-SRTP AEAD_AES_256_GCM" });
    await phone.command("hangup");
    await leave();
    expect(fay.faults).toEqual([]);
  });
});

describeWithPeers("Firefox and a Chromium without H.264", ["firefox", "chromium"], () => {
  test.skipIf(!routed)("see each other, cameras and screens, and no camera that is off", async () => {
    await firefox();
    const cyd: BrowserCaller = await startBrowser({ tone: 880, colour: "red", without: "H264", viewport: { width: 640, height: 480 } });
    open.push(cyd);
    await cyd.join(gateway.web, "Cyd", "1000");
    await cyd.inMeeting();
    await join("1000");
    await inMeeting();
    await fay.until("tests.sees('Cyd') === 'red'");
    await expect.poll(() => cyd.sees("Fay"), WAIT).not.toBeNull();
    await expect.poll(() => fay.hears(TONES), WAIT).toEqual([880]);
    await expect.poll(() => cyd.hears(TONES), WAIT).toEqual([440]);
    await fay.screenshot("meeting-firefox");

    await fay.click("#share");
    await expect.poll(() => cyd.sees("Screen of Fay"), WAIT).toBe("yellow");
    await cyd.page.getByRole("button", { name: "Share screen" }).click();
    await fay.until("document.querySelector('#stage li.screen .caption')?.textContent === 'Screen of Cyd'");
    await fay.until("document.querySelector('#stage li.screen video').videoWidth > 0");

    // a picture that comes no more is taken away
    await fay.click("#film");
    await expect.poll(() => cyd.sees("Fay"), WAIT).toBeNull();
    await fay.click("#film");
    await expect.poll(() => cyd.sees("Fay"), WAIT).not.toBeNull();
    await cyd.page.getByRole("button", { name: "Stop camera" }).click();
    await fay.until("tests.sees('Cyd') === null");
    expect([...fay.faults, ...cyd.faults]).toEqual([]);

    // whoever closes the page has left
    await fay.goto("about:blank");
    await gateway.waitForParticipants("1000", (all) => all.length === 1);
    await expect
      .poll(async () => (await gateway.records())[0], { timeout: 10_000 })
      .toMatchObject({
        outcome: "completed",
        reason: "the page was closed",
        codec: "opus",
      });
  });
});
