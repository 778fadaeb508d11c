// Session refreshes of ours (RFC 4028), on fake time: what they ask, and what becomes of each answer.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { agreeSession, refreshDelay, retryDelay } from "../../../../src/legs/sip/session-refresh.ts";
import { trunk } from "../../trunks/fixtures.ts";
import { Bench, sdp, settle } from "../harness.ts";

const TRUNK = trunk("peer", { trust: "verified", register: { registrars: ["sip:x"], username: "us", password: "secret", seconds: 3600 } });

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.create({ defaultTrunk: TRUNK });
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
  bench.stop();
});

/** A call whose session of 90 s we refresh. */
async function refreshedByUs() {
  const called = await bench.invite("sip:1000@gw", { headers: { "Session-Expires": "90;refresher=uas", Supported: "timer" } });
  const { dialog } = called;
  const invites = () => dialog.requests.filter(({ method }) => method === "INVITE");
  const pass = async (ms: number) => {
    await vi.advanceTimersByTimeAsync(ms);
    await settle();
  };
  return { ...called, invites, pass };
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body?: string;
}
const ok = (body = sdp(), seconds = 90): Answer => ({ status: 200, body, headers: { "Session-Expires": `${seconds};refresher=uac` } });

describe("session timers of a trunk", () => {
  it("of its own go before the gateway's: Min-SE as caller and callee (RFC 4028 sections 5 and 8)", async () => {
    bench.stop();
    bench = await Bench.create({ defaultTrunk: { ...TRUNK, sessionTimer: { expires: 14_400, minSe: 1800 } } });
    const timers = (seconds: number) =>
      bench.invite("sip:1000@gw", { headers: { "Session-Expires": String(seconds), Supported: "timer" } });
    expect((await timers(1799)).sent.at(-1)).toMatchObject({ status: 422, headers: { "Min-SE": "1800" } });
    const { call, dialog } = await timers(1800);
    expect([call.leg.answered, call.over]).toEqual([true, false]);
    expect(dialog.deliver("update", "UPDATE", { "Session-Expires": "90", Supported: "timer" })).toMatchObject([
      { status: 422, headers: { "Min-SE": "1800" } },
    ]);
  });
});

describe("a session refresh of ours", () => {
  it("goes out before half of the interval with what we said last, again and again", async () => {
    const { dialog, invites, pass } = await refreshedByUs();
    dialog.answer = () => ok();
    await pass(39_000);
    expect(invites()).toEqual([]);
    await pass(2_000);
    expect(invites()).toMatchObject([
      { body: dialog.local.sdp, headers: { "Session-Expires": "90;refresher=uac", "Min-SE": "90", Supported: "timer" } },
    ]);
    await pass(41_000);
    expect(invites()).toHaveLength(2);
    dialog.bye();
    await pass(100_000);
    expect(invites()).toHaveLength(2);
  });

  it("has its answer applied: another port (RFC 3264 section 8.3.1)", async () => {
    const { dialog, session, pass } = await refreshedByUs();
    dialog.answer = () => ok(sdp("RTP/AVP", [], 2).replace("m=audio 4000", "m=audio 4400"));
    const offers: string[] = [];
    const modify = session.modify.bind(session);
    session.modify = (offer) => {
      offers.push(offer);
      return modify(offer);
    };
    await pass(41_000);
    expect(offers).toEqual([expect.stringContaining("m=audio 4400")]);
    await pass(41_000);
    // the same once more changes nothing
    expect(offers).toHaveLength(1);
  });

  it("that gets no Session-Expires in its 200 goes on: that far end knows no timers (RFC 4028 section 7.2)", async () => {
    const { dialog, invites, pass } = await refreshedByUs();
    dialog.answer = () => sdp();
    for (let n = 1; n <= 3; n++) {
      await pass(41_000);
      expect(invites()).toHaveLength(n);
    }
  });

  it.each([488, 500, 503, 403])("refused by %i is tried again inside the interval, and the call goes on", async (status) => {
    const { dialog, call, invites, pass } = await refreshedByUs();
    dialog.answer = () => (invites().length < 2 ? status : ok());
    await pass(41_000);
    expect(invites()).toHaveLength(1);
    await pass(20_000);
    expect(invites()).toHaveLength(2);
    await pass(39_000);
    expect(call.over).toBe(false);
    expect(dialog.byeReason).toBeUndefined();
  });

  it("waits as Retry-After says, but inside the interval", async () => {
    const { dialog, invites, pass } = await refreshedByUs();
    dialog.answer = () => ({ status: 500, headers: { "Retry-After": "20" } });
    await pass(41_000);
    await pass(18_000);
    expect(invites()).toHaveLength(1);
    await pass(3_000);
    expect(invites()).toHaveLength(2);
    expect(retryDelay("3600", 50_000)).toBe(25_000);
  });

  it("refused by 422 is sent again at once with the far end's Min-SE (RFC 4028 section 7.3)", async () => {
    const { dialog, invites, pass } = await refreshedByUs();
    dialog.answer = () => (invites().length < 2 ? { status: 422, headers: { "Min-SE": "200" } } : ok(sdp(), 200));
    await pass(41_000);
    expect(invites().map(({ headers }) => headers?.["Session-Expires"])).toEqual(["90;refresher=uac", "200;refresher=uac"]);
    await pass(90_000);
    expect(invites()).toHaveLength(2);
    await pass(10_000);
    expect(invites()).toHaveLength(3);
  });

  it.each([
    [401, "WWW-Authenticate", "Authorization"],
    [407, "Proxy-Authenticate", "Proxy-Authorization"],
  ])("challenged by %i is answered (RFC 3261 section 22)", async (status, challenge, credentials) => {
    const { dialog, call, invites, pass } = await refreshedByUs();
    dialog.answer = () =>
      invites().length < 2 ? { status, headers: { [challenge]: 'Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth"' } } : ok();
    await pass(41_000);
    expect(invites()).toHaveLength(2);
    expect(invites()[1]?.headers?.[credentials]).toMatch(/^Digest .*username="us"/);
    expect(call.over).toBe(false);
  });

  it("that crosses one of theirs (491) is sent again within 2 s, as they own the Call-ID (RFC 3261 section 14.1)", async () => {
    const { dialog, invites, pass } = await refreshedByUs();
    dialog.answer = () => (invites().length < 2 ? 491 : ok());
    const chance = vi.spyOn(Math, "random").mockReturnValue(0.5);
    await pass(40_600);
    expect(invites()).toHaveLength(1);
    await pass(2_000);
    expect(invites()).toHaveLength(2);
    chance.mockRestore();
  });

  it("that crosses one of theirs (491) waits 2.1 to 4 s where the Call-ID is ours", async () => {
    bench.srf.peer = () => ({ status: 200, sdp: sdp(), headers: { "Session-Expires": "90;refresher=uac" } });
    const calling = bench.outbound.dialOut({ uri: "sip:bob@192.0.2.9", meetingId: "1000", trunk: "peer" });
    await settle();
    await calling;
    const dialog = bench.srf.dialogs[0]!;
    const invites = () => dialog.requests.filter(({ method }) => method === "INVITE");
    dialog.answer = () => (invites().length < 2 ? 491 : ok());
    await vi.advanceTimersByTimeAsync(40_600);
    await settle();
    expect(invites()).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2_000);
    await settle();
    expect(invites()).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2_001);
    await settle();
    expect(invites()).toHaveLength(2);
  });

  it.each([408, 481])("answered %i ends the call (RFC 4028 section 10)", async (status) => {
    const { dialog, pass } = await refreshedByUs();
    dialog.answer = () => status;
    await pass(41_000);
    expect(bench.records).toMatchObject([{ outcome: "session-expired" }]);
    expect(dialog.byeReason).toBeDefined();
  });
});

it("is theirs to send where they refresh; a 2xx without the field is no agreement unless we asked alone", () => {
  expect(agreeSession("1800;refresher=uac", "uac")).toEqual({ seconds: 1800, refresher: "us" });
  expect(agreeSession("1800;refresher=uas", "uac")).toEqual({ seconds: 1800, refresher: "them" });
  expect(agreeSession("1800;refresher=uas", "uas")).toEqual({ seconds: 1800, refresher: "us" });
  expect(agreeSession(undefined, "uac")).toBeUndefined();
  expect(agreeSession(undefined, "uac", 90)).toEqual({ seconds: 90, refresher: "us" });
  expect(refreshDelay({ seconds: 1800, refresher: "us" })).toBe(895_000);
});
