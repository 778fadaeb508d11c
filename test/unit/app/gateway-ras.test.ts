import { pino } from "pino";
import { afterEach, describe, expect, it } from "vitest";
import type { GatewayContext } from "../../../src/app/gateway-context.ts";
import { OwnGatekeeper } from "../../../src/app/gateway-gatekeeper.ts";
import { H323Traversal } from "../../../src/app/gateway-h323-traversal.ts";
import type { GatekeeperSettings, H323Listeners, UpstreamSettings } from "../../../src/app/gateway-options.ts";
import { Membership } from "../../../src/app/gateway-ras.ts";
import { systemClock } from "../../../src/base/clock.ts";
import type { Address } from "../../../src/h323/index.ts";

const HOST = "127.0.0.1";
const LISTENERS: H323Listeners = { host: HOST, signalling: 0, ras: 0, mediaPorts: { min: 40_000, max: 40_100 } };
const SIGNALLING = { host: HOST, port: 17_200 };

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** As much of a gateway as gatekeepers see. */
function context(gatekeeper: Partial<GatekeeperSettings> = {}, meetings: readonly string[] = []) {
  const lines: { event?: string; reason?: string }[] = [];
  const log = pino({ level: "debug" }, { write: (line: string) => void lines.push(JSON.parse(line) as object) });
  const settings: GatekeeperSettings = {
    identifier: "gk",
    timeToLive: 300,
    registration: "anybody",
    endpoints: [],
    neighbours: [],
    ...gatekeeper,
  };
  const fake = {
    log,
    clock: systemClock,
    config: { accessNumbers: [], gatekeeper: settings },
    directory: { get: (number: string) => (meetings.includes(number) ? {} : undefined) },
  };
  return { context: fake as unknown as GatewayContext, lines };
}

/** A gatekeeper; `configure` changes its rules as a reload does. */
async function gatekeeper(rules: Partial<GatekeeperSettings> = {}, meetings: readonly string[] = [], port = 0) {
  const { context: its, lines } = context(rules, meetings);
  const address = await freePort(port);
  const own = await OwnGatekeeper.open(its, LISTENERS, {
    port: address.port,
    signalling: SIGNALLING,
    traversal: new H323Traversal(LISTENERS),
  });
  closing.push(() => own.close());
  return { own, lines, address, configure: (next: Partial<GatekeeperSettings>) => Object.assign(its.config.gatekeeper!, next) };
}

async function freePort(port: number): Promise<Address> {
  if (port !== 0) return { host: HOST, port };
  const { createSocket } = await import("node:dgram");
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.bind(0, HOST, () => {
      const found = socket.address().port;
      socket.close(() => resolve({ host: HOST, port: found }));
    });
  });
}

function member(ended: (id: string) => void = () => {}) {
  const { context: its, lines } = context();
  const membership = new Membership({
    context: its,
    host: HOST,
    advertise: undefined,
    version: "1",
    signalling: () => ({ host: HOST, port: 17_300 }),
    ended,
  });
  closing.push(() => membership.close());
  return { membership, lines };
}

const upstream = (gk: Address, more: Partial<UpstreamSettings> = {}): UpstreamSettings => ({
  gatekeeper: gk,
  identifier: null,
  aliases: ["gateway", "7000"],
  prefixes: ["9"],
  discover: true,
  timeToLive: 60,
  credentials: null,
  ...more,
});

const registered = (one: { membership: Membership }, is = true) => expect.poll(() => one.membership.registered).toBe(is);

describe("our registration with a gatekeeper", () => {
  it("is made, shown, and taken back when the configuration names none any more", async () => {
    const gk = await gatekeeper();
    const one = member();
    expect(one.membership.state).toBeNull();
    await one.membership.configure(upstream(gk.address));
    await registered(one);
    expect(one.membership.state).toEqual({ gatekeeper: `${HOST}:${gk.address.port}`, registered: true });
    expect(gk.own.registered("7000")).toMatchObject({ host: HOST, port: 17_300 });
    await one.membership.configure(null);
    expect(one.membership.state).toBeNull();
    await expect.poll(() => gk.own.registered("7000")).toBeUndefined();
    expect(gk.lines.map((l) => l.event)).toEqual(["h323-registered", "h323-unregistered"]);
  });

  it("finds its gatekeeper by name, and moves with the configuration", async () => {
    const [first, second] = [await gatekeeper(), await gatekeeper()];
    const one = member();
    await one.membership.configure(upstream({ host: "localhost", port: first.address.port }));
    await registered(one);
    await one.membership.configure(upstream(second.address, { aliases: ["other"] }));
    await expect.poll(() => second.own.registered("other")?.host).toBe(HOST);
    await expect.poll(() => first.own.registered("7000")).toBeUndefined();
  });

  it.each(["hmac", "md5"] as const)("proves its password by %s", async (method) => {
    const gk = await gatekeeper({ endpoints: [{ alias: "gateway", password: "sesame" }] });
    const one = member();
    await one.membership.configure(upstream(gk.address, { credentials: { user: "gateway", password: "guess", method } }));
    await expect.poll(() => one.lines.find((l) => l.event === "h323-gatekeeper-lost")?.reason).toBe("securityDenial");
    expect(gk.own.registered("gateway")).toBeUndefined();
    await one.membership.configure(upstream(gk.address, { credentials: { user: "gateway", password: "sesame", method } }));
    await registered(one);
    const seen = JSON.stringify([...one.lines, ...gk.lines]);
    expect(seen).not.toMatch(/guess|sesame/);
  });

  it("is refused where only listed names may register, until a reload lists ours", async () => {
    const gk = await gatekeeper({ registration: "listed", endpoints: [{ alias: "gateway" }] });
    const one = member();
    await one.membership.configure(upstream(gk.address));
    await expect.poll(() => gk.lines.find((l) => l.event === "h323-ras-refused")?.reason).toBe("securityDenial");
    gk.configure({ endpoints: [{ alias: "Gateway" }, { alias: "7000" }] });
    await one.membership.configure(upstream(gk.address, { timeToLive: 90 }));
    await registered(one);
  });
});

describe("calls by a gatekeeper", () => {
  it("go where it says, and are refused with its cause", async () => {
    const gk = await gatekeeper({}, ["2000"]);
    const one = member();
    await expect(one.membership.locate("2000")).rejects.toMatchObject({ q850: 38 });
    await one.membership.configure(upstream(gk.address));
    await registered(one);
    const admission = await one.membership.locate("2000");
    expect(admission).toMatchObject({ to: SIGNALLING, endpointIdentifier: expect.stringMatching(/^[0-9a-f]{16}$/), destination: [] });
    expect(admission.question.callIdentifier).toMatch(/^[0-9a-f]{32}$/);
    await expect(one.membership.locate("nobody")).rejects.toMatchObject({
      q850: 20,
      message: expect.stringContaining("calledPartyNotRegistered"),
    });
    one.membership.released(admission);
  });

  it("are given up when the registration is taken back meanwhile", async () => {
    const gk = await gatekeeper({ neighbours: [{ host: "127.0.0.9", port: 9 }] });
    const one = member();
    await one.membership.configure(upstream(gk.address));
    await registered(one);
    // The neighbour never answers: the question is open for three seconds.
    const asked = one.membership.locate("elsewhere");
    const gone = expect(asked).rejects.toThrow("we leave the gatekeeper");
    await one.membership.configure(null);
    await gone;
  });
});

describe("what our gatekeeper does not know", () => {
  it("is asked of neighbours, which know us for theirs", async () => {
    const b = await gatekeeper({}, ["3000"]);
    const a = await gatekeeper({ neighbours: [b.address] });
    // A stranger is told nothing.
    expect(await a.own.locate("3000")).toBeUndefined();
    b.configure({ neighbours: [a.address] });
    expect(await a.own.locate("3000")).toEqual(SIGNALLING);
    expect(await a.own.locate("4000")).toBeUndefined();
    expect(await b.own.locate("h323-name")).toBeUndefined();
    a.configure({ neighbours: [] });
    expect(await a.own.locate("3000")).toBeUndefined();
  });
});
