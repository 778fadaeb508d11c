import { describe, expect, test } from "vitest";
import type { LayerHandler } from "../../../src/sip/index.ts";
import { InviteServerTransaction } from "../../../src/sip/index.ts";
import { createResponse } from "../../../src/wire/sip/index.ts";
import { Network, request } from "./network.ts";

/** A domain with two servers, and what the caller's user hears with the time. */
function domain(transport: "udp" | "tcp" = "udp", second: LayerHandler = answering(200)) {
  const net = new Network();
  const heard: string[] = [];
  const a = net.add("a", "10.0.0.1", { onRequest() {} });
  net.add("second", "10.0.0.3", second);
  net.dns.set("ADDR far.example.com", ["10.0.0.2", "10.0.0.3"]);
  let calls = 0;
  const send = (method: string, host = "far.example.com") =>
    a.layer.request(
      request(method, `sip:x@${host}:5060;transport=${transport}`, { "Call-ID": `call-${calls++}` }),
      {
        user: {
          // a 200 to INVITE comes again: nobody acknowledges it here
          onResponse: (r) => {
            if (r.status !== 100 && !heard.at(-1)?.startsWith(`${r.status}`)) heard.push(`${r.status} at ${net.now}`);
          },
          onFailure: (status, reason) => heard.push(`failed ${status} (${reason}) at ${net.now}`),
        },
      },
      net.now,
    );
  const tried = () => a.sent.filter((s) => s.message.kind === "request").map((s) => `${s.target.address} ${s.line.split(" ")[0]}`);
  return { net, heard, a, send, tried };
}
function answering(status: number): LayerHandler {
  return {
    onRequest(transaction, now) {
      const response = createResponse(transaction.request, status, undefined, "there");
      response.set("Contact", "<sip:x@10.0.0.3>");
      transaction.respond(response, now);
    },
  };
}

describe.each(["INVITE", "OPTIONS", "REGISTER"])("%s to a domain with a dead server (RFC 3263 section 4.3)", (method) => {
  test("goes on at once where ICMP says that nothing listens there", () => {
    const { net, heard, send } = domain();
    net.unreachable.add("10.0.0.2");
    send(method);
    net.run(40_000);
    expect(heard).toEqual(["200 at 120"]);
  });

  test("goes on after 2.5 s where the first server sends nothing", () => {
    const { net, heard, send } = domain();
    net.dead.add("10.0.0.2");
    send(method);
    net.run(40_000);
    expect(heard).toEqual(["200 at 2520"]);
  });

  test("goes on at once where the connection is refused", () => {
    const { net, heard, send } = domain("tcp");
    net.dead.add("10.0.0.2");
    send(method);
    net.run(40_000);
    expect(heard).toEqual(["200 at 20"]);
  });

  test("fails at once where it has the dead server only", () => {
    const { net, heard, send } = domain();
    net.unreachable.add("10.0.0.2");
    send(method, "10.0.0.2");
    net.run(40_000);
    expect(heard).toEqual(["failed 503 (port unreachable (ICMP)) at 100"]);
  });
});

describe("servers that were not reached", () => {
  test("are tried last for a minute, and first again afterwards", () => {
    const { net, send, tried } = domain();
    net.dead.add("10.0.0.2");
    send("OPTIONS");
    net.run(10_000);
    const before = tried().length;
    send("OPTIONS");
    net.run(10_000);
    expect(tried().slice(before)).toEqual(["10.0.0.3 OPTIONS"]);
    net.run(60_000);
    const later = tried().length;
    send("OPTIONS");
    net.run(100);
    expect(tried()[later]).toBe("10.0.0.2 OPTIONS");
  });

  test("say by Retry-After for how long they are to be left alone (RFC 3261 section 21.5.4)", () => {
    const { net, send, tried } = domain("udp", answering(200));
    net.add("busy", "10.0.0.2", { onRequest: (tx, now) => void tx.reply(503, now, undefined, { "Retry-After": "120" }) });
    send("OPTIONS");
    net.run(100_000);
    send("OPTIONS");
    net.run(1_000);
    expect(tried()).toEqual(["10.0.0.2 OPTIONS", "10.0.0.3 OPTIONS", "10.0.0.3 OPTIONS"]);
  });

  test("are believed rather than ICMP, once they have answered all the same", () => {
    const { net, send, heard } = domain("udp", answering(200));
    const slow = net.add("slow", "10.0.0.4", answering(200));
    net.slow.set(slow.address, 300);
    // a firewall that rejects every port but ours
    const probed = net.unreachable;
    send("OPTIONS", "10.0.0.4");
    net.run(50);
    probed.add("10.0.0.4");
    net.run(60);
    probed.delete("10.0.0.4");
    net.run(1_000);
    expect(heard).toEqual(["failed 503 (port unreachable (ICMP)) at 100"]);
    send("OPTIONS", "10.0.0.4");
    net.run(50);
    probed.add("10.0.0.4");
    net.run(100);
    probed.delete("10.0.0.4");
    net.run(1_000);
    expect(heard[1]).toMatch(/^200 at/);
  });
});

describe("an INVITE that has gone on to the next server", () => {
  /** A server that says 180 after `ringing` ms and 200 after `answers` ms. */
  function phone(net: Network, ringing: number, answers: number, heard: string[], name: string): LayerHandler {
    return {
      onRequest(transaction, now) {
        heard.push(transaction.request.method);
        if (!(transaction instanceof InviteServerTransaction)) {
          transaction.reply(200, now);
          return;
        }
        transaction.user = { ...transaction.user, onCancel: () => void heard.push("CANCEL") };
        const say = (status: number) => {
          if (transaction.answered) return;
          const response = createResponse(transaction.request, status, undefined, name);
          response.set("Contact", `<sip:x@${transaction.source.localAddress}>`);
          transaction.respond(response, net.now);
        };
        net.later(ringing, () => say(180));
        net.later(answers, () => say(200));
      },
      onAck: () => void heard.push("ACK"),
    };
  }

  test("is cancelled at the first one when that answers late after all", () => {
    const { net, send, heard } = domain();
    const [first, second]: [string[], string[]] = [[], []];
    net.add("first", "10.0.0.2", phone(net, 4_000, 9_000, first, "one"));
    net.add("second", "10.0.0.3", phone(net, 50, 5_000, second, "two"));
    net.quiet.add("10.0.0.2");
    send("INVITE");
    net.run(3_000);
    net.quiet.delete("10.0.0.2");
    net.run(20_000);
    expect(heard.map((h) => h.slice(0, 3))).toEqual(["180", "200"]);
    expect(first).toContain("CANCEL");
    expect(second).not.toContain("CANCEL");
  });

  test("has a late answer of the first one acknowledged and ended (RFC 3261 section 13.2.2.4)", () => {
    const { net, send, heard } = domain();
    const [first, second]: [string[], string[]] = [[], []];
    net.add("first", "10.0.0.2", phone(net, 60_000, 8_000, first, "one"));
    net.add("second", "10.0.0.3", phone(net, 50, 5_000, second, "two"));
    net.quiet.add("10.0.0.2");
    send("INVITE");
    net.run(7_000);
    net.quiet.delete("10.0.0.2");
    net.run(20_000);
    expect(heard.map((h) => h.slice(0, 3))).toEqual(["180", "200"]);
    expect(first.filter((m) => m !== "INVITE")).toEqual(expect.arrayContaining(["ACK", "BYE"]));
  });

  test("goes on with the first one where the second has not answered either", () => {
    const { net, send, heard } = domain();
    const first: string[] = [];
    net.add("first", "10.0.0.2", phone(net, 4_000, 6_000, first, "one"));
    net.dead.add("10.0.0.3");
    net.quiet.add("10.0.0.2");
    send("INVITE");
    net.run(3_000);
    net.quiet.delete("10.0.0.2");
    net.run(20_000);
    expect(heard.map((h) => h.slice(0, 3))).toEqual(["180", "200"]);
    expect(first).not.toContain("CANCEL");
  });
});
