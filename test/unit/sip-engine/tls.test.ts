import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { X509Certificate } from "node:crypto";
import { connect, type ConnectionOptions, createServer, type TLSSocket } from "node:tls";
import { createAuthority, type Issued, issueCertificate } from "../../../src/security/issue.ts";
import { cipherList, type TlsSettings } from "../../../src/io/index.ts";
import type { SipEngine } from "../../../src/sip-engine/index.ts";
import { type PeerCertificate, parsePeerToken } from "../../../src/wire/sip/index.ts";
import { WebSocket as ClientWebSocket } from "ws";
import { makeCertificate, makeRevocationList } from "../../support/odd-certificates.ts";
import { LiveApp, portOf, requestText, startEngine, streamPeer } from "./live.ts";

let root: Issued;
let stranger: Issued;
let server: Issued;
let engine: SipEngine;
let app: LiveApp;
const ecdsa = "ecdsa-p256" as const;
const settings = (own: Issued): TlsSettings => ({ cert: own.chain, key: own.key, cas: [root.cert] });

beforeAll(async () => {
  root = await createAuthority({ subject: { commonName: "trusted root" }, kind: ecdsa });
  stranger = await createAuthority({ subject: { commonName: "somebody's root" }, kind: ecdsa });
  server = await issueCertificate(root, {
    subject: { commonName: "gateway.example", names: ["gateway.example", "127.0.0.1"] },
    kind: "rsa-2048",
  });
  engine = await startEngine({
    listeners: [
      { transport: "tls", host: "127.0.0.1", port: 0 },
      { transport: "udp", host: "127.0.0.1", port: 0 },
      { transport: "ws", host: "127.0.0.1", port: 0 },
      { transport: "wss", host: "127.0.0.1", port: 0 },
    ],
    tls: settings(server),
  });
  app = await LiveApp.open(engine, ["options"], () => "SIP/2.0 200 OK\r\n");
});
afterAll(async () => {
  app.close();
  await engine.stop();
});

async function client(options: ConnectionOptions = {}): Promise<ReturnType<typeof streamPeer> & { socket: TLSSocket }> {
  const socket = connect({ host: "127.0.0.1", port: portOf(engine, "tls"), ca: [root.cert], servername: "gateway.example", ...options });
  const peer = streamPeer(socket);
  await new Promise<void>((done, fail) => {
    socket.once("secureConnect", done);
    socket.once("error", fail);
  });
  return { ...peer, socket };
}

/** What the application sees of a caller with this certificate. */
async function seen(options: ConnectionOptions): Promise<PeerCertificate | undefined> {
  const peer = await client(options);
  peer.socket.write(requestText("OPTIONS", { via: "TLS" }));
  await peer.inbox.next();
  peer.socket.destroy();
  return parsePeerToken((await app.inbox.next()).tokens[12]);
}

describe("callers over TLS", () => {
  test("with a certificate of a configured authority are verified, and the application sees their names", async () => {
    const caller = await issueCertificate(root, {
      subject: { commonName: "room.example", names: ["room.example", "sip:room.example"] },
      kind: ecdsa,
    });
    const peer = (await seen({ cert: caller.chain, key: caller.key }))!;
    expect(peer).toMatchObject({
      verified: true,
      subject: expect.stringContaining("CN=room.example"),
      issuer: expect.stringContaining("trusted root"),
    });
    expect(peer.san).toEqual(expect.arrayContaining(["DNS:room.example", "URI:sip:room.example"]));
    const hash = (pem: string) => new X509Certificate(pem).fingerprint256.replaceAll(":", "").toLowerCase();
    expect([peer.roots, peer.fingerprint]).toEqual([[hash(root.cert)], hash(caller.cert)]);
  });
  test("with somebody else's are let in unverified, with none they carry no stamp", async () => {
    const caller = await issueCertificate(stranger, { subject: { commonName: "room.example" }, kind: ecdsa });
    const peer = (await seen({ cert: caller.chain, key: caller.key }))!;
    expect([peer.verified, peer.roots, peer.fault?.code]).toEqual([false, [], "certificate-unknown-ca"]);
    expect(await seen({})).toBeUndefined();
  });
  test("with one whose extensions are no DER are not verified, whatever it names, and harm nobody", async () => {
    for (const value of ["", "x", "\u0004\u0005x"])
      for (const id of ["1.2.3.4", "2.5.29.30"]) {
        const odd = makeCertificate({ subject: [["CN", "room.example"]], more: [{ id, value }] });
        const peer = await seen({ cert: odd.pem, key: odd.key });
        expect([peer?.verified, peer?.san, peer?.fault?.code]).toEqual([false, [], "certificate-invalid"]);
      }
    const caller = await issueCertificate(root, { subject: { commonName: "room.example", names: ["room.example"] }, kind: ecdsa });
    expect((await seen({ cert: caller.chain, key: caller.key }))?.verified).toBe(true);
  });
  test("with an expired one are not verified", async () => {
    const caller = await issueCertificate(root, {
      subject: { commonName: "old.example" },
      kind: ecdsa,
      from: new Date(Date.now() - 10 * 86_400_000),
      days: 5,
    });
    const peer = await seen({ cert: caller.chain, key: caller.key });
    expect([peer?.verified, peer?.fault?.code]).toEqual([false, "certificate-expired"]);
  });
  test("speak TLS 1.2 or 1.3 in our order of ciphers, nothing older or weaker", async () => {
    const suite = async (options: ConnectionOptions) => {
      const peer = await client(options);
      const { name } = peer.socket.getCipher();
      peer.socket.destroy();
      return name;
    };
    expect(await suite({})).toBe("TLS_AES_256_GCM_SHA384");
    const twelve = { maxVersion: "TLSv1.2" as const };
    expect(await suite({ ...twelve, ciphers: "ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-GCM-SHA256" })).toBe(
      "ECDHE-RSA-AES128-GCM-SHA256",
    );
    expect(await suite({ ...twelve, ciphers: "ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES256-SHA384" })).toBe("ECDHE-RSA-AES256-SHA384");
    await expect(suite({ ...twelve, ciphers: "AES256-GCM-SHA384:ECDHE-RSA-AES128-SHA" })).rejects.toThrow();
    await expect(suite({ minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT:@SECLEVEL=0" })).rejects.toThrow();
    expect(cipherList(true).split(":")).toContain("ECDHE-RSA-AES128-SHA");
  });
  test("get no new handshake on a connection of TLS 1.2 that stands: each would be at our cost (RFC 5246 section 7.2.2)", async () => {
    const { socket } = await client({ maxVersion: "TLSv1.2" });
    const refused = await new Promise<Error | null>((done) => {
      socket.once("error", done);
      socket.renegotiate({}, done);
    });
    expect(refused?.message).toMatch(/renegotiation/i);
    socket.destroy();
  });
  test("meet the new certificate after a reload, while older connections stay; an unusable one changes nothing", async () => {
    const before = await client();
    const renewed = await issueCertificate(root, { subject: { commonName: "gateway.example", names: ["gateway.example"] }, kind: ecdsa });
    await expect(engine.reloadTls({ ...settings(renewed), key: stranger.key })).rejects.toThrow();
    await engine.reloadTls(settings(renewed));
    const after = await client();
    expect(after.socket.getPeerX509Certificate()?.fingerprint256).toBe(new X509Certificate(renewed.cert).fingerprint256);
    before.socket.write(requestText("OPTIONS", { via: "TLS" }));
    expect(await before.inbox.next()).toMatchObject({ status: 200 });
    await app.inbox.next();
    before.socket.destroy();
    after.socket.destroy();
  });
});

test("a connection verified by an authority that is removed is closed at the reload; one by an authority that stays, and one without, are not", async () => {
  const former = await createAuthority({ subject: { commonName: "former root" }, kind: ecdsa });
  const both = { ...settings(server), cas: [former.cert, root.cert] };
  await engine.reloadTls(both);
  const certified = async (authority: Issued) => {
    const own = await issueCertificate(authority, { subject: { commonName: "room", names: ["room.example"] }, kind: ecdsa });
    return client({ cert: own.chain, key: own.key });
  };
  const [gone, stays, none] = [await certified(former), await certified(root), await client()];
  const ask = async (peer: Awaited<ReturnType<typeof client>>) => {
    peer.socket.write(requestText("OPTIONS", { via: "TLS" }));
    expect(await peer.inbox.next()).toMatchObject({ status: 200 });
    return parsePeerToken((await app.inbox.next()).tokens[12])?.verified;
  };
  expect([await ask(gone), await ask(stays), await ask(none)]).toEqual([true, true, undefined]);
  await engine.reloadTls(both);
  expect(await ask(gone)).toBe(true);
  await engine.reloadTls(settings(server));
  await gone.closed;
  expect([await ask(stays), await ask(none)]).toEqual([true, undefined]);
  for (const { socket } of [stays, none]) socket.destroy();
});

test("a connection is closed at a reload that revokes its certificate, over TLS and over a WebSocket; so is a WebSocket whose authority goes", async () => {
  const ca = makeCertificate({ subject: [["CN", "list root"]], ca: true });
  const leaves = [1, 2, 3].map((n) =>
    makeCertificate({ subject: [["CN", `room ${n}`]], by: ca, san: [{ type: 2, value: "room.example" }] }),
  );
  const both = { ...settings(server), cas: [ca.pem, root.cert] };
  await engine.reloadTls(both);
  const web = async ({ pem, key }: (typeof leaves)[number]) => {
    const socket = new ClientWebSocket(`wss://127.0.0.1:${portOf(engine, "wss")}`, ["sip"], { cert: pem, key, ca: [root.cert] });
    const closed = new Promise((done) => socket.once("close", done));
    await new Promise((done) => socket.once("open", done));
    socket.send(requestText("OPTIONS", { via: "WSS" }));
    expect(parsePeerToken((await app.inbox.next()).tokens[12])?.verified).toBe(true);
    return { socket, closed };
  };
  const tls = await client({ cert: leaves[0]!.pem, key: leaves[0]!.key });
  const [revoked, stays] = [await web(leaves[1]!), await web(leaves[2]!)];
  await engine.reloadTls({ ...both, crls: [Buffer.from(makeRevocationList(ca, leaves.slice(0, 2)))] });
  await Promise.all([tls.closed, revoked.closed]);
  expect(stays.socket.readyState).toBe(ClientWebSocket.OPEN);
  await engine.reloadTls(settings(server));
  await stays.closed;
});

describe("calls out over TLS", () => {
  async function far(
    own: Issued,
  ): Promise<{ port: number; peer: Promise<ReturnType<typeof streamPeer> & { socket: TLSSocket }>; close(): void }> {
    let arrived: (peer: ReturnType<typeof streamPeer> & { socket: TLSSocket }) => void;
    const peer = new Promise<ReturnType<typeof streamPeer> & { socket: TLSSocket }>((done) => {
      arrived = done;
    });
    const listening = createServer(
      { cert: own.chain, key: own.key, ca: [root.cert], requestCert: true, rejectUnauthorized: false },
      (socket) => arrived({ ...streamPeer(socket), socket }),
    );
    listening.on("tlsClientError", () => {});
    await new Promise<void>((done) => listening.listen(0, "127.0.0.1", done));
    return { port: (listening.address() as { port: number }).port, peer, close: () => listening.close() };
  }
  const call = (port: number) => app.send(`sip||\r\nOPTIONS sip:x@localhost:${port};transport=tls SIP/2.0\r\n\r\n`);

  test("present our certificate and check the far end's name", async () => {
    const good = await issueCertificate(root, { subject: { commonName: "localhost", names: ["localhost"] }, kind: ecdsa });
    const server = await far(good);
    call(server.port);
    const peer = await server.peer;
    expect(peer.socket.authorized).toBe(true);
    const options = await peer.inbox.next();
    expect(options).toMatchObject({ method: "OPTIONS" });
    peer.socket.destroy();
    server.close();
    expect((await app.inbox.next()).sip).toMatchObject({ status: 503 });
  });
  test.each(["another name", "somebody's root"])("refuse a far end with %s", async (what) => {
    const own =
      what === "another name"
        ? await issueCertificate(root, { subject: { commonName: "other.example", names: ["other.example"] }, kind: ecdsa })
        : await issueCertificate(stranger, { subject: { commonName: "localhost", names: ["localhost"] }, kind: ecdsa });
    const server = await far(own);
    call(server.port);
    const { sip, tokens } = await app.inbox.next();
    expect(sip).toMatchObject({ status: 503 });
    expect(sip.get("warning")).toMatch(/certificate|altnames/i);
    // it came from nobody
    expect(tokens.slice(2, 6)).toEqual(["network", expect.any(String), "tls", ""]);
    server.close();
  });
});

test("browsers register and are called over WebSocket (RFC 7118)", async () => {
  const socket = new WebSocket(`ws://127.0.0.1:${portOf(engine, "ws")}`, ["sip"]);
  await new Promise<void>((done, fail) => {
    socket.onopen = () => done();
    socket.onerror = () => fail(new Error("refused"));
  });
  expect(socket.protocol).toBe("sip");
  const answer = new Promise<string>((done) => {
    socket.onmessage = (event) => done(String(event.data));
  });
  socket.send(requestText("OPTIONS", { via: "WS" }));
  expect(await answer).toMatch(/^SIP\/2\.0 200 OK/);
  await app.inbox.next();
  socket.close();
});
