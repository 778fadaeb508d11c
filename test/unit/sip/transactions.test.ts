import { describe, expect, test } from "vitest";
import { type ClientUser, Dialog, InviteServerTransaction, type LayerHandler, type ServerTransaction } from "../../../src/sip/index.ts";
import { Network, type Node, request } from "./network.ts";

interface Pair {
  net: Network;
  a: Node;
  b: Node;
  /** What the caller's user heard. */
  heard: string[];
  user: ClientUser;
}

function pair(
  onRequest: (tx: ServerTransaction, now: number) => void,
  more: Partial<LayerHandler> = {},
  options: { loss?: number; seed?: number } = {},
): Pair {
  const net = new Network(options.seed === undefined ? {} : { seed: options.seed });
  net.loss = options.loss ?? 0;
  const heard: string[] = [];
  const a = net.add("a", "10.0.0.1", { onRequest: (tx, now) => void tx.reply(501, now) });
  const b = net.add("b", "10.0.0.2", { onRequest, ...more });
  const user: ClientUser = {
    onResponse: (response) => heard.push(String(response.status)),
    onFailure: (status, reason) => heard.push(`${status} ${reason}`),
  };
  return { net, a, b, heard, user };
}

const times = (node: Node, start: string): number[] => node.sent.filter((s) => s.line.startsWith(start)).map((s) => s.at);
const nothingLeft = { clientTransactions: 0, serverTransactions: 0, awaitingAck: 0, timers: 0, lookups: 0 };

describe("client transactions (RFC 3261 section 17.1)", () => {
  test("INVITE over UDP is repeated at doubling intervals and given up after 64 T1", () => {
    const { net, a, heard, user } = pair(() => {});
    net.dead.add("10.0.0.9");
    a.layer.request(request("INVITE", "sip:x@10.0.0.9"), { user }, net.now);
    net.run(40_000);
    expect(times(a, "INVITE")).toEqual([0, 500, 1500, 3500, 7500, 15500, 31500]);
    expect(heard).toEqual(["408 no response"]);
    expect(a.layer.dump()).toEqual(nothingLeft);
  });
  test("others are repeated at intervals up to T2", () => {
    const { net, a, heard, user } = pair(() => {});
    net.dead.add("10.0.0.9");
    a.layer.request(request("OPTIONS", "sip:x@10.0.0.9"), { user }, net.now);
    net.run(40_000);
    expect(times(a, "OPTIONS")).toEqual([0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
    expect(heard).toEqual(["408 no final response"]);
  });
  test("nothing is repeated over TCP, and a refused connection fails at once", () => {
    const { net, a, heard, user } = pair(() => {});
    a.layer.request(request("INVITE", "sip:x@10.0.0.2;transport=tcp"), { user }, net.now);
    net.dead.add("10.0.0.9");
    a.layer.request(request("INVITE", "sip:x@10.0.0.9;transport=tcp"), { user }, net.now);
    net.run(3_000);
    expect(times(a, "INVITE sip:x@10.0.0.2")).toEqual([0]);
    expect(heard).toContain("503 connection refused");
  });
  test("a failure response is acknowledged on the INVITE's branch, every time it comes", () => {
    const { net, a, b, heard, user } = pair((tx, now) => void tx.reply(486, now));
    a.layer.request(request("INVITE", "sip:x@10.0.0.2"), { user }, net.now);
    net.run(100);
    const invite = a.sent[0]!.message;
    const ack = a.sent.find((s) => s.line.startsWith("ACK"))!.message;
    expect(ack.topVia?.params.get("branch")).toBe(invite.topVia?.params.get("branch"));
    expect(ack.toTag).not.toBe("");
    expect(ack.cseq).toEqual({ seq: 1, method: "ACK" });
    b.layer.resend(b.sent.at(-1)!.target, b.sent.at(-1)!.message.toBuffer());
    net.run(100);
    expect(times(a, "ACK")).toHaveLength(2);
    expect(heard).toEqual(["486"]);
    net.run(40_000);
    expect(a.layer.dump()).toEqual(nothingLeft);
    expect(b.layer.dump()).toEqual(nothingLeft);
  });
  test("a response whose transaction is gone is stray, a malformed one is dropped", () => {
    const { net, a } = pair(() => {});
    net.inject(
      a,
      "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <sip:a@b>;tag=2\nCall-ID: 1\nCSeq: 1 BYE\n\n",
    );
    net.inject(a, "SIP/2.0 4294967301 better not break the receiver\nVia: x\n\n");
    expect(a.sent).toEqual([]);
    expect(a.layer.stats.rejected).toBe(1);
  });
});

describe("server transactions (section 17.2, RFC 6026)", () => {
  test("100 after 200 ms unless the user was faster", () => {
    const { net, a, b, user } = pair(() => {});
    a.layer.request(request("INVITE", "sip:x@10.0.0.2"), { user }, net.now);
    net.run(209);
    expect(b.sent).toEqual([]);
    net.run(2);
    expect(b.sent.map((s) => s.line)).toEqual(["SIP/2.0 100 Trying"]);
  });
  test("a failure response is repeated until ACK, and given up after 64 T1", () => {
    const timeouts: number[] = [];
    const { net, a, b, user } = pair((tx, now) => {
      tx.user = { onAckTimeout: (status) => timeouts.push(status) };
      tx.reply(486, now);
    });
    a.layer.request(request("INVITE", "sip:x@10.0.0.2"), { user }, net.now);
    net.run(10);
    net.dead.add("10.0.0.2");
    net.run(40_000);
    expect(times(b, "SIP/2.0 486").map((t) => t - 10)).toEqual([0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
    expect(timeouts).toEqual([486]);
    expect(b.layer.dump()).toEqual(nothingLeft);
  });
  test("a 2xx is repeated until its ACK, also over TCP, and the user hears when none comes", () => {
    for (const transport of ["udp", "tcp"]) {
      const timeouts: number[] = [];
      const { net, a, b, heard, user } = pair((tx, now) => {
        tx.user = { onAckTimeout: (status) => timeouts.push(status) };
        tx.reply(200, now, undefined, { Contact: "<sip:b@10.0.0.2>" });
      });
      a.layer.request(request("INVITE", `sip:x@10.0.0.2;transport=${transport}`), { user }, net.now);
      net.run(40_000);
      expect(times(b, "SIP/2.0 200").length).toBe(11);
      expect(timeouts).toEqual([200]);
      // Each copy goes up to the caller's user, who must acknowledge each (RFC 6026 section 7.2).
      expect(heard.length).toBe(11);
    }
  });
  test("the ACK of a 2xx stops it, whatever its branch", () => {
    const acks: string[] = [];
    const { net, a, b, user } = pair(
      (tx, now) => {
        tx.user = { onAck: () => acks.push("transaction") };
        tx.reply(200, now, undefined, { Contact: "<sip:b@10.0.0.2>" });
      },
      { onAck: (_ack, _source, _now, invite) => acks.push(invite === undefined ? "stray" : "matched") },
    );
    const call = a.layer.request(
      request("INVITE", "sip:x@10.0.0.2"),
      {
        user: {
          ...user,
          onResponse: (response, _call, _source, now) => {
            if (response.status === 200) a.layer.sendAck(Dialog.uac(call.request, response).request("ACK", 1), {}, now, () => {});
          },
        },
      },
      net.now,
    );
    net.run(60_000);
    expect(times(b, "SIP/2.0 200")).toHaveLength(1);
    expect(acks).toEqual(["transaction", "matched"]);
    expect(b.layer.dump()).toEqual(nothingLeft);
  });
  test("repeated requests get the last response again and reach the user once", () => {
    let count = 0;
    const { net, b } = pair((tx, now) => {
      count++;
      tx.reply(404, now);
    });
    const options = request("OPTIONS", "sip:b@10.0.0.2").set("Via", "SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKsame");
    for (let i = 0; i < 3; i++) net.inject(b, options);
    expect(count).toBe(1);
    expect(b.sent).toHaveLength(3);
    expect(new Set(b.sent.map((s) => s.message.toTag)).size).toBe(1);
  });
  test("older peers without the magic cookie are matched by what identifies their request (section 17.2.3)", () => {
    const methods: string[] = [];
    const acked: string[] = [];
    const { net, b } = pair((tx, now) => {
      methods.push(tx.request.method);
      tx.user = { onAck: () => acked.push("ack") };
      tx.reply(486, now);
    });
    const invite = request("INVITE", "sip:b@10.0.0.2").set("Via", "SIP/2.0/UDP 192.0.2.99;branch=old");
    net.inject(b, invite);
    net.inject(b, invite);
    const ack = invite.clone();
    ack.method = "ACK";
    ack.set("CSeq", "1 ACK").set("To", b.sent[0]!.message.get("to")!);
    net.inject(b, ack);
    expect(methods).toEqual(["INVITE"]);
    expect(b.sent).toHaveLength(2);
    expect(acked).toEqual(["ack"]);
    // badbranch of RFC 4475: the cookie alone is no branch.
    for (const id of ["1", "2"]) {
      net.inject(b, request("OPTIONS", "sip:b@10.0.0.2", { "Call-ID": id }).set("Via", "SIP/2.0/UDP 192.0.2.99;branch=z9hG4bK"));
    }
    expect(methods).toEqual(["INVITE", "OPTIONS", "OPTIONS"]);
  });
  test("a request that came by two ways is refused the second time (section 8.2.2.2)", () => {
    const { net, b } = pair((tx, now) => void tx.reply(180, now));
    net.inject(b, request("INVITE", "sip:b@10.0.0.2").set("Via", "SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKone"));
    net.inject(b, request("INVITE", "sip:b@10.0.0.2").set("Via", "SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKtwo"));
    expect(b.sent.map((s) => s.line)).toEqual(["SIP/2.0 180 Ringing", "SIP/2.0 482 Merged Request"]);
  });
  test("responses go where the request came from (RFC 3261 section 18.2.2, RFC 3581)", () => {
    const { net, b } = pair((tx, now) => void tx.reply(200, now));
    const from = { address: "203.0.113.5", port: 40000 };
    net.inject(b, request("OPTIONS", "sip:b@10.0.0.2").set("Via", "SIP/2.0/UDP 192.0.2.99:5070;branch=z9hG4bK1"), from);
    net.inject(
      b,
      request("OPTIONS", "sip:b@10.0.0.2", { "Call-ID": "2" }).set("Via", "SIP/2.0/UDP host.example:5070;rport;branch=z9hG4bK2"),
      from,
    );
    net.inject(b, request("OPTIONS", "sip:b@10.0.0.2", { "Call-ID": "3" }).set("Via", "SIP/2.0/UDP 203.0.113.5;branch=z9hG4bK3"), from);
    expect(b.sent.map((s) => `${s.target.address}:${s.target.port}`)).toEqual([
      "203.0.113.5:5070",
      "203.0.113.5:40000",
      "203.0.113.5:5060",
    ]);
    expect(b.sent.map((s) => s.message.get("via"))).toEqual([
      "SIP/2.0/UDP 192.0.2.99:5070;branch=z9hG4bK1;received=203.0.113.5",
      "SIP/2.0/UDP host.example:5070;rport=40000;branch=z9hG4bK2;received=203.0.113.5",
      "SIP/2.0/UDP 203.0.113.5;branch=z9hG4bK3",
    ]);
  });
  test("malformed requests are answered if they can be, and never reach the user", () => {
    const { net, b } = pair(() => {
      throw new Error("must not be called");
    });
    net.inject(b, request("OPTIONS", "sip:b@10.0.0.2", { CSeq: "1 INVITE" }).set("Via", "SIP/2.0/UDP h;branch=z9hG4bK1"));
    net.inject(b, request("OPTIONS", "unknown:b").set("Via", "SIP/2.0/UDP h;branch=z9hG4bK2"));
    const three = request("OPTIONS", "sip:b@10.0.0.2").set("Via", "SIP/2.0/UDP h;branch=z9hG4bK3");
    three.version = "SIP/7.0";
    net.inject(b, three);
    net.inject(b, "OPTIONS sip:b@10.0.0.2 SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bK4\n\n");
    net.inject(b, "garbage");
    expect(b.sent.map((s) => (s.message.kind === "response" ? s.message.status : 0))).toEqual([400, 416, 505]);
    expect(b.layer.stats.rejected).toBe(5);
    expect(b.layer.dump()).toEqual(nothingLeft);
  });
});

describe("CANCEL (section 9)", () => {
  test("waits for a provisional response, then ends the INVITE with 487", () => {
    const heard: string[] = [];
    const {
      net,
      a,
      b,
      heard: caller,
      user,
    } = pair((tx, now) => {
      tx.user = { onCancel: (cancel, late) => heard.push(`${cancel.get("reason")} ${late}`) };
      net.run(0);
      tx.reply(180, now + 0);
    });
    const call = a.layer.request(request("INVITE", "sip:x@10.0.0.2"), { user }, net.now);
    expect(call.cancel(net.now, [["Reason", "SIP;cause=200"]])).toBe(true);
    net.run(5);
    expect(times(a, "CANCEL")).toEqual([]);
    net.run(200);
    expect(times(a, "CANCEL")).toHaveLength(1);
    expect(b.sent.map((s) => `${s.line} ${s.message.cseq?.method}`)).toEqual([
      "SIP/2.0 180 Ringing INVITE",
      "SIP/2.0 200 OK CANCEL",
      "SIP/2.0 487 Request Terminated INVITE",
    ]);
    expect(heard).toEqual(["SIP;cause=200 false"]);
    expect(caller).toEqual(["180", "487"]);
    net.run(60_000);
    expect([a.layer.dump(), b.layer.dump()]).toEqual([nothingLeft, nothingLeft]);
  });
  test("crosses a 200: both sides hear of it, the INVITE stays answered", () => {
    const heard: boolean[] = [];
    let server: ServerTransaction | undefined;
    const {
      net,
      a,
      heard: caller,
      user,
    } = pair((tx, now) => {
      server = tx;
      tx.user = { onCancel: (_cancel, late) => heard.push(late) };
      tx.reply(180, now);
    });
    const call = a.layer.request(request("INVITE", "sip:x@10.0.0.2"), { user }, net.now);
    net.run(50);
    call.cancel(net.now);
    server!.reply(200, net.now, undefined, { Contact: "<sip:b@10.0.0.2>" });
    net.run(15);
    expect(heard).toEqual([true]);
    expect(caller).toEqual(["180", "200"]);
    expect(call.cancel(net.now)).toBe(false);
  });
  test("of nothing gets 481; one that nobody ends ends by itself", () => {
    const { net, a, b, heard, user } = pair((tx, now) => void tx.reply(180, now));
    net.inject(b, request("CANCEL", "sip:b@10.0.0.2").set("Via", "SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKx"));
    expect(b.sent[0]!.line).toBe("SIP/2.0 481 Call/Transaction Does Not Exist");
    const call = a.layer.request(request("INVITE", "sip:x@10.0.0.2"), { user }, net.now);
    net.run(50);
    net.dead.add("10.0.0.2");
    call.cancel(net.now);
    net.run(40_000);
    expect(heard).toEqual(["180", "408 no response after CANCEL"]);
    expect(a.layer.dump()).toEqual(nothingLeft);
  });
});

describe("100rel (RFC 3262)", () => {
  test("provisional responses are repeated until their PRACK, one after the other", () => {
    const events: string[] = [];
    const { net, a, b } = pair((tx, now) => {
      if (!(tx instanceof InviteServerTransaction)) return;
      for (const status of [180, 183]) b.layer.respondReliably(tx, tx.response(status).set("Contact", "<sip:b@10.0.0.2>"), now);
      tx.user = { onPrackTimeout: () => events.push("timeout") };
    });
    let drop = true;
    const call = a.layer.request(
      request("INVITE", "sip:x@10.0.0.2", { Supported: "100rel" }),
      {
        user: {
          onResponse: (response, _call, _source, now) => {
            events.push(`${response.status} ${response.get("require")}`);
            if (drop) {
              drop = false;
              return;
            }
            const prack = Dialog.uac(call.request, response)
              .request("PRACK")
              .set("RAck", `${response.get("rseq")} 1 INVITE`);
            a.layer.request(prack, { user: { onResponse: (r) => events.push(`PRACK ${r.status}`), onFailure() {} } }, now);
          },
          onFailure() {},
        },
      },
      net.now,
    );
    net.run(20_000);
    expect(events).toEqual(["180 100rel", "180 100rel", "PRACK 200", "183 100rel", "PRACK 200"]);
    const rseqs = b.sent.filter((s) => s.message.has("rseq")).map((s) => Number(s.message.get("rseq")));
    expect(rseqs[1]).toBe(rseqs[0]);
    expect(rseqs.at(-1)).toBe(rseqs[0]! + 1);
  });
  test("without PRACK the user hears after 64 T1; a foreign RAck gets 481", () => {
    const events: string[] = [];
    const { net, a, b, user } = pair((tx, now) => {
      if (!(tx instanceof InviteServerTransaction)) return;
      tx.user = {
        onPrackTimeout: (at) => {
          events.push("timeout");
          tx.reply(504, at);
        },
      };
      b.layer.respondReliably(tx, tx.response(183), now);
    });
    a.layer.request(request("INVITE", "sip:x@10.0.0.2"), { user }, net.now);
    net.run(100);
    const provisional = b.sent[0]!.message;
    const prack = request("PRACK", "sip:b@10.0.0.2", { To: provisional.get("to")!, "Call-ID": provisional.callId, RAck: "1 1 INVITE" });
    net.inject(b, prack.set("Via", "SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKp"));
    expect(b.sent.at(-1)!.line).toContain("481");
    net.run(40_000);
    expect(events).toEqual(["timeout"]);
    net.run(40_000);
    expect(b.layer.dump()).toEqual(nothingLeft);
  });
});

test("calls come through a network that loses a third of everything, and leave nothing behind", () => {
  let answered = 0;
  let acked = 0;
  let ended = 0;
  const { net, a, b } = pair(
    (tx, now) => {
      tx.user = { onAck: () => acked++ };
      tx.reply(200, now, undefined, { Contact: "<sip:b@10.0.0.2>" });
    },
    {},
    { loss: 0.33, seed: 42 },
  );
  for (let i = 0; i < 200; i++) {
    const invite = request("INVITE", "sip:x@10.0.0.2", { "Call-ID": `c${i}`, From: `<sip:a@10.0.0.1>;tag=f${i}` });
    let ack: Buffer | undefined;
    const call = a.layer.request(
      invite,
      {
        user: {
          onFailure() {},
          onResponse: (response, _call, _source, now) => {
            if (response.status !== 200) return;
            const dialog = Dialog.uac(call.request, response);
            if (ack === undefined) {
              answered++;
              a.layer.request(dialog.request("BYE"), { user: { onResponse: () => ended++, onFailure() {} } }, now);
            }
            const again = ack;
            if (again !== undefined) a.layer.resend({ transport: "udp", address: "10.0.0.2", port: 5060 }, again);
            else a.layer.sendAck(dialog.request("ACK", 1), {}, now, (sent) => (ack = sent?.data));
          },
        },
      },
      net.now,
    );
    net.run(50);
  }
  net.run(120_000);
  expect(answered).toBeGreaterThan(195);
  expect(acked).toBeGreaterThan(195);
  expect(ended).toBeGreaterThan(195);
  expect([a.layer.dump(), b.layer.dump()]).toEqual([nothingLeft, nothingLeft]);
});
