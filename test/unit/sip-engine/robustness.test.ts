import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createAuthority, issueCertificate } from "../../../src/security/issue.ts";
import { type EngineLog, type SipEngine, startSipEngine } from "../../../src/sip-engine/index.ts";
import { mutate, random } from "../../support/mutate.ts";
import { torture } from "../wire/sip/rfc4475.ts";
import { LiveApp, portOf, requestText, SECRET, startEngine, tcpPeer, udpPeer } from "./live.ts";

const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});
async function engineWith(options: Parameters<typeof startEngine>[0] = {}): Promise<SipEngine> {
  const engine = await startEngine(options);
  ending.push(() => engine.stop());
  return engine;
}
/** The engine most tests torment, one after the other: each must find it whole. */
let engine: SipEngine;
beforeAll(async () => {
  engine = await startEngine({ limits: { partial: 300 } });
});
afterAll(() => engine.stop());

async function peer() {
  const made = await udpPeer();
  ending.push(() => made.close());
  return made;
}
const ok = () => "SIP/2.0 200 OK\r\n";

test("10,000 damaged messages over UDP and TCP: the engine lives, answers, and keeps nothing", async () => {
  const app = await LiveApp.open(engine, ["invite", "options", "register", "message", "info", "subscribe"], (r) =>
    r.kind === "request" && r.method === "ACK" ? undefined : "SIP/2.0 404 Not Found\r\n",
  );
  ending.push(() => app.close());
  const udp = await peer();
  const next = random(3261);
  const seeds = Object.values(torture).map((text) => Buffer.from(text, "latin1"));
  for (let i = 0; i < 9_000; i++) {
    udp.send(mutate(seeds[i % seeds.length]!, next), portOf(engine, "udp"));
    if (i % 100 === 99) await engine.stats();
  }
  for (let i = 0; i < 1_000; i += 20) {
    const stream = await tcpPeer(portOf(engine, "tcp"));
    for (let j = 0; j < 20 && !stream.socket.destroyed; j++) stream.socket.write(mutate(seeds[(i + j) % seeds.length]!, next));
    await engine.stats();
    stream.socket.destroy();
  }
  const sane = await peer();
  sane.send(requestText("OPTIONS", { port: sane.port }), portOf(engine, "udp"));
  const answer = await sane.inbox.next();
  expect(answer.startLine).toBe("SIP/2.0 404 Not Found");
  const stats = await engine.stats();
  expect(stats["received"]! + stats["rejected"]!).toBeGreaterThan(9_000);
  expect(stats["rejected"]).toBeGreaterThan(1_000);
  expect(stats["dialogs"]).toBe(0);
  await expect.poll(async () => (await engine.stats())["connections"]).toBe(0);
});

test("a flood of OPTIONS is answered, one call beside it goes through", async () => {
  const app = await LiveApp.open(engine, ["options", "invite"], (r) => (r.kind === "request" && r.method === "ACK" ? undefined : ok()));
  ending.push(() => app.close());
  const flood = await peer();
  const port = portOf(engine, "udp");
  const caller = await peer();
  let answered = 0;
  const counting = (async () => {
    for (;;) {
      await flood.inbox.next();
      answered++;
    }
  })();
  for (let i = 0; i < 3_000; i++) {
    flood.send(requestText("OPTIONS", { port: flood.port }), port);
    if (i === 1_500) caller.send(requestText("INVITE", { port: caller.port }), port);
    if (i % 50 === 49) await engine.stats();
  }
  const final = await caller.inbox.find((m) => m.kind === "response" && m.status >= 200);
  expect(final.startLine).toBe("SIP/2.0 200 OK");
  await expect.poll(() => answered, { timeout: 10_000 }).toBeGreaterThanOrEqual(3_000);
  void counting;
});

test("one address has so many requests a second answered, calls not counted, and the log says it once", async () => {
  const lines: EngineLog[] = [];
  const limited = await startSipEngine(
    {
      drachtio: { host: "127.0.0.1", port: 0, secret: SECRET },
      listeners: [{ transport: "udp", host: "127.0.0.1", port: 0 }],
      requestsPerSource: 1,
    },
    (line) => lines.push(line),
  );
  ending.push(() => limited.stop());
  const app = await LiveApp.open(limited, ["options", "invite"], (r) => (r.kind === "request" && r.method === "ACK" ? undefined : ok()));
  ending.push(() => app.close());
  const port = portOf(limited, "udp");
  const one = await peer();
  for (let i = 0; i < 500; i++) one.send(requestText("OPTIONS", { port: one.port }), port);
  for (let i = 0; i < 20; i++) one.send(requestText("INVITE", { port: one.port }), port);
  for (let i = 0; i < 20; i++) await one.inbox.find((m) => m.kind === "response" && m.cseq?.method === "INVITE" && m.status === 200);
  const { received, dropped } = await limited.stats();
  expect(received).toBeGreaterThanOrEqual(520);
  expect(dropped).toBeGreaterThan(480);
  expect(lines.filter(({ what }) => what.startsWith("flood"))).toMatchObject([
    { level: "warn", fields: { address: "127.0.0.1", method: "OPTIONS", perSecond: 1 } },
  ]);
});

test("64 KiB arrive over TCP in pieces; more is refused by closing, and so is a message that never ends", async () => {
  const app = await LiveApp.open(engine, ["message"], ok);
  ending.push(() => app.close());
  const head = requestText("MESSAGE", { via: "TCP", headers: "Content-Type: text/plain\r\n", body: "" }).length + 4;
  const text = requestText("MESSAGE", { via: "TCP", headers: "Content-Type: text/plain\r\n", body: "x".repeat(65_536 - head - 8) });
  expect(text.length).toBeLessThanOrEqual(65_536);
  expect(text.length).toBeGreaterThan(65_500);
  const stream = await tcpPeer(portOf(engine, "tcp"));
  for (let i = 0; i < text.length; i += 10_000) {
    stream.socket.write(text.slice(i, i + 10_000));
    await engine.stats();
  }
  const answer = await stream.inbox.next();
  expect(answer).not.toBe("pong");
  expect((await app.inbox.next()).sip.body.length).toBe(65_536 - head - 8);
  const tooBig = await tcpPeer(portOf(engine, "tcp"));
  tooBig.socket.write(requestText("MESSAGE", { via: "TCP", body: "x".repeat(70_000) }));
  await tooBig.closed;
  const endless = await tcpPeer(portOf(engine, "tcp"));
  endless.socket.write("MESSAGE sip:x@127.0.0.1 SIP/2.0\r\nVia: ");
  await endless.closed;
  stream.socket.destroy();
}, 20_000);

test("impossible ports and addresses harm nobody", async () => {
  const app = await LiveApp.open(engine, ["options", "invite"], ok);
  ending.push(() => app.close());
  const udp = await peer();
  const strange = requestText("OPTIONS", { port: udp.port });
  udp.send(strange.replace(/;rport/, "").replace(`:${udp.port};`, ":0;"), portOf(engine, "udp"));
  expect(await udp.inbox.next()).toMatchObject({ status: 200 });
  await app.inbox.next();
  for (const uri of [
    "sip:x@127.0.0.1:0",
    "sip:x@127.0.0.1:0;transport=tcp",
    "sip:x@0.0.0.0:1",
    "sip:x@[::]:5060",
    "sip:x@999.1.2.3",
    "sip:x@255.255.255.255",
  ]) {
    app.send(`sip||\r\nOPTIONS ${uri} SIP/2.0\r\n\r\n`);
    app.send(`sip|||${uri}\r\nOPTIONS sip:a@b SIP/2.0\r\n\r\n`);
  }
  for (let i = 0; i < 12; i++) await app.replies.next();
  udp.send(requestText("OPTIONS", { port: udp.port }), portOf(engine, "udp"));
  expect(await udp.inbox.next()).toMatchObject({ status: 200 });
});

test("keepalives are answered (RFC 5626)", async () => {
  const stream = await tcpPeer(portOf(engine, "tcp"));
  stream.socket.write("\r\n\r\n");
  expect(await stream.inbox.next()).toBe("pong");
  stream.socket.destroy();
});

test("one source cannot have all connections, and half-open handshakes end by themselves", async () => {
  const authority = await createAuthority({ subject: { commonName: "test root" }, kind: "ecdsa-p256" });
  const own = await issueCertificate(authority, { subject: { commonName: "localhost" }, kind: "ecdsa-p256" });
  const engine = await engineWith({
    listeners: [{ transport: "tls", host: "127.0.0.1", port: 0 }],
    tls: { cert: own.chain, key: own.key, cas: [authority.cert] },
    limits: { handshake: 700, halfOpen: 30, perSource: 60 },
  });
  const sockets = Array.from({ length: 100 }, () => {
    const socket = connect(portOf(engine, "tls"), "127.0.0.1");
    socket.on("error", () => {});
    return socket;
  });
  ending.push(() => {
    for (const s of sockets) s.destroy();
  });
  await expect.poll(() => sockets.filter((s) => s.destroyed || s.readyState === "closed").length).toBeGreaterThanOrEqual(70);
  expect((await engine.stats())["halfOpen"]).toBeLessThanOrEqual(30);
  await expect.poll(async () => (await engine.stats())["halfOpen"], { timeout: 5_000 }).toBe(0);
});

test("the end of a TCP connection ends the call on it: the application gets a BYE", async () => {
  const app = await LiveApp.open(engine, ["invite"], (r) => (r.kind === "request" && r.method === "INVITE" ? ok() : undefined));
  ending.push(() => app.close());
  const before = (await engine.stats())["dialogs"]!;
  const stream = await tcpPeer(portOf(engine, "tcp"));
  const { port } = stream.socket.address() as { port: number };
  const invite = requestText("INVITE", { via: "TCP", port });
  stream.socket.write(invite);
  const answer = await stream.inbox.find((m) => m !== "pong" && m.kind === "response" && m.status === 200);
  if (answer === "pong") throw new Error("not an answer");
  stream.socket.write(invite.replace(/INVITE/g, "ACK").replace(/^To: .*$/m, `To: ${answer.get("to")}`));
  await app.inbox.find(({ sip }) => sip.kind === "request" && sip.method === "ACK");
  stream.socket.destroy();
  const bye = await app.inbox.find(({ sip }) => sip.kind === "request" && sip.method === "BYE");
  expect(bye.tokens.slice(2, 3)).toEqual(["application"]);
  expect(bye.tokens[8]).toBe("unsolicited");
  expect(bye.sip.get("reason")).toContain("connection lost");
  await expect.poll(async () => (await engine.stats())["dialogs"]).toBeLessThanOrEqual(before);
});

test("an engine that cannot bind says so; a stopped one is gone", async () => {
  const engine = await engineWith();
  const port = portOf(engine, "tcp");
  await expect(startEngine({ listeners: [{ transport: "tcp", host: "127.0.0.1", port }] })).rejects.toThrow(/EADDRINUSE/);
  await expect(startEngine({ listeners: [{ transport: "tls", host: "127.0.0.1", port: 0 }] })).rejects.toThrow(/certificate/);
  await engine.stop();
  expect(await engine.ended).toBeUndefined();
  await expect(engine.stats()).rejects.toThrow();
});
