import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { Phone } from "../../support/media-phone.ts";
import { ofTest } from "../../support/of-test.ts";
import { portsOf } from "../../support/ports.ts";
import { realDrachtio } from "../../support/real-engines.ts";
import { tonesIn } from "../../support/spectrum.ts";
import { placeCalls } from "../../support/trunk-calls.ts";
import { openSipEndpoint, type SipEndpoint } from "../../../src/io/sip/endpoint.ts";

/** Floods on a whole gateway with calls up, its limits as they are by default. drachtio-server has no limit of ours. */
const PORT = portsOf("gateway-flood");
const config = "unknownCallers: { trust: unverified }\nmeetings: [{ id: 1000 }]\n";
const SECONDS = 5;

interface Flood {
  readonly sent: number;
  /** From the first request to the last answer. */
  readonly seconds: number;
  readonly answers: Readonly<Record<string, number>>;
}

/** Runs a flooder; resolves with what it prints. */
function flooder<T>(file: string, ...args: (string | number)[]): Promise<T> {
  const child = ofTest(
    spawn("node", [join(import.meta.dirname, "../../support", file), ...args.map(String)], { stdio: ["ignore", "pipe", "inherit"] }),
  );
  let output = "";
  child.stdout.on("data", (data: Buffer) => (output += data.toString()));
  return new Promise((resolve) => child.once("close", () => resolve(JSON.parse(output))));
}

/** Sends requests from a process of its own; resolves with what was sent and what came back, by status. */
function flood(method: string, perSecond: number, ...addresses: string[]): Promise<Flood> {
  return flooder("flooder.mjs", method, PORT, SECONDS, perSecond, ...addresses);
}

describe.skipIf(realDrachtio !== undefined)("(embedded SIP engine) a gateway with calls up", () => {
  let gateway: Crosspoint;
  const phones: Phone[] = [];
  const dial = async (tone: number): Promise<Phone> => {
    const phone = await Phone.call({ sipPort: PORT, to: "1000", codec: "PCMU", tone });
    phones.push(phone);
    return phone;
  };
  beforeAll(async () => {
    gateway = await startCrosspoint({
      port: PORT,
      mediaPort: PORT + 20,
      config,
      set: ["limits.cpuPercent=95", "limits.eventLoopMs=250", "limits.callsPerSecondPerSource=0"],
    });
  });
  afterEach(async () => {
    await Promise.all(phones.splice(0).map((phone) => phone.hangup()));
    await gateway.waitForParticipants("1000", (all) => all.length === 0);
    // the next flood is to be said anew
    await delay(8000);
  });
  afterAll(async () => {
    await gateway?.stop();
  });

  test.each(["OPTIONS", "REGISTER"])("a flood of %s: calls go on, new ones are taken, it is said once", async (method) => {
    const [a, b] = [await dial(700), await dial(1300)];
    await gateway.waitForParticipants("1000", (all) => all.filter(({ state }) => state === "joined").length === phones.length);
    const before = gateway.output().length;
    const flooding = flood(method, 8000, "127.0.0.1", "127.0.0.3");
    await delay(2500);
    // from one of the addresses that flood
    const c = await dial(0);
    await gateway.waitForParticipants("1000", (all) => all.filter(({ state }) => state === "joined").length === phones.length);
    await delay(1000);
    await expect.poll(() => tonesIn(a.recent(800), a.rate, [700, 1300])).toEqual([1300]);
    await expect.poll(() => tonesIn(b.recent(800), b.rate, [700, 1300])).toEqual([700]);
    await expect.poll(() => tonesIn(c.recent(800), c.rate, [700, 1300])).toEqual([700, 1300]);
    const { sent, seconds, answers } = await flooding;
    expect(sent).toBeGreaterThan(10_000);
    // 200 a second of each of two addresses, and as many again at first
    const answered = Object.values(answers).reduce((sum, count) => sum + count, 0);
    expect(answered).toBeLessThan(2 * 200 * (seconds + 3));
    expect(answered).toBeGreaterThan(2 * 200 * (SECONDS - 1));
    const said = gateway.output().slice(before);
    expect(said.match(/flood: requests of one address are not answered/g)).toHaveLength(1);
    expect(said.split("\n").filter((line) => !/call-(started|answered|joined)|flood/.test(line) && line !== "")).toEqual([]);
    expect(phones.map(({ ended }) => ended)).toEqual(phones.map(() => undefined));
  });
});

describe.skipIf(realDrachtio !== undefined)(
  "(embedded SIP engine) beside floods of strangers, with the limits it has by default, a gateway",
  () => {
    const TRUNK = "127.0.0.50";
    const STRANGERS = Array.from({ length: 20 }, (_, n) => `127.0.1.${n + 1}`);
    let gateway: Crosspoint;
    let trunk: SipEndpoint;
    beforeAll(async () => {
      gateway = await startCrosspoint({
        port: PORT,
        mediaPort: PORT + 20,
        defaultLimits: true,
        config: `unknownCallers: { trust: unverified }
trunks: [{ name: carrier, identity: { networks: [${TRUNK}/32] }, trust: verified }]
meetings: [{ id: 1000, maxParticipants: 200 }]
`,
      });
      trunk = await openSipEndpoint({ host: TRUNK, port: 0, transports: ["udp"], onInvite: (session, now) => session.reject(now, 486) });
    });
    afterAll(async () => {
      await trunk?.close();
      await gateway?.stop();
    });
    const resident = () => Number(readFileSync(`/proc/${gateway.process.pid}/statm`, "utf8").split(" ")[1]) * 4096;
    const floodOf = (method: string, perSecond: number) => flood(method, perSecond, ...STRANGERS);
    const connections = (kind: string, offset: number) =>
      flooder<{ opened: number }>("connection-flooder.mjs", kind, PORT + offset, SECONDS, 250, ...STRANGERS);

    test.each([
      ["calls by UDP", () => [floodOf("INVITE=1000", 500), floodOf("INVITE+SDP=1000", 500), floodOf("INVITE+SDP", 500)]],
      ["other requests and nonsense by UDP", () => [floodOf("REGISTER", 500), floodOf("OPTIONS", 500), floodOf("malformed", 500)]],
      [
        "connections",
        () => [connections("sip", 0), connections("crlf", 0), connections("open", 1), connections("http", 2), connections("h323", 3)],
      ],
    ])("takes every call of a trunk's, answers /health and keeps its memory: %s", async (_, floods) => {
      await placeCalls(trunk, `sip:1000@${gateway.sip}`, 1, 10);
      const before = resident();
      const flooding = Promise.all<unknown>(floods());
      let healthy = 0;
      const asked = () =>
        gateway.api("GET", "/health").then(
          () => healthy++,
          () => undefined,
        );
      const asking = setInterval(() => void asked(), 500);
      const { answered, failed } = await placeCalls(trunk, `sip:1000@${gateway.sip}`, SECONDS, 10);
      clearInterval(asking);
      await flooding;
      const records = (await gateway.records()).filter(({ trunk: name, outcome }) => name === "carrier" && outcome !== "completed");
      expect(records.map(({ outcome, reason }) => `${outcome} ${reason}`)).toEqual([]);
      expect(failed).toEqual([]);
      expect(answered).toHaveLength(10 * SECONDS);
      await expect.poll(() => healthy).toBeGreaterThan(2);
      expect(resident() - before).toBeLessThan(300e6);
    });

    test("keeps media ports for trunks while strangers take all they may", async () => {
      // 50 of 200 ports are kept, two a call
      const flooding = floodOf("INVITE+SDP=1000", 500);
      await expect.poll(() => gateway.logged(/strangers have the media ports/).length, { timeout: 10_000 }).toBeGreaterThan(0);
      const calls = await placeCalls(trunk, `sip:1000@${gateway.sip}`, 1, 20, 4000);
      await flooding;
      expect(calls.failed).toEqual([]);
    });
  },
);
