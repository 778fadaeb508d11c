import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { CallView } from "../../../src/admin/ports.ts";
import type { CallRecord } from "../../../src/records/model.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { listening } from "../../support/listening.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { inTurn, portsOf } from "../../support/ports.ts";
import { realDrachtio, realFreeswitch } from "../../support/real-engines.ts";
import { runSipp, type SippOptions, type Step, sippSdp } from "../../support/sipp.ts";

/** CANCEL at every moment of a call, by SIPp, in both directions: nobody is left in a meeting, and each call has one record that says how it ended. */
const PORT = portsOf("gateway-cancel");
const nextPort = inTurn(PORT + 220, 16, 20);
/** The embedded engines with nothing in them. */
const EMPTY = {
  "sip.dialogs": 0,
  "sip.awaitingApplication": 0,
  "media.channels": 0,
  "media.conferences": 0,
};
let gateway: Crosspoint;
let sippPort = 0;

beforeAll(async () => {
  gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20 });
});
// a try that failed may have left some
afterEach(() => gateway.endCalls());
afterAll(() => gateway?.stop());

/** A message of the call's own first transaction: its CANCEL and the ACK of a refusal go by the same branch. */
function first(method: string, more: readonly string[] = [], body = ""): Step {
  const content = body === "" ? "Content-Length: 0" : `Content-Type: application/sdp\nContent-Length: [len]`;
  return `<send><![CDATA[
${method} sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-invite
From: <sip:sipp@[local_ip]:[local_port]>;tag=[pid]-[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>${method === "ACK" ? "[peer_tag_param]" : ""}
Call-ID: [call_id]
CSeq: 1 ${method}
Contact: <sip:sipp@[local_ip]:[local_port]>
Max-Forwards: 70
${more.map((line) => `${line}\n`).join("")}${content}

${body}
]]></send>`;
}
/** A message of the dialog, once it stands. */
function inDialog(method: string, cseq: number): Step {
  return `<send${method === "ACK" ? "" : ' retrans="500"'}><![CDATA[
${method} [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:sipp@[local_ip]:[local_port]>;tag=[pid]-[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: ${cseq} ${method}
Max-Forwards: 70
Content-Length: 0

]]></send>`;
}
const provisional = '<recv response="100" optional="true"/><recv response="180" optional="true"/>';
/** A 200, and on to `next` where it is this method's. */
const answerTo = (method: string, next: string): Step =>
  `<recv response="200" rrs="true" next="${next}" test="1"><action><ereg regexp="${method}" search_in="hdr" header="CSeq:" assign_to="1"/></action></recv>`;

async function run(service: string, steps: readonly Step[], more: Partial<SippOptions> = {}): Promise<string> {
  sippPort = nextPort();
  const { ok, messages, errors } = await runSipp(steps, { target: gateway.sip, service, port: sippPort, ...more });
  if (!ok) throw new Error(`${errors}\n${messages.slice(-6000)}`);
  // what crosses on the way may come when SIPp is about to send, and waits for nothing
  for (const [, crossed] of errors.matchAll(/unexpected [^']*'[^']*'[^']*'([^']*)'/gi))
    expect(crossed, errors).toMatch(
      /^(BYE sip:|SIP\/2\.0 (200|481) [\s\S]*^CSeq: 1 (INVITE|CANCEL)|SIP\/2\.0 (200|481) [\s\S]*^CSeq: 2 BYE)/m,
    );
  return messages;
}

/** The records of the last run, once nobody is in a call any more: as many as it had calls. */
async function records(count: number): Promise<CallRecord[]> {
  const ours = async () => {
    const all = await gateway.api<CallRecord[]>("GET", "/records?limit=200");
    return all.filter(({ from, to }) => `${from} ${to}`.includes(`127.0.0.1:${sippPort}`));
  };
  await expect.poll(async () => (await gateway.api<CallView[]>("GET", "/calls")).length).toBe(0);
  await expect.poll(async () => (await ours()).length).toBe(count);
  return ours();
}

describeWithPeers("CANCEL by SIPp", ["sipp"], () => {
  test("while it rings: 200 to the CANCEL, 487 to the INVITE", async () => {
    const messages = await run("1000", [
      first("INVITE", ["Require: 100rel", "Supported: 100rel"], sippSdp()),
      '<recv response="100" optional="true"/><recv response="180"/>',
      first("CANCEL", ['Reason: Q.850;cause=16;text="changed my mind"']),
      '<recv response="200"/><recv response="487"/>',
      first("ACK"),
      // a retransmitted 487 would mean that our ACK was not taken
      '<pause milliseconds="800"/>',
    ]);
    expect(messages.match(/SIP\/2\.0 487/g)).toHaveLength(1);
    const [record] = await records(1);
    expect(record).toMatchObject({ outcome: "cancelled", answeredAt: null, cause: 16, meetingId: null });
  });

  test("when the 200 has come already: the call ends, and not before it is acknowledged", async () => {
    const messages = await run("1000", [
      first("INVITE", [], sippSdp()),
      provisional,
      '<recv response="200" rrs="true"/>',
      first("CANCEL"),
      '<recv response="200"/>',
      '<pause milliseconds="300"/>',
      inDialog("ACK", 1),
      '<recv request="BYE"/>',
      "<send><![CDATA[\nSIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0\n\n]]></send>",
    ]);
    expect(messages).toMatch(/BYE sip:/);
    const [record] = await records(1);
    expect(record).toMatchObject({ outcome: "cancelled" });
  });

  test.each([0, 8, 16, 24, 32, 48])("%i ms after the INVITE, in ten calls: each ends once, whichever came first", async (ms) => {
    await run(
      "1000",
      [
        first("INVITE", [], sippSdp()),
        ...(ms === 0
          ? []
          : [`<recv response="100" optional="true"/><recv response="200" rrs="true" timeout="${ms}" ontimeout="cancel" next="answered"/>`]),
        '<label id="cancel"/>',
        first("CANCEL"),
        '<label id="wait"/>',
        '<recv response="100" optional="true" next="wait"/>',
        '<recv response="180" optional="true" next="wait"/>',
        '<recv response="481" optional="true" next="wait"/>',
        '<recv response="487" optional="true" next="refused"/>',
        answerTo("INVITE", "answered"),
        '<nop next="wait"/>',
        '<label id="refused"/>',
        first("ACK"),
        '<nop next="end"/>',
        '<label id="answered"/>',
        inDialog("ACK", 1),
        inDialog("BYE", 2),
        '<label id="bye"/>',
        '<recv response="481" optional="true" next="end"/>',
        '<recv request="BYE" optional="true" next="glare"/>',
        answerTo("BYE", "end"),
        '<nop next="bye"/>',
        '<label id="glare"/>',
        '<send next="bye"><![CDATA[\nSIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0\n\n]]></send>',
        '<label id="end"/>',
        '<pause milliseconds="300"/>',
      ],
      { calls: 10, rate: 20, patient: true },
    );
    for (const { outcome, answeredAt, reason } of await records(10))
      expect(answeredAt === null ? ["cancelled"] : ["completed", "cancelled"], reason).toContain(outcome);
    expect(await gateway.participants("1000")).toEqual([]);
  });

  test.skipIf(realDrachtio !== undefined || realFreeswitch !== undefined)("nothing is left in the embedded engines", async () => {
    await expect.poll(() => gateway.engineStats(), { timeout: 90_000, interval: 500 }).toMatchObject(EMPTY);
  });
});

describeWithPeers("our CANCEL, to SIPp", ["sipp"], () => {
  const response = (line: string, body = ""): Step =>
    `<send><![CDATA[\nSIP/2.0 ${line}\n[last_Via:]\n[last_From:]\n[last_To:];tag=[pid]-[call_number]\n[last_Call-ID:]\n[last_CSeq:]\nContact: <sip:sipp@[local_ip]:[local_port]>\n${
      body === "" ? "Content-Length: 0\n\n" : `Content-Type: application/sdp\nContent-Length: [len]\n\n${body}\n`
    }]]></send>`;
  /** Our call rings there; then it is ended by the API. */
  async function cancelled(afterCancel: readonly Step[]): Promise<{ messages: string; record: CallRecord | undefined }> {
    const far = run("callee", ['<recv request="INVITE" rrs="true"/>', response("180 Ringing"), '<recv request="CANCEL"/>', ...afterCancel]);
    const port = sippPort;
    await listening(port);
    const call = await gateway.api<CallView>("POST", "/calls", { uri: `sip:callee@127.0.0.1:${port}`, meetingId: "1000" });
    await gateway.api("DELETE", `/calls/${call.id}`);
    const messages = await far;
    const [record] = await records(1);
    return { messages, record };
  }
  const toCancel =
    "<send><![CDATA[\nSIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0\n\n]]></send>";

  test("is answered 487", async () => {
    const { record } = await cancelled([
      toCancel,
      response("487 Request Terminated").replace("[last_CSeq:]", "CSeq: 1 INVITE"),
      '<recv request="ACK"/>',
    ]);
    expect(record).toMatchObject({ direction: "out", outcome: "removed", answeredAt: null });
  });

  test("crosses its 200: that is acknowledged, and ended by BYE", async () => {
    const { messages, record } = await cancelled([
      response("200 OK", sippSdp()).replace("[last_CSeq:]", "CSeq: 1 INVITE"),
      '<recv request="ACK"/>',
      '<recv request="BYE"/>',
      toCancel,
    ]);
    expect(messages).toMatch(/BYE sip:sipp@/);
    expect(record).toMatchObject({ direction: "out", outcome: "removed", answeredAt: null });
    expect(await gateway.participants("1000")).toEqual([]);
  });
});
