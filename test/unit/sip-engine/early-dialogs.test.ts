import { describe, expect, test } from "vitest";
import { answered, clean, SDP, World } from "./world.ts";

/** A call of an application, and a way to answer it reliably. */
function called(world: World) {
  const app = world.app();
  app.request("INVITE sip:callee@10.0.0.2 SIP/2.0");
  const invite = world.takeOne("INVITE");
  const dialogId = `${invite.message.callId};from-tag=${invite.message.fromTag}`;
  const reliably = (status: number, rseq: number, more: Record<string, string> = {}) =>
    world.answer(invite, status, { Require: "100rel", RSeq: String(rseq), Contact: "<sip:callee@10.0.0.2>", ...more });
  const prack = (rseq: number) =>
    app.request(`PRACK sip:callee@10.0.0.2 SIP/2.0\nRAck: ${rseq} ${invite.message.cseq!.seq} INVITE`, `sip||${dialogId}`);
  return { app, invite, dialogId, reliably, prack };
}

describe("reliable provisional responses of a callee (RFC 3262 section 4)", () => {
  test("come once: a repetition is dropped, and so is what comes behind a gap", () => {
    const world = new World();
    const { app, reliably, prack } = called(world);
    reliably(180, 7);
    reliably(180, 7);
    reliably(183, 9);
    expect(app.got(180)).toHaveLength(1);
    expect(app.got(183)).toEqual([]);
    prack(7);
    expect(world.takeOne("PRACK").message.get("rack")).toMatch(/^7 \d+ INVITE$/);
    reliably(183, 8);
    reliably(183, 9);
    expect(app.got(183)).toHaveLength(2);
  });
  test.each([481, 404, undefined])("a PRACK answered %s leaves the call to the INVITE's own response", (status) => {
    const world = new World();
    const { app, invite, dialogId, reliably, prack } = called(world);
    reliably(180, 1);
    prack(1);
    const sent = world.takeOne("PRACK");
    if (status === undefined) world.run(40_000);
    else world.answer(sent, status);
    expect(world.take("BYE")).toEqual([]);
    expect(app.got("BYE")).toEqual([]);
    world.answer(invite, 200, { Contact: "<sip:callee@10.0.0.2>" }, SDP);
    app.request("ACK sip:callee@10.0.0.2 SIP/2.0", `sip||${dialogId}`);
    expect(world.take("ACK")).toHaveLength(1);
    world.run(40_000);
    expect(world.take("BYE")).toEqual([]);
  });
});

describe("early dialogs of a fork (RFC 3261 sections 12.1.2, 13.2.2.4)", () => {
  const first = { tag: "a", Contact: "<sip:a@10.0.0.2>" };
  const second = { tag: "b", Contact: "<sip:b@10.0.0.3>", "Record-Route": "<sip:10.0.0.9;lr>" };
  test("each has its own target, route set, RSeq and CSeq", () => {
    const world = new World();
    const { app, reliably, prack } = called(world);
    reliably(180, 5, first);
    reliably(180, 40, second);
    reliably(183, 6, first);
    expect([app.got(180).length, app.got(183).length]).toEqual([2, 1]);
    for (const [rseq, tag, uri, target] of [
      [40, "b", "sip:b@10.0.0.3", "10.0.0.9"],
      [5, "a", "sip:a@10.0.0.2", "10.0.0.2"],
      [6, "a", "sip:a@10.0.0.2", "10.0.0.2"],
    ] as const) {
      prack(rseq);
      const sent = world.takeOne("PRACK");
      expect([sent.message.toTag, sent.target.address]).toEqual([tag, target]);
      expect(sent.message.startLine).toBe(`PRACK ${uri} SIP/2.0`);
    }
  });
  test("the one that answers becomes the call, with its numbers", () => {
    const world = new World();
    const { app, invite, dialogId, reliably, prack } = called(world);
    reliably(180, 5, first);
    reliably(180, 40, second);
    prack(40);
    const numbered = world.takeOne("PRACK");
    world.answer(numbered, 200, { tag: "b" });
    world.answer(invite, 200, second, SDP);
    app.request("ACK sip:callee@10.0.0.2 SIP/2.0", `sip||${dialogId}`);
    expect(world.takeOne("ACK")).toMatchObject({ target: { address: "10.0.0.9" } });
    app.request("BYE sip:placeholder SIP/2.0", `sip||${dialogId}`);
    const bye = world.takeOne("BYE");
    expect([bye.message.toTag, bye.message.startLine, bye.target.address]).toEqual(["b", "BYE sip:b@10.0.0.3 SIP/2.0", "10.0.0.9"]);
    expect(bye.message.cseq!.seq).toBe(numbered.message.cseq!.seq + 1);
    world.answer(bye, 200, { tag: "b" });
    world.run(60_000);
    expect(world.core.dump()).toMatchObject(clean);
  });
});

describe("BYE before the call is answered (RFC 3261 section 15)", () => {
  const byeFrom = (world: World, invite: { message: { callId: string; fromTag: string } }, tag: string, seq = 1) =>
    world.request("BYE", {
      From: `<sip:callee@10.0.0.2>;tag=${tag}`,
      To: `<sip:me@10.0.0.1>;tag=${invite.message.fromTag}`,
      "Call-ID": invite.message.callId,
      CSeq: `${seq} BYE`,
    });
  test("of the callee is answered, the INVITE cancelled, and the application told who hung up", () => {
    const world = new World();
    const { app, invite } = called(world);
    world.answer(invite, 180, { Contact: "<sip:callee@10.0.0.2>" });
    world.deliver(byeFrom(world, invite, "callee"));
    expect(world.takeOne(200).message.cseq?.method).toBe("BYE");
    expect(world.take("CANCEL")).toHaveLength(1);
    expect(app.got(487)[0]!.sip.get("warning")).toContain("hung up before it answered");
    world.answer(invite, 487);
    expect(app.got(487)).toHaveLength(1);
    world.deliver(byeFrom(world, invite, "callee", 2));
    expect(world.takeOne(481).message.cseq?.method).toBe("BYE");
    world.run(60_000);
    expect(world.core.dump()).toMatchObject(clean);
  });
  test("a 200 that crosses it is acknowledged and ended", () => {
    const world = new World();
    const { invite, app } = called(world);
    world.answer(invite, 180, { Contact: "<sip:callee@10.0.0.2>" });
    world.deliver(byeFrom(world, invite, "callee"));
    world.answer(invite, 200, { Contact: "<sip:callee@10.0.0.2>" }, SDP);
    expect([world.take("ACK").length, world.take("BYE").length, app.got(200).length]).toEqual([1, 1, 0]);
  });
  test("of one callee of two ends its own early dialog", () => {
    const world = new World();
    const { invite, app, dialogId } = called(world);
    world.answer(invite, 180, { tag: "a", Contact: "<sip:a@10.0.0.2>" });
    world.answer(invite, 180, { tag: "b", Contact: "<sip:b@10.0.0.2>" });
    world.deliver(byeFrom(world, invite, "a"));
    expect([world.take(200).length, world.take("CANCEL").length, app.got(487).length]).toEqual([1, 0, 0]);
    world.answer(invite, 200, { tag: "b", Contact: "<sip:b@10.0.0.2>" }, SDP);
    app.request("ACK sip:callee@10.0.0.2 SIP/2.0", `sip||${dialogId}`);
    expect(world.takeOne("ACK").message.toTag).toBe("b");
  });
  test("of the caller is answered, its INVITE gets 487, and to the application the call is cancelled", () => {
    const world = new World();
    const app = world.app("invite");
    world.deliver(world.request("INVITE", {}, SDP));
    app.respond(app.got("INVITE")[0]!, 180);
    const ringing = world.takeOne(180).message;
    world.deliver(world.request("BYE", { To: ringing.get("to")!, CSeq: "2 BYE" }));
    expect(world.takeOne(200).message.cseq?.method).toBe("BYE");
    expect(world.takeOne(487).message.cseq?.method).toBe("INVITE");
    expect(app.got("CANCEL")[0]!.transactionId).toBe(app.got("INVITE")[0]!.transactionId);
    expect(app.got("BYE")).toEqual([]);
    world.run(60_000);
    expect(world.core.dump()).toMatchObject(clean);
  });
});

describe("requests that cross our BYE (RFC 3261 section 15.1.1)", () => {
  test.each(["INVITE", "UPDATE", "INFO", "REFER"])("%s gets 481 at once", (method) => {
    const world = new World();
    const app = world.app("invite");
    const { ack, toUs, answer } = answered(world, app);
    world.deliver(ack);
    app.request("BYE sip:placeholder SIP/2.0", `sip||${answer.tokens[8]}`);
    world.take(200);
    world.deliver(toUs(method, 2));
    expect(world.takeOne(481).message.cseq?.method).toBe(method);
    expect(app.got(method)).toHaveLength(method === "INVITE" ? 1 : 0);
  });
  test("a re-INVITE that waits for the application gets 487; a BYE gets 200; a challenge of ours leaves the call standing", () => {
    const world = new World();
    const app = world.app("invite");
    const { ack, toUs, answer } = answered(world, app);
    world.deliver(ack);
    world.take(200);
    world.deliver(toUs("INVITE", 2));
    app.request("BYE sip:placeholder SIP/2.0", `sip||${answer.tokens[8]}`);
    expect(world.takeOne(487).message.cseq?.seq).toBe(2);
    world.answer(world.takeOne("BYE"), 407, { tag: "caller", "Proxy-Authenticate": 'Digest realm="x", nonce="y"' });
    world.deliver(toUs("INFO", 3));
    expect(app.got("INFO")).toHaveLength(1);
    app.request("BYE sip:placeholder SIP/2.0", `sip||${answer.tokens[8]}`);
    world.deliver(toUs("BYE", 4));
    expect(world.takeOne(200).message.cseq?.method).toBe("BYE");
    world.answer(world.takeOne("BYE"), 200, { tag: "caller" });
    expect(app.got("BYE")).toEqual([]);
  });
});
