import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { TrunkView } from "../../../src/trunks/model.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { portsOf } from "../../support/ports.ts";
import { runs } from "../../support/processes.ts";
import { realDrachtio } from "../../support/real-engines.ts";

/**
 * Two gateways, one registered with the other: its calls are known by the flow they come over, calls to it go there, and it knows its registrar's. Over
 * UDP, TCP and TLS; with DRACHTIO set, both on drachtio-server.
 */
const HEAD = portsOf("registration");
const BRANCH = HEAD + 220;

const head = `
trunks:
  - name: branch-udp
    identity: { registration: { username: udp, password: secret-udp } }
    srtp: none
  - name: branch-tcp
    identity: { registration: { username: tcp, password: secret-tcp }, networks: [127.0.0.0/8] }
    srtp: none
  - name: branch-tls
    identity: { registration: { username: tls, password: secret-tls } }
    srtp: required
meetings: [{ id: 1000, name: Head }]
`;
const carrier = (transport: string, password: string, srtp: string, port = HEAD) => `
  - name: head-${transport}
    register: { registrars: ["sip:127.0.0.1:${port};transport=${transport}"], username: ${transport}, password: ${password} }
    transports: [${transport}]
    srtp: ${srtp}`;
const branch = `
trunks:${carrier("udp", "secret-udp", "none")}${carrier("tcp", "secret-tcp", "none")}${carrier("tls", "secret-tls", "required", HEAD + 1)}
  - name: wrong
    register: { registrars: ["sip:127.0.0.1:${HEAD};transport=tcp"], username: tcp, password: guess }
    srtp: none
meetings: [{ id: 2000, name: Branch }]
`;

describe(`registration between two gateways on ${realDrachtio === undefined ? "the embedded SIP engine" : "drachtio-server"}`, () => {
  let a: Crosspoint;
  let b: Crosspoint;
  const trunks = async (gateway: Crosspoint) => new Map((await gateway.api<TrunkView[]>("GET", "/trunks")).map((one) => [one.name, one]));

  beforeAll(async () => {
    a = await startCrosspoint({ port: HEAD, mediaPort: HEAD + 20, config: head });
    b = await startCrosspoint({ port: BRANCH, mediaPort: BRANCH + 20, config: branch });
  });
  // a try that failed may have left some
  afterEach(async () => {
    await a.endCalls();
    if (runs(b.process)) await b.endCalls();
  });
  afterAll(async () => {
    await Promise.all([a?.stop(), b?.stop()]);
  });

  test.each(["udp", "tcp", "tls"])("over %s: registered, calls both ways, each trunk known", async (transport) => {
    await expect
      .poll(async () => (await trunks(b)).get(`head-${transport}`)?.registration)
      .toMatchObject({
        state: "registered",
        error: null,
      });
    const [contact] = (await trunks(a)).get(`branch-${transport}`)?.contacts ?? [];
    expect(contact?.flow).toMatch(new RegExp(`^${transport}:127\\.0\\.0\\.1:\\d+$`));

    // the branch brings somebody of the head's into its meeting, and is in the head's by that
    const out = await b.api<{ id: string }>("POST", "/calls", {
      uri: `sip:1000@127.0.0.1`,
      meetingId: "2000",
      trunk: `head-${transport}`,
    });
    await a.waitForParticipants("1000", (all) => all.some((one) => one.state === "joined"));
    await b.waitForParticipants("2000", (all) => all.some((one) => one.state === "joined"));
    const calls = await a.api<{ trunk: string; audio: { srtp: string | null } | null }[]>("GET", "/calls");
    expect(calls).toMatchObject([{ trunk: `branch-${transport}` }]);
    await b.api("DELETE", `/calls/${out.id}`);
    await a.waitForParticipants("1000", (all) => all.length === 0);

    // and the head calls the branch where it has registered from
    const back = await a.api<{ id: string }>("POST", "/calls", { uri: "sip:2000@branch", meetingId: "1000", trunk: `branch-${transport}` });
    await b.waitForParticipants("2000", (all) => all.some((one) => one.state === "joined"));
    await a.waitForParticipants("1000", (all) => all.some((one) => one.state === "joined"));
    expect((await b.api<{ direction: string }[]>("GET", "/calls")).map(({ direction }) => direction)).toEqual(["in"]);
    await a.api("DELETE", `/calls/${back.id}`);
    await b.waitForParticipants("2000", (all) => all.length === 0);
  });

  test("a wrong password is shown and said once", async () => {
    await expect
      .poll(async () => (await trunks(b)).get("wrong")?.registration)
      .toMatchObject({ state: "failed", error: expect.stringContaining("403") });
    expect(b.logged("trunk-registration-failed")).toHaveLength(1);
    expect(a.output() + b.output()).not.toMatch(/secret-(udp|tcp|tls)|guess/);
  });

  test("a gateway that stops takes its registrations back", async () => {
    await b.stop();
    await expect.poll(async () => [...(await trunks(a)).values()].map(({ contacts }) => contacts?.length)).toEqual([0, 0, 0]);
  });
});
