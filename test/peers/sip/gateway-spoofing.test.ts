import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { connect as connectTcp, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { portsOf } from "../../support/ports.ts";
import { realDrachtio } from "../../support/real-engines.ts";

/** Strangers who write what they are not, and messages that are costly to read; on the embedded engine and on drachtio-server. */
const PORT = portsOf("gateway-spoofing");
const NAME = "client.demo.crosspoint.example";
const config = `
unknownCallers: off
bans: off
sip: { requestsPerSecond: 0 }
trunks:
  - { name: demo-client, identity: { certificateNames: [${NAME}] }, trust: verified, srtp: preferred }
meetings: [{ id: 1000, name: Open }]
`;
const STAMP = `verified=1;subject="CN=${NAME}";issuer="CN=x";san="DNS:${NAME}";ca="${"0".repeat(64)}";fingerprint="${"0".repeat(64)}"`;
const SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n";
const CALLER = { From: "<sip:mallory@127.0.0.1>;tag=m", To: "<sip:1000@127.0.0.1>" };

/** Spellings of the gateway's own field, old and new, and of the leader's places. */
const stamps: readonly (readonly [string, string])[] = [
  ["as it is", `X-Crosspoint-Peer: ${STAMP}`],
  ["the first letter escaped", `%58-Crosspoint-Peer: ${STAMP}`],
  ["the last letter escaped", `X-Crosspoint-Pee%72: ${STAMP}`],
  ["a dash escaped", `X%2dCrosspoint-Peer: ${STAMP}`],
  ["folded", `X-Crosspoint-Peer:\r\n ${STAMP}`],
  ["behind a bare line feed", `Subject: a\nX-Crosspoint-Peer: ${STAMP}`],
  ["behind a bare carriage return", `Subject: a\rX-Crosspoint-Peer: ${STAMP}`],
  ["with a NUL", `X-Crosspoint-Peer\0: ${STAMP}`],
  ["twice, once escaped", `X-Crosspoint-Peer: a\r\n%58-crosspoint-peer: ${STAMP}`],
  ["as a token of the session", `X-Session-Token: ${encodeURIComponent(STAMP)}\r\nsessionToken: ${encodeURIComponent(STAMP)}`],
  ["as another's Call-ID", `%43all-ID: ${encodeURIComponent(STAMP)}`],
];

let serial = 0;
function request(method: string, transport: string, fields: string, headers: Partial<Record<string, string>> = {}): Buffer {
  const body = method === "INVITE" ? SDP : "";
  const id = `${process.pid}-${++serial}`;
  const lines = [
    `${method} sip:1000@127.0.0.1 SIP/2.0`,
    `Via: SIP/2.0/${transport.toUpperCase()} 127.0.0.1:9;branch=z9hG4bK-${id};rport`,
    fields,
    `From: ${headers["From"] ?? CALLER.From}`,
    `To: ${headers["To"] ?? CALLER.To}`,
    `Call-ID: ${headers["Call-ID"] ?? id}`,
    `CSeq: 1 ${method}`,
    "Contact: <sip:mallory@127.0.0.1:9>",
    "Max-Forwards: 70",
    ...(method === "REFER" ? ["Refer-To: <tel:+4930123>"] : []),
    ...(body === "" ? [] : ["Content-Type: application/sdp"]),
    `Content-Length: ${body.length}`,
  ];
  return Buffer.from(`${lines.filter((line) => line !== "").join("\r\n")}\r\n\r\n${body}`, "latin1");
}

interface Peer {
  send(data: Buffer): void;
  /** Status lines that came, in order. */
  readonly got: string[];
}

async function open(transport: "udp" | "tcp" | "tls", options: ConnectionOptions = {}): Promise<Peer> {
  const got: string[] = [];
  const take = (data: Buffer) => got.push(...(data.toString("latin1").match(/^SIP\/2\.0 [2-6]\d\d/gm) ?? []));
  if (transport === "udp") {
    const socket = createSocket("udp4");
    socket.on("message", take);
    await new Promise<void>((done) => socket.bind(0, "127.0.0.1", done));
    onTestFinished(() => void socket.close());
    return { got, send: (data) => socket.send(data, PORT, "127.0.0.1") };
  }
  const socket: Socket =
    transport === "tcp"
      ? connectTcp(PORT, "127.0.0.1")
      : connectTls({ port: PORT + 1, host: "127.0.0.1", rejectUnauthorized: false, ...options });
  socket.on("data", take);
  socket.on("error", () => undefined);
  await new Promise<void>((done) => socket.once(transport === "tcp" ? "connect" : "secureConnect", () => done()));
  onTestFinished(() => void socket.destroy());
  return { got, send: (data) => void socket.write(data) };
}

let gateway: Crosspoint;
beforeAll(async () => {
  gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, config });
});
afterAll(() => gateway?.stop());

describe("a stranger", () => {
  test.skipIf(realDrachtio !== undefined)("is none who shows the certificate", async () => {
    const read = (file: string) => readFileSync(join(gateway.certificates, file));
    const peer = await open("tls", { cert: read("client.crt"), key: read("client.key") });
    peer.send(request("INVITE", "tls", ""));
    await expect.poll(() => peer.got).toEqual(["SIP/2.0 200"]);
    await gateway.endCalls();
    await expect.poll(async () => (await gateway.records())[0]).toMatchObject({ trunk: "demo-client", trust: "verified" });
  });

  test.each(stamps)("who writes the identity, %s, is refused like any other", async (_, field) => {
    const known = (await gateway.records()).filter(({ trunk }) => trunk === "demo-client").length;
    const methods = ["INVITE", "REGISTER", "REFER", "SUBSCRIBE", "MESSAGE"];
    await Promise.all(
      (["udp", "tcp", "tls"] as const).map(async (transport) => {
        const peer = await open(transport);
        for (const method of methods) peer.send(request(method, transport, field));
        // scanners and repeated strangers are not answered at all
        for (let waited = 0; waited < 1_000 && peer.got.length < methods.length; waited += 50) await delay(50);
        expect(peer.got.filter((line) => /^SIP\/2\.0 [23]/.test(line))).toEqual([]);
      }),
    );
    const records = await gateway.records();
    expect(records.filter(({ trunk }) => trunk === "demo-client")).toHaveLength(known);
    expect(await gateway.participants("1000")).toEqual([]);
  });
});

const spaces = (n: number) => " ".repeat(n);
/** A multipart body whose parts' reader looks for the boundary. */
const multipart = (type: string) =>
  Buffer.from(
    request("INVITE", "udp", `Content-Type: ${type}`)
      .toString("latin1")
      .replace("Content-Type: application/sdp\r\n", "")
      .replace(`Content-Length: ${SDP.length}`, `Content-Length: ${SDP.length + 5}`)
      .concat("\r\n\r\nx"),
    "latin1",
  );
/** One datagram each, up to what UDP carries; of the first three each took the reader of the time seconds. */
const costly: readonly (readonly [string, Buffer])[] = [
  ["a Content-Type of boundaries and a line feed", multipart(`multipart/${";boundary=".repeat(900)}\nx`)],
  ["a From tag, a bracket and spaces", request("INVITE", "udp", "", { From: `<sip:a@b>;tag=x[${spaces(60_000)}y` })],
  ["a To parameter, a bracket and spaces", request("INVITE", "udp", "", { To: `<sip:1000@127.0.0.1>;a=x[${spaces(60_000)}y` })],
  ["an address of spaces", request("INVITE", "udp", "", { From: `"a" <sip:a@b${spaces(3000)};tag=m` })],
  ["a Refer-To of brackets", request("REFER", "udp", `Refer-To: ${"<".repeat(60_000)}`)],
  ["a Subject of words", request("OPTIONS", "udp", `Subject: ${"a ".repeat(30_000)}`)],
  ["an Authorization of commas", request("REGISTER", "udp", `Authorization: Digest ${", ".repeat(30_000)}x`)],
  ["a P-Asserted-Identity of quotes", request("INVITE", "udp", `P-Asserted-Identity: ${'"\\'.repeat(30_000)}`)],
  ["a reason of spaces", request("CANCEL", "udp", `Reason: ${spaces(60_000)}x`)],
];

test.each(costly)("ten datagrams of %s hold nobody up", { timeout: 30_000 }, async (_, data) => {
  const peer = await open("udp");
  for (let i = 0; i < 10; i++) peer.send(Buffer.from(data.toString("latin1").replace(/(branch=z9hG4bK-)/, `$1${i}-`), "latin1"));
  const other = await open("udp");
  // the gateway is asked for the time of one question, not for the minutes that ten of these took
  await expect
    .poll(
      () => {
        other.send(request("OPTIONS", "udp", ""));
        return other.got.length;
      },
      { timeout: 8_000, interval: 500 },
    )
    .toBeGreaterThan(0);
  expect(other.got[0]).toMatch(/^SIP\/2\.0 (200|403|405)/);
  expect((await fetch(`${gateway.web}/api/v1/health`, { headers: { connection: "close" }, signal: AbortSignal.timeout(8_000) })).ok).toBe(
    true,
  );
});
