import { describe, expect, test } from "vitest";
import { SDP, World } from "./world.ts";

const TRUNK = "10.0.0.50";
const world = () => new World({ waits: ({ address }) => address !== TRUNK });
const call = (w: World, id: string, address: string) =>
  w.deliver(w.request("INVITE", { "Call-ID": id, Via: `SIP/2.0/UDP ${address};rport;branch=z9hG4bK${id}` }, SDP), "udp", { address });

describe("calls of strangers that come at once", () => {
  test("reach the application two at a time, sources in turn; a trunk's goes first", () => {
    const w = world();
    const app = w.app("invite");
    for (let n = 0; n < 50; n++) call(w, `a${n}`, "10.0.0.7");
    call(w, "b", "10.0.0.8");
    expect(app.got("INVITE").map(({ sip }) => sip.callId)).toEqual(["a0", "a1"]);
    call(w, "trunk", TRUNK);
    expect(app.got("INVITE").at(-1)!.sip.callId).toBe("trunk");
    app.respond(app.got("INVITE")[0]!, 404);
    app.respond(app.got("INVITE")[1]!, 404);
    expect(app.got("INVITE").map(({ sip }) => sip.callId)).toEqual(["a0", "a1", "trunk", "a2", "b"]);
  });

  test("are not held up by those that wait for something themselves", () => {
    const w = world();
    const app = w.app("invite");
    for (let n = 0; n < 6; n++) call(w, `a${n}`, "10.0.0.7");
    expect(app.got("INVITE")).toHaveLength(2);
    w.run(40);
    expect(app.got("INVITE")).toHaveLength(4);
    w.run(40);
    expect(app.got("INVITE")).toHaveLength(6);
  });

  test("are refused with Retry-After where there are too many or they have waited too long, and not looked at once cancelled", () => {
    const w = world();
    const app = w.app("invite");
    for (let n = 0; n < 150; n++) call(w, `a${n}`, "10.0.0.7");
    const refused = w.take(503);
    expect(refused).toHaveLength(48);
    expect(refused[0]!.message.get("retry-after")).toBe("2");
    w.deliver(w.request("CANCEL", { "Call-ID": "a2", Via: "SIP/2.0/UDP 10.0.0.7;rport;branch=z9hG4bKa2" }), "udp", { address: "10.0.0.7" });
    expect(w.take(487)).toHaveLength(1);
    w.run(40);
    expect(app.got("INVITE").map(({ sip }) => sip.callId)).toEqual(["a0", "a1", "a3", "a4"]);
    // the application does nothing for long
    w.run(10_000);
    expect(w.core.dump()["strangersWaiting"]).toBe(0);
    expect(w.take(503).length).toBeGreaterThan(0);
  });
});

test("all strangers together have a share of requests that are no calls; a trunk's are answered", () => {
  const w = new World({ waits: ({ address }) => address !== TRUNK, requestsPerSource: 10 });
  const app = w.app("options");
  const ask = (address: string, n: number) =>
    w.deliver(
      w.request("OPTIONS", { "Call-ID": `${address}-${n}`, Via: `SIP/2.0/UDP ${address};rport;branch=z9hG4bK${address}-${n}` }),
      "udp",
      {
        address,
      },
    );
  const answer = () => {
    for (const received of app.got("OPTIONS").splice(answered)) {
      answered++;
      app.respond(received, 200);
    }
  };
  let answered = 0;
  for (let n = 0; n < 20; n++)
    for (let source = 1; source <= 20; source++) {
      ask(`10.0.1.${source}`, n);
      answer();
    }
  for (let n = 0; n < 10; n++) answer();
  expect(w.take(200)).toHaveLength(60);
  ask(TRUNK, 1);
  answer();
  expect(w.take(200)).toHaveLength(1);
});
