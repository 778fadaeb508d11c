import { describe, expect, test } from "vitest";
import { torture } from "../wire/sip/rfc4475.ts";
import { answered, clean, SDP, World } from "./world.ts";

/** The statuses of what the engine answers to bytes of the network. */
function statusesFor(world: World, text: string, transport: "udp" | "tcp" = "udp"): number[] {
  world.deliver(Buffer.from(text, "latin1"), transport);
  return world.sent.splice(0).flatMap(({ message }) => (message.kind === "response" ? [message.status] : []));
}

describe("a method that no application asked for (RFC 3261 sections 8.2.1, 21.4.6, 21.5.2)", () => {
  test.each(["PUBLISH", "MESSAGE", "REGISTER", "REFER"])("%s: 405 with Allow", (method) => {
    const world = new World();
    world.app("invite", "options");
    world.deliver(world.request(method));
    const refusal = world.takeOne(405).message;
    expect(refusal.get("allow")?.split(", ").sort()).toEqual(["ACK", "BYE", "CANCEL", "INVITE", "OPTIONS", "PRACK", "UPDATE"]);
  });
  test.each(["FROBNICATE", "invite", "x-1"])("%s, which nobody knows: 501", (method) => {
    const world = new World();
    world.app("invite", "options");
    world.deliver(world.request(method));
    expect(world.takeOne(501).message.cseq?.method).toBe(method);
  });
  test("an unknown one gets 501 and a known one 503 while there is no application", () => {
    const world = new World();
    world.deliver(world.request("FROBNICATE"));
    world.deliver(world.request("OPTIONS", { "Call-ID": "two" }));
    expect([world.take(501).length, world.take(503).length]).toEqual([1, 1]);
  });
  test.each(["intmeth", "esc02"] as const)("RFC 4475's %s is never answered with 503", (name) => {
    const world = new World();
    world.app("invite", "options", "register");
    expect(statusesFor(world, torture[name])).toEqual([501]);
  });
});

describe("what cannot be read is refused by either transport (RFC 4475)", () => {
  test.each(["udp", "tcp"] as const)("another version of SIP by %s: 505 with its Via as it came (section 3.1.2.16)", (transport) => {
    const world = new World();
    world.app("options");
    world.deliver(Buffer.from(torture.badvers, "latin1"), transport);
    const { message } = world.takeOne(505);
    expect(message.get("via")).toMatch(/^SIP\/7\.0\/UDP/);
    expect(message.toTag).not.toBe("");
  });
  test("another version with a Via of ours, and a Via's port, are honoured", () => {
    const world = new World();
    const bytes = (via: string) =>
      world.request("OPTIONS", { Via: via }).toBuffer().toString("latin1").replace(" SIP/2.0\r\n", " SIP/3.0\r\n");
    world.deliver(Buffer.from(bytes("SIP/3.0/UDP 10.0.0.2:5999;branch=z9hG4bKx"), "latin1"));
    expect(world.takeOne(505).target).toMatchObject({ address: "10.0.0.2", port: 5999 });
    world.deliver(Buffer.from(bytes("SIP/2.0/UDP 10.0.0.2:5998;branch=z9hG4bKy"), "latin1"));
    expect(world.takeOne(505).target).toMatchObject({ address: "10.0.0.2", port: 5998 });
    world.deliver(Buffer.from(bytes("nonsense"), "latin1"));
    expect(world.sent).toEqual([]);
  });
  test.each(["udp", "tcp"] as const)("numbers out of range by %s: 400 (section 3.1.2.4)", (transport) => {
    const world = new World();
    world.app("register");
    expect(statusesFor(world, torture.scalar02, transport)).toEqual([400]);
  });
});

describe("a dialog needs a Contact (RFC 3261 section 8.1.1.8)", () => {
  test.each(["INVITE", "SUBSCRIBE"])("%s without: 400, nothing for the application, nothing kept", (method) => {
    const world = new World();
    const app = world.app("invite", "subscribe");
    const request = world.request(method, {}, method === "INVITE" ? SDP : "");
    request.remove("contact");
    world.deliver(request);
    expect(world.takeOne(400).message.kind).toBe("response");
    expect(app.got(method)).toEqual([]);
    world.run(60_000);
    expect(world.core.dump()).toMatchObject(clean);
  });
  test("a re-INVITE and an UPDATE without keep the target there was", () => {
    const world = new World();
    const app = world.app("invite");
    const { ack, toUs, answer } = answered(world, app);
    world.deliver(ack);
    for (const [method, seq] of [
      ["INVITE", 2],
      ["UPDATE", 3],
    ] as const) {
      const request = toUs(method, seq);
      request.remove("contact");
      world.deliver(request);
      app.respond(app.got(method).at(-1)!, 200);
    }
    app.request("BYE sip:placeholder SIP/2.0", `sip||${answer.tokens[8]}`);
    expect(world.takeOne("BYE").message.startLine).toBe("BYE sip:caller@10.0.0.2 SIP/2.0");
  });
  test.each(["<tel:+49301234>", "<mailto:a@b.example>", '"a" <http://b.example>', "<urn:x:y>", "*"])("%s is none: 400", (contact) => {
    const world = new World();
    const app = world.app("invite");
    world.deliver(world.request("INVITE", { Contact: contact }, SDP));
    expect(world.takeOne(400).message.kind).toBe("response");
    expect(app.got("INVITE")).toEqual([]);
    world.run(60_000);
    expect(world.core.dump()).toMatchObject(clean);
  });
  test.each(["<sip:caller@browser.invalid>"])("%s is reached where it was heard, and the call is hung up", (contact) => {
    const world = new World();
    const app = world.app("invite");
    const { ack, answer } = answered(world, app, { Contact: contact });
    world.deliver(ack);
    app.request("BYE sip:placeholder SIP/2.0", `sip||${answer.tokens[8]}`);
    const bye = world.takeOne("BYE");
    expect(bye.target).toMatchObject({ transport: "udp", address: "10.0.0.2", port: 5060 });
    world.answer(bye, 200, { tag: "caller" });
    expect(app.got(200)).toHaveLength(1);
    world.run(60_000);
    expect(world.core.dump()).toMatchObject(clean);
  });
  test("a request that cannot be sent inside a dialog is answered at once, for the application to go on", () => {
    const world = new World();
    const app = world.app("invite");
    const { ack, answer } = answered(world, app, { "Record-Route": "<sip:nowhere.example;lr>" });
    world.deliver(ack);
    app.request("BYE sip:placeholder SIP/2.0", `sip||${answer.tokens[8]}`);
    expect(app.got(503)).toHaveLength(1);
    expect(world.core.dump()).toMatchObject({ dialogs: 0, awaitingResponse: 0 });
  });
  test("a 2xx without one to our INVITE is acknowledged and its dialog ended", () => {
    const world = new World();
    const app = world.app();
    app.request("INVITE sip:callee@10.0.0.2 SIP/2.0");
    world.answer(world.takeOne("INVITE"), 200, {}, SDP);
    app.request("ACK sip:callee@10.0.0.2 SIP/2.0", `sip||${app.got(200)[0]!.dialogId}`);
    expect(world.take("ACK")).toHaveLength(1);
    world.answer(world.takeOne("BYE"), 200);
    world.run(60_000);
    expect(world.core.dump()).toMatchObject(clean);
  });
});

describe("an extension that is required and unknown (RFC 3261 section 8.2.2.3)", () => {
  test.each(["INVITE", "INFO", "UPDATE", "OPTIONS", "BYE", "REFER", "MESSAGE"])("%s inside a dialog: 420 with Unsupported", (method) => {
    const world = new World({ supportedExtensions: new Set(["100rel", "timer"]) });
    const app = world.app("invite");
    const { ack, toUs } = answered(world, app);
    world.deliver(ack);
    world.take(200);
    world.deliver(toUs(method, 2, { Require: "timer, nothere, alsoNot" }));
    expect(world.takeOne(420).message.get("unsupported")).toBe("nothere, alsoNot");
    expect(app.got(method)).toHaveLength(method === "INVITE" ? 1 : 0);
    world.deliver(toUs(method, 3, { Require: "Timer" }));
    expect(app.got(method)).toHaveLength(method === "INVITE" ? 2 : 1);
  });
});

test("NOTIFY of an application is sent in the subscription that its Call-ID and tags name (RFC 6665 section 4.2.2)", () => {
  const world = new World();
  const app = world.app("subscribe");
  world.deliver(world.request("SUBSCRIBE", { Event: "presence", Expires: "60", Contact: "<sip:watcher@10.0.0.2:5070>" }));
  app.respond(app.got("SUBSCRIBE")[0]!, 202, { Expires: "60" });
  const ours = world.takeOne(202).message.toTag;
  for (const to of ["", "\nTo: <sip:caller@10.0.0.2>;tag=caller"]) {
    app.request(`NOTIFY sip:watcher@10.0.0.2 SIP/2.0\nCall-ID: call-1\nFrom: <sip:service@10.0.0.1>;tag=${ours}${to}\nEvent: presence`);
    const { message } = world.takeOne("NOTIFY");
    expect([message.callId, message.fromTag, message.toTag]).toEqual(["call-1", ours, "caller"]);
    expect(message.startLine).toBe("NOTIFY sip:watcher@10.0.0.2 SIP/2.0");
  }
});
