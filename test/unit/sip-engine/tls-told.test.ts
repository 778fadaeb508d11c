import { expect, test } from "vitest";
import { answered, SDP, World } from "./world.ts";

const tls = "TLSv1.3, TLS_AES_256_GCM_SHA384, X25519MLKEM768";
const NAME = "Crosspoint-Tls";

test("an application is told what TLS has agreed on, of callers and of who is called, and never what they write themselves", () => {
  const world = new World();
  const app = world.app("invite");
  world.deliver(world.request("INVITE", { [NAME]: "TLSv9" }, SDP), "tls", { tls, listener: 3 });
  expect(app.got("INVITE").at(-1)!.sip.getAll(NAME)).toEqual([tls]);
  world.deliver(world.request("INVITE", { [NAME]: "TLSv9", "Call-ID": "call-2" }, SDP));
  expect(app.got("INVITE").at(-1)!.sip.getAll(NAME)).toEqual([]);

  app.say(`sip||\r\nINVITE sip:callee@10.0.0.2;transport=tls SIP/2.0\r\nFrom: sip:me@localhost\r\n\r\n${SDP}`);
  const sent = world.takeOne("INVITE");
  expect(sent.message.get(NAME)).toBeUndefined();
  const answer = (status: number) => {
    const response = world.answer(sent, status, { Contact: "<sip:callee@10.0.0.2>", [NAME]: "TLSv9" }, SDP);
    return response;
  };
  answer(180);
  expect(app.got(180)[0]!.sip.getAll(NAME)).toEqual([]);
});

test("in the answers of who is called over TLS", () => {
  const world = new World();
  const app = world.app();
  app.say(`sip||\r\nINVITE sip:callee@10.0.0.2;transport=tls SIP/2.0\r\nFrom: sip:me@localhost\r\n\r\n${SDP}`);
  const { message } = world.takeOne("INVITE");
  if (message.kind !== "request") throw new Error("no request");
  const raw = (status: number) =>
    Buffer.from(
      [
        `SIP/2.0 ${status} X`,
        ...message.getAll("via").map((via) => `Via: ${via}`),
        `From: ${message.get("from")}`,
        `To: ${message.get("to")};tag=callee`,
        `Call-ID: ${message.callId}`,
        `CSeq: ${message.get("cseq")}`,
        "Contact: <sip:callee@10.0.0.2;transport=tls>",
        "Content-Length: 0",
        "",
        "",
      ].join("\r\n"),
    );
  for (const status of [180, 200]) {
    world.deliver(raw(status), "tls", { tls });
    expect(app.got(status)[0]!.sip.getAll(NAME)).toEqual([tls]);
  }
});

test("what has no TLS is told as ever", () => {
  const world = new World();
  const { received } = answered(world, world.app("invite"));
  expect(received.sip.getAll(NAME)).toEqual([]);
});
