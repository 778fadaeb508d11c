import { describe, expect, test } from "vitest";
import { Dialog, TimerQueue } from "../../../src/sip/index.ts";
import { createResponse } from "../../../src/wire/sip/index.ts";
import { request } from "./network.ts";

function answered(recordRoutes: string[]) {
  const invite = request("INVITE", "sip:bob@biloxi.example").set("Via", "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1");
  for (const route of recordRoutes) invite.append("Record-Route", route);
  const ok = createResponse(invite, 200, undefined, "to");
  for (const route of recordRoutes) ok.append("Record-Route", route);
  ok.set("Contact", "<sip:bob@192.0.2.4>");
  return { invite, ok };
}

describe("dialogs (RFC 3261 section 12)", () => {
  test("each side's requests carry its view: tags, numbers, routes", () => {
    const { invite, ok } = answered(["<sip:p2.example;lr>", "<sip:p1.example;lr>"]);
    const uac = Dialog.uac(invite, ok);
    const uas = Dialog.uas(invite, ok);
    const bye = uac.request("BYE");
    expect(bye.startLine).toBe("BYE sip:bob@192.0.2.4 SIP/2.0");
    expect(bye.list("route")).toEqual(["<sip:p1.example;lr>", "<sip:p2.example;lr>"]);
    expect([bye.fromTag, bye.toTag, bye.cseq?.seq]).toEqual(["from", "to", 2]);
    const back = uas.request("INFO");
    expect(back.startLine).toBe("INFO sip:a@10.0.0.1 SIP/2.0");
    expect(back.list("route")).toEqual(["<sip:p2.example;lr>", "<sip:p1.example;lr>"]);
    expect([back.fromTag, back.toTag, back.cseq?.seq]).toEqual(["to", "from", 1]);
    expect(uac.request("ACK", 1).cseq).toEqual({ seq: 1, method: "ACK" });
  });
  test("a strict router takes the Request-URI's place (section 12.2.1.1)", () => {
    const { invite, ok } = answered(["<sip:loose.example;lr>", "<sip:strict.example;method=INVITE?x=y>"]);
    const bye = Dialog.uac(invite, ok).request("BYE");
    expect(bye.uri).toBe("sip:strict.example");
    expect(bye.list("route")).toEqual(["<sip:loose.example;lr>", "<sip:bob@192.0.2.4>"]);
  });
  test("target refresh follows the Contact, lower numbers are refused, ACK does not count", () => {
    const { invite, ok } = answered([]);
    const uas = Dialog.uas(invite, ok);
    const inside = (method: string, seq: number, contact: string) =>
      uas.accept(request(method, "sip:x@y", { CSeq: `${seq} ${method}`, Contact: `<${contact}>` }));
    expect(inside("INVITE", 5, "sip:new@192.0.2.9")).toBe(true);
    expect(uas.remoteTarget).toBe("sip:new@192.0.2.9");
    expect(inside("INFO", 6, "sip:other@192.0.2.9")).toBe(true);
    expect(uas.remoteTarget).toBe("sip:new@192.0.2.9");
    expect(inside("BYE", 5, "sip:x@y")).toBe(false);
    expect(inside("ACK", 5, "sip:x@y")).toBe(true);
  });
  test("a 2xx decides the caller's routes, whatever an early response said", () => {
    const { invite, ok } = answered(["<sip:p1.example;lr>"]);
    const early = createResponse(invite, 183, undefined, "to").set("Contact", "<sip:early@192.0.2.4>");
    const dialog = Dialog.uac(invite, early);
    expect(dialog.state).toBe("early");
    dialog.confirm(ok);
    expect(dialog.state).toBe("confirmed");
    expect(dialog.routes).toEqual(["<sip:p1.example;lr>"]);
    expect(dialog.remoteTarget).toBe("sip:bob@192.0.2.4");
  });
});

test("the timer queue fires in order, forgets what was cancelled, and does not keep the dead", () => {
  const queue = new TimerQueue();
  const fired: string[] = [];
  const owner = { onTimer: (name: string) => void fired.push(name) };
  for (const due of [5, 1, 4, 2, 3]) queue.add(owner, String(due), due);
  const cancelled = queue.add(owner, "never", 2.5);
  queue.cancel(cancelled);
  queue.cancel(cancelled);
  expect(queue.size).toBe(5);
  expect(queue.next()).toBe(1);
  queue.run(3);
  expect(fired).toEqual(["1", "2", "3"]);
  expect(queue.next()).toBe(4);
  const many = Array.from({ length: 5000 }, (_, i) => queue.add(owner, "x", 100 + ((i * 7919) % 5000)));
  for (const timer of many.slice(0, 4900)) queue.cancel(timer);
  fired.length = 0;
  queue.run(10_000);
  expect(fired.length).toBe(102);
  expect(queue.next()).toBeUndefined();
  expect(queue.size).toBe(0);
});
