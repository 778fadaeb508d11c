import { describe, expect, test } from "vitest";
import { answered, SDP, World } from "./world.ts";

/** Bytes of what was sent, and of it. */
const size = (sent: readonly { readonly message: { toBuffer(): Buffer } }[]) =>
  sent.reduce((sum, { message }) => sum + message.toBuffer().length, 0);

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
