import { describe, expect, test } from "vitest";
import { answered, SDP, World } from "./world.ts";

/** Bytes of what was sent, and of it. */
const size = (sent: readonly { readonly message: { toBuffer(): Buffer } }[]) =>
  sent.reduce((sum, { message }) => sum + message.toBuffer().length, 0);

/** Has an address get as many longer responses as it gets at once. */
function exhaust(w: World, app: ReturnType<World["app"]>, method: string, address: string): void {
  for (let n = 0; n < 5; n++) {
    w.deliver(w.request(method, { "Call-ID": `x${address}-${n}`, Via: viaOf(address, 1_000 + n) }), "udp", { address, port: 20_000 + n });
    app.respond(app.got(method).at(-1)!, 404, { "X-Long": "x".repeat(2_000) });
  }
  expect(w.take(404)).toHaveLength(5);
  w.sent.length = 0;
}

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
    w.deliver(
      w.request("INVITE", { Via: viaOf("192.0.2.7", 1), Contact: "<sip:victim@192.0.2.99:5090>", "X-Long": "x".repeat(200) }, SDP),
      "udp",
      {
        address: "192.0.2.7",
        port: 5066,
      },
    );
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

  test.each([
    ["INVITE", 200],
    ["INVITE", 404],
    ["REGISTER", 401],
    ["OPTIONS", 200],
    ["MESSAGE", 405],
  ])(
    "that has had its few long answers is sent one to %s, %i, once its repetitions are a third of it; nothing before, and never more",
    (method, status) => {
      const w = new World();
      const app = w.app(method.toLowerCase());
      exhaust(w, app, method, "192.0.2.7");
      const before = app.got(method).length;
      const request = w.request(method, { Via: viaOf("192.0.2.7", 1) });
      const bytes = request.toBuffer().length;
      const deliver = () => w.deliver(request.clone(), "udp", { address: "192.0.2.7", port: 10_000 });
      deliver();
      app.respond(app.got(method)[before]!, status, { "X-Long": "x".repeat(6 * bytes) }, status === 200 && method === "INVITE" ? SDP : "");
      // provisional responses end the repetition of an INVITE
      expect(w.sent).toEqual([]);
      deliver();
      expect(w.sent).toEqual([]);
      deliver();
      expect(w.take(status)).toHaveLength(1);
      for (let n = 0; n < 4; n++) {
        deliver();
        w.run(10_000);
      }
      expect(size(w.sent) + 7 * bytes).toBeLessThanOrEqual(3 * 7 * bytes + 800);
      expect(app.got(method)).toHaveLength(before + 1);
    },
  );

  test("is sent the first answer to a small request at once, a few a second, from whatever ports", () => {
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
    expect(to("192.0.2.7")).toBe(5);
    flood("192.0.2.8", 1);
    expect(to("192.0.2.8")).toBe(1);
  });

  test("is not sent what others, or other ports of its own, have sent for", () => {
    const w = new World();
    const app = w.app("register");
    const from = (address: string, port: number, n: number) =>
      w.deliver(w.request("REGISTER", { "Call-ID": `n${n}`, Via: viaOf(address, n) }), "udp", { address, port });
    for (const address of ["192.0.2.7", "192.0.2.8"]) exhaust(w, app, "REGISTER", address);
    for (let n = 0; n < 20; n++) from("192.0.2.7", 10_000, n);
    from("192.0.2.7", 10_001, 20);
    from("192.0.2.8", 10_000, 21);
    for (const received of app.got("REGISTER").slice(-2)) app.respond(received, 401, { "X-Long": "x".repeat(1_000) });
    expect(w.sent).toEqual([]);
  });

  test("is sent no more than three times its bytes and its few long answers for asking from many ports", () => {
    const w = new World();
    const app = w.app("register");
    let bytes = 0;
    for (let n = 0; n < 200; n++) {
      const request = w.request("REGISTER", { "Call-ID": `n${n}`, Via: viaOf("192.0.2.7", n) });
      bytes += request.toBuffer().length;
      w.deliver(request, "udp", { address: "192.0.2.7", port: 10_000 + n });
      w.deliver(w.request("REGISTER", { "Call-ID": `o${n}`, Via: viaOf("192.0.2.8", n) }), "udp", { address: "192.0.2.8" });
      for (const received of app.got("REGISTER").slice(-2)) app.respond(received, 401, { "X-Long": "x".repeat(1_000) });
    }
    expect(size(w.sent.filter(({ target }) => target.address === "192.0.2.7"))).toBeLessThanOrEqual(3 * bytes + 5 * 1_500);
  });

  test("without rport is answered at the port that Via names, by what its address has sent", () => {
    const w = new World();
    const app = w.app("options");
    w.deliver(w.request("OPTIONS", { Via: "SIP/2.0/UDP 192.0.2.7:5070;branch=z9hG4bKx" }), "udp", { address: "192.0.2.7", port: 4_321 });
    app.respond(app.got("OPTIONS")[0]!, 200);
    expect(w.take(200).map(({ target }) => `${target.address}:${target.port}`)).toEqual(["192.0.2.7:5070"]);
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
