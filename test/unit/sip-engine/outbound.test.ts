import { describe, expect, test } from "vitest";
import { clean, SDP, World } from "./world.ts";

describe("calls of applications", () => {
  const invite = "INVITE sip:callee@10.0.0.2 SIP/2.0\nFrom: sip:me@localhost";

  test("leave with what the server fills in, are answered, acknowledged and ended", () => {
    const world = new World();
    const app = world.app();
    const said = app.say(`sip||\r\n${invite.replace("\n", "\r\n")}\r\n\r\n${SDP}`);
    expect(said.tokens.slice(1, 6)).toEqual(["application", expect.any(String), "udp", "10.0.0.1", "5060"]);
    const sent = world.takeOne("INVITE");
    expect(sent.message.get("from")).toMatch(/^<sip:me@10\.0\.0\.1:5060>;tag=\w+$/);
    expect(sent.message.get("to")).toBe("<sip:callee@10.0.0.2>");
    expect(sent.message.get("contact")).toBe("<sip:10.0.0.1:5060>");
    expect(sent.message.get("content-type")).toBe("application/sdp");
    world.answer(sent, 180);
    const ok = world.answer(sent, 200, { Contact: "<sip:callee@10.0.0.2:5070>" }, SDP);
    const got = app.got(200)[0]!;
    expect([app.got(180).length, got.transactionId, got.dialogId]).toEqual([
      1,
      said.tokens[7],
      `${sent.message.callId};from-tag=${sent.message.fromTag}`,
    ]);
    app.request("ACK sip:callee@10.0.0.2 SIP/2.0", `sip||${got.dialogId}`);
    const ack = world.takeOne("ACK");
    expect(ack.message.startLine).toBe("ACK sip:callee@10.0.0.2:5070 SIP/2.0");
    expect(ack.message.cseq?.seq).toBe(sent.message.cseq?.seq);
    world.deliver(ok);
    expect(world.take("ACK")).toHaveLength(1);
    expect(app.got(200)).toHaveLength(1);
    app.request("BYE sip:placeholder SIP/2.0", `sip||${got.dialogId}`);
    world.answer(world.takeOne("BYE"), 200);
    world.run(60_000);
    expect(world.core.dump()).toMatchObject(clean);
  });
  test("are refused before they leave where they cannot be", () => {
    const world = new World();
    const app = world.app();
    expect(app.request("INVITE sip:x@10.0.0.1 SIP/2.0").tokens).toEqual(["NOK", "can not send request to myself"]);
    expect(app.request("INVITE sip:x@@ SIP/2.0").tokens[0]).toBe("NOK");
    expect(app.request("INVITE sip:x@10.0.0.2;transport=ws SIP/2.0").tokens[1]).toBe("requested protocol/transport not available");
    expect(app.say("sip||\r\nINVITE sip:x@10.0.0.2 SIP/2.0\r\n\r\nbody").tokens).toEqual(["NOK", "missing content-type"]);
    expect(app.say("sip||\r\nnonsense").tokens[0]).toBe("NOK");
    expect(app.request("OPTIONS sip:x@10.0.0.2 SIP/2.0", "sip||").tokens[0]).toBe("OK");
  });
  test("that fail without an answer get one: 408, 503", () => {
    const world = new World();
    const app = world.app();
    world.refused.add("10.0.0.9");
    app.request("INVITE sip:x@10.0.0.9;transport=tcp SIP/2.0");
    expect(app.got(503)[0]!.sip.get("warning")).toContain("connection refused");
    expect(app.got(503)[0]!.sip.get("crosspoint-end")).toBe("not-reached");
    app.request("INVITE sip:x@nowhere.example SIP/2.0");
    expect(app.got(503)).toHaveLength(2);
    app.request("INVITE sip:x@10.0.0.8 SIP/2.0");
    world.run(33_000);
    expect(app.got(408)).toHaveLength(1);
    expect(app.got(408)[0]!.sip.get("crosspoint-end")).toBe("no-response");
    expect(world.core.dump()).toMatchObject(clean);
  });
  test("go through the outbound proxy, the message's own or the configured one", () => {
    const world = new World({ outboundProxy: "sip:10.0.0.7;lr" });
    const app = world.app();
    app.request("OPTIONS sip:x@far.example SIP/2.0");
    app.request("OPTIONS sip:x@far.example SIP/2.0", "sip|||10.0.0.6:5090");
    expect(world.take("OPTIONS").map((s) => `${s.target.address}:${s.target.port} ${s.message.startLine}`)).toEqual([
      "10.0.0.7:5060 OPTIONS sip:x@far.example SIP/2.0",
      "10.0.0.6:5090 OPTIONS sip:x@far.example SIP/2.0",
    ]);
  });
  test("are cancelled; a 200 that crosses is acknowledged and ended", () => {
    const world = new World();
    const app = world.app();
    const said = app.request(invite);
    const sent = world.takeOne("INVITE");
    world.answer(sent, 180);
    app.request("CANCEL sip:x SIP/2.0\nReason: SIP;cause=200", `sip|${said.tokens[7]}|`);
    const cancel = world.takeOne("CANCEL");
    expect([cancel.message.get("reason"), cancel.message.topVia?.params.get("branch")]).toEqual([
      "SIP;cause=200",
      sent.message.topVia?.params.get("branch"),
    ]);
    world.answer(sent, 200, { Contact: "<sip:callee@10.0.0.2>" }, SDP);
    app.request("ACK sip:x SIP/2.0", `sip||${app.got(200)[0]!.dialogId}`);
    expect(world.take("ACK")).toHaveLength(1);
    expect(world.takeOne("BYE").message.get("reason")).toContain("cancel race");
    expect(app.request("CANCEL sip:x SIP/2.0", `sip|${said.tokens[7]}|`).tokens[1]).toContain("unable to cancel unknown transaction");
  });
  test("a second fork that answers is acknowledged and ended without the application", () => {
    const world = new World();
    const app = world.app();
    app.request(invite);
    const sent = world.takeOne("INVITE");
    world.answer(sent, 180, { tag: "one" });
    world.answer(sent, 180, { tag: "two" });
    world.answer(sent, 200, { tag: "two", Contact: "<sip:two@10.0.0.2>" });
    expect(app.got(200)).toHaveLength(1);
    world.answer(sent, 200, { tag: "one", Contact: "<sip:one@10.0.0.3>" });
    expect(app.got(200)).toHaveLength(1);
    expect(world.takeOne("ACK").message.toTag).toBe("one");
    expect(world.takeOne("BYE").message.toTag).toBe("one");
    app.request("BYE sip:placeholder SIP/2.0", `sip||${app.got(200)[0]!.dialogId}`);
    expect(world.takeOne("BYE").message.toTag).toBe("two");
  });
  test("of an application that is gone are cancelled, or ended when answered", () => {
    const world = new World();
    const app = world.app();
    app.request(invite);
    const sent = world.takeOne("INVITE");
    world.answer(sent, 180);
    app.leave();
    expect(world.take("CANCEL")).toHaveLength(1);
    world.answer(sent, 200, { Contact: "<sip:callee@10.0.0.2>" });
    expect([world.take("ACK").length, world.take("BYE").length]).toEqual([1, 1]);
  });
  test("REGISTER and the like need no dialog; 100 is not passed on", () => {
    const world = new World();
    const app = world.app();
    const said = app.request("REGISTER sip:10.0.0.2 SIP/2.0\nContact: <sip:me@localhost>;expires=60\nCSeq: 7 REGISTER\nCall-ID: reg");
    const sent = world.takeOne("REGISTER");
    expect([sent.message.get("contact"), sent.message.get("cseq"), sent.message.callId]).toEqual([
      "<sip:me@10.0.0.1:5060>;expires=60",
      "7 REGISTER",
      "reg",
    ]);
    world.answer(sent, 100);
    world.answer(sent, 200);
    expect([app.got(100).length, app.got(200)[0]!.transactionId]).toEqual([0, said.tokens[7]]);
  });
});

test("calls made with a sips URI have a sips Contact (RFC 3261 section 12.1.1)", () => {
  const world = new World();
  const app = world.app("invite");
  world.deliver(world.request("INVITE", {}, SDP, "sips:service@10.0.0.1"), "tls");
  app.respond(app.got("INVITE")[0]!, 200, {}, SDP);
  expect(world.takeOne(200).message.get("contact")).toBe("<sips:10.0.0.1:5061>");
  app.request("INVITE sips:x@10.0.0.2 SIP/2.0");
  const invite = world.takeOne("INVITE");
  expect([invite.target.transport, invite.message.get("contact")]).toEqual(["tls", "<sips:10.0.0.1:5061>"]);
  expect(invite.message.get("via")).toMatch(/^SIP\/2\.0\/TLS 10\.0\.0\.1:5061;rport;branch=z9hG4bK\w+;alias$/);
});

describe("connections", () => {
  test("a caller that can only be reached by its connection ends with it", () => {
    const world = new World();
    const app = world.app("invite");
    world.deliver(world.request("INVITE", { Contact: "<sip:caller@10.0.0.2:40000;transport=tcp>" }, SDP), "tcp", { port: 40000 });
    app.respond(app.got("INVITE")[0]!, 200, {}, SDP);
    const ok = world.takeOne(200);
    expect(ok.target.connection).toBe(5);
    world.deliver(world.request("ACK", { To: ok.message.get("to")! }), "tcp", { port: 40000 });
    app.request("INFO sip:placeholder SIP/2.0", "sip||call-1;from-tag=caller");
    expect(world.takeOne("INFO").target.connection).toBe(5);
    world.core.connectionClosed(5, world.now);
    world.settle();
    const bye = app.got("BYE")[0]!;
    expect([bye.transactionId, bye.sip.get("reason")]).toEqual(["unsolicited", 'SIP ;cause=200 ;text="connection lost"']);
    expect(bye.sip.get("crosspoint-end")).toBe("connection-lost");
    expect(world.take("BYE")).toEqual([]);
    world.run(60_000);
    expect(world.core.dump()).toMatchObject({ dialogs: 0 });
  });
  test("a proxy that closes an idle connection does not end the calls behind it, a dead one does", () => {
    const world = new World();
    const app = world.app("invite");
    const headers = { "Record-Route": "<sip:10.0.0.3;transport=tcp;lr>" };
    world.deliver(world.request("INVITE", headers, SDP), "tcp", { address: "10.0.0.3", port: 41000 });
    app.respond(app.got("INVITE")[0]!, 200, {}, SDP);
    const ok = world.takeOne(200);
    world.deliver(world.request("ACK", { To: ok.message.get("to")! }), "tcp", { address: "10.0.0.3", port: 41000 });
    world.core.connectionClosed(5, world.now);
    world.settle();
    const probe = world.takeOne("OPTIONS");
    expect(probe.target).toMatchObject({ transport: "tcp", address: "10.0.0.3", port: 5060 });
    const answer = world.answer(probe, 200);
    expect(app.got("BYE")).toEqual([]);
    world.deliver(answer, "tcp", { connection: 6 });
    world.refused.add("10.0.0.3");
    app.request("INFO sip:placeholder SIP/2.0", "sip||call-1;from-tag=caller");
    expect(app.got(503)).toHaveLength(1);
  });
  test("a registered contact is called over the connection it registered by", () => {
    const world = new World();
    const app = world.app("register");
    world.deliver(world.request("REGISTER", { Contact: "<sip:web@abc.invalid;transport=tcp>" }), "tcp");
    app.respond(app.got("REGISTER")[0]!, 200, { Contact: "<sip:web@abc.invalid;transport=tcp>;expires=60" });
    app.request("INVITE sip:web@abc.invalid SIP/2.0");
    expect(world.takeOne("INVITE").target.connection).toBe(5);
    world.core.connectionClosed(5, world.now);
    app.request("INVITE sip:web@abc.invalid SIP/2.0");
    expect(app.got(503)).toHaveLength(1);
  });
  test("behind a NAT the far end is reached where its packets came from", () => {
    const world = new World();
    const app = world.app("invite");
    world.deliver(world.request("INVITE", { Contact: "<sip:caller@192.168.1.4:5060>" }, SDP), "udp", { port: 61000 });
    app.respond(app.got("INVITE")[0]!, 200, {}, SDP);
    app.request("INFO sip:placeholder SIP/2.0", "sip||call-1;from-tag=caller");
    const info = world.takeOne("INFO");
    expect([info.target.address, info.target.port, info.message.startLine]).toEqual([
      "10.0.0.2",
      61000,
      "INFO sip:caller@192.168.1.4:5060 SIP/2.0",
    ]);
  });
});

test("subscriptions are dialogs too, ended by a terminated NOTIFY", () => {
  const world = new World();
  const app = world.app("subscribe");
  world.deliver(world.request("SUBSCRIBE", { Event: "presence" }));
  app.respond(app.got("SUBSCRIBE")[0]!, 202, { Expires: "60" });
  expect(world.takeOne(202).message.has("contact")).toBe(true);
  app.request("NOTIFY sip:placeholder SIP/2.0\nEvent: presence\nSubscription-State: active", "sip||call-1;from-tag=caller");
  world.answer(world.takeOne("NOTIFY"), 200);
  app.request("NOTIFY sip:placeholder SIP/2.0\nEvent: presence\nSubscription-State: terminated", "sip||call-1;from-tag=caller");
  world.answer(world.takeOne("NOTIFY"), 200);
  world.run(60_000);
  expect(world.core.dump()).toMatchObject(clean);
});
