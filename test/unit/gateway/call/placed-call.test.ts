import { afterEach, describe, expect, it } from "vitest";
import { AdminError } from "../../../../src/admin/ports.ts";
import type { GatewayConfig } from "../../../../src/gateway/options.ts";
import { trunk } from "../../trunks/fixtures.ts";
import { Bench, OPEN, sdp, settle, until } from "../harness.ts";

let bench: Bench;
const start = async (config: Partial<GatewayConfig> = {}) => {
  bench = await Bench.create(config);
  return bench;
};
afterEach(() => bench.stop());
const status = async (work: Promise<unknown>) =>
  work.then(
    () => 200,
    (error: unknown) => (error instanceof AdminError ? error.status : error),
  );

describe("a call that we make", () => {
  const pbx = trunk("pbx", { target: "sip:pbx.example", identity: { digest: { username: "u", password: "p" } } });
  const out = (changes = {}) => bench.outbound.dialOut({ uri: "sip:bob@pbx.example", meetingId: "3000", ...changes });

  it("joins the meeting when it is answered, past the lobby, with the role it was given", async () => {
    await start({ trunks: [pbx], callerHost: "gw.example" });
    const call = await out({ role: "host", displayName: "Bob" });
    await until(() => call.state === "joined", "joined");
    expect(bench.srf.placed).toMatchObject([{ uri: "sip:bob@pbx.example", options: { headers: { From: "<sip:crosspoint@gw.example>" } } }]);
    expect(bench.meetings.participants("3000")).toMatchObject([{ displayName: "Bob", role: "host", state: "joined" }]);
    expect(call.view()).toMatchObject({ direction: "out", trunk: "pbx", to: "sip:bob@pbx.example" });
    bench.srf.dialogs[0]?.bye();
    await settle();
    expect(bench.records).toMatchObject([{ direction: "out", outcome: "completed" }]);
  });

  it("presses the keys it was given once it is answered, and says them to nobody", async () => {
    await start({ trunks: [pbx] });
    const call = await out({ keys: "4711#" });
    const session = bench.port.sessions[0]!;
    await expect.poll(() => session.done.at(-1), { timeout: 4000 }).toBe("press 4711#@160");
    expect(JSON.stringify(call.view())).not.toContain("4711");
  });

  it("offers our suites over TLS, and calls again without where SRTP is declined", async () => {
    await start({ trunks: [{ ...pbx, target: "sip:pbx.example;transport=tls" }] });
    const call = await out();
    await until(() => call.state === "joined", "joined");
    expect(bench.srf.placed[0]?.options.localSdp).toMatch(/RTP\/AVP[\s\S]*a=crypto:1 AEAD_AES_256_GCM/);
    expect(bench.port.sessions.map(({ localSdp, closed }) => [/RTP\/S?AVP/.exec(localSdp)?.[0], closed])).toEqual([
      ["RTP/SAVP", true],
      ["RTP/AVP", false],
    ]);
    expect(bench.srf.dialogs[0]?.requests[0]?.body).not.toContain("a=crypto");
  });

  it("that refuses the change it needs is over, and the far end is named", async () => {
    await start({ trunks: [{ ...pbx, target: "sip:pbx.example;transport=tls" }] });
    const call = await out();
    bench.srf.dialogs[0]!.answer = () => 488;
    await until(() => bench.records.length === 1, "the end");
    expect(call.over).toBe(true);
    expect(bench.records).toMatchObject([
      { outcome: "far-end-refused", cause: 79, reason: "the far end refuses the change of media the call needs: 488 No: no such media" },
    ]);
    expect(bench.srf.dialogs[0]?.byeReason).toContain("cause=79");
  });

  it("that has forgotten the call by then is lost", async () => {
    await start({ trunks: [{ ...pbx, target: "sip:pbx.example;transport=tls" }] });
    await out();
    bench.srf.dialogs[0]!.answer = () => 481;
    await until(() => bench.records.length === 1, "the end");
    expect(bench.records).toMatchObject([
      { outcome: "signalling-lost", reason: "the far end does not know the call: 481 No: no such media" },
    ]);
  });

  it("ends where SRTP is required and declined", async () => {
    await start({ trunks: [{ ...pbx, target: "sip:pbx.example;transport=tls", srtp: "required" }] });
    await out();
    await until(() => bench.records.length === 1, "the end");
    expect(bench.srf.placed[0]?.options.localSdp).toContain("RTP/SAVP");
    expect(bench.records).toMatchObject([{ outcome: "srtp-required" }]);
    expect(bench.srf.dialogs[0]?.connected).toBe(false);
  });

  it("that is refused is over", async () => {
    await start({ trunks: [pbx] });
    bench.srf.peer = () => ({ status: 486, ring: false });
    await expect(out()).rejects.toMatchObject({ status: 502, code: "not-reached", message: "sip:bob@pbx.example was not reached: 486 x" });
    await settle();
    expect(bench.records).toMatchObject([
      { outcome: "far-end-refused", endedBy: "callee", cause: 17, reason: "486 x", sipStatus: 486, answeredAt: null },
    ]);
  });

  const challenges =
    'Digest realm="pbx", nonce="n1", algorithm=MD5, qop="auth",Digest realm="pbx", nonce="n1", algorithm=SHA-256, qop="auth-int", opaque="o"';

  it("answers a challenge with the strongest algorithm, the body too where that is asked for", async () => {
    await start({ trunks: [pbx] });
    bench.srf.peer = (attempt) =>
      attempt === 1 ? { status: 407, headers: { "Proxy-Authenticate": challenges }, ring: false } : { status: 200, sdp: sdp() };
    const call = await out();
    await until(() => call.state === "joined", "joined");
    const [first, second] = bench.srf.placed.map(({ options }) => options.headers);
    expect(first).not.toHaveProperty("Proxy-Authorization");
    expect(second).toMatchObject({ CSeq: "8 INVITE", "Call-ID": first!["Call-ID"], From: "<sip:us@gw>;tag=us" });
    expect(second!["Proxy-Authorization"]).toMatch(
      /^Digest username="u",realm="pbx",nonce="n1".*algorithm=SHA-256,opaque="o".*qop=auth-int,nc=00000001$/,
    );
  });

  it("is refused where its credentials are, and goes on where only the nonce was too old", async () => {
    await start({ trunks: [pbx] });
    bench.srf.peer = () => ({ status: 401, headers: { "WWW-Authenticate": challenges }, ring: false });
    await expect(out()).rejects.toMatchObject({ status: 502 });
    await settle();
    expect(bench.srf.placed).toHaveLength(2);
    expect(bench.records).toMatchObject([{ outcome: "far-end-refused", sipStatus: 401 }]);
    bench.srf.placed.length = 0;
    const stale = `${challenges}, stale=true`.replaceAll("n1", "n2");
    bench.srf.peer = (attempt) =>
      attempt < 3
        ? { status: 401, headers: { "WWW-Authenticate": attempt === 1 ? challenges : stale }, ring: false }
        : { status: 200, sdp: sdp() };
    const call = await out();
    await until(() => call.state === "joined", "joined");
    expect(bench.srf.placed).toHaveLength(3);
  });

  it("that reaches nobody says why", async () => {
    await start({ trunks: [pbx] });
    const why = "Hostname/IP does not match certificate's altnames: Host: pbx.example. is not in the cert's altnames: DNS:other.example";
    bench.srf.peer = () => ({ status: 503, ring: false, address: "", headers: { Warning: `399 crosspoint "${why}"` } });
    const reason = `the far end was not reached: ${why}`;
    await expect(out()).rejects.toMatchObject({ status: 502, message: `sip:bob@pbx.example was not reached: ${reason}` });
    await settle();
    // nobody has sent a status: none is invented
    expect(bench.records).toMatchObject([{ outcome: "far-end-unreachable", endedBy: "network", reason, sipStatus: null }]);
    expect(bench.events_("call-refused")).toMatchObject([{ reason, by: "network" }]);
  });

  it("asks for a longer session where the far end wants that", async () => {
    await start({ trunks: [pbx] });
    bench.srf.peer = (attempt) =>
      attempt === 1 ? { status: 422, headers: { "Min-SE": "3600" }, ring: false } : { status: 200, sdp: sdp() };
    const call = await out();
    await until(() => call.state === "joined", "joined");
    expect(bench.srf.placed[1]?.options.headers).toMatchObject({ "Session-Expires": "3600", "Min-SE": "3600" });
  });

  it("cannot be tried where nothing leads, or not like that", async () => {
    await start({ trunks: [pbx], defaultTrunk: null });
    expect(await status(out({ meetingId: "77" }))).toBe(404);
    expect(await status(out({ meetingId: "4000" }))).toBe(409);
    expect(await status(out({ uri: "h323:x@y" }))).toBe(400);
    expect(await status(out({ uri: "mailto:x@y" }))).toBe(400);
    expect(await status(out({ trunk: "none" }))).toBe(400);
    bench.context.settings.config = { ...bench.context.settings.config, trunks: [{ ...pbx, srtp: "required" }] };
    expect(await status(out())).toBe(400);
    bench.context.settings.draining = true;
    expect(await status(out())).toBe(503);
    expect(bench.srf.placed).toEqual([]);
    expect(OPEN.target).toBeNull();
  });
});
