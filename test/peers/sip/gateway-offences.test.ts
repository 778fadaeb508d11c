import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { CallMachine, composeTunnelledRas } from "../../../src/h323/index.ts";
import { encodeSigned } from "../../../src/h323/ras/security.ts";
import { decodeRas, decodeSignalling, encodeSignalling, H225_VERSION, tpkt } from "../../../src/wire/h225/index.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { portsOf } from "../../support/ports.ts";
import { rasEndpoint } from "../../support/ras-endpoint.ts";
import { realDrachtio } from "../../support/real-engines.ts";

/** What bans a source, at every door of a running gateway: what nobody sends by mistake, and wrong passwords; never an address that may be forged. */
const PORT = portsOf("gateway-offences");
const [WEB, SIGNALLING, RAS, WS, METRICS] = [2, 3, 4, 5, 6].map((n) => PORT + n) as [number, number, number, number, number];
const HOST = "127.0.0.1";
const config = `
unknownCallers: { trust: unverified, srtp: none }
bans: { malformed: 3, wrongCredentials: 3, scanners: 3 }
meetings: [{ id: 1000, name: Open }]
h323: { gatekeeper: { identifier: gk, endpoints: [{ alias: alice, password: alices-word }] } }
web: { metrics: { port: ${METRICS} } }
`;

let gateway: Crosspoint;
let last = 100;
/** A source of its own: 127.0.0.1 is never banned. */
const source = (): string => `127.0.0.${++last}`;
beforeAll(async () => {
  gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, config, set: [`sip.ws=${WS}`] });
});
afterAll(() => gateway?.stop());

const bans = async () => gateway.api<{ address: string; reason: string }[]>("GET", "/bans");
const lines = (text: string) => gateway.logged("offence").filter(({ msg }) => msg === text).length;

/** Connects from there and says something. Resolves when the connection is closed, or something has come back. */
async function say(from: string, port: number, data: string | Uint8Array): Promise<string> {
  const socket: Socket = connect({ host: HOST, port, localAddress: from });
  onTestFinished(() => void socket.destroy());
  let got = "";
  socket.on("error", () => {});
  socket.write(typeof data === "string" ? Buffer.from(data, "latin1") : data);
  await new Promise<void>((done) => {
    socket.once("close", () => done());
    socket.once("data", (bytes) => {
      got = String(bytes);
      done();
    });
  });
  socket.destroy();
  return got;
}

const get = (path: string, ...fields: string[]) =>
  `${[`GET ${path} HTTP/1.1`, ...(fields.length > 0 ? fields : ["Host: localhost"]), "Connection: close"].join("\r\n")}\r\n\r\n`;
const upgrade = (port: number, ...fields: string[]) =>
  get(
    port === WS ? "/" : "/api/v1/join",
    "Host: localhost",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Protocol: sip",
    ...fields,
  );
const KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const VERSION = "Sec-WebSocket-Version: 13";
/** A text frame of a client, its mask nothing. */
const frame = (text: string) => Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);

describe.each<[string, number, string | Uint8Array, "malformed" | "scanner"]>([
  ["another protocol at H.323's port", SIGNALLING, "GET / HTTP/1.0\r\n\r\n", "malformed"],
  ["a frame of H.323 that is no Q.931", SIGNALLING, tpkt(Buffer.from("nonsense")), "malformed"],
  ["a Q.931 message that is cut", SIGNALLING, tpkt(Uint8Array.of(8, 2, 0, 1, 5, 0x7e, 0xff, 0xff)), "malformed"],
  ["no HTTP at the web port", WEB, "\x16\x03\x01 nonsense\r\n\r\n", "malformed"],
  ["two Host fields", WEB, get("/api/v1/health", "Host: localhost", "Host: localhost"), "malformed"],
  ["a target of another host than Host's", WEB, get("http://evil.example/meeting"), "malformed"],
  ["no HTTP at the port of the metrics", METRICS, "nonsense\r\n\r\n", "malformed"],
  ["a scanner's path", WEB, get("/wp-login.php"), "scanner"],
  ["a scanner's path, escaped", WEB, get("/%2e%2e/%2e%2e/etc/passwd"), "scanner"],
  ["a scanner's path at the port of the metrics", METRICS, get("/.env"), "scanner"],
  ["a wish for a proxy", WEB, "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", "scanner"],
  ["no handshake at the page's WebSocket", WEB, upgrade(WEB, VERSION), "malformed"],
  ["no HTTP at SIP's WebSocket", WS, "nonsense\r\n\r\n", "malformed"],
  ["no handshake at SIP's WebSocket", WS, upgrade(WS, KEY, "Sec-WebSocket-Version: 7"), "malformed"],
])("%s", (_, port, data, kind) => {
  test("is an offence, and three ban its source", async () => {
    const from = source();
    for (let i = 0; i < 3; i++) await say(from, port, data);
    await expect.poll(bans).toContainEqual(expect.objectContaining({ address: from, reason: kind }));
    // three lines, or one of the SIP engine's for all that came together
    expect(lines(`offence ${kind} from ${from}`)).toBeGreaterThanOrEqual(1);
    expect(await say(from, WEB, get("/api/v1/health"))).toBe("");
    expect(await say(HOST, WEB, get("/api/v1/health"))).toMatch(/^HTTP\/1.1 200/);
  });
});

describe.skipIf(realDrachtio !== undefined)("a WebSocket", () => {
  test.each([
    ["SIP's, with nonsense for a message", WS, frame("nonsense")],
    ["SIP's, with frames that are none", WS, Buffer.from([0xff, 0x00, 0x00])],
    ["the page's, with nonsense for a message", WEB, frame("nonsense")],
    ["the page's, with frames that are none", WEB, Buffer.from([0xff, 0x00, 0x00])],
  ])("%s bans its source", async (_, port, data) => {
    const from = source();
    for (let i = 0; i < 3; i++) {
      const socket = connect({ host: HOST, port, localAddress: from });
      onTestFinished(() => void socket.destroy());
      socket.on("error", () => {});
      socket.write(upgrade(port, KEY, VERSION).replace("Connection: close\r\n", ""));
      expect(String((await once(socket, "data"))[0])).toMatch(/^HTTP\/1.1 101/);
      socket.write(data);
      // nothing need come back
      await delay(100);
    }
    await expect.poll(bans).toContainEqual(expect.objectContaining({ address: from, reason: "malformed" }));
  });
});

const CALLER = { aliases: [{ "h323-ID": "alice" }], displayName: "alice", product: "test", version: "1" };

/** A Setup to 1000 in alice's name, with a token of this password. */
function setup(password: string | undefined): Uint8Array {
  const at = { host: HOST, port: 1720 };
  const machine = new CallMachine({
    style: { fastStart: false, tunnelling: true, earlyControl: false },
    identity: CALLER,
    capabilities: { audio: [], telephoneEvent: undefined, userInput: [] },
    terminalType: 50,
    local: at,
    peer: at,
    random: (count) => randomBytes(count),
  });
  machine.start({ aliases: [{ "h323-ID": "1000" }] }, 0);
  const [first] = machine.drain();
  if (first?.type !== "signalling") throw new Error("no Setup");
  if (password === undefined) return tpkt(first.bytes);
  const message = decodeSignalling(first.bytes);
  const body = message.info!["h323-uu-pdu"]["h323-message-body"].setup!;
  const { cryptoTokens } = decodeRas(token(password)).gatekeeperRequest!;
  const info = { "h323-uu-pdu": { ...message.info!["h323-uu-pdu"], "h323-message-body": { setup: { ...body, cryptoTokens } } } };
  return tpkt(encodeSignalling({ ...message, info } as typeof message));
}

/** A request of discovery in alice's name. */
function token(password: string): Uint8Array {
  const rasAddress = { ipAddress: { ip: Uint8Array.of(127, 0, 0, 1), port: 9 } };
  const endpointType = { mc: false, undefinedNode: false };
  const gatekeeperRequest = {
    ...{ requestSeqNum: 1, protocolIdentifier: H225_VERSION, rasAddress, endpointType },
    endpointAlias: [{ "h323-ID": "alice" }],
  };
  const signed = { user: "alice", password, method: "md5" } as const;
  return encodeSigned({ gatekeeperRequest }, signed, { generalId: "gk", seconds: Math.floor(Date.now() / 1000), random: 1 });
}

/** The type of the first Q.931 message that comes back, and its cause. */
async function call(from: string, password: string | undefined): Promise<string> {
  const socket = connect({ host: HOST, port: SIGNALLING, localAddress: from });
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  socket.write(setup(password));
  const types: string[] = [];
  let got = Buffer.alloc(0);
  socket.on("data", (bytes: Buffer) => {
    got = Buffer.concat([got, bytes]);
    for (
      let length = got.length < 4 ? Infinity : got.readUInt16BE(2);
      got.length >= length;
      length = got.length < 4 ? Infinity : got.readUInt16BE(2)
    ) {
      if (length > 4) types.push(String(decodeSignalling(got.subarray(4, length)).type));
      got = got.subarray(length);
    }
  });
  await expect.poll(() => socket.destroyed || types.some((type) => type === "connect" || type === "releaseComplete")).toBe(true);
  socket.destroy();
  return types.find((type) => type === "connect" || type === "releaseComplete") ?? "closed";
}

describe("an H.323 password", () => {
  test("that is wrong in Setup refuses the call, and three ban their source; a right one, and none, do not", async () => {
    const [good, bad] = [source(), source()];
    expect(await call(good, undefined)).toBe("connect");
    expect(await call(good, "alices-word")).toBe("connect");
    for (const guess of ["a", "b", "c"]) expect(await call(bad, guess)).toBe("releaseComplete");
    await expect.poll(bans).toContainEqual(expect.objectContaining({ address: bad, reason: "wrong-credentials" }));
    expect(lines(`offence wrong-credentials from ${bad}`)).toBe(3);
    expect((await gateway.records()).filter(({ outcome }) => outcome === "trunk-credentials")).toMatchObject([
      { cause: 21 },
      { cause: 21 },
      { cause: 21 },
    ]);
    expect((await bans()).map(({ address }) => address)).not.toContain(good);
    await gateway.endCalls();
  });

  test("that is wrong in RAS inside a connection (H.460.17) bans its source, and so does nonsense there", async () => {
    for (const [kind, bytes] of [
      ["wrong-credentials", () => token(`guess ${Math.random()}`)],
      ["malformed", () => Buffer.from("nonsense that is no RAS")],
    ] as const) {
      const from = source();
      const socket = connect({ host: HOST, port: SIGNALLING, localAddress: from });
      onTestFinished(() => void socket.destroy());
      socket.on("error", () => {});
      for (let i = 0; i < 3; i++) socket.write(tpkt(composeTunnelledRas(bytes())));
      await expect.poll(bans).toContainEqual(expect.objectContaining({ address: from, reason: kind }));
      expect(lines(`offence ${kind} from ${from}`)).toBe(3);
    }
  });

  test("that is wrong by UDP bans nobody, nor does nonsense: the sender may be forged; the log says so in other words", async () => {
    const from = source();
    const stranger = await rasEndpoint(from, RAS);
    onTestFinished(stranger.close);
    for (let i = 0; i < 6; i++) await stranger.register(["alice"], { user: "alice", password: `guess ${i}`, method: "hmac" });
    for (let i = 0; i < 6; i++) stranger.sendRaw(Buffer.from("nonsense"));
    for (const kind of ["wrong-credentials", "malformed"])
      await expect.poll(() => lines(`${kind} by UDP, said to be from ${from}`)).toBe(6);
    expect(lines(`offence malformed from ${from}`) + lines(`offence wrong-credentials from ${from}`)).toBe(0);
    expect((await bans()).map(({ address }) => address)).not.toContain(from);
  });
});
