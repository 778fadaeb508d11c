import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer as createSecureServer } from "node:https";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { createAuthority, issueCertificate } from "../../../src/security/issue.ts";
import type { SipEngine } from "../../../src/sip-engine/index.ts";
import { Inbox, LiveApp, startEngine } from "./live.ts";

/** Requests that we place over WebSocket (RFC 7118), on real sockets. */
type Authority = Awaited<ReturnType<typeof createAuthority>>;
let root: Authority;
let stranger: Authority;
let engine: SipEngine;
let app: LiveApp;
const ending: (() => unknown)[] = [];
const names = (...all: string[]) => ({ subject: { commonName: all[0]!, names: all }, kind: "ecdsa-p256" as const });

beforeAll(async () => {
  root = await createAuthority({ subject: { commonName: "test root" }, kind: "ecdsa-p256" });
  stranger = await createAuthority({ subject: { commonName: "somebody" }, kind: "ecdsa-p256" });
});
beforeEach(async () => {
  const own = await issueCertificate(root, names("localhost"));
  engine = await startEngine({
    listeners: [
      { transport: "ws", host: "127.0.0.1", port: 0 },
      { transport: "wss", host: "127.0.0.1", port: 0 },
    ],
    tls: { cert: own.chain, key: own.key, cas: [root.cert] },
    limits: { connect: 1_000 },
  });
  ending.push(() => engine.stop());
  app = await LiveApp.open(engine, ["info"]);
  ending.push(() => app.close());
});
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

/** A SIP server over WebSocket; answers what comes with 200. */
async function far(options: { authority?: Authority; name?: string; speaks?: string } = {}) {
  const { authority, name = "localhost", speaks = "sip" } = options;
  const certificate = authority && (await issueCertificate(authority, names(name)));
  const http = certificate ? createSecureServer({ cert: certificate.chain, key: certificate.key }) : createServer();
  const server = new WebSocketServer({ server: http, handleProtocols: (offered) => (offered.has(speaks) ? speaks : false) });
  const received = new Inbox<string>();
  const opened = new Inbox<WebSocket>();
  server.on("connection", (web) => {
    opened.put(web);
    web.on("message", (data: Buffer) => {
      const text = data.toString("latin1");
      received.put(text);
      if (!text.startsWith("SIP/2.0"))
        web.send(
          text
            .split("\r\n")
            .filter((line) => /^(via|from|to|call-id|cseq):/i.test(line))
            .reduce((all, line) => `${all}${line}\r\n`, "SIP/2.0 200 OK\r\n") + "Content-Length: 0\r\n\r\n",
        );
    });
  });
  await new Promise<void>((done) => http.listen(0, "127.0.0.1", done));
  ending.push(() => {
    for (const web of server.clients) web.terminate();
    http.closeAllConnections();
    http.close();
  });
  return { port: (http.address() as AddressInfo).port, received, opened };
}
const ask = (port: number, transport: string) =>
  app.send(`sip||\r\nOPTIONS sip:x@localhost:${port};transport=${transport} SIP/2.0\r\n\r\n`);
const answer = async () => (await app.inbox.find(({ sip }) => sip.kind === "response")).sip;

describe("a request over WebSocket", () => {
  it.each(["ws", "wss"])("goes out by %s on a connection that we open, one for all that follow", async (transport) => {
    const server = await far(transport === "wss" ? { authority: root } : {});
    ask(server.port, transport);
    expect(await answer()).toMatchObject({ status: 200 });
    const request = await server.received.next();
    expect(request).toMatch(/^OPTIONS sip:x@localhost/);
    expect(request).toMatch(new RegExp(`^Via: SIP/2\\.0/${transport.toUpperCase()} `, "m"));
    ask(server.port, transport);
    expect(await answer()).toMatchObject({ status: 200 });
    const web = await server.opened.next();
    expect(server.opened.size).toBe(0);
    expect((await engine.stats())["connections"]).toBe(1);
    // requests come back by it too, and it is closed by its closing handshake
    web.send(
      "INFO sip:us@localhost SIP/2.0\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:us@localhost>\r\nCall-ID: c\r\nCSeq: 1 INFO\r\nContent-Length: 0\r\n\r\n",
    );
    expect((await app.inbox.find(({ sip }) => sip.kind === "request")).sip).toMatchObject({ method: "INFO" });
    const closed = new Promise<number>((done) => web.once("close", done));
    await engine.stop();
    expect(await closed).toBe(1001);
  });

  it.each([
    ["another name", { name: "other.example" }],
    ["somebody's root", {}],
  ])("by wss tells nothing to a far end with %s", async (what, options) => {
    const server = await far({ authority: what === "somebody's root" ? stranger : root, ...options });
    ask(server.port, "wss");
    const refused = await answer();
    expect(refused).toMatchObject({ status: 503 });
    expect(refused.get("warning")).toMatch(/certificate|altnames/i);
    expect(server.opened.size + server.received.size).toBe(0);
  });

  it("fails where the far end speaks no SIP by it, or nothing at all", async () => {
    ask((await far({ speaks: "chat" })).port, "ws");
    expect(await answer()).toMatchObject({ status: 503 });
    const silent = createServer();
    silent.on("upgrade", () => {});
    await new Promise<void>((done) => silent.listen(0, "127.0.0.1", done));
    ending.push(() => {
      silent.closeAllConnections();
      silent.close();
    });
    ask((silent.address() as AddressInfo).port, "ws");
    expect(await answer()).toMatchObject({ status: 503 });
    await expect.poll(async () => (await engine.stats())["connections"]).toBe(0);
  });

  it("that is answered with more than a message may hold ends the connection", async () => {
    const server = await far();
    ask(server.port, "ws");
    await answer();
    (await server.opened.next()).send("x".repeat(70_000));
    await expect.poll(async () => (await engine.stats())["connections"]).toBe(0);
  });
});
