import { CredentialGuesses } from "../../../../src/trunks/credential-guesses.ts";
import { pino } from "pino";
import { afterEach, describe, expect, it } from "vitest";
import type { OwnGatekeeperParts } from "../../../../src/gateway/h323/own-gatekeeper.ts";
import { OwnGatekeeper } from "../../../../src/gateway/h323/own-gatekeeper.ts";
import { type MemberEndpoint, Membership } from "../../../../src/gateway/h323/gatekeeper-registration.ts";
import { H323Traversal } from "../../../../src/gateway/h323/traversal.ts";
import type { GatekeeperSettings, H323Listeners, UpstreamSettings } from "../../../../src/gateway/options.ts";
import { Defence } from "../../../../src/security/defence.ts";
import { systemClock } from "../../../../src/base/clock.ts";
import type { Address } from "../../../../src/h323/index.ts";
import { type H323EndpointOptions, type H323Session, openH323Endpoint } from "../../../../src/io/index.ts";

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
    defence: new Defence({ clock: systemClock, log }),
    settings: { config: { accessNumbers: [], gatekeeper: settings }, draining: false },
    directory: { get: (number: string) => (meetings.includes(number) ? {} : undefined) },
  };
  return { context: fake as unknown as OwnGatekeeperParts, lines };
}

/** A gatekeeper; `configure` changes its rules as a reload does. */
async function gatekeeper(
  rules: Partial<GatekeeperSettings> = {},
  meetings: readonly string[] = [],
  { traversal = new H323Traversal(LISTENERS), signalling = SIGNALLING } = {},
) {
  const { context: its, lines } = context(rules, meetings);
  const address = await freePort();
  const own = await OwnGatekeeper.open(its, LISTENERS, {
    port: address.port,
    signalling,
    traversal,
    guesses: new CredentialGuesses(),
  });
  closing.push(() => own.close());
  return { own, lines, address, configure: (next: Partial<GatekeeperSettings>) => Object.assign(its.settings.config.gatekeeper!, next) };
}

async function freePort(): Promise<Address> {
  const { createSocket } = await import("node:dgram");
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.bind(0, HOST, () => {
      const found = socket.address().port;
      socket.close(() => resolve({ host: HOST, port: found }));
    });
  });
}

/** Call signalling that only has an address. */
const NOWHERE = { address: { host: HOST, port: 17_300 } } as MemberEndpoint;

function member(endpoint = NOWHERE, host = HOST) {
  const { context: its, lines } = context();
  const membership = new Membership({
    ...{ log: its.log, clock: its.clock },
    host,
    advertise: undefined,
    version: "1",
    endpoint,
    ended: () => {},
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
  traversal: "none",
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
    expect(one.membership.state).toEqual({
      gatekeeper: `${HOST}:${gk.address.port}`,
      aliases: ["gateway", "7000"],
      traversal: "none",
      registered: true,
      since: expect.stringMatching(/^20\d\d-/),
      error: null,
    });
    expect(gk.own.view.endpoints).toMatchObject([
      { aliases: ["gateway", "7000"], address: `${HOST}:17300`, product: "Crosspoint", traversal: null },
    ]);
    expect(Date.parse(gk.own.view.endpoints[0]!.expiresAt)).toBeGreaterThan(Date.now());
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

  it.each([
    { of: "a name that is not found", to: "nowhere.invalid", from: HOST, error: "its name is not found" },
    { of: "an address of ours that is gone", to: HOST, from: "198.51.100.254", error: "EADDRNOTAVAIL" },
  ])("fails for $of, and says so", async ({ to, from, error }) => {
    const one = member(NOWHERE, from);
    await one.membership.configure(upstream({ host: to, port: 1719 }));
    expect(one.membership.state).toMatchObject({ registered: false, error: expect.stringContaining(error), since: expect.any(String) });
  });

  it.each(["hmac", "md5"] as const)("proves its password by %s", async (method) => {
    const gk = await gatekeeper({ endpoints: [{ alias: "gateway", password: "sesame" }] });
    const one = member();
    await one.membership.configure(upstream(gk.address, { credentials: { user: "gateway", password: "guess", method } }));
    await expect.poll(() => one.lines.find((l) => l.event === "h323-gatekeeper-lost")?.reason).toBe("securityDenial");
    expect(gk.own.registered("gateway")).toBeUndefined();
    expect(one.membership.state).toMatchObject({ registered: false, error: "securityDenial", since: expect.any(String) });
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

/** Call signalling of one gateway: answers what comes, and keeps it. */
async function signalling(more: Partial<H323EndpointOptions> = {}) {
  const sessions: H323Session[] = [];
  const prepare = (session: H323Session) => {
    sessions.push(session);
    session.onEvent = (event) => event.type === "incoming" && session.act((machine, now) => machine.answer(now));
    const port = 30_000 + sessions.length * 2;
    session.act((machine, now) => machine.setMedia({ rtp: { host: HOST, port }, rtcp: { host: HOST, port: port + 1 } }, now));
  };
  const endpoint = await openH323Endpoint({
    host: HOST,
    port: 0,
    identity: { aliases: [], displayName: "", product: "test", version: "1" },
    capabilities: { audio: [{ codec: "PCMU", maxPtime: 20 }], telephoneEvent: undefined, userInput: [] },
    onSession: prepare,
    ...more,
  });
  closing.push(() => endpoint.close());
  return { endpoint, sessions, prepare };
}

/** A gateway that serves endpoints behind firewalls. */
async function server(password?: string) {
  const traversal = new H323Traversal({ ...LISTENERS, traversal: { timeToLive: 20 } });
  const its = await signalling({ traversal: traversal.policy, onTunnel: (tunnel) => traversal.accept(tunnel) });
  const rules = password === undefined ? {} : { endpoints: [{ alias: "gateway", password }] };
  const gk = await gatekeeper(rules, ["2000"], { traversal, signalling: its.endpoint.address });
  return { ...its, gk, traversal };
}

describe("our registration from behind a firewall", () => {
  it.each(["h46018", "h46017"] as const)("%s: calls of both directions come about, media by H.460.19, with us as client", async (way) => {
    const outside = await server("sesame");
    const inside = await signalling();
    const one = member(inside.endpoint);
    const settings = upstream(way === "h46017" ? outside.endpoint.address : outside.gk.address, {
      traversal: way,
      credentials: { user: "gateway", password: "sesame", method: "hmac" },
    });
    await one.membership.configure(settings);
    await registered(one);
    expect(one.membership.behind).toBe(true);
    const { registration } = outside.gk.own.registered("7000")!;
    expect(registration?.traversal).toBe(way === "h46017" ? "h460.17" : "h460.18");

    /** Connections that carried RAS or came for a call are sessions at first, too. */
    const roles = (side: { sessions: readonly H323Session[] }) =>
      side.sessions.filter((s) => s.machine.state === "active").map((s) => s.machine.traversal);
    await outside.traversal.call(outside.endpoint, registration!, { aliases: [] }, { prepare: outside.prepare });
    await expect.poll(() => [roles(inside), roles(outside)]).toEqual([["client"], ["server"]]);
    const admission = await one.membership.locate("2000");
    await one.membership.call(admission.to!, { aliases: [] }, { ...admission.question, prepare: inside.prepare });
    await expect.poll(() => [roles(inside), roles(outside)]).toEqual([Array(2).fill("client"), Array(2).fill("server")]);
    expect(inside.sessions[1]?.machine.callIdentifier).toBe(admission.question.callIdentifier);
    one.membership.released(admission);
  });

  it("says so where the gatekeeper indicates no calls", async () => {
    const gk = await gatekeeper();
    const one = member();
    await one.membership.configure(upstream(gk.address, { traversal: "h46018" }));
    await registered(one);
    expect(one.lines.map((l) => l.event)).toContain("h323-gatekeeper-no-traversal");
  });

  it("is lost with its connection, said, and made anew", async () => {
    const outside = await server();
    const inside = await signalling();
    const one = member(inside.endpoint);
    const settings = upstream(outside.endpoint.address, { traversal: "h46017" });
    await one.membership.configure(settings);
    await registered(one);
    await outside.endpoint.close();
    await registered(one, false);
    const lost = one.lines.find((l) => l.event === "h323-gatekeeper-lost");
    expect(lost?.reason).toBe("the connection to the gatekeeper is closed");
    await expect(one.membership.locate("2000")).rejects.toMatchObject({ q850: 38 });
    await expect(one.membership.call(SIGNALLING, { aliases: [] }, { prepare: inside.prepare })).rejects.toThrow("closed");
    // Nobody listens there any more; then somebody does elsewhere.
    await one.membership.configure({ ...settings, timeToLive: 90 });
    expect(one.lines.filter((l) => l.event === "h323-gatekeeper-lost").at(-1)?.reason).toContain("ECONNREFUSED");
    const next = await server();
    await one.membership.configure(upstream(next.endpoint.address, { traversal: "h46017" }));
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
    const neighbours = (answering: boolean | null) => [{ address: `${HOST}:${b.address.port}`, answering }];
    expect(a.own.view.neighbours).toEqual(neighbours(null));
    // A stranger is told nothing.
    expect(await a.own.locate("3000")).toBeUndefined();
    b.configure({ neighbours: [a.address] });
    expect(await a.own.locate("3000")).toEqual(SIGNALLING);
    expect(a.own.view.neighbours).toEqual(neighbours(true));
    expect(await a.own.locate("4000")).toBeUndefined();
    expect(await b.own.locate("h323-name")).toBeUndefined();
    a.configure({ neighbours: [] });
    expect(await a.own.locate("3000")).toBeUndefined();
  });
});
