import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { parseH323 } from "../../../src/cli/call/h323-call.ts";
import { CallMedia } from "../../../src/cli/call/media.ts";
import { emptyReport } from "../../../src/cli/call/report.ts";
import { judgeState, reachedBy } from "../../../src/cli/call/talk.ts";
import { CallError, parseTarget } from "../../../src/cli/call/target.ts";
import { type CallOptions, placeCall } from "../../../src/cli/call.ts";
import { openSipEndpoint, type SipEndpoint } from "../../../src/io/index.ts";
import { createAuthority, type Issued, issueCertificate } from "../../../src/security/issue.ts";
import type { Session } from "../../../src/sip/index.ts";

const folder = mkdtempSync(join(tmpdir(), "crosspoint-call-"));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
let ca: Issued;
let server: Issued;
let client: Issued;
beforeAll(async () => {
  ca = await createAuthority({ subject: { commonName: "Test CA" }, kind: "ecdsa-p256" });
  server = await issueCertificate(ca, { subject: { commonName: "sip.test.example", names: ["127.0.0.1"] }, kind: "ecdsa-p256" });
  client = await issueCertificate(ca, { subject: { commonName: "caller.test.example" }, kind: "ecdsa-p256" });
});
afterAll(() => rmSync(folder, { recursive: true }));

let endpoint: SipEndpoint | undefined;
let media: CallMedia | undefined;
let shown: string[];
afterEach(async () => {
  media?.close();
  await endpoint?.close();
  endpoint = media = undefined;
});

/** A far end that answers every call with a tone; `onCall` may do something else. Returns its ports. */
async function callee(options: { tls?: boolean; srtp?: string; codec?: string; onCall?: (session: Session, now: number) => void } = {}) {
  shown = [];
  endpoint = await openSipEndpoint({
    host: "127.0.0.1",
    port: 0,
    transports: options.tls ? ["udp", "tcp", "tls"] : ["udp", "tcp"],
    ...(options.tls ? { tls: { cert: server.chain, key: server.key, cas: [ca.cert] } } : {}),
    onInvite: async (session, now) => {
      shown.push(`${session.source?.peer?.verified ?? "none"} ${session.source?.peer?.subject ?? ""}`.trim());
      if (options.onCall) return options.onCall(session, now);
      session.ring(now);
      media = await CallMedia.open({
        localAddress: "127.0.0.1",
        srtp: options.srtp,
        secureSignalling: options.tls === true,
        codec: options.codec,
      });
      const body = media.answer(session.invite.body.toString());
      if (body === null)
        return session.reject(endpoint!.now(), 488, undefined, { headers: { Warning: '399 gateway.example "no codec in common"' } });
      session.answer(endpoint!.now(), { body });
      media.begin();
    },
  });
  return Object.fromEntries(endpoint.listeners.map(({ transport, port }) => [transport, port])) as Record<string, number>;
}
const call = (uri: string, more: Partial<CallOptions> = {}) => placeCall(uri, { seconds: 0.4, ...more });

describe("where a test call got to", () => {
  it.each([
    ["joined", "joined", null],
    ["lobby", "lobby", "lobby"],
    ["waiting", "waiting", "waits for the meeting"],
    ["ivr", "dialogue", "still asks"],
    ["ivr;wrong-pin", "wrong-pin", "PIN is wrong"],
    ["IVR ; Wrong-PIN", "wrong-pin", "PIN is wrong"],
    ["of another product", "answered", "not known to have joined"],
    [undefined, "answered", "not known to have joined"],
  ] as const)("%s is %s, and with a PIN an error but for joined", (header, state, error) => {
    expect(reachedBy(header)).toBe(state);
    const report = { ...emptyReport("sip:2000@gw"), state };
    judgeState(report, "1234");
    if (error === null) expect(report.error).toBeNull();
    else expect(report.error).toContain(error);
  });

  it("a far end that does not say so has not failed where no PIN was asked for; with one it is not known to have joined", async () => {
    const ports = await callee({ codec: "PCMU" });
    const uri = `sip:1000@127.0.0.1:${ports["udp"]}`;
    expect(await call(uri)).toMatchObject({ ok: true, state: "answered" });
    media?.close();
    const pin = await call(uri, { pin: "9999", seconds: 2 });
    expect(pin).toMatchObject({ ok: false, state: "answered", pinSent: true, error: expect.stringContaining("not known to have joined") });
  });
});

describe("a test call", () => {
  it.each(["udp", "tcp"])("over %s reports stages, codec, loss", async (transport) => {
    const ports = await callee({ codec: "G722" });
    const report = await call(`sip:1000@127.0.0.1:${ports[transport]};transport=${transport}`);
    expect(report.error).toBeNull();
    expect(report).toMatchObject({ ok: true, status: 200, ended: "us", tls: null, pinSent: null });
    expect(report.target).toBe(`${transport} 127.0.0.1:${ports[transport]}`);
    expect(report.media).toMatchObject({ codec: "G722", srtp: null, lossPercent: 0, refused: 0 });
    expect(report.media!.packetsIn).toBeGreaterThan(5);
    expect(report.media!.packetsOut).toBeGreaterThan(5);
    const { locate, connect, tls, ringing, answered, firstPacket, firstPrompt, goodbye } = report.stages;
    expect(connect === null).toBe(transport === "udp");
    expect(tls).toBeNull();
    for (const stage of [locate, ringing, answered, firstPacket, firstPrompt, goodbye]) expect(stage).toBeGreaterThanOrEqual(0);
    expect(answered!).toBeGreaterThanOrEqual(ringing!);
    expect(firstPrompt!).toBeGreaterThanOrEqual(firstPacket!);
  });

  it("over TLS without a certificate takes the best suite; with one it is verified", async () => {
    const ports = await callee({ tls: true });
    const caFile = file("ca.crt", ca.cert);
    const plain = await call(`sips:1000@127.0.0.1:${ports["tls"]}`, { ca: caFile });
    expect(plain.error).toBeNull();
    expect(plain.tls).toMatchObject({ protocol: "TLSv1.3", server: "sip.test.example", clientCertificate: false, untrusted: null });
    expect(plain.media).toMatchObject({ codec: "opus", srtp: "AEAD_AES_256_GCM", refused: 0 });
    media?.close();
    const shownCert = await call(`sips:1000@127.0.0.1:${ports["tls"]}`, {
      ca: caFile,
      cert: file("c.crt", client.chain),
      key: file("c.key", client.key),
      srtp: "AES_CM_128_HMAC_SHA1_80",
    });
    expect(shownCert.media).toMatchObject({ srtp: "AES_CM_128_HMAC_SHA1_80" });
    expect(shown).toEqual(["none", "true CN=caller.test.example"]);
  });

  it("refuses a server that is not trusted, unless told otherwise", async () => {
    const other = await createAuthority({ subject: { commonName: "Other CA" }, kind: "ecdsa-p256" });
    const ports = await callee({ tls: true });
    const uri = `sips:1000@127.0.0.1:${ports["tls"]}`;
    const options = { ca: file("other.crt", other.cert) };
    expect((await call(uri, options)).error).toMatch(/certificate is not trusted/);
    const insecure = await call(uri, { ...options, insecure: true });
    expect(insecure.ok).toBe(true);
    expect(insecure.tls!.untrusted).not.toBeNull();
  });

  it("tells a refusal with its warning", async () => {
    const ports = await callee({ codec: "PCMA" });
    const report = await call(`sip:4000@127.0.0.1:${ports["udp"]}`, { codec: "PCMU" });
    expect(report).toMatchObject({ ok: false, status: 488, media: null });
    expect(report.error).toContain("no codec in common");
  });

  it("tells when the far end hangs up, and why", async () => {
    const ports = await callee({
      onCall: async (session, now) => {
        media = await CallMedia.open({ localAddress: "127.0.0.1", srtp: "none", secureSignalling: false, codec: undefined });
        session.answer(now, { body: media.answer(session.invite.body.toString())! });
        media.begin();
        setTimeout(() => session.end(endpoint!.now(), { Reason: 'SIP;cause=200;text="three wrong PINs"' }), 100);
      },
    });
    const report = await call(`sip:2000@127.0.0.1:${ports["udp"]}`, { seconds: 5, pin: "1111" });
    expect(report).toMatchObject({ ok: false, ended: "peer", status: 200 });
    expect(report.error).toContain("three wrong PINs");
    expect(report.stages.firstPacket).not.toBeNull();
  });

  it("tells that nothing listens", async () => {
    const ports = await callee();
    const port = ports["tcp"]!;
    await endpoint!.close();
    endpoint = undefined;
    expect((await call(`sip:1000@127.0.0.1:${port};transport=tcp`)).error).toMatch(/does not take the connection: ECONNREFUSED/);
  });

  it("tells what cannot be asked for", async () => {
    expect((await call("sip:1@127.0.0.1:1", { srtp: "ROT13" })).error).toContain("no SRTP suite of ours");
    expect((await call("sip:1@127.0.0.1:1", { codec: "G729" })).error).toContain("no codec of ours");
    expect((await call("sip:1@127.0.0.1:1", { pin: "12a4" })).error).toContain("digits");
    expect((await call("sip:1@127.0.0.1:1", { cert: "only.crt" })).error).toContain("go together");
  });
});

describe("whom to call by H.323", () => {
  it.each([
    ["h323:1000@127.0.0.1", { user: "1000", host: "127.0.0.1", port: 1720, transport: "tcp" }],
    ["h323:127.0.0.1:11720", { user: "", host: "127.0.0.1", port: 11720, transport: "tcp" }],
    ["H323:2000**1234@[2001:db8::1]:1721;type=address", { user: "2000**1234", host: "2001:db8::1", port: 1721, transport: "tcp" }],
    ["h323:a@mcu.example.net;transport=tls", { user: "a", host: "mcu.example.net", port: 1300, transport: "tls" }],
  ])("%s", (text, expected) => expect(parseH323(text)).toEqual(expected));
  it("is told from nonsense, and from what H.323 has not", async () => {
    for (const text of ["h323:", "h323:1000@192.0.2.1:99999", "h323:1000@192.0.2.1;transport=udp"])
      expect(() => parseH323(text), text).toThrow(CallError);
    expect(parseH323("h323:100%@mcu")).toMatchObject({ user: "100%", host: "mcu" });
    expect((await call("h323:1@127.0.0.1", { srtp: "AEAD_AES_256_GCM" })).error).toContain("H.323");
    expect((await call("h323:1@127.0.0.1:9")).error).toMatch(/does not take the connection: ECONNREFUSED/);
  });
});

describe("what to call", () => {
  it("may carry a PIN", () => {
    expect(parseTarget("2000**1234@127.0.0.1").text).toBe("sip:2000**1234@127.0.0.1");
    expect(parseTarget("sips:2000##1234@meet.example").text).toBe("sips:2000%23%231234@meet.example");
  });
  it.each(["", "sip:", "1000"])("is not %j", (text) => {
    if (text === "1000") expect(parseTarget(text).uri.host).toBe("1000");
    else expect(() => parseTarget(text)).toThrow(CallError);
  });
});
