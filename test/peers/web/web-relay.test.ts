import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { ensureDevelopmentCertificates } from "../../../src/security/development.ts";
import { type BrowserCaller, startBrowser } from "../../support/browser.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { portsOf } from "../../support/ports.ts";
import { startTurn, type Turn } from "../../support/turn.ts";

const PORT = portsOf("web-relay");
const TURN_PORT = PORT + 430;
interface Told {
  readonly type: string;
  readonly state?: string;
  readonly visit?: string;
  readonly iceServers?: readonly { readonly urls: readonly string[]; readonly username?: string }[];
}
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

  const start = async (url: string): Promise<void> => {
    gateway = await startCrosspoint({
      port: PORT,
      mediaPort: PORT + 20,
      set: [`video.ports=${PORT + 220}-${PORT + 419}`],
      config: [
        "unknownCallers: { trust: unverified }",
        "meetings: [{ id: '1000' }, { id: '2000', guestPin: '4711', hostPin: '9999' }]",
        "web:",
        "  ice:",
        "    policy: relay",
        `    servers: [{ urls: ['stun:127.0.0.1:${TURN_PORT}'] }, { urls: ['${url}'], secret: ${turn.secret} }]`,
        "",
      ].join("\n"),
    });
  };

  test.each([
    ["TCP", `turn:127.0.0.1:${TURN_PORT}?transport=tcp`, "tcp"],
    ["TLS", `turns:127.0.0.1:${TURN_PORT + 1}?transport=tcp`, "tls"],
  ])("hear and see each other by TURN over %s", async (_, url, protocol) => {
    await start(url);
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

  test("get credentials of TURN servers for a PIN, a token or a meeting without PIN, and come in by them", async () => {
    await start(`turn:127.0.0.1:${TURN_PORT}?transport=tcp`);
    /** What a page is told until `enough`, where it says `keys` whenever it is asked. */
    const told = (join: object, keys: string[], enough: (message: Told) => boolean): Promise<Told[]> =>
      new Promise((resolve, reject) => {
        const said: Told[] = [];
        const socket = new WebSocket(`${gateway.web.replace("http", "ws")}/api/v1/join`);
        socket.once("open", () => socket.send(JSON.stringify({ type: "join", name: "Eve", meeting: "2000", ...join })));
        socket.once("error", reject);
        socket.on("message", (data: Buffer) => {
          const message = JSON.parse(data.toString()) as Told;
          said.push(message);
          if (message.type === "dialogue" && (message.state === "pin" || message.state === "number"))
            socket.send(JSON.stringify({ type: "keys", keys: keys.shift() ?? "#" }));
          if (message.type !== "ended" && !enough(message)) return;
          socket.close();
          resolve(said);
        });
      });
    const offered = ({ type }: Told): boolean => type === "offer";
    const names = (said: Told[]): [string, number][] =>
      said
        .filter(({ iceServers }) => iceServers)
        .map(({ type, iceServers }) => [type, iceServers!.filter(({ username }) => username).length]);

    const guesser = await told({}, ["1111#", "2222#", "3333#"], offered);
    expect(names(guesser)).toEqual([["welcome", 0]]);
    expect(guesser.at(-1)).toMatchObject({ type: "ended", code: "wrong-pin" });
    expect(guesser.find(({ type }) => type === "welcome")!.iceServers).toEqual([{ urls: [`stun:127.0.0.1:${TURN_PORT}`] }]);
    expect(JSON.stringify(guesser)).not.toContain("turn:");

    for (const [join, keys] of [
      [{}, ["1111#", "4711#"]],
      [{ meeting: "2000**4711" }, []],
      [{ pin: "9999" }, []],
      [{ meeting: "" }, ["2000#", "4711#"]],
      [{ meeting: "" }, ["1000#"]],
    ] as const) {
      const said = await told(join, [...keys], offered);
      expect([join, names(said)]).toEqual([
        join,
        [
          ["welcome", 0],
          ["ice-servers", 1],
        ],
      ]);
      expect(said.at(-2)?.type === "offer" || said.at(-1)?.type === "offer").toBe(true);
    }
    expect(names(await told({ meeting: "1000" }, [], offered))).toEqual([["welcome", 1]]);
    const made = (await gateway.api("POST", "/meetings/2000/join-tokens", { name: "Tom" })) as { token: string };
    const byToken = await told({ token: made.token }, [], offered);
    expect(names(byToken)).toEqual([["welcome", 1]]);
    const { visit, iceServers } = byToken.find(({ type }) => type === "welcome")!;
    const [until, who] = iceServers![1]!.username!.split(":");
    expect(who).toBe(visit);
    expect(Number(until) - Date.now() / 1000).toBeLessThanOrEqual(15 * 60);

    const ada = await startBrowser({ tone: 440, colour: "yellow" });
    open.push(ada);
    await ada.join(gateway.web, "Ada", "2000");
    await ada.page.getByLabel("PIN", { exact: true }).fill("4711");
    await ada.screenshot("meeting-pin-before-media");
    await ada.page.getByRole("button", { name: "Continue", exact: true }).click();
    await ada.inMeeting();
    const stats = await ada.stats();
    const pair = stats.find((one) => one["type"] === "candidate-pair" && one["nominated"] === true && one["state"] === "succeeded");
    expect(stats.find((one) => one["id"] === pair?.["localCandidateId"])).toMatchObject({ candidateType: "relay" });
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
