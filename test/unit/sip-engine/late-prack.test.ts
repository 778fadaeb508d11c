import { expect, test } from "vitest";
import { SDP, World } from "./world.ts";

test("a PRACK that comes after our 200 is answered 200, one for nothing of ours 481 (RFC 3262 section 3)", () => {
  const world = new World();
  const app = world.app("invite");
  world.deliver(world.request("INVITE", { Supported: "100rel" }, SDP));
  const received = app.got("INVITE")[0]!;
  app.respond(received, 180, { Require: "100rel" });
  const ringing = world.takeOne(180).message;
  app.respond(received, 200, {}, SDP);
  // the 200 may wait for the PRACK
  const prack = (rseq: number, cseq: number) =>
    world.request("PRACK", { To: ringing.get("to")!, CSeq: `${cseq} PRACK`, RAck: `${rseq} 1 INVITE` });
  const rseq = Number(ringing.get("rseq"));
  world.take(200);
  world.deliver(prack(rseq, 2));
  expect(world.take(200).map(({ message }) => message.cseq?.method)).toContain("PRACK");
  expect(app.got("PRACK")).toEqual([]);
  world.deliver(prack(rseq + 7, 3));
  expect(world.takeOne(481).message.cseq?.method).toBe("PRACK");
});
