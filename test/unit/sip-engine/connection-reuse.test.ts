import { createServer as createTcpServer, connect as connectTcp } from "node:net";
import { connect, createServer, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { createAuthority, type Issued, issueCertificate } from "../../../src/security/issue.ts";
import type { SipEngine } from "../../../src/sip-engine/index.ts";
import type { SipMessage } from "../../../src/wire/sip/index.ts";
import { Inbox, LiveApp, portOf, requestText, SECRET, startEngine, streamPeer, tcpPeer } from "./live.ts";

/** Whose connection carries a request of ours: the far end's that was meant, and nobody else's from its address (RFC 5923 section 8). */

const ecdsa = "ecdsa-p256" as const;
let root: Issued;
let bank: Issued;
let other: Issued;
let engine: SipEngine;
let app: LiveApp;
/** Seconds that the application grants to a registration. */
let expires = 3600;

beforeAll(async () => {
  root = await createAuthority({ subject: { commonName: "root" }, kind: ecdsa });
  bank = await issueCertificate(root, { subject: { commonName: "bank", names: ["localhost", "127.0.0.1"] }, kind: ecdsa });
  other = await issueCertificate(root, { subject: { commonName: "other", names: ["other.example"] }, kind: ecdsa });
  const server = await issueCertificate(root, { subject: { commonName: "gateway", names: ["127.0.0.1"] }, kind: ecdsa });
  engine = await startEngine({
    drachtio: { host: "127.0.0.1", port: 0, secret: SECRET },
    listeners: [
      { transport: "tcp", host: "127.0.0.1", port: 0 },
      { transport: "tls", host: "127.0.0.1", port: 0 },
    ],
    tls: { cert: server.chain, key: server.key, cas: [root.cert] },
  });
  app = await LiveApp.open(engine, ["options", "register", "invite"], (request) => {
    if (request.kind !== "request" || request.method === "INVITE") return undefined;
    return request.method === "REGISTER"
      ? `SIP/2.0 200 OK\r\nContact: ${request.get("contact")};expires=${expires}\r\n`
      : "SIP/2.0 200 OK\r\n";
  });
});
beforeEach(() => {
  expires = 3600;
});
afterAll(async () => {
  app?.close();
  await engine?.stop();
});

/** A far end that listens; `got` are the requests that came over connections to it. */
async function listening(own: Issued | undefined, port = 0): Promise<{ port: number; got: Inbox<SipMessage | "pong"> }> {
  const got = new Inbox<SipMessage | "pong">();
  const take = (peer: ReturnType<typeof streamPeer>) =>
    void (async () => {
      for (;;) got.put(await peer.inbox.next());
    })();
  const server =
    own === undefined
      ? createTcpServer((socket) => take(streamPeer(socket)))
      : createServer({ cert: own.chain, key: own.key, ca: [root.cert], requestCert: true, rejectUnauthorized: false }, (socket) =>
          take(streamPeer(socket)),
        );
  await new Promise<void>((done) => server.listen(port, "127.0.0.1", done));
  onTestFinished(() => void server.close());
  return { port: (server.address() as { port: number }).port, got };
}

/** A caller over TLS that has said, by an OPTIONS, that its connection may be used for `port`. */
async function aliased(own: Issued, port: number) {
  const socket: TLSSocket = connect({ host: "127.0.0.1", port: portOf(engine, "tls"), ca: [root.cert], cert: own.chain, key: own.key });
  const peer = streamPeer(socket);
  await new Promise((done) => socket.once("secureConnect", done));
  onTestFinished(() => void socket.destroy());
  socket.write(requestText("OPTIONS", { via: "TLS", port }).replace(";rport", ";rport;alias"));
  await peer.inbox.next();
  return peer;
}

/** The application places a request; its answer, when there is none from the far end, is the engine's. */
function place(uri: string, route = "", method = "MESSAGE"): void {
  app.send(`sip||${route === "" ? "" : `|${route}`}\r\n${method} ${uri} SIP/2.0\r\n\r\n`);
}
const failure = () => app.inbox.find(({ sip }) => sip.kind === "response");

describe("a request over TLS", () => {
  test("does not go down the connection of another verified peer at its address that says alias", async () => {
    const target = await listening(bank);
    const thief = await aliased(other, target.port);
    place(`sip:x@127.0.0.1:${target.port};transport=tls`);
    expect(await target.got.next()).toMatchObject({ method: "MESSAGE" });
    expect(thief.inbox.size).toBe(0);
  });

  test("goes down the one whose certificate carries its name", async () => {
    const peer = await aliased(bank, 5099);
    place("sip:x@127.0.0.1:5099;transport=tls");
    expect(await peer.inbox.next()).toMatchObject({ method: "MESSAGE" });
  });

  test("does not go down a connection that was made to another name at the address", async () => {
    const target = await listening(other);
    place(`sip:x@localhost:${target.port};transport=tls`);
    expect((await failure()).sip).toMatchObject({ status: 503 });
    const both = await listening(await issueCertificate(root, { subject: { commonName: "x", names: ["localhost"] }, kind: ecdsa }));
    place(`sip:x@localhost:${both.port};transport=tls`);
    expect(await both.got.next()).toMatchObject({ method: "MESSAGE" });
    place(`sip:x@127.0.0.1:${both.port};transport=tls`);
    expect((await failure()).sip).toMatchObject({ status: 503 });
    expect(both.got.size).toBe(0);
  });

  test("inside a dialog goes down the connection the far end has called by, though its Record-Route names an address its certificate does not", async () => {
    const caller = await aliased(other, 5098);
    const route = "Record-Route: <sip:127.0.0.1:5098;transport=tls;lr>\r\n";
    caller.socket.write(requestText("INVITE", { via: "TLS", port: 5098, headers: route }));
    const { tokens, sip } = await app.inbox.find((got) => got.sip.kind === "request" && got.sip.method === "INVITE");
    app.send(`sip|${tokens[8]}|\r\nSIP/2.0 200 OK\r\nCSeq: ${sip.get("cseq")}\r\n\r\n`);
    const ok = await caller.inbox.find((message) => message !== "pong" && message.kind === "response" && message.status === 200);
    const field = (name: string) => `${name}: ${(ok as SipMessage).get(name)}\r\n`;
    caller.socket.write(
      `ACK sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:5098;branch=z9hG4bKack\r\n${field("Call-ID")}${field("From")}${field("To")}CSeq: 1 ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n`,
    );
    const dialog = (await app.inbox.find((got) => got.sip.kind === "request" && got.sip.method === "ACK")).tokens[9];
    app.send(`sip||${dialog}|\r\nBYE sip:x SIP/2.0\r\n\r\n`);
    expect(await caller.inbox.find((message) => message !== "pong" && message.kind === "request")).toMatchObject({ method: "BYE" });
  });
});

describe("a request over TCP", () => {
  test("does not go down a connection that somebody made from its address and port", async () => {
    const socket = connectTcp(portOf(engine, "tcp"), "127.0.0.1");
    const thief = streamPeer(socket);
    await new Promise((done) => socket.once("connect", done));
    onTestFinished(() => void socket.destroy());
    socket.write(requestText("OPTIONS", { via: "TCP" }));
    await thief.inbox.next();
    place(`sip:x@127.0.0.1:${socket.localPort};transport=tcp`);
    expect((await failure()).sip).toMatchObject({ status: 503 });
    expect(thief.inbox.size).toBe(0);
  });
});

describe("a registered connection", () => {
  /** Registers `user` with this Contact over a new TCP connection. */
  async function registered(user: string, contact: string) {
    const peer = await tcpPeer(portOf(engine, "tcp"));
    onTestFinished(() => void peer.socket.destroy());
    const text = requestText("REGISTER", { via: "TCP" })
      .replace("To: <sip:x@127.0.0.1>", `To: <sip:${user}@127.0.0.1>`)
      .replace(/Contact: .*/, `Contact: <${contact}>`);
    peer.socket.write(text);
    await peer.inbox.next();
    return { ...peer, flow: `sip:127.0.0.1:${peer.socket.localPort};transport=tcp` };
  }

  test("does not get the calls for a number of somebody else's that its Contact names", async () => {
    const carrier = await listening(undefined);
    const uri = `sip:+49301234@127.0.0.1:${carrier.port};transport=tcp`;
    const device = await registered("device", uri);
    place(uri);
    expect(await carrier.got.next()).toMatchObject({ method: "MESSAGE" });
    expect(device.inbox.size).toBe(0);
  });

  test("gets what is sent to the flow of the user that has registered by it, and nothing for another", async () => {
    const device = await registered("alice", "sip:alice@10.1.1.1:5060;transport=tcp");
    place("sip:alice@10.1.1.1;transport=tcp", `${device.flow};ob=alice`);
    expect(await device.inbox.next()).toMatchObject({ method: "MESSAGE" });
    for (const route of [`${device.flow};ob=bob`, `${device.flow};ob`, device.flow]) {
      place("sip:bob@10.1.1.2;transport=tcp", route);
      expect((await failure()).sip).toMatchObject({ status: 503 });
    }
    expect(device.inbox.size).toBe(0);
  });

  test("is no more once its registration is taken back, or it has closed", async () => {
    const device = await registered("carol", "sip:carol@10.1.1.1;transport=tcp");
    expires = 0;
    const again = requestText("REGISTER", { via: "TCP", headers: "Expires: 0\r\n" }).replace("To: <sip:x@", "To: <sip:carol@");
    device.socket.write(again.replace(/Contact: .*/, "Contact: <sip:carol@10.1.1.1;transport=tcp>"));
    await device.inbox.next();
    place("sip:carol@10.1.1.1;transport=tcp", `${device.flow};ob=carol`);
    expect((await failure()).sip).toMatchObject({ status: 503 });
    expect(device.inbox.size).toBe(0);
  });

  test("is how a Contact in .invalid is reached, which only its owner changes", async () => {
    const browser = await registered("dora", "sip:q7@abc.invalid;transport=ws");
    const thief = await registered("mallory", "sip:q7@abc.invalid;transport=ws");
    place("sip:q7@abc.invalid;transport=tcp");
    expect(await browser.inbox.next()).toMatchObject({ method: "MESSAGE" });
    const anew = await registered("dora", "sip:q7@abc.invalid;transport=ws");
    place("sip:q7@abc.invalid;transport=tcp");
    expect(await anew.inbox.next()).toMatchObject({ method: "MESSAGE" });
    expect([browser.inbox.size, thief.inbox.size]).toEqual([0, 0]);
  });
});
