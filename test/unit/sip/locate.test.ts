import { describe, expect, test } from "vitest";
import { type LookupAnswer, locate, orderSrv, type TransportName } from "../../../src/sip/index.ts";
import { parseUri } from "../../../src/wire/sip/index.ts";
import { random } from "../../support/mutate.ts";
import { Network, request } from "./network.ts";

/** Targets of a URI in a world of these records, and what was asked. */
function find(uri: string, records: Record<string, LookupAnswer> = {}, supported: TransportName[] = ["udp", "tcp", "tls"], large = false) {
  const asked: string[] = [];
  const search = locate(parseUri(uri), { supported, random: random(3), large });
  let step = search.next();
  while (step.done !== true) {
    const key = `${step.value.type} ${step.value.name}`;
    asked.push(key);
    step = search.next(records[key] ?? []);
  }
  return {
    asked,
    ...(step.value.why === undefined ? {} : { why: step.value.why }),
    targets: step.value.targets.map((t) => `${t.transport} ${t.address}:${t.port}${t.serverName === undefined ? "" : ` ${t.serverName}`}`),
  };
}
const srv = (priority: number, weight: number, name: string, port = 5060) => ({ priority, weight, port, name });

describe("RFC 3263", () => {
  test("addresses and ports leave nothing to ask", () => {
    expect(find("sip:a@192.0.2.1")).toEqual({ asked: [], targets: ["udp 192.0.2.1:5060"] });
    expect(find("sips:a@192.0.2.1").targets).toEqual(["tls 192.0.2.1:5061 192.0.2.1"]);
    expect(find("sip:[2001:db8::1]:5070;transport=tcp").targets).toEqual(["tcp 2001:db8::1:5070"]);
    expect(find("sip:a@h.example:5070", { "ADDR h.example": ["192.0.2.1", "192.0.2.2"] })).toEqual({
      asked: ["ADDR h.example"],
      targets: ["udp 192.0.2.1:5070", "udp 192.0.2.2:5070"],
    });
    expect(find("sip:a@b.example;maddr=192.0.2.7").targets).toEqual(["udp 192.0.2.7:5060"]);
  });
  test("NAPTR chooses the transport, SRV the servers, in their orders", () => {
    const world = {
      "NAPTR example.com": [
        { order: 20, preference: 1, flags: "s", service: "SIP+D2U", replacement: "_sip._udp.example.com" },
        { order: 10, preference: 50, flags: "s", service: "SIPS+D2T", replacement: "_sips._tcp.example.com" },
        { order: 10, preference: 10, flags: "s", service: "SIP+D2S", replacement: "_sip._sctp.example.com" },
      ],
      "SRV _sips._tcp.example.com": [srv(2, 0, "b.example.com", 5062), srv(1, 0, "a.example.com", 5061)],
      "SRV _sip._udp.example.com": [srv(1, 0, "a.example.com")],
      "ADDR a.example.com": ["192.0.2.1"],
      "ADDR b.example.com": ["192.0.2.2"],
    };
    expect(find("sip:x@example.com", world).targets).toEqual([
      "tls 192.0.2.1:5061 example.com",
      "tls 192.0.2.2:5062 example.com",
      "udp 192.0.2.1:5060",
    ]);
    expect(find("sips:x@example.com", world).targets).toEqual(["tls 192.0.2.1:5061 example.com", "tls 192.0.2.2:5062 example.com"]);
    expect(find("sip:x@example.com", world, ["udp"]).targets).toEqual(["udp 192.0.2.1:5060"]);
  });
  test("without NAPTR, SRV of each transport; without SRV, the addresses", () => {
    const { asked, targets } = find("sip:x@example.com", { "ADDR example.com": ["192.0.2.3"] });
    expect(asked).toEqual([
      "NAPTR example.com",
      "SRV _sip._udp.example.com",
      "SRV _sip._tcp.example.com",
      "SRV _sips._tcp.example.com",
      "ADDR example.com",
    ]);
    expect(targets).toEqual(["udp 192.0.2.3:5060"]);
    expect(find("sip:x@example.com;transport=tls").asked).toEqual(["SRV _sips._tcp.example.com", "ADDR example.com"]);
    expect(find("sip:x@localhost", { "ADDR localhost": ["127.0.0.1"] }).asked).toEqual(["ADDR localhost"]);
    expect(find("sip:x@nowhere.example").targets).toEqual([]);
    expect(find("sip:x@h;transport=carrier-pigeon")).toMatchObject({ targets: [], why: "no such transport: carrier-pigeon" });
    expect(find("sip:x@192.0.2.1", {}, ["tcp", "tls"]).targets).toEqual(["tcp 192.0.2.1:5060"]);
  });
  test("an SRV target of . is no service, and the domain's own addresses are none either (RFC 2782, RFC 3263 section 4.2)", () => {
    const none = { "SRV _sip._udp.example.com": [srv(0, 0, ".", 0)], "ADDR example.com": ["192.0.2.3"] };
    expect(find("sip:x@example.com", none, ["udp"])).toMatchObject({ targets: [], why: expect.stringContaining("no such service") });
    expect(find("sip:x@example.com;transport=udp", none)).toMatchObject({ targets: [], why: expect.stringContaining("no such service") });
    const other = { ...none, "SRV _sip._tcp.example.com": [srv(0, 0, "a.example.com")], "ADDR a.example.com": ["192.0.2.1"] };
    expect(find("sip:x@example.com", other).targets).toEqual(["tcp 192.0.2.1:5060"]);
    const naptr = {
      ...none,
      "NAPTR example.com": [{ order: 1, preference: 1, flags: "s", service: "SIP+D2U", replacement: "_sip._udp.example.com" }],
    };
    expect(find("sip:x@example.com", naptr).targets).toEqual([]);
  });
  test("large requests go by TCP first where nothing else says (RFC 3261 section 18.1.1)", () => {
    expect(find("sip:a@192.0.2.1", {}, undefined, true).targets).toEqual(["tcp 192.0.2.1:5060", "udp 192.0.2.1:5060"]);
    expect(find("sip:a@192.0.2.1;transport=udp", {}, undefined, true).targets).toEqual(["udp 192.0.2.1:5060"]);
  });
  test("weights share the load (RFC 2782)", () => {
    const next = random(2782);
    const first = { heavy: 0, light: 0 };
    for (let i = 0; i < 2000; i++) first[orderSrv([srv(1, 30, "light"), srv(1, 90, "heavy")], next)[0]!.name as "heavy"]++;
    expect(first.heavy / 2000).toBeGreaterThan(0.7);
    expect(first.heavy / 2000).toBeLessThan(0.8);
  });
  test("a request moves on when a server is dead, does not answer, or says 503", () => {
    const net = new Network();
    const heard: string[] = [];
    const a = net.add("a", "10.0.0.1", { onRequest() {} });
    net.add("busy", "10.0.0.3", { onRequest: (tx, now) => void tx.reply(503, now) });
    net.add("good", "10.0.0.4", { onRequest: (tx, now) => void tx.reply(200, now) });
    net.dead.add("10.0.0.2");
    net.dns.set("SRV _sip._tcp.example.com", [srv(1, 0, "dead.example.com"), srv(2, 0, "busy.example.com"), srv(3, 0, "good.example.com")]);
    for (const [name, address] of [
      ["dead", "10.0.0.2"],
      ["busy", "10.0.0.3"],
      ["good", "10.0.0.4"],
    ])
      net.dns.set(`ADDR ${name}.example.com`, [address!]);
    const call = a.layer.request(
      request("OPTIONS", "sip:x@example.com;transport=tcp"),
      { user: { onResponse: (r) => heard.push(String(r.status)), onFailure: (status) => heard.push(`failed ${status}`) } },
      net.now,
    );
    net.run(1_000);
    expect(heard).toEqual(["200"]);
    expect(a.sent.map((s) => s.target.address)).toEqual(["10.0.0.2", "10.0.0.3", "10.0.0.4"]);
    expect(new Set(a.sent.map((s) => s.message.topVia?.params.get("branch"))).size).toBe(3);
    expect(call.finished).toBe(true);
  });
});
