import { expect, test } from "vitest";
import { answered, SDP, World } from "./world.ts";

test.each([
  ["a strict router", "<sip:10.0.0.7:5070>", "10.0.0.7", 5070],
  ["its maddr", "<sip:router.example:5070;maddr=10.0.0.8>", "10.0.0.8", 5070],
])("requests go to %s, which finds itself in the Request-URI (RFC 3261 section 12.2.1.1)", (_, route, address, port) => {
  const world = new World();
  const app = world.app("invite");
  const { ack, answer } = answered(world, app, { "Record-Route": `${route}, <sip:10.0.0.9;lr>` });
  world.deliver(ack);
  for (const method of ["INFO", "BYE"]) {
    app.request(`${method} sip:placeholder SIP/2.0`, `sip||${answer.tokens[8]}`);
    const { message, target } = world.takeOne(method);
    expect(target).toMatchObject({ address, port });
    expect(message.startLine).toBe(`${method} ${route.slice(1, -1)} SIP/2.0`);
    expect(message.list("route")).toEqual(["<sip:10.0.0.9;lr>", "<sip:caller@10.0.0.2>"]);
  }
});

test("the ACK and the engine's own BYE go to a strict router as well", () => {
  const world = new World();
  const app = world.app();
  app.request("INVITE sip:callee@10.0.0.2 SIP/2.0");
  world.answer(world.takeOne("INVITE"), 200, { Contact: "<sip:callee@10.0.0.3>", "Record-Route": "<sip:10.0.0.7>" }, SDP);
  app.request("ACK sip:callee@10.0.0.2 SIP/2.0", `sip||${app.got(200)[0]!.dialogId}`);
  app.leave();
  world.run(11_000);
  for (const method of ["ACK", "BYE"]) {
    const { message, target } = world.takeOne(method);
    expect([target.address, message.startLine, message.list("route")]).toEqual([
      "10.0.0.7",
      `${method} sip:10.0.0.7 SIP/2.0`,
      ["<sip:callee@10.0.0.3>"],
    ]);
  }
});

test("a Contact with maddr is reached there (RFC 3261 section 19.1.1)", () => {
  const world = new World();
  const app = world.app("invite");
  const { ack, answer } = answered(world, app, { Contact: "<sip:caller@10.0.0.99;maddr=10.0.0.2>" });
  world.deliver(ack);
  app.request("BYE sip:placeholder SIP/2.0", `sip||${answer.tokens[8]}`);
  expect(world.takeOne("BYE").target.address).toBe("10.0.0.2");
});

test("as proxy the engine takes its URI out of the Request-URI, where a strict router has put it (RFC 3261 section 16.4)", () => {
  const world = new World();
  const app = world.app("invite");
  world.deliver(world.request("INVITE", {}, SDP));
  app.say(
    `proxy|${app.got("INVITE")[0]!.transactionId}|remainInDialog|||serial|||sip:callee@10.0.0.3\r\nINVITE sip:callee@10.0.0.3 SIP/2.0\r\n\r\n`,
  );
  const forwarded = world.takeOne("INVITE");
  world.answer(forwarded, 200, { Contact: "<sip:callee@10.0.0.3>", "Record-Route": forwarded.message.get("record-route")! }, SDP);
  const to = world.takeOne(200).message.get("to")!;
  const ours = forwarded.message.get("record-route")!.slice(1, -1);
  const strictly = { To: to, Route: "<sip:callee@10.0.0.3>" };
  world.deliver(world.request("ACK", strictly, "", ours));
  world.deliver(world.request("BYE", { ...strictly, CSeq: "2 BYE" }, "", ours));
  for (const method of ["ACK", "BYE"]) {
    const { message, target } = world.takeOne(method);
    expect([target.address, message.startLine, message.has("route")]).toEqual(["10.0.0.3", `${method} sip:callee@10.0.0.3 SIP/2.0`, false]);
  }
});
