import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkMessage, parseMessage } from "../../../src/wire/sip/index.ts";
import { writeCapture } from "../../support/pcap.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { torture } from "../../unit/wire/sip/rfc4475.ts";
import { SDP, World } from "../../unit/sip-engine/world.ts";

/** Everything the engine puts on the wire in calls of every kind. */
function conversation(): Buffer[] {
  const world = new World();
  const app = world.app("invite", "options", "subscribe");
  world.deliver(world.request("OPTIONS"));
  app.respond(app.got("OPTIONS")[0]!, 200, { Allow: "INVITE, ACK", "X-Ünicode": "no", Subject: "Grüße" });
  world.deliver(
    world.request(
      "INVITE",
      { "Call-ID": "in", Supported: "100rel, timer", "Session-Expires": "1800", "Record-Route": "<sip:10.0.0.3;lr>" },
      SDP,
    ),
  );
  const invite = app.got("INVITE")[0]!;
  app.respond(invite, 180);
  app.respond(invite, 183, { Require: "100rel" }, SDP);
  app.respond(invite, 200, {}, SDP);
  app.request("BYE sip:placeholder SIP/2.0\nReason: SIP;cause=200", "sip||in;from-tag=caller");
  for (const status of [302, 404, 486, 488, 503, 603]) {
    world.deliver(world.request("INVITE", { "Call-ID": `no-${status}` }));
    app.respond(app.got("INVITE").at(-1)!, status, { Warning: '399 crosspoint "no such luck"', "Retry-After": "120" });
  }
  app.request('INVITE sip:callee@10.0.0.2;user=phone SIP/2.0\nFrom: "A \\"B\\"" <sip:me@localhost>\nSession-Expires: 1800;refresher=uac');
  const out = world.sent.findLast((s) => s.message.kind === "request" && s.message.method === "INVITE")!;
  world.answer(out, 180);
  app.request("CANCEL sip:x SIP/2.0", `sip|${app.got(180).at(-1)!.transactionId}|`);
  world.answer(out, 487);
  app.request("REGISTER sips:example.com@10.0.0.2 SIP/2.0\nContact: *\nExpires: 0");
  app.request("MESSAGE sip:[2001:db8::1]:5070;transport=tcp SIP/2.0\nContent-Type: text/plain");
  world.run(40_000);
  return world.sent.map((s) => s.message.toBuffer());
}

describeWithPeers("SIP against tshark", ["tshark"], () => {
  /** What tshark makes of each message, in order: start line, Call-ID, CSeq method, malformed or not. */
  function read(messages: readonly Buffer[]): { line: string; callId: string; method: string; trouble: string }[] {
    const folder = mkdtempSync(join(tmpdir(), "sip-tshark-"));
    try {
      const file = join(folder, "sip.pcap");
      // Each in a connection of its own: one that tshark cannot frame must not swallow the next.
      const spoken = messages.map((payload, i) => ({
        from: { host: "10.0.0.1", port: 20_000 + i },
        to: { host: "10.0.0.2", port: 5060 },
        payload,
      }));
      writeFileSync(file, writeCapture(spoken));
      const fields = ["sip.Request-Line", "sip.Status-Line", "sip.Call-ID", "sip.CSeq.method", "_ws.malformed", "tcp.srcport"];
      const args = ["-r", file, "-T", "fields", "-E", "separator=\x01", ...fields.flatMap((f) => ["-e", f])];
      const rows = execFileSync("tshark", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], maxBuffer: 1 << 26 }).split("\n");
      return rows
        .filter((r) => r !== "")
        .map((row) => {
          const [request = "", status = "", callId = "", method = "", trouble = ""] = row.split("\x01");
          return { line: request || status, callId, method, trouble };
        });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  test("finds nothing malformed in what the engine sends, and reads it as we meant it", () => {
    const messages = conversation();
    expect(messages.length).toBeGreaterThan(30);
    const seen = read(messages);
    expect(seen.map((s) => s.trouble).filter((t) => t !== "")).toEqual([]);
    const meant = messages.map((data) => {
      const m = parseMessage(data);
      return { line: m.startLine, callId: m.callId, method: m.cseq!.method, trouble: "" };
    });
    expect(seen).toEqual(meant);
  });
  test("agrees with us on what RFC 4475's valid messages say", () => {
    const valid = (["wsinv", "esc01", "esc02", "escnull", "lwsdisp", "longreq", "semiuri", "transports", "mpart01"] as const).map((n) =>
      Buffer.from(torture[n], "latin1"),
    );
    const ours = valid.map((data) => {
      const m = parseMessage(data);
      expect(checkMessage(m)).toBeUndefined();
      return [m.startLine, m.callId];
    });
    expect(read(valid).map((s) => [s.line, s.callId])).toEqual(ours);
  });
});
