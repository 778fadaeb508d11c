import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { ensureDevelopmentCertificates } from "../../../src/security/development.ts";
import { type BrowserCaller, startBrowser } from "../../support/browser.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { portsOf } from "../../support/ports.ts";
import { startTurn, type Turn } from "../../support/turn.ts";

const PORT = portsOf("web-relay");
const TURN_PORT = PORT + 430;
const CERTIFICATES = join(import.meta.dirname, "../../../certs/demo");

describeWithPeers("browsers behind a firewall without UDP", ["chromium", "turnserver"], () => {
  let turn: Turn;
  let gateway: Crosspoint;
  const open: BrowserCaller[] = [];

  beforeAll(async () => {
    await ensureDevelopmentCertificates(CERTIFICATES);
    turn = await startTurn({ port: TURN_PORT, cert: join(CERTIFICATES, "server.crt"), key: join(CERTIFICATES, "server.key") });
  });
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close();
    await gateway?.stop();
  });
  afterAll(() => turn?.stop());

  test.each([
    ["TCP", `turn:127.0.0.1:${TURN_PORT}?transport=tcp`, "tcp"],
    ["TLS", `turns:127.0.0.1:${TURN_PORT + 1}?transport=tcp`, "tls"],
  ])("hear and see each other by TURN over %s", async (_, url, protocol) => {
    gateway = await startCrosspoint({
      port: PORT,
      mediaPort: PORT + 20,
      set: [`video.ports=${PORT + 220}-${PORT + 419}`],
      config: [
        "unknownCallers: { trust: unverified }",
        "meetings: [{ id: '1000' }]",
        "web:",
        "  ice:",
        "    policy: relay",
        `    servers: [{ urls: ['${url}'], secret: ${turn.secret} }]`,
        "",
      ].join("\n"),
    });
    const ada = await startBrowser({ tone: 440, colour: "yellow" });
    const bob = await startBrowser({ tone: 880, colour: "blue" });
    open.push(ada, bob);
    await ada.join(gateway.web, "Ada", "1000");
    await bob.join(gateway.web, "Bob", "1000");
    await Promise.all([ada.inMeeting(), bob.inMeeting()]);
    await expect.poll(() => ada.sees("Bob")).toBe("blue");
    await expect.poll(() => ada.hears([440, 880])).toEqual([880]);
    await expect.poll(() => bob.hears([440, 880])).toEqual([440]);
    const stats = await ada.stats();
    const pair = stats.find((one) => one["type"] === "candidate-pair" && one["nominated"] === true && one["state"] === "succeeded");
    const local = stats.find((one) => one["id"] === pair?.["localCandidateId"]);
    expect(local).toMatchObject({ candidateType: "relay", relayProtocol: protocol });
    expect(await gateway.metric('crosspoint_browsers{path="relay"}')).toBe(2);
    expect(gateway.output()).not.toContain(turn.secret);
  });
});

describeWithPeers("a browser without UDP or TURN", ["chromium"], () => {
  let gateway: Crosspoint;
  const open: BrowserCaller[] = [];
  beforeAll(async () => {
    gateway = await startCrosspoint({
      port: PORT,
      mediaPort: PORT + 20,
      set: [`video.ports=${PORT + 220}-${PORT + 419}`, `web.ice.port=${PORT + 420}`],
    });
  });
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close();
  });
  afterAll(() => gateway?.stop());

  test("comes by ICE over TCP", async () => {
    const ada = await startBrowser({ tone: 440, colour: "yellow" });
    const bob = await startBrowser({ tone: 880, colour: "blue" });
    open.push(ada, bob);
    // neither side learns where the other could be reached by UDP
    const byTcp = (text: string | Buffer): string | null => {
      const message = JSON.parse(text.toString()) as { type: string; candidate?: string; sdp?: string };
      if (message.type === "candidate" && / udp /i.test(message.candidate!)) return null;
      return JSON.stringify(message.sdp ? { ...message, sdp: message.sdp.replace(/a=candidate:[^\r]*\r\n/g, "") } : message);
    };
    await ada.page.routeWebSocket(/\/api\/v1\/join/, (socket) => {
      const server = socket.connectToServer();
      socket.onMessage((text) => {
        const kept = byTcp(text);
        if (kept) server.send(kept);
      });
      server.onMessage((text) => {
        const kept = byTcp(text);
        if (kept) socket.send(kept);
      });
    });
    await ada.join(gateway.web, "Ada", "1000");
    await bob.join(gateway.web, "Bob", "1000");
    await Promise.all([ada.inMeeting(), bob.inMeeting()]);
    await expect.poll(() => ada.sees("Bob")).toBe("blue");
    await expect.poll(() => bob.sees("Ada")).toBe("yellow");
    await expect.poll(() => ada.hears([440, 880])).toEqual([880]);
    const stats = await ada.stats();
    const pair = stats.find((one) => one["type"] === "candidate-pair" && one["nominated"] === true && one["state"] === "succeeded");
    expect(stats.find((one) => one["id"] === pair?.["remoteCandidateId"])).toMatchObject({ protocol: "tcp", port: PORT + 420 });
    await expect.poll(() => gateway.metric('crosspoint_browsers{path="tcp"}')).toBe(1);
  });
});
