import { createHash } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { CallRecord, OutcomeCode } from "../../../src/records/model.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { listening } from "../../support/listening.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { inTurn, portsOf } from "../../support/ports.ts";
import { runSipp, type Step, sipp, sippSdp } from "../../support/sipp.ts";

/** A trunk that proves who it is by digest (RFC 7616, RFC 8760), and one of ours to which we prove it. */
const PORT = portsOf("gateway-digest");
const FAR = PORT + 250;
/** Where a try's calls come from: who is refused often from one address gets no answer any more. */
const nextHost = inTurn(101, 1, 100);
let host: string;
const nextPort = inTurn(PORT + 220, 8, 2);
const PASSWORD = "correct horse battery";
let gateway: Crosspoint;

const config = `
sip: { optionsSeconds: 0 }
trunks:
  - name: carrier
    identity: { digest: { username: carrier, password: ${PASSWORD}, realm: crosspoint } }
    trust: verified
  - name: out
    identity: { networks: [192.0.2.0/24], digest: { username: us, password: ${PASSWORD} } }
    target: sip:127.0.0.1:${FAR}
meetings:
  - { id: 1000, name: Open }
`;

beforeAll(async () => {
  gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, config });
});
// a try that failed may have left some
afterEach(() => gateway.endCalls());
beforeEach(() => {
  host = `127.0.0.${nextHost()}`;
});
afterAll(() => gateway?.stop());

async function run(steps: readonly Step[], more: { port?: number; args?: readonly string[] } = {}): Promise<string> {
  const { ok, messages, errors } = await runSipp(steps, {
    target: gateway.sip,
    service: "1000",
    host,
    port: nextPort(),
    ...more,
  });
  if (!ok) throw new Error(`${errors}\n${messages.slice(-6000)}`);
  return messages;
}

/** One field of the challenge for `algorithm` in a 401. */
function challengeOf(messages: string, algorithm: string): { nonce: string; stale: boolean } {
  const line = [...messages.matchAll(/^WWW-Authenticate: (Digest .*)$/gim)]
    .map(([, value]) => value!)
    .findLast((value) => value.includes(`algorithm=${algorithm},`));
  if (line === undefined) throw new Error(`no challenge for ${algorithm} in ${messages}`);
  return { nonce: /nonce="([^"]+)"/.exec(line)![1]!, stale: /stale=true/i.test(line) };
}

/** Computed here by RFC 7616 section 3.4.1, not by the gateway's own code: SIPp 3.6 knows MD5 only. */
function authorization(algorithm: "MD5" | "SHA-256", nonce: string, password: string, nc = "00000001"): string {
  const h = (text: string) =>
    createHash(algorithm === "MD5" ? "md5" : "sha256")
      .update(text)
      .digest("hex");
  const uri = `sip:1000@${gateway.sip}`;
  const response = h(`${h(`carrier:crosspoint:${password}`)}:${nonce}:${nc}:0a4f113b:auth:${h(`INVITE:${uri}`)}`);
  return `Authorization: Digest username="carrier", realm="crosspoint", nonce="${nonce}", uri="${uri}", response="${response}", algorithm=${algorithm}, qop=auth, nc=${nc}, cnonce="0a4f113b"`;
}

const refused = (status: number, headers: readonly string[] = []): Step[] => [
  sipp.invite({ headers }),
  sipp.expect(status),
  sipp.ackFailure(),
];
const taken = (headers: readonly string[]): Step[] => [sipp.invite({ headers }), sipp.expect(200), sipp.ack(), sipp.pause(300), sipp.bye()];
async function lastRecord(outcome: OutcomeCode): Promise<CallRecord | undefined> {
  await expect.poll(async () => (await gateway.records())[0]?.outcome).toBe(outcome);
  return (await gateway.records())[0];
}

describeWithPeers("a trunk with digest", ["sipp"], () => {
  test.each(["SHA-256", "MD5"] as const)("is challenged, and let in by %s; the same answer again is stale", async (algorithm) => {
    const { nonce, stale } = challengeOf(await run(refused(401)), algorithm);
    expect(stale).toBe(false);
    await run(taken([authorization(algorithm, nonce, PASSWORD)]));
    expect(await lastRecord("completed")).toMatchObject({ trunk: "carrier", trust: "verified" });
    const again = challengeOf(await run(refused(401, [authorization(algorithm, nonce, PASSWORD)])), algorithm);
    expect(again).toMatchObject({ stale: true });
    expect(again.nonce).not.toBe(nonce);
    await run(taken([authorization(algorithm, again.nonce, PASSWORD)]));
    // and the nonce may be used on, with a count that rises
    await run(taken([authorization(algorithm, again.nonce, PASSWORD, "00000002")]));
    expect(
      (await gateway.records()).map(({ sipStatus }) => sipStatus),
      "a challenge is no call",
    ).not.toContain(401);
  });

  test.each(["SHA-256", "MD5"] as const)("with a wrong password (%s) is refused, and recorded without it", async (algorithm) => {
    const { nonce } = challengeOf(await run(refused(401)), algorithm);
    await run(refused(403, [authorization(algorithm, nonce, "wrong guess")]));
    expect(await lastRecord("trunk-credentials")).toMatchObject({ sipStatus: 403, cause: 21, trust: "unverified" });
    expect(gateway.output()).not.toMatch(/wrong guess|correct horse/);
  });

  test("a nonce that is not ours is challenged anew, and nothing is compared (RFC 7616 section 3.3, stale)", async () => {
    for (let i = 0; i < 10; i++) await run(refused(401, [authorization("SHA-256", "bm90LW91cnM.x.y", PASSWORD)]));
  });
});

describeWithPeers("a far end that challenges us", ["sipp"], () => {
  const response = (line: string, headers: readonly string[] = [], body = ""): Step =>
    `<send><![CDATA[\nSIP/2.0 ${line}\n[last_Via:]\n[last_From:]\n[last_To:];tag=[pid]-[call_number]\n[last_Call-ID:]\n[last_CSeq:]\nContact: <sip:far@[local_ip]:[local_port]>\n${headers.map((header) => `${header}\n`).join("")}${
      body === "" ? "Content-Length: 0\n\n" : `Content-Type: application/sdp\nContent-Length: [len]\n\n${body}\n`
    }]]></send>`;

  test.each([{ offered: ["SHA-256"] }, { offered: ["MD5"] }, { offered: ["SHA-256", "MD5"] }])(
    "by $offered is answered rightly",
    async ({ offered }) => {
      const [algorithm] = offered;
      const nonce = `nonce-of-${algorithm}`;
      const far = runSipp(
        [
          '<recv request="INVITE" rrs="true"/>',
          response(
            "407 Proxy Authentication Required",
            offered.map((one) => `Proxy-Authenticate: Digest realm="far", nonce="nonce-of-${one}", algorithm=${one}, qop="auth,auth-int"`),
          ),
          '<recv request="ACK"/><recv request="INVITE" rrs="true"/>',
          response("200 OK", [], sippSdp()),
          '<recv request="ACK"/><recv request="BYE" timeout="60000"/>',
          "<send><![CDATA[\nSIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0\n\n]]></send>",
        ],
        { target: gateway.sip, service: "x", port: FAR },
      );
      await listening(FAR);
      const call = await gateway.api<{ id: string }>("POST", "/calls", {
        uri: `sip:callee@127.0.0.1:${FAR}`,
        meetingId: "1000",
        trunk: "out",
      });
      await gateway.waitForParticipants("1000", (all) => all.some(({ state }) => state === "joined"));
      await gateway.api("DELETE", `/calls/${call.id}`);
      const { ok, messages, errors } = await far;
      expect({ ok, errors }).toEqual({ ok: true, errors: "" });
      const field = /^Proxy-Authorization: Digest (.*)$/im.exec(messages)?.[1] ?? "";
      const read = (name: string) => new RegExp(`(?:^|[ ,])${name}="?([^",]+)`).exec(field)?.[1] ?? "";
      const h = (text: string) =>
        createHash(algorithm === "MD5" ? "md5" : "sha256")
          .update(text)
          .digest("hex");
      const expected = h(
        `${h(`us:far:${PASSWORD}`)}:${nonce}:${read("nc")}:${read("cnonce")}:${read("qop")}:${h(`INVITE:${read("uri")}`)}`,
      );
      expect(read("response")).toBe(expected);
      expect(field).not.toContain("battery");
    },
  );
});
