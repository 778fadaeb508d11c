import { networkInterfaces } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { CallRecord, OutcomeCode } from "../../../src/records/model.ts";
import { startBaresip } from "../../support/baresip.ts";
import { type BrowserCaller, type BrowserOptions, startBrowser } from "../../support/browser.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { tonesHeard } from "../../support/heard.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { portsOf } from "../../support/ports.ts";
import { withoutIdentifiers } from "../../support/identifiers.ts";

const PORT = portsOf("web-meeting");
const TONES = [440, 620, 880];
let gateway: Crosspoint;
const open: { close(): Promise<void> }[] = [];

async function browser(options: BrowserOptions = {}): Promise<BrowserCaller> {
  const caller = await startBrowser(options);
  open.push(caller);
  return caller;
}

const invite = (meeting: string, grant: object) =>
  gateway.api<{ token: string; path: string }>("POST", `/meetings/${meeting}/join-tokens`, grant);

/** Waits until `read` says so. */
async function until<T>(read: () => Promise<T>, wanted: T, ms = 30_000): Promise<void> {
  for (const end = Date.now() + ms; ; await delay(200)) {
    const is = await read();
    if (is === wanted) return;
    if (Date.now() > end) expect(is).toBe(wanted);
  }
}

/** The newest record becomes one like `wanted`: it is made when the media server has said how the call was. */
const lastRecord = (wanted: Partial<CallRecord>) => expect.poll(async () => (await gateway.records())[0]).toMatchObject(wanted);

beforeAll(async () => {
  gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, set: [`video.ports=${PORT + 220}-${PORT + 419}`] });
});
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  for (const meeting of ["1000", "2000", "3000"]) await gateway.waitForParticipants(meeting, (all) => all.length === 0);
});
afterAll(() => gateway?.stop());

describeWithPeers("the meeting page", ["chromium"], () => {
  test("two browsers hear and see each other, not themselves, and know who is who", async () => {
    const ada = await browser({ tone: 440, colour: "red" });
    const bob = await browser({ tone: 880, colour: "blue" });
    await ada.join(gateway.web, "Ada", "1000");
    await bob.join(gateway.web, "Bob", "1000");
    await Promise.all([ada.inMeeting(), bob.inMeeting()]);
    await until(() => ada.sees("Bob"), "blue");
    await until(() => bob.sees("Ada"), "red");
    await expect.poll(() => ada.hears(TONES)).toEqual([880]);
    await expect.poll(() => bob.hears(TONES)).toEqual([440]);
    await ada.page.locator("#roster").getByText("Bob").waitFor();
    await ada.page.locator("#roster li", { hasText: "Bob" }).getByText("talking").waitFor();
    const people = await gateway.waitForParticipants(
      "1000",
      (all) => all.length === 2 && all.every(({ audio, video }) => audio !== null && video?.codec != null),
    );
    const [first] = people.filter(({ displayName }) => displayName === "Ada");
    expect(first).toMatchObject({ displayName: "Ada", protocol: "web", trust: "unverified", role: "guest" });
    expect(first?.audio).toMatchObject({ codec: "opus", srtp: "DTLS-SRTP AEAD_AES_256_GCM" });
    expect(first?.video).toMatchObject({ state: "on", srtp: "DTLS-SRTP AEAD_AES_256_GCM" });
    await expect.poll(() => gateway.metric('crosspoint_browsers{path="udp"}')).toBe(2);
    await expect.poll(() => gateway.metric('crosspoint_browser_connections_total{result="connected"}')).toBeGreaterThanOrEqual(2);
    await ada.screenshot("meeting-two-browsers");

    await bob.page.getByRole("button", { name: "Mute", exact: true }).click();
    await ada.page.locator("#roster li", { hasText: "Bob" }).getByText("muted").waitFor();
    await expect.poll(() => ada.hears(TONES)).toEqual([]);
    await bob.page.getByRole("button", { name: "Unmute" }).click();
    await bob.page.getByRole("button", { name: "Stop camera" }).click();
    await until(async () => (await ada.hears(TONES)).join(), "880");
    await bob.page.getByRole("button", { name: "Leave" }).click();
    await bob.page.getByText("You have left the meeting").waitFor();
    await ada.page.locator("#roster li", { hasText: "Bob" }).waitFor({ state: "detached" });
    await lastRecord({ protocol: "web", outcome: "completed", meetingId: "1000", transport: "ws", codec: "opus" });
    expect([...ada.faults, ...bob.faults]).toEqual([]);
  });

  test("asks for the PIN, by keyboard alone, and says when it is wrong", async () => {
    const caller = await browser({ tone: 440 });
    const { page } = caller;
    await page.goto(`${gateway.web}/meeting`);
    await page.getByLabel("Your name").waitFor();
    await page.keyboard.type("Ada");
    await page.keyboard.press("Tab");
    await page.keyboard.type("2000");
    await page.keyboard.press("Enter");
    await page.getByLabel("PIN", { exact: true }).waitFor();
    await page.keyboard.type("9999");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("That PIN is not right").waitFor();
    await caller.screenshot("meeting-pin");
    await page.keyboard.type("98765");
    await page.keyboard.press("Enter");
    await caller.inMeeting();
    await page.locator("#roster").getByText("you, host").waitFor();
    // what is focused now mutes, what comes after it stops the camera
    expect(await page.evaluate("document.activeElement.id")).toBe("mute");
    await page.keyboard.press("Space");
    await gateway.waitForParticipants("2000", ([one]) => one?.muted === true);
    for (let i = 0; i < 5; i++) await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.id")).toBe("leave");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "You have left the meeting" }).waitFor();
    // the demo prints its PINs at the start; the log has none
    expect(withoutIdentifiers(gateway.output().split("Ctrl+C stops it.")[1]!)).not.toMatch(/98765|9999/);
    // a host who types the PIN where the number belongs, alone or behind it
    for (const typed of ["200098765", "2000-98765", "2001_98765", "98765", "2000**98765"]) {
      await page.getByRole("button", { name: "Join again" }).click();
      await page.getByLabel("Meeting number").fill(typed);
      await page.getByRole("button", { name: "Join", exact: true }).click();
      if (typed !== "2000**98765") await page.getByRole("button", { name: "Join again" }).waitFor();
    }
    await caller.inMeeting();
    const kept = (await page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }])")) as string;
    expect(withoutIdentifiers(kept)).not.toContain("98765");
    expect(kept).toContain("2000");
    const shown = [gateway.output().split("Ctrl+C stops it.")[1]!, JSON.stringify(await gateway.records())];
    for (const text of shown) expect(withoutIdentifiers(text)).not.toMatch(/200[01].{0,3}98765/);
    await page.getByRole("button", { name: "Leave" }).click();
    await page.getByRole("heading", { name: "You have left the meeting" }).waitFor();
  });

  test("ends a call after three wrong PINs, and says so", async () => {
    const { page, join } = await browser();
    await join(gateway.web, "Guesser", "2000");
    for (const pin of ["1111", "2222", "3333"]) {
      await page.getByLabel("PIN", { exact: true }).fill(pin);
      await page.keyboard.press("Enter");
      await page
        .getByText(pin === "3333" ? "Too many wrong PINs" : "not right")
        .first()
        .waitFor();
      if (pin !== "3333") await page.locator("#keys:focus").waitFor();
    }
  });

  test("waits in the lobby until it is let in, and does not learn who is inside", async () => {
    const host = await browser({ tone: 880, viewport: { width: 390, height: 740 } });
    const guest = await browser({ tone: 440, locale: "de-DE" });
    for (const secret of ["?meeting=2000**98765", "#meeting=2000-98765&name=Gast"]) {
      await guest.page.goto(`${gateway.web}/meeting${secret}`);
      await guest.page.waitForFunction("!location.href.includes('98765')");
      expect(await guest.page.locator("input#meeting").inputValue()).toContain("98765");
    }
    await guest.page.goto("about:blank");
    await guest.page.goto(`${gateway.web}/meeting#meeting=3000&name=Gast`);
    await guest.page.getByRole("button", { name: "Teilnehmen" }).click();
    await guest.page.getByText("Die Meeting-Leitung ist noch nicht da").waitFor();
    const invited = await invite("3000", { name: "Helga", role: "host" });
    await host.page.goto(gateway.web + invited.path);
    await host.page.getByRole("button", { name: "Join", exact: true }).click();
    await host.inMeeting();
    expect(host.page.url()).toBe(`${gateway.web}/meeting#meeting=3000&name=Helga`);
    await guest.page.getByText("Die Meeting-Leitung weiß, dass Sie da sind").waitFor();
    await guest.page.getByRole("heading", { name: "Sie sind im Warteraum" }).waitFor();
    await guest.screenshot("meeting-lobby");
    // with the list of people closed, as it is on a phone
    await host.page.getByText("Gast is waiting in the lobby").waitFor();
    await host.screenshot("meeting-host-phone");
    expect(await host.page.locator("#people").isVisible()).toBe(false);
    expect(await guest.page.getByText("Helga").count()).toBe(0);
    const people = await gateway.participants("3000");
    expect(people.map(({ trust, role, state }) => [trust, role, state])).toEqual([
      ["unverified", "guest", "lobby"],
      ["verified", "host", "joined"],
    ]);
    await host.page.getByRole("button", { name: "Admit Gast" }).click();
    await guest.inMeeting();
    expect(await host.page.locator("#at-the-door").isVisible()).toBe(false);
    await guest.page.getByRole("button", { name: "Tastenfeld" }).click();
    for (const key of ["Taste *", "Taste 3"]) await guest.page.getByRole("button", { name: key, exact: true }).click();
    await gateway.waitForParticipants("3000", (all) => all.some(({ hand, displayName }) => hand && displayName === "Gast"));
    await host.page.getByRole("button", { name: "People" }).click();
    await host.page.locator("#roster").getByText("hand raised").waitFor();
    await guest.page.locator("#roster").getByText("Helga").waitFor();
  });

  test("a join token goes before PIN, comes into an open tab too, and is left nowhere in the browser", async () => {
    const { page, inMeeting } = await browser({ tone: 440 });
    await page.goto(`${gateway.web}/meeting`);
    await page.getByLabel("Your name").waitFor();
    const { path, token } = await invite("2000", { name: "Ada", role: "host" });
    await page.evaluate(`location.hash = ${JSON.stringify(path.slice(path.indexOf("#")))}`);
    await page.waitForFunction("!location.href.includes('token')");
    expect(await page.getByLabel("Meeting number").inputValue()).toBe("2000");
    await page.getByRole("button", { name: "Join", exact: true }).click();
    await inMeeting();
    const [one] = await gateway.participants("2000");
    expect(one).toMatchObject({ displayName: "Ada", trust: "verified", role: "host" });
    const kept = await page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href])");
    expect(kept).not.toContain(token);
    expect(gateway.output()).not.toContain(token);
    // a link opened in the middle of a meeting leaves the address bar, too
    await page.evaluate("location.hash = '#token=anything'");
    await page.waitForFunction("!location.href.includes('token')");
  });

  test("the admin token, and join tokens that are changed, late, revoked or for another meeting are refused in words, with a code", async () => {
    const good = await invite("3000", { role: "guest" });
    const revoked = await invite("2000", {});
    await gateway.api("DELETE", "/meetings/2000/join-tokens");
    const late = await invite("1000", { expiresInSeconds: 1 });
    await delay(1100);
    const { page } = await browser();
    for (const [meeting, token, heading, outcome] of [
      ["1000", "a-token-for-tests-only", "This join link is not valid", "token-invalid"],
      ["3000", `${good.token.slice(0, -2)}AA`, "This join link is not valid", "token-invalid"],
      ["1000", late.token, "This join link has expired", "token-expired"],
      ["2000", revoked.token, "This join link has been withdrawn", "token-revoked"],
      ["1000", good.token, "This join link is for another meeting", "token-other-meeting"],
    ] as const) {
      await page.goto("about:blank");
      await page.goto(`${gateway.web}/meeting#meeting=${meeting}&name=Eve&token=${token}`);
      await page.getByRole("button", { name: "Join", exact: true }).click();
      await page.getByRole("heading", { name: heading }).waitFor();
      await lastRecord({ protocol: "web", outcome, trust: outcome === "token-other-meeting" ? "verified" : "unverified" });
    }
    expect(gateway.logged("join-token-refused").map(({ code }) => code)).toEqual([
      "invalid",
      "invalid",
      "expired",
      "revoked",
      "other-meeting",
    ]);
    // joining opens meetings only: the API does not take the token
    const asked = await fetch(`${gateway.web}/api/v1/meetings`, { headers: { authorization: `Bearer ${good.token}` } });
    expect(asked.status).toBe(401);
  });

  test.each([
    ["4000", "This meeting is end-to-end encrypted", "end-to-end-encrypted"],
    ["9999", "There is no such meeting", "no-such-meeting"],
  ] satisfies [string, string, OutcomeCode][])("says why %s is refused", async (meeting, words, outcome) => {
    const caller = await browser();
    await caller.page.goto(`${gateway.web}/meeting#meeting=${meeting}&name=Ada`);
    await expect.poll(caller.devices).toHaveLength(2);
    await caller.page.getByRole("button", { name: "Join", exact: true }).click();
    await caller.page.getByRole("heading", { name: words }).waitFor();
    expect(await caller.devices()).toEqual([]);
    await lastRecord({ protocol: "web", outcome });
  });

  test("asks for the meeting's number where none was given", async () => {
    const { page, join, inMeeting } = await browser();
    await join(gateway.web, "Ada", "meet");
    await page.getByRole("heading", { name: "Which meeting?" }).waitFor();
    await page.locator("#keys").fill("2000");
    await page.keyboard.press("Enter");
    await page.getByLabel("PIN", { exact: true }).waitFor();
    expect(await page.locator("#keys-error").isVisible()).toBe(false);
    await page.locator("#keys").fill("98765");
    await page.keyboard.press("Enter");
    await inMeeting();
  });

  // without the right to devices a browser shows the address of its default route only, and never loopback
  const routed = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ internal }) => !internal));
  test.skipIf(!routed)("joins without camera and microphone when the browser refuses them, and says what to do", async () => {
    const caller = await browser({ refused: true, viewport: { width: 360, height: 740 } });
    await caller.page.goto(`${gateway.web}/meeting`);
    await caller.page.getByRole("alert").getByText("The browser may not use your camera or microphone").waitFor();
    await caller.screenshot("meeting-phone-refused");
    await caller.join(gateway.web, "Listener", "1000");
    await caller.inMeeting();
    await gateway.waitForParticipants("1000", ([one]) => one?.muted === true);
    await caller.page.getByRole("button", { name: "Unmute" }).waitFor();
    expect(await caller.page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(360);
    await caller.screenshot("meeting-phone");
  });

  test("goes on when its WebSocket breaks, comes back after an outage, is let in again without its PIN, and has left when its page is gone", async () => {
    const ada = await browser({ tone: 440 });
    const broken: (() => void)[] = [];
    let cut = false;
    let forgotten = false;
    await ada.page.routeWebSocket(/\/api\/v1\/join/, (socket) => {
      if (cut) return void socket.close({ code: 1011 });
      if (forgotten) {
        forgotten = false;
        return void socket.close({ code: 4404 });
      }
      const server = socket.connectToServer();
      broken.push(() => {
        void server.close();
        void socket.close({ code: 1011 });
      });
    });
    await ada.join(gateway.web, "Ada", "2000");
    await ada.page.getByLabel("PIN", { exact: true }).fill("98765");
    await ada.page.getByRole("button", { name: "Continue", exact: true }).click();
    await ada.inMeeting();
    const [before] = await gateway.participants("2000");
    broken[0]!();
    await expect.poll(() => broken.length).toBe(2);
    await ada.page.getByRole("button", { name: "Mute", exact: true }).click();
    await gateway.waitForParticipants("2000", ([one]) => one?.id === before!.id && one.muted);
    cut = true;
    broken[1]!();
    await delay(25_000);
    cut = false;
    await expect.poll(() => broken.length, { timeout: 15_000 }).toBe(3);
    await expect.poll(() => ada.page.locator("#connection").textContent()).toBe("");
    await gateway.waitForParticipants("2000", ([one]) => one?.id === before!.id);
    // the gateway has given it up meanwhile: in again, as host, and nothing is asked
    forgotten = true;
    broken[2]!();
    const [after] = await gateway.waitForParticipants(
      "2000",
      ([one]) => one !== undefined && one.id !== before!.id && one.state === "joined",
    );
    expect(after).toMatchObject({ role: "host", displayName: "Ada" });
    await ada.inMeeting();
    await lastRecord({ outcome: "signalling-lost" });

    // the page dies, and its browser says so
    await ada.join(gateway.web, "Ada", "1000");
    await ada.inMeeting();
    await ada.page.goto("chrome://crash").catch(() => undefined);
    await gateway.waitForParticipants("1000", (all) => all.length === 0);
    await lastRecord({ outcome: "completed", reason: "the page was closed" });
  });
});

describeWithPeers("a screen in the meeting page", ["chromium"], () => {
  test("is seen by the others, by one presenter at a time", async () => {
    const ada = await browser({ tone: 440, colour: "red" });
    const bob = await browser({ tone: 880, colour: "blue", viewport: { width: 1000, height: 700 } });
    await ada.join(gateway.web, "Ada", "1000");
    await bob.join(gateway.web, "Bob", "1000");
    await Promise.all([ada.inMeeting(), bob.inMeeting()]);
    await ada.page.getByRole("button", { name: "Share screen" }).click();
    await bob.page.locator("#stage li.screen", { hasText: "Screen of Ada" }).waitFor();
    await until(() => bob.page.evaluate("document.querySelector('#stage li.screen video').videoWidth > 0"), true);
    await until(() => bob.sees("Ada"), "red");
    await bob.screenshot("meeting-screen");
    // a telephone held sideways: the screen and every button are whole
    await bob.page.getByRole("button", { name: "People" }).click();
    await bob.page.setViewportSize({ width: 740, height: 360 });
    const cut = `[...document.querySelectorAll("#stage li.screen, #controls button")].filter((one) => {
      const { top, left, right, bottom, width } = one.getBoundingClientRect();
      return width > 0 && (top < 0 || left < 0 || right > innerWidth || bottom > innerHeight || (one.matches(".screen") && (width < 400 || bottom > document.getElementById("controls").getBoundingClientRect().top)));
    }).map((one) => one.textContent)`;
    expect(await bob.page.evaluate(cut)).toEqual([]);
    await bob.screenshot("meeting-screen-sideways");
    await bob.page.setViewportSize({ width: 1000, height: 700 });
    await bob.page.getByRole("button", { name: "Share screen" }).click();
    await bob.page.getByRole("button", { name: "Stop sharing" }).waitFor();
    await ada.page.locator("#stage li.screen", { hasText: "Screen of Bob" }).waitFor();
    await ada.page.getByRole("alert").getByText("Somebody else shares a screen now").waitFor();
    await ada.page.getByRole("button", { name: "Share screen" }).waitFor();
    await bob.page.getByRole("button", { name: "Stop sharing" }).click();
    await ada.page.locator("#stage li.screen").waitFor({ state: "detached" });

    await ada.page.getByRole("button", { name: "Share screen" }).click();
    await ada.page.locator("#stage li.screen", { hasText: "Your screen" }).waitFor();
    await ada.page.getByRole("button", { name: "Leave" }).click();
    await ada.page.getByRole("button", { name: "Join again" }).click();
    await ada.page.getByRole("button", { name: "Join", exact: true }).click();
    await ada.inMeeting();
    await ada.page.locator("#stage li.person", { hasText: "Ada" }).waitFor();
    expect(await ada.page.locator("#stage li.screen").count()).toBe(0);
    expect([...ada.faults, ...bob.faults]).toEqual([]);
  });
});

describeWithPeers("a browser and a telephone", ["chromium", "baresip"], () => {
  test("hear each other", async () => {
    const ada = await browser({ tone: 440 });
    await ada.join(gateway.web, "Ada", "1000");
    await ada.inMeeting();
    const phone = await startBaresip({ port: PORT + 420, controlPort: PORT + 424, rtpStart: PORT + 430, tone: 620 });
    open.push({ close: () => phone.stop() });
    await phone.command("dial", `sip:1000@${gateway.sip}`);
    await phone.waitForEvent("CALL_ESTABLISHED");
    await gateway.waitForParticipants("1000", (all) => all.filter(({ state }) => state === "joined").length === 2);
    await until(async () => (await ada.hears(TONES)).join(), "620");
    await until(async () => tonesHeard(phone, TONES).join(), "440");
    await phone.command("hangup");
  });
});
