import { describe, expect, test } from "vitest";
import { SDP, type TestApp, World } from "./world.ts";

const clean = { dialogs: 0, awaitingApplication: 0, proxied: 0, clientTransactions: 0, serverTransactions: 0, timers: 0 };

/** An INVITE that the application has proxied. */
function proxied(
  world: World,
  app: TestApp,
  destinations: string[],
  options: { stay?: boolean; full?: boolean; redirects?: boolean; at?: string; timeouts?: string } = {},
) {
  const invite = world.request("INVITE", {}, SDP);
  world.deliver(invite);
  const { transactionId } = app.got("INVITE").at(-1)!;
  const flags = [
    options.stay ? "remainInDialog" : "",
    options.full ? "fullResponse" : "",
    options.redirects ? "followRedirects" : "",
    options.at ?? "serial",
  ];
  const said = app.say(
    `proxy|${transactionId}|${flags.join("|")}|${options.timeouts ?? "|"}|${destinations.join("|")}\r\nINVITE ${destinations[0]} SIP/2.0\r\nX-Added: yes\r\n\r\n`,
  );
  world.take(100);
  return { invite, said };
}

describe("a proxied INVITE", () => {
  test("is forwarded with our Via and fewer hops, its responses go back without our Via", () => {
    const world = new World();
    const app = world.app("invite");
    const { invite, said } = proxied(world, app, ["sip:callee@10.0.0.3"], { stay: true });
    expect(said.tokens).toEqual(["OK", "done"]);
    const forwarded = world.takeOne("INVITE");
    expect(forwarded.target.address).toBe("10.0.0.3");
    expect(forwarded.message.startLine).toBe("INVITE sip:callee@10.0.0.3 SIP/2.0");
    expect(forwarded.message.get("max-forwards")).toBe("69");
    expect(forwarded.message.get("record-route")).toBe("<sip:10.0.0.1:5060;lr>");
    expect(forwarded.message.get("x-added")).toBe("yes");
    expect(forwarded.message.list("via")).toHaveLength(2);
    world.answer(forwarded, 180);
    expect(world.takeOne(180).message.list("via")).toEqual(invite.list("via"));
    const response = world.answer(forwarded, 200, { Contact: "<sip:callee@10.0.0.3>", "Record-Route": "<sip:10.0.0.1:5060;lr>" }, SDP);
    const ok = world.takeOne(200).message;
    expect([ok.toTag, ok.body.toString()]).toEqual(["callee", SDP]);
    world.deliver(response);
    expect(world.take(200)).toHaveLength(1);
    const route = { Route: "<sip:10.0.0.1:5060;lr>", To: ok.get("to")! };
    world.deliver(world.request("ACK", route, "", "sip:callee@10.0.0.3"));
    expect(world.takeOne("ACK")).toMatchObject({ target: { address: "10.0.0.3" } });
    world.deliver(world.request("BYE", { ...route, CSeq: "2 BYE" }, "", "sip:callee@10.0.0.3"));
    const bye = world.takeOne("BYE");
    expect(bye.message.has("route")).toBe(false);
    world.answer(bye, 200);
    expect(world.takeOne(200).message.cseq?.method).toBe("BYE");
    world.run(250_000);
    expect(world.core.dump()).toMatchObject(clean);
    expect(app.got("BYE")).toEqual([]);
  });
  test("a re-INVITE through us is acknowledged end to end", () => {
    const world = new World();
    const app = world.app("invite");
    proxied(world, app, ["sip:callee@10.0.0.3"], { stay: true });
    world.answer(world.takeOne("INVITE"), 200, { Contact: "<sip:callee@10.0.0.3>" });
    const route = { Route: "<sip:10.0.0.1:5060;lr>", To: world.takeOne(200).message.get("to")! };
    world.deliver(world.request("INVITE", { ...route, CSeq: "2 INVITE" }, SDP, "sip:callee@10.0.0.3"));
    world.answer(world.takeOne("INVITE"), 200, { Contact: "<sip:callee@10.0.0.3>" });
    expect(world.takeOne(200).message.cseq?.seq).toBe(2);
    world.deliver(world.request("ACK", { ...route, CSeq: "2 ACK" }, "", "sip:callee@10.0.0.3"));
    expect(world.takeOne("ACK").target.address).toBe("10.0.0.3");
    world.run(40_000);
    expect(world.take(200)).toEqual([]);
  });
  test("tries one destination after the other and answers with the best failure", () => {
    const world = new World();
    const app = world.app("invite");
    proxied(world, app, ["10.0.0.3", "sip:b@10.0.0.4"], { full: true });
    const first = world.takeOne("INVITE");
    expect(first.target.address).toBe("10.0.0.3");
    world.answer(first, 404);
    world.answer(world.takeOne("INVITE"), 486);
    expect(world.takeOne(404)).toBeDefined();
    const frames = app.frames.filter((f) => f.type === "response" && (f.tokens.at(-1) === "continue" || f.tokens[4] === "done"));
    expect(frames.map((f) => (f.sip?.kind === "response" ? f.sip.status : f.tokens[4]))).toEqual([404, 486, "done"]);
  });
  test("asks all at once, and cancels the others when one answers", () => {
    const world = new World();
    const app = world.app("invite");
    proxied(world, app, ["sip:a@10.0.0.3", "sip:b@10.0.0.4"], { at: "simultaneous" });
    const [one, two] = world.take("INVITE");
    world.answer(one!, 180);
    world.answer(two!, 180);
    world.answer(one!, 200, { Contact: "<sip:a@10.0.0.3>" });
    expect(world.takeOne("CANCEL").target.address).toBe("10.0.0.4");
    world.answer(two!, 487);
    expect([world.take(200).length, world.take(487).length]).toEqual([1, 0]);
  });
  test("is cancelled as a whole", () => {
    const world = new World();
    const app = world.app("invite");
    const { invite } = proxied(world, app, ["sip:a@10.0.0.3"]);
    const forwarded = world.takeOne("INVITE");
    world.answer(forwarded, 180);
    const cancel = invite.clone();
    cancel.method = "CANCEL";
    cancel.set("CSeq", "1 CANCEL");
    world.deliver(cancel);
    expect([world.take(487).length, world.take("CANCEL").length]).toEqual([1, 1]);
    world.answer(forwarded, 487);
    expect(world.take(487)).toEqual([]);
  });
  test("follows redirections where asked, moves on when nobody answers, hands a challenge back at once", () => {
    const world = new World();
    const app = world.app("invite");
    proxied(world, app, ["sip:a@10.0.0.3", "sip:last@10.0.0.9"], { redirects: true, timeouts: "1s|" });
    world.answer(world.takeOne("INVITE"), 302, { Contact: "<sip:moved@10.0.0.5>" });
    expect(world.takeOne("INVITE").message.startLine).toBe("INVITE sip:moved@10.0.0.5 SIP/2.0");
    world.run(1_100);
    const last = world.take("INVITE").find((s) => s.target.address === "10.0.0.9")!;
    world.answer(last, 407, { "Proxy-Authenticate": 'Digest realm="r",nonce="n"' });
    expect(world.takeOne(407).message.has("proxy-authenticate")).toBe(true);
  });
  test("with no hops left, or nowhere to go, is refused", () => {
    const world = new World();
    const app = world.app("invite");
    world.deliver(world.request("INVITE", { "Max-Forwards": "0" }));
    expect(
      app.say(`proxy|${app.got("INVITE")[0]!.transactionId}||||serial|||sip:a@10.0.0.3\r\nINVITE sip:x SIP/2.0\r\n\r\n`).tokens[0],
    ).toBe("NOK");
    expect(world.take(483)).toHaveLength(1);
    expect(app.say("proxy|nobody||||serial|||sip:a@10.0.0.3\r\nINVITE sip:x SIP/2.0\r\n\r\n").tokens).toEqual([
      "NOK",
      "Unknown transaction id: nobody",
    ]);
    world.refused.add("10.0.0.3");
    world.deliver(world.request("INVITE", { "Call-ID": "two" }));
    app.say(`proxy|${app.got("INVITE")[1]!.transactionId}||||serial|||sip:a@10.0.0.3;transport=tcp\r\nINVITE sip:x SIP/2.0\r\n\r\n`);
    expect(world.take(500)).toHaveLength(1);
  });
});

describe("a next hop of another transport (RFC 3261 section 16.7 step 6)", () => {
  test("refuses UDP: the request goes there by TCP, at once", () => {
    const world = new World();
    const app = world.app("invite");
    world.refusedBy.add("udp 10.0.0.3");
    proxied(world, app, ["sip:callee@10.0.0.3"], { stay: true });
    const forwarded = world.takeOne("INVITE");
    expect(forwarded.target).toMatchObject({ transport: "tcp", address: "10.0.0.3", port: 5060 });
    expect(forwarded.message.list("via")[0]).toMatch(/^SIP\/2\.0\/TCP /);
  });
  test("that was named is kept to, and one that does not answer is not asked twice", () => {
    const world = new World();
    const app = world.app("invite");
    world.refusedBy.add("udp 10.0.0.3");
    proxied(world, app, ["sip:callee@10.0.0.3;transport=udp"]);
    expect(world.take("INVITE")).toEqual([]);
    expect(world.takeOne(500).message.cseq?.method).toBe("INVITE");
    const other = new World();
    proxied(other, other.app("invite"), ["sip:callee@10.0.0.4"]);
    other.run(40_000);
    expect(new Set(other.take("INVITE").map(({ target }) => target.transport))).toEqual(new Set(["udp"]));
    expect(other.take(408).length).toBeGreaterThan(0);
  });
  test.each(["ws", "sctp", "pigeon"])("%s, which there is none of here: 500, never 503 or 408", (transport) => {
    const world = new World();
    proxied(world, world.app("invite"), [`sip:callee@10.0.0.3;transport=${transport}`]);
    expect(world.takeOne(500).message.cseq?.method).toBe("INVITE");
    world.run(60_000);
    expect(world.core.dump()).toMatchObject(clean);
  });
});
