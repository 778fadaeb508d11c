import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Source, TransportName } from "../../../src/sip/index.ts";
import { LiveApp, portOf, requestText, startEngine, tcpPeer, udpPeer } from "./live.ts";
import { SDP, type TestApp, World } from "./world.ts";

const METHODS = [
  "ACK",
  "BYE",
  "INFO",
  "INVITE",
  "MESSAGE",
  "NOTIFY",
  "OPTIONS",
  "PRACK",
  "REFER",
  "SUBSCRIBE",
  "UPDATE",
  "PUBLISH",
  "FROBNICATE",
];
/** Ways to name us in a Route, all with a victim for their end. */
const ROUTES: readonly [string, string[], string][] = [
  ["loose route", ["<sip:10.0.0.1;lr>"], "sip:v@10.9.9.9"],
  ["with the port", ["<sip:10.0.0.1:5060;lr>"], "sip:v@10.9.9.9"],
  ["TLS to the victim", ["<sip:10.0.0.1;lr>"], "sip:v@10.9.9.9;transport=tls"],
  ["sips", ["<sips:10.0.0.1:5061;lr>"], "sips:v@10.9.9.9"],
  ["other transport", ["<sip:10.0.0.1;transport=tcp;lr>"], "sip:v@10.9.9.9;transport=tcp"],
  ["without brackets", ["sip:10.0.0.1;lr"], "sip:v@10.9.9.9"],
  ["upper case", ["<SIP:10.0.0.1;LR>"], "SIP:v@10.9.9.9"],
  ["twice, in one field", ["<sip:10.0.0.1;lr>, <sip:10.0.0.1:5061;transport=tls;lr>"], "sip:v@10.9.9.9"],
  ["with a further Route", ["<sip:10.0.0.1;lr>", "<sip:10.9.9.9;lr>"], "sip:service@10.0.0.1"],
  ["in one field with a further one", ["<sip:10.0.0.1;lr>,<sip:10.9.9.9;transport=tls;lr>"], "sip:callee@10.0.0.3"],
  ["strict", ["<sip:10.0.0.1>", "<sip:v@10.9.9.9>"], "sip:10.9.9.9"],
  ["strict, ourselves in the Request-URI", ["<sip:v@10.9.9.9>"], "sip:10.0.0.1;lr"],
  ["maddr", ["<sip:10.0.0.1;lr>"], "sip:callee@10.0.0.3;maddr=10.9.9.9"],
  ["maddr of ours", ["<sip:10.0.0.1;lr;maddr=10.9.9.9>"], "sip:service@10.0.0.1;maddr=10.9.9.9"],
  ["tel", ["<sip:10.0.0.1;lr>"], "tel:+15550100"],
  ["our advertised name", ["<sip:Edge.Example.COM;lr>"], "sip:v@10.9.9.9"],
  ["IPv6", ["<sip:[2001:db8::1];lr>"], "sip:v@10.9.9.9"],
];

function world(options: ConstructorParameters<typeof World>[0] = {}): World {
  const world = new World(options);
  for (const [i, host] of ["edge.example.com", "2001:db8::1"].entries()) {
    const address = host.includes(":") ? host : "10.0.0.7";
    world.core.layer.addListener({ id: 10 + i, transport: "udp", address, port: 5060, advertisedHost: host, advertisedPort: 5060 });
  }
  return world;
}

/** Requests, and ACKs, that have left the engine. */
const relayed = (world: World) => world.sent.filter(({ message }) => message.kind === "request").map(({ message }) => message.startLine);

describe("who asks for a relay without a dialog that was proxied", () => {
  test.each(ROUTES)("has nothing sent on: %s", (_, routes, uri) => {
    const w = world();
    const app = w.app("invite", "message", "notify", "info", "options");
    for (const transport of ["udp", "tls"] as const) {
      for (const [n, method] of METHODS.entries()) {
        const request = w.request(method, { To: "<sip:v@10.9.9.9>;tag=none", "Call-ID": `${transport}-${n}` }, "", uri);
        for (const route of routes) request.append("Route", route);
        w.deliver(request, transport);
      }
    }
    w.run(1000);
    expect(relayed(w)).toEqual([]);
    expect(app.got("BYE")).toEqual([]);
  });

  test("is answered 481, and counted against the requests of his address", () => {
    const w = world({ requestsPerSource: 5 });
    const app = w.app("message");
    for (let n = 0; n < 30; n++) {
      const method = METHODS[n % METHODS.length]!;
      const tag = { To: "<sip:v@10.9.9.9>;tag=none", "Call-ID": `n${n}`, Route: "<sip:10.0.0.1;lr>" };
      w.deliver(w.request(method, tag, "", "sip:v@10.9.9.9"));
    }
    expect(w.take(481)).toHaveLength(10);
    expect([relayed(w), app.got("MESSAGE")]).toEqual([[], []]);
    for (let n = 0; n < 30; n++) w.deliver(w.request("CANCEL", { "Call-ID": `c${n}` }));
    expect(w.take(481)).toEqual([]);
    w.run(1000);
    for (let n = 0; n < 30; n++) w.deliver(w.request("CANCEL", { "Call-ID": `d${n}` }));
    expect(w.take(481).length).toBeLessThan(10);
  });

  test("gets nothing to a real socket over UDP or TCP, and the engine answers him", async () => {
    const engine = await startEngine();
    onTestFinished(() => engine.stop());
    const app = await LiveApp.open(engine, ["invite", "options"]);
    onTestFinished(() => app.close());
    const victim = await udpPeer();
    onTestFinished(() => victim.close());
    let connections = 0;
    const tcp = createServer(() => void connections++).listen(victim.port, "127.0.0.1");
    onTestFinished(() => void tcp.close());
    const stranger = await udpPeer();
    onTestFinished(() => stranger.close());
    const stream = await tcpPeer(portOf(engine, "tcp"));
    onTestFinished(() => void stream.socket.destroy());
    for (const way of ["udp", "tcp"] as const) {
      for (const method of ["MESSAGE", "BYE", "ACK"]) {
        const via = { via: way.toUpperCase(), port: stranger.port, headers: `Route: <sip:127.0.0.1:${portOf(engine, way)};lr>\r\n` };
        const text = requestText(method, via)
          .replace("sip:x@127.0.0.1 SIP", `sip:x@127.0.0.1:${victim.port};transport=${way} SIP`)
          .replace("To: <sip:x@127.0.0.1>", "To: <sip:x@127.0.0.1>;tag=none");
        stranger.send(text, portOf(engine, "udp"));
        stream.socket.write(text.replaceAll("z9hG4bK", "z9hG4bKt"));
      }
    }
    for (let n = 0; n < 4; n++) {
      expect(await stranger.inbox.next()).toMatchObject({ status: 481 });
      expect(await stream.inbox.next()).toMatchObject({ status: 481 });
    }
    await delay(100);
    expect([victim.inbox.size, connections]).toEqual([0, 0]);
  });
});

/** A call of 10.0.0.2 to 10.0.0.3 that the application has proxied and stays in. */
function proxied(w: World, app: TestApp, options: { stay?: boolean; from?: Partial<Source>; transport?: TransportName } = {}) {
  w.deliver(w.request("INVITE", {}, SDP), options.transport, options.from);
  const { transactionId } = app.got("INVITE").at(-1)!;
  app.say(
    `proxy|${transactionId}|${options.stay === false ? "" : "remainInDialog"}|||serial|||sip:callee@10.0.0.3\r\nINVITE sip:x SIP/2.0\r\n\r\n`,
  );
  const forwarded = w.takeOne("INVITE");
  w.answer(forwarded, 200, { Contact: "<sip:callee@10.0.0.3>", "Record-Route": "<sip:10.0.0.1:5060;lr>" }, SDP);
  const route = { To: w.takeOne(200).message.get("to")!, Route: "<sip:10.0.0.1:5060;lr>" };
  w.take(100);
  return {
    fromCaller: (method: string, seq: number, more: Record<string, string> = {}, uri = "sip:callee@10.0.0.3") =>
      w.request(method, { ...route, CSeq: `${seq} ${method}`, ...more }, "", uri),
    fromCallee: (method: string, seq: number, uri = "sip:caller@10.0.0.2") =>
      w.request(
        method,
        { ...route, From: route.To, To: "<sip:caller@10.0.0.2>;tag=caller", Contact: "<sip:callee@10.0.0.3>", CSeq: `${seq} ${method}` },
        "",
        uri,
      ),
  };
}

const CALLEE = { address: "10.0.0.3" };

describe("a dialog that was proxied with Record-Route", () => {
  test("is relayed both ways between its ends, by whatever method, until its BYE", () => {
    const w = world();
    const call = proxied(w, w.app("invite"));
    w.deliver(call.fromCaller("ACK", 1));
    expect(w.takeOne("ACK").target.address).toBe("10.0.0.3");
    for (const [n, method] of ["INFO", "MESSAGE", "UPDATE", "REFER", "NOTIFY", "FROBNICATE"].entries()) {
      w.deliver(call.fromCaller(method, 2 + n));
      const there = w.takeOne(method);
      expect(there.target.address).toBe("10.0.0.3");
      w.answer(there, 200);
      w.deliver(call.fromCallee(method, 2 + n), "udp", CALLEE);
      const back = w.takeOne(method);
      expect(back.target.address).toBe("10.0.0.2");
      w.answer(back, 200);
    }
    w.deliver(call.fromCallee("BYE", 20), "udp", CALLEE);
    w.answer(w.takeOne("BYE"), 200);
    w.take(200);
    expect(w.core.dump()["relayedDialogs"]).toBe(0);
    w.deliver(call.fromCaller("BYE", 21));
    expect([w.take("BYE"), w.take(481).length]).toEqual([[], 1]);
  });

  test("is nobody else's: another address is told that there is no such dialog", () => {
    const w = world();
    const call = proxied(w, w.app("invite"));
    w.deliver(call.fromCaller("BYE", 2), "udp", { address: "10.6.6.6" });
    w.deliver(call.fromCallee("BYE", 2), "udp", { address: "10.0.0.2" });
    w.deliver(call.fromCaller("ACK", 1), "udp", { address: "10.6.6.6" });
    expect([w.take(481).length, relayed(w)]).toEqual([2, []]);
  });

  test("of a verified peer is not that of another at its address", () => {
    const peer = { verified: true, subject: "", issuer: "", san: [], commonName: "", roots: ["r"], serverRoots: [], fingerprint: "f1" };
    const w = world();
    const from = { peer, connection: 7 };
    const call = proxied(w, w.app("invite"), { from, transport: "tls" });
    w.deliver(call.fromCaller("INFO", 2), "tls", { peer: { ...peer, fingerprint: "f2" }, connection: 8 });
    w.deliver(call.fromCaller("INFO", 3));
    expect([w.take(481).length, relayed(w)]).toEqual([2, []]);
    w.deliver(call.fromCaller("INFO", 4), "tls", { ...from, connection: 9, address: "10.0.0.22" });
    expect(w.takeOne("INFO").target.address).toBe("10.0.0.3");
  });

  test("lets neither end have anything sent elsewhere", () => {
    const w = world();
    const call = proxied(w, w.app("invite"));
    const places = ["10.9.9.9", "10.0.0.3:5070", "10.0.0.3;transport=tls", "10.0.0.3;maddr=10.9.9.9"];
    for (const [n, place] of places.entries()) {
      w.deliver(call.fromCaller("INFO", 2 + n, {}, `sip:callee@${place}`));
      w.deliver(call.fromCaller("ACK", 1, {}, `sip:callee@${place}`));
    }
    const routes = ["<sip:10.0.0.1:5060;lr>, <sip:10.9.9.9;lr>", "<sip:10.0.0.1:5060;lr>, <sip:10.0.0.1;lr>, <sip:10.9.9.9>"];
    for (const [n, route] of routes.entries()) w.deliver(call.fromCaller("INFO", 8 + n, { Route: route }));
    expect([w.take(403).length, relayed(w)]).toEqual([6, []]);
  });

  test("goes by the proxies between us and each end, and by no others", () => {
    const w = world();
    const app = w.app("invite");
    w.deliver(w.request("INVITE", { "Record-Route": "<sip:10.0.2.2;lr>, <sip:10.0.2.1;lr>" }, SDP));
    app.say(`proxy|${app.got("INVITE")[0]!.transactionId}|remainInDialog|||serial|||sip:10.0.3.1\r\nINVITE sip:x SIP/2.0\r\n\r\n`);
    const all = "<sip:10.0.3.2;lr>, <sip:10.0.3.1;lr>, <sip:10.0.0.1:5060;lr>, <sip:10.0.2.2;lr>, <sip:10.0.2.1;lr>";
    w.answer(w.takeOne("INVITE"), 200, { Contact: "<sip:callee@10.0.0.3>", "Record-Route": all }, SDP);
    const to = w.takeOne(200).message.get("to")!;
    const way = "<sip:10.0.0.1:5060;lr>, <sip:10.0.3.1;lr>, <sip:10.0.3.2;lr>";
    w.deliver(w.request("INFO", { To: to, Route: way, CSeq: "2 INFO" }, "", "sip:callee@10.0.0.3"));
    expect(w.takeOne("INFO").target.address).toBe("10.0.3.1");
    const back = "<sip:10.0.0.1:5060;lr>, <sip:10.0.2.2;lr>, <sip:10.0.2.1;lr>";
    const ends = { From: to, To: "<sip:caller@10.0.0.2>;tag=caller" };
    w.deliver(w.request("INFO", { ...ends, Route: back, CSeq: "2 INFO" }, "", "sip:caller@10.0.0.2"), "udp", { address: "10.0.3.1" });
    expect(w.take("INFO").map(({ target }) => target.address)).toEqual(["10.0.2.2"]);
    w.deliver(w.request("INFO", { To: to, Route: "<sip:10.0.0.1;lr>", CSeq: "3 INFO" }, "", "sip:callee@10.0.0.3"));
    expect([w.take(403).length, relayed(w)]).toEqual([1, []]);
  });

  test("is not relayed where the application does not stay in it", () => {
    const w = world();
    const call = proxied(w, w.app("invite"), { stay: false });
    w.deliver(call.fromCaller("ACK", 1));
    w.deliver(call.fromCaller("BYE", 2));
    expect([w.take(481).length, relayed(w)]).toEqual([1, []]);
  });

  test("is counted, its ACKs as well", () => {
    const w = world({ requestsPerSource: 5 });
    const call = proxied(w, w.app("invite"));
    for (let n = 0; n < 20; n++) {
      w.deliver(call.fromCaller("INFO", 2 + n));
      w.deliver(call.fromCaller("ACK", 1));
    }
    expect(w.take("INFO").length + w.take("ACK").length).toBe(10);
  });

  test("follows the Contacts of its re-INVITEs, once they are accepted", () => {
    const w = world();
    const call = proxied(w, w.app("invite"));
    w.deliver(call.fromCaller("INVITE", 2, { Contact: "<sip:caller@10.0.0.22>" }));
    w.answer(w.takeOne("INVITE"), 200, { Contact: "<sip:callee@10.0.0.33>" });
    w.take(200);
    w.deliver(call.fromCaller("ACK", 2, {}, "sip:callee@10.0.0.33"));
    expect(w.takeOne("ACK").target.address).toBe("10.0.0.33");
    w.deliver(call.fromCallee("INFO", 2, "sip:caller@10.0.0.22"), "udp", CALLEE);
    expect(w.takeOne("INFO").target.address).toBe("10.0.0.22");
    w.deliver(call.fromCaller("INFO", 3));
    expect(w.take(403)).toHaveLength(1);
  });

  test("that came to nothing leaves nothing; a subscription's first NOTIFY may pass its 200", () => {
    const w = world();
    const app = w.app("invite", "subscribe");
    w.deliver(w.request("INVITE", {}, SDP));
    app.say(`proxy|${app.got("INVITE")[0]!.transactionId}|remainInDialog|||serial|||sip:10.0.0.3\r\nINVITE sip:x SIP/2.0\r\n\r\n`);
    w.answer(w.takeOne("INVITE"), 486);
    w.run(40_000);
    w.take("ACK");
    expect(w.core.dump()["relayedDialogs"]).toBe(0);
    w.deliver(w.request("SUBSCRIBE", { "Call-ID": "sub", Event: "presence" }));
    app.say(`proxy|${app.got("SUBSCRIBE")[0]!.transactionId}|remainInDialog|||serial|||sip:10.0.0.3\r\nSUBSCRIBE sip:x SIP/2.0\r\n\r\n`);
    w.take("SUBSCRIBE");
    const notify = {
      "Call-ID": "sub",
      From: "<sip:n@10.0.0.3>;tag=notifier",
      To: "<sip:caller@10.0.0.2>;tag=caller",
      Route: "<sip:10.0.0.1;lr>",
    };
    w.deliver(w.request("NOTIFY", notify, "", "sip:caller@10.0.0.2"), "udp", { address: "10.6.6.6" });
    expect([w.take(481).length, relayed(w)]).toEqual([1, []]);
    w.deliver(w.request("NOTIFY", notify, "", "sip:caller@10.0.0.2"), "udp", CALLEE);
    expect(w.takeOne("NOTIFY").target.address).toBe("10.0.0.2");
  });
});
