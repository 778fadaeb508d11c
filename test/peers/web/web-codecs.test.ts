import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type BrowserCaller, type BrowserOptions, startBrowser } from "../../support/browser.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { portsOf } from "../../support/ports.ts";

const PORT = portsOf("web-codecs");
let gateway: Crosspoint;
const open: { close(): Promise<void> }[] = [];

async function browser(name: string, options: BrowserOptions = {}): Promise<BrowserCaller> {
  const caller = await startBrowser({ viewport: { width: 1000, height: 640 }, ...options });
  open.push(caller);
  await caller.join(gateway.web, name, "1000");
  await caller.inMeeting();
  return caller;
}

/** What is decoded on a line, by `mid`. */
const decoded = async (caller: BrowserCaller, mid: string): Promise<unknown> => {
  const stats = await caller.stats();
  const stream = stats.find((one) => one["type"] === "inbound-rtp" && one["mid"] === mid);
  return stats.find(({ id }) => id === stream?.["codecId"])?.["mimeType"];
};

const sent = async (caller: BrowserCaller): Promise<unknown> => {
  const stats = await caller.stats();
  const stream = stats.find((one) => one["type"] === "outbound-rtp" && one["mid"] === "camera");
  return stats.find(({ id }) => id === stream?.["codecId"])?.["mimeType"];
};

beforeAll(async () => {
  gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, set: [`video.ports=${PORT + 220}-${PORT + 419}`] });
});
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  await gateway.waitForParticipants("1000", (all) => all.length === 0);
});
afterAll(() => gateway?.stop());

describeWithPeers("browsers with different codecs", ["chromium"], () => {
  test("see what they have, on one line one codec after the other; the roster says who cannot see whom", async () => {
    const ada = await browser("Ada", { tone: 440, colour: "red" });
    const bob = await browser("Bob", { tone: 620, colour: "blue", without: "H264" });
    const cyd = await browser("Cyd", { colour: "yellow", tone: 880 });
    await expect.poll(() => ada.sees("Bob")).toBe("blue");
    await expect.poll(() => ada.sees("Cyd")).toBe("yellow");
    await expect.poll(() => cyd.sees("Bob")).toBe("blue");
    expect([await sent(ada), await sent(bob), await sent(cyd)]).toEqual(["video/H264", "video/VP8", "video/H264"]);

    const people = await gateway.participants("1000");
    const named = (ids: readonly string[]) => ids.map((id) => people.find((one) => one.id === id)?.displayName);
    expect(people.map(({ displayName, notSeenBy, doesNotSee }) => [displayName, named(notSeenBy), named(doesNotSee)])).toEqual([
      ["Ada", ["Bob"], []],
      ["Bob", [], ["Ada", "Cyd"]],
      ["Cyd", ["Bob"], []],
    ]);
    expect(await bob.sees("Ada")).toBeNull();
    // each picture is said once, whatever lines it could have been on
    const said = gateway.logged("picture-unsuited").map(({ callId, of }) => named([String(callId), String(of)]).join(" "));
    expect(said).toContain("Bob Ada");
    expect(said).toEqual([...new Set(said)]);
    await ada.page.locator("#roster li", { hasText: "Ada" }).getByText("picture in a format these do not have: Bob").waitFor();
    await bob.page.locator("#roster li", { hasText: "Ada" }).getByText("picture in a format this browser does not have").waitFor();
    await expect.poll(() => bob.hears([440, 620, 880])).toEqual([440, 880]);

    // whoever alone speaks goes to the first line: it changes its codec there and back
    await ada.page.getByRole("button", { name: "Mute", exact: true }).click();
    const silence = async (one: BrowserCaller, speaker: string, codec: string) => {
      await one.page.getByRole("button", { name: "Mute", exact: true }).click();
      await ada.page.locator("#stage li.speaker", { hasText: speaker }).waitFor();
      await expect.poll(() => decoded(ada, "camera")).toBe(codec);
      await expect.poll(() => ada.sees("Bob")).toBe("blue");
      await expect.poll(() => ada.sees("Cyd")).toBe("yellow");
      await one.page.getByRole("button", { name: "Unmute" }).click();
    };
    await silence(cyd, "Bob", "video/VP8");
    await silence(bob, "Cyd", "video/H264");
    await silence(cyd, "Bob", "video/VP8");
    expect([...ada.faults, ...bob.faults, ...cyd.faults]).toEqual([]);
  });
});
