import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type BrowserCaller, startBrowser } from "../../support/browser.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { type PoorNetwork, poorNetwork } from "../../support/poor-network.ts";
import { portsOf } from "../../support/ports.ts";

const PORT = portsOf("web-network");
let gateway: Crosspoint;
let ada: BrowserCaller;
let bob: BrowserCaller;
let network: PoorNetwork;

/** A figure of a stream of the camera's line. */
async function figure(caller: BrowserCaller, type: "inbound-rtp" | "outbound-rtp", name: string): Promise<number> {
  const stream = (await caller.stats()).find((one) => one["type"] === type && one["mid"] === "camera");
  return Number(stream?.[name] ?? 0);
}

/** Chromium's own test picture moves enough to be worth some packets. */
beforeAll(async () => {
  gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, set: [`video.ports=${PORT + 220}-${PORT + 419}`] });
});
afterEach(async () => {
  await ada?.close();
  await bob?.close();
  network?.close();
  await gateway.waitForParticipants("1000", (all) => all.length === 0);
});
afterAll(() => gateway?.stop());

async function meet(): Promise<void> {
  ada = await startBrowser({ tone: 440 });
  bob = await startBrowser({ tone: 880 });
  network = await poorNetwork(ada.page);
  await ada.join(gateway.web, "Ada", "1000");
  await ada.inMeeting();
  await bob.join(gateway.web, "Bob", "1000");
  await bob.inMeeting();
  await expect.poll(() => figure(ada, "inbound-rtp", "framesDecoded")).toBeGreaterThan(20);
  await expect.poll(() => figure(bob, "inbound-rtp", "framesDecoded")).toBeGreaterThan(20);
}

describeWithPeers("a browser on a network that loses packets", ["chromium"], () => {
  test("gets and sends what was lost once more, in streams of their own", { timeout: 300_000 }, async () => {
    await meet();
    network.loss = 0.05;
    await expect.poll(() => figure(ada, "inbound-rtp", "retransmittedPacketsReceived"), { timeout: 60_000 }).toBeGreaterThan(20);
    await expect.poll(() => figure(ada, "outbound-rtp", "retransmittedPacketsSent"), { timeout: 60_000 }).toBeGreaterThan(20);
    for (const one of ["inbound-rtp", "outbound-rtp"] as const) expect(await figure(ada, one, "rtxSsrc")).toBeGreaterThan(0);
    // nearly all of the pictures are whole: the rest would be key frames asked for
    const received = await figure(ada, "inbound-rtp", "framesReceived");
    expect(await figure(ada, "inbound-rtp", "framesDecoded")).toBeGreaterThan(0.9 * received);
    expect(await figure(bob, "inbound-rtp", "framesDecoded")).toBeGreaterThan(0.9 * (await figure(bob, "inbound-rtp", "framesReceived")));
    const people = await gateway.waitForParticipants("1000", (all) => all.every(({ video }) => (video?.packetsIn ?? 0) > 100));
    expect(people.find(({ displayName }) => displayName === "Ada")!.video!.lossPercent).toBeLessThan(1.5);
    expect(network.lost).toBeGreaterThan(40);
  });
});

describeWithPeers("a browser on a narrow network", ["chromium"], () => {
  test("is sent what it can take: its estimate reaches the encoder of whom it sees", { timeout: 300_000 }, async () => {
    await meet();
    // what a picture may take grows with what came through
    await expect.poll(() => figure(bob, "outbound-rtp", "targetBitrate"), { timeout: 60_000 }).toBeGreaterThan(250_000);
    network.downlink = 220_000;
    await expect.poll(() => figure(bob, "outbound-rtp", "targetBitrate"), { timeout: 60_000 }).toBeLessThan(200_000);
    const before = await figure(ada, "inbound-rtp", "framesDecoded");
    await expect.poll(() => figure(ada, "inbound-rtp", "framesDecoded")).toBeGreaterThan(before + 60);
  });
});
