import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { createAuthority, issueCertificate } from "../../../src/security/issue.ts";
import type { SipEngine } from "../../../src/sip-engine/index.ts";
import { LiveApp, portOf, requestText, startEngine } from "./live.ts";

/** What one WebSocket can make the engine hold, on real sockets. */
let engine: SipEngine;
const ending: (() => unknown)[] = [];
beforeEach(async () => {
  const authority = await createAuthority({ subject: { commonName: "test root" }, kind: "ecdsa-p256" });
  const own = await issueCertificate(authority, { subject: { commonName: "localhost" }, kind: "ecdsa-p256" });
  engine = await startEngine({
    listeners: [
      { transport: "ws", host: "127.0.0.1", port: 0 },
      { transport: "wss", host: "127.0.0.1", port: 0 },
      { transport: "tcp", host: "127.0.0.1", port: 0 },
    ],
    tls: { cert: own.chain, key: own.key, cas: [authority.cert] },
    limits: { handshake: 700, partial: 500, silent: 1500 },
  });
  ending.push(() => engine.stop());
});
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

/** A masked frame of a client. */
function frame(first: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const mask = randomBytes(4);
  const head =
    payload.length < 126
      ? Buffer.from([first, 0x80 | payload.length])
      : Buffer.from([first, 0xfe, payload.length >> 8, payload.length & 255]);
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ mask[i & 3]!)]);
}

const UPGRADE = [
  "GET / HTTP/1.1",
  "Host: localhost",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Protocol: sip",
  "Sec-WebSocket-Version: 13",
];

function follow(socket: Socket): { socket: Socket; read: () => Buffer; closed: Promise<void> } {
  ending.push(() => socket.destroy());
  let got = Buffer.alloc(0);
  socket.on("error", () => {});
  socket.on("data", (chunk) => (got = Buffer.concat([got, chunk])));
  return { socket, read: () => got, closed: new Promise((done) => socket.once("close", () => done())) };
}

async function opened(): Promise<ReturnType<typeof follow>> {
  const peer = follow(connect(portOf(engine, "ws"), "127.0.0.1"));
  peer.socket.write(`${UPGRADE.join("\r\n")}\r\n\r\n`);
  await expect.poll(() => peer.read().toString("latin1")).toContain("101 Switching");
  return peer;
}

const connections = async () => (await engine.stats())["connections"]!;

describe("a WebSocket", () => {
  it("of empty fragments without end is closed after a few, by its closing handshake", async () => {
    const peer = await opened();
    const empty = Buffer.concat([frame(0x01), ...Array.from({ length: 200 }, () => frame(0x00))]);
    peer.socket.write(empty);
    await peer.closed;
    // A close frame with 1008, policy violation, is the last of what came.
    expect(peer.read().subarray(-4).readUInt16BE(0) === 0x8802 || peer.read().includes(Buffer.from([0x03, 0xf0]))).toBe(true);
    await expect.poll(connections).toBe(0);
  });

  it("of a message larger than may be is closed with 1009", async () => {
    const peer = await opened();
    for (let i = 0; i < 3; i++) peer.socket.write(frame(i === 0 ? 0x01 : 0x00, Buffer.alloc(32_000)));
    await peer.closed;
    expect(peer.read().includes(Buffer.from([0x03, 0xf1]))).toBe(true);
  });

  it("that pings more than anybody needs to, and never reads, is closed", async () => {
    const peer = await opened();
    peer.socket.pause();
    const ping = frame(0x89, Buffer.alloc(125));
    peer.socket.write(Buffer.concat(Array.from({ length: 2_000 }, () => ping)));
    await expect.poll(connections).toBe(0);
    peer.socket.resume();
    await peer.closed;
    // Answered were as many as may come at once.
    expect(peer.read().length).toBeLessThan(60 * 127 + 400);
  });

  it("that begins a message and does not end it is closed", async () => {
    const peer = await opened();
    peer.socket.write(frame(0x01, Buffer.from("OPTIONS")));
    await peer.closed;
  });

  it.each(["ws", "wss"])("(%s) whose upgrade does not end is closed in the time of a handshake", async (transport) => {
    const port = portOf(engine, transport);
    const raw = transport === "ws" ? connect(port, "127.0.0.1") : connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
    const peer = follow(raw);
    await new Promise<void>((done) => raw.once(transport === "ws" ? "connect" : "secureConnect", () => done()));
    raw.write("GET / HTTP/1.1\r\nHost: localhost\r\n");
    await expect.poll(async () => (await engine.stats())["halfOpen"], { interval: 5 }).toBe(1);
    // Slowly on, one field at a time.
    const trickle = setInterval(() => raw.write("X: y\r\n"), 100);
    ending.push(() => clearInterval(trickle));
    await Promise.race([peer.closed, delay(3_000).then(() => Promise.reject(new Error("still open")))]);
    await expect.poll(async () => (await engine.stats())["halfOpen"]).toBe(0);
  });

  it("without the sub-protocol is refused, and so is what is no upgrade", async () => {
    for (const [request, status] of [
      [UPGRADE.filter((line) => !line.includes("Protocol")), "400"],
      [["GET / HTTP/1.1", "Host: localhost"], "426"],
    ] as const) {
      const peer = follow(connect(portOf(engine, "ws"), "127.0.0.1"));
      peer.socket.write(`${request.join("\r\n")}\r\n\r\n`);
      await peer.closed;
      expect(peer.read().toString("latin1")).toMatch(new RegExp(`^HTTP/1.1 ${status}`));
    }
  });

  it("carries messages in fragments and answers keepalives and pings, as long as it likes", async () => {
    const app = await LiveApp.open(engine, ["options"], () => "SIP/2.0 200 OK\r\n");
    ending.push(() => app.close());
    const socket = new WebSocket(`ws://127.0.0.1:${portOf(engine, "ws")}`, ["sip"]);
    ending.push(() => socket.terminate());
    const got: string[] = [];
    socket.on("message", (data) => got.push(String(data)));
    let pongs = 0;
    socket.on("pong", () => pongs++);
    await new Promise<void>((done) => socket.once("open", () => done()));
    const text = requestText("OPTIONS", { via: "WS" });
    for (let at = 0; at < text.length; at += 40) socket.send(text.slice(at, at + 40), { fin: at + 40 >= text.length });
    await expect.poll(() => got[0]).toMatch(/^SIP\/2\.0 200/);
    socket.send("\r\n\r\n");
    socket.ping("x");
    await expect.poll(() => [got[1], pongs]).toEqual(["\r\n", 1]);
    await delay(2_500);
    expect(socket.readyState).toBe(socket.OPEN);
    const closed = new Promise<number>((done) => socket.once("close", (code) => done(code)));
    socket.close(1000);
    expect(await closed).toBe(1000);
  });
});

it("a TCP connection that brings keepalives and never a message is closed", async () => {
  const peer = follow(connect(portOf(engine, "tcp"), "127.0.0.1"));
  const keepalives = setInterval(() => peer.socket.write("\r\n\r\n"), 100);
  ending.push(() => clearInterval(keepalives));
  await peer.closed;
  expect(peer.read().length).toBeGreaterThan(2);
});

describe("an engine", () => {
  it("reads nothing of denied networks and banned sources, over TCP and WebSocket, and closes what stands", async () => {
    await engine.setAccess({
      allow: ["127.0.0.0/8"],
      deny: ["127.0.0.9/32"],
      trunks: [],
      strangerCalls: null,
      trunksFirst: false,
      own: [],
    });
    const from = (localAddress: string, transport = "tcp") =>
      follow(connect({ port: portOf(engine, transport), host: "127.0.0.1", localAddress }));
    const standing = from("127.0.0.8");
    await expect.poll(connections).toBe(1);
    await from("127.0.0.9").closed;
    await from("127.0.0.9", "ws").closed;
    await engine.ban("127.0.0.8", 60_000);
    await standing.closed;
    await from("127.0.0.8").closed;
    expect((await engine.stats())["notAdmitted"]).toBeGreaterThanOrEqual(3);
    await engine.lift("127.0.0.8");
    from("127.0.0.8");
    await expect.poll(connections).toBe(1);
  });
});
