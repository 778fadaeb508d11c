import { describe, expect, test } from "vitest";
import { answered, SDP, World } from "./world.ts";

/** Bytes of what was sent, and of it. */
const size = (sent: readonly { readonly message: { toBuffer(): Buffer } }[]) =>
  sent.reduce((sum, { message }) => sum + message.toBuffer().length, 0);

const viaOf = (address: string, n: number) => `SIP/2.0/UDP ${address};rport;branch=z9hG4bK${address}-${n}-${Math.random()}`;

describe("a UDP source that has not shown to be there", () => {
  test.each([
    [200, "INVITE", {}],
    [404, "INVITE", {}],
    [180, "INVITE", { Supported: "100rel" }],
  ] as const)("is sent a %s once, and again only within three times what came from it", (status, method, headers) => {
    const w = new World();
    const app = w.app("invite");
    const invite = w.request(method, headers, SDP);
    w.deliver(invite);
    const received = app.got("INVITE")[0]!;
    app.respond(received, status, status === 180 ? { Require: "100rel" } : { "X-Long": "x".repeat(300) }, status === 200 ? SDP : "");
    w.run(60_000);
    const all = w.sent.filter(({ message }) => message.kind === "response");
    expect(all.filter(({ message }) => message.kind === "response" && message.status === status).length).toBeGreaterThan(0);
    expect(size(w.sent)).toBeLessThanOrEqual(3 * invite.toBuffer().length + 800);
    expect(app.got("BYE").length).toBe(status === 200 ? 1 : 0);
  });

  test("that never acknowledges is sent one BYE, to where its INVITE came from, not to its Contact", () => {
    const w = new World();
    const app = w.app("invite");
    w.deliver(w.request("INVITE", { Contact: "<sip:victim@192.0.2.99:5090>" }, SDP), "udp", { address: "192.0.2.7", port: 5066 });
    app.respond(app.got("INVITE").at(-1)!, 200, {}, SDP);
    w.run(60_000);
    expect(w.take("BYE").map(({ target }) => `${target.address}:${target.port}`)).toEqual(["192.0.2.7:5066"]);
  });

  test("has a thousand INVITEs answered within three times their bytes", () => {
    const w = new World();
    const app = w.app("invite");
    let bytes = 0;
    for (let n = 0; n < 1000; n++) {
      const invite = w.request("INVITE", { "Call-ID": `n${n}` }, SDP);
      bytes += invite.toBuffer().length;
      w.deliver(invite, "udp", { port: 10_000 + n });
      app.respond(app.got("INVITE").at(-1)!, 200, {}, SDP);
    }
    w.run(60_000);
    expect(size(w.sent)).toBeLessThan(3 * bytes);
  });

  test("is sent few first responses that are longer than three times its requests, from whatever ports", () => {
    const w = new World();
    const app = w.app("register");
    const flood = (address: string, count: number) => {
      for (let n = 0; n < count; n++) {
        w.deliver(w.request("REGISTER", { "Call-ID": `${address}-${n}-${w.now}`, Via: viaOf(address, n) }), "udp", {
          address,
          port: 10_000 + n,
        });
        app.respond(app.got("REGISTER").at(-1)!, 401, { "X-Long": "x".repeat(2_000) });
      }
    };
    const to = (address: string) => w.take(401).filter(({ target }) => target.address === address).length;
    flood("192.0.2.7", 200);
    expect(to("192.0.2.7")).toBe(40);
    // its neighbours are served, and so is the source after a while
    flood("192.0.2.8", 1);
    expect(to("192.0.2.8")).toBe(1);
    w.run(1_000);
    flood("192.0.2.7", 20);
    expect(to("192.0.2.7")).toBe(4);
    // as long as its own bytes allow
    for (let n = 0; n < 200; n++) {
      w.deliver(w.request("REGISTER", { "Call-ID": `long-${n}`, "X-Long": "x".repeat(1_000), Via: viaOf("192.0.2.7", n) }), "udp", {
        address: "192.0.2.7",
        port: 30_000 + n,
      });
      app.respond(app.got("REGISTER").at(-1)!, 401, { "X-Long": "x".repeat(2_000) });
    }
    expect(to("192.0.2.7")).toBe(200);
  });

  test("is not reported for nonsense, which anybody may have sent in its name; what has shown to be there is", () => {
    const reported: string[] = [];
    const w = new World({ onMalformed: ({ address, transport }) => reported.push(`${transport} ${address}`) });
    const app = w.app("invite");
    const nonsense = () => w.deliver(Buffer.from("INVITE sip:x SIP/2.0\r\nnonsense\r\n\r\n"));
    for (let n = 0; n < 200; n++) nonsense();
    expect(reported).toEqual([]);
    w.deliver(Buffer.from("INVITE sip:x SIP/2.0\r\nnonsense\r\n\r\n"), "tcp");
    expect(reported).toEqual(["tcp 10.0.0.2"]);
    w.deliver(answered(w, app).ack);
    nonsense();
    expect(reported).toEqual(["tcp 10.0.0.2", "udp 10.0.0.2"]);
  });

  test("that acknowledges is sent everything as often as RFC 3261 has it, from then on", () => {
    const w = new World();
    const app = w.app("invite");
    const call = answered(w, app);
    w.deliver(call.ack);
    w.deliver(w.request("INVITE", { "Call-ID": "two", CSeq: "1 INVITE" }, SDP));
    app.respond(app.got("INVITE").at(-1)!, 200, {}, SDP);
    w.run(40_000);
    expect(w.take(200)).toHaveLength(11);
    expect(w.take("BYE").length).toBeGreaterThan(0);
  });

  test("is not made another by an ACK that guesses, nor by one of somebody else's", () => {
    const w = new World();
    const app = w.app("invite");
    const call = answered(w, app);
    w.deliver(call.toUs("ACK", 1, { To: "<sip:service@10.0.0.1>;tag=guess" }));
    w.deliver(call.ack, "udp", { address: "10.6.6.6" });
    w.deliver(w.request("INVITE", { "Call-ID": "two", "X-Long": "x".repeat(100) }, SDP));
    app.respond(app.got("INVITE").at(-1)!, 200, { "X-Long": "x".repeat(1000) }, SDP);
    w.run(40_000);
    expect(w.take(200).length).toBeLessThan(4);
  });
});

test("over TCP a 200 is repeated until its ACK, and its call ended by BYE", () => {
  const w = new World();
  const app = w.app("invite");
  w.deliver(w.request("INVITE", {}, SDP), "tcp");
  app.respond(app.got("INVITE")[0]!, 200, {}, SDP);
  w.run(40_000);
  expect(w.take(200)).toHaveLength(11);
  expect(w.take("BYE")).toHaveLength(1);
});
