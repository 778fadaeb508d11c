import { afterEach, describe, expect, it } from "vitest";
import type { GatewayConfig } from "../../../../src/gateway/options.ts";
import { answerChallenges } from "../../../../src/wire/sip/index.ts";
import { trunk } from "../../trunks/fixtures.ts";
import { Bench, message, type Sent, settle, until } from "../harness.ts";

let bench: Bench;
const start = async (config: Partial<GatewayConfig>) => {
  bench = await Bench.create({ defaultTrunk: null, ...config });
  return bench;
};
afterEach(async () => {
  await bench.registrations.stop();
  bench.stop();
});

const registration = { username: "pbx", password: "s3cret", minSeconds: 60, maxSeconds: 600, maxContacts: 3 };
const pbx = trunk("pbx", { identity: { registration }, trust: "verified-external" });
const at = { "X-Source": "198.51.100.7", "X-Transport": "tcp" };

describe("a trunk that registers with us", () => {
  let cseq = 0;
  function register(headers: Record<string, string> = {}, user = "pbx"): Sent[] {
    const { request, response, sent } = message(
      "REGISTER",
      "sip:gw",
      { "Call-ID": "r", CSeq: `${++cseq} REGISTER`, Contact: "<sip:pbx@10.0.0.5:5070;transport=tcp>", Expires: "300", ...at, ...headers },
      "",
    );
    Object.assign(request, { getParsedHeader: () => ({ uri: `sip:${user}@gw`, params: {} }) });
    bench.srf.routes.get("register")?.(request, response);
    return sent;
  }
  /** Registers, answering the challenge. */
  function registered(headers: Record<string, string> = {}, password = registration.password): Sent[] {
    const [challenge] = register(headers);
    expect(challenge?.status).toBe(401);
    const [first] = (challenge!.headers["WWW-Authenticate"] ?? "").split("\r\nWWW-Authenticate: ");
    const [answer] = answerChallenges([first!], { username: "pbx", password }, { method: "REGISTER", uri: "sip:gw" });
    return register({ ...headers, Authorization: answer! });
  }

  it("is challenged, bound, and recognised by the flow it came over and no other", async () => {
    await start({ trunks: [pbx] });
    expect((await bench.invite("sip:1000@gw", { headers: at })).sent).toMatchObject([{ status: 403 }]);
    expect(registered()).toMatchObject([{ status: 200, headers: { Contact: "<sip:pbx@10.0.0.5:5070;transport=tcp>;expires=300" } }]);
    expect(bench.events_("trunk-contact")).toMatchObject([{ trunk: "pbx", change: "registered" }]);
    const { call } = await bench.invite("sip:1000@gw", { headers: at });
    expect(call.view()).toMatchObject({ trunk: "pbx", trust: "verified-external" });
    expect((await bench.invite("sip:1000@gw", { headers: { ...at, "X-Transport": "udp" } })).sent).toMatchObject([{ status: 403 }]);
    expect((await bench.invite("sip:1000@gw", { headers: { ...at, "X-Source": "198.51.100.8" } })).sent).toMatchObject([{ status: 403 }]);
    bench.clock.advance(301_000);
    expect((await bench.invite("sip:1000@gw", { headers: at })).sent).toMatchObject([{ status: 403 }]);
  });

  it("is not believed with a wrong password or another's name, nor from elsewhere where its network is demanded", async () => {
    await start({ trunks: [{ ...pbx, identity: { registration, networks: ["203.0.113.0/24"] } }] });
    expect(register()).toMatchObject([{ status: 403 }]);
    const inside = { ...at, "X-Source": "203.0.113.9" };
    expect(registered(inside, "guess")).toMatchObject([{ status: 403 }]);
    // a name nobody registers is answered as one that somebody does
    expect(register(inside, "somebody")).toMatchObject([{ status: 401 }]);
    expect(registered(inside)).toMatchObject([{ status: 200 }]);
    const { call } = await bench.invite("sip:1000@gw", { headers: inside });
    expect(call.trunk).toBe("pbx");
    expect(JSON.stringify(bench.lines)).not.toContain("s3cret");
  });

  it("is called where it has registered from, a number behind it too", async () => {
    await start({ trunks: [pbx] });
    const out = (uri: string) => bench.outbound.dialOut({ uri, meetingId: "1000", trunk: "pbx" });
    await expect(out("sip:pbx@pbx")).rejects.toMatchObject({ status: 409, code: "not-registered" });
    registered();
    await out("sip:pbx@pbx");
    await out("tel:+49-30-1234");
    expect(bench.srf.placed.map(({ uri, options }) => [uri, options.proxy])).toEqual([
      ["sip:pbx@10.0.0.5:5070;transport=tcp", "sip:198.51.100.7:5060;transport=tcp;ob=pbx"],
      ["sip:+49301234@10.0.0.5:5070;transport=tcp", "sip:198.51.100.7:5060;transport=tcp;ob=pbx"],
    ]);
    registered({ Path: "<sip:edge.example;lr>, <sip:core.example;lr>", Supported: "path" });
    await out("sip:pbx@10.0.0.5");
    expect(bench.srf.placed[2]?.options.proxy).toBe("sip:edge.example;lr,sip:core.example;lr");
  });

  it("takes no call for a number of a carrier's that it registers as its contact, nor one that leads to another trunk", async () => {
    const carrier = trunk("carrier", { target: "sip:carrier.example;transport=tls", srtp: "preferred" });
    await start({ trunks: [pbx, carrier], defaultTrunk: trunk("anybody", {}) });
    for (const contact of ["sip:+4930123@carrier.example", "sip:+4930123@other.example"]) {
      registered({ Contact: `<${contact}>` });
      await bench.outbound.dialOut({ uri: contact, meetingId: "1000" });
    }
    await bench.outbound.dialOut({ uri: "tel:+4930123", meetingId: "1000" });
    expect(bench.srf.placed.map(({ uri, options }) => [uri, options.proxy])).toEqual([
      ["sip:+4930123@carrier.example;transport=tls", undefined],
      ["sip:+4930123@other.example", undefined],
      ["sip:+4930123@carrier.example;transport=tls;user=phone", undefined],
    ]);
  });

  it("is nobody's business where no trunk registers", async () => {
    await start({ trunks: [trunk("net", { identity: { networks: ["198.51.100.0/24"] } })] });
    expect(register()).toMatchObject([{ status: 405 }]);
  });
});

describe("a trunk that we register with", () => {
  const carrier = trunk("carrier", {
    register: { registrars: ["sip:carrier.example;transport=tcp"], username: "gw", password: "pw", domain: "tel.example", seconds: 600 },
    target: "sip:carrier.example;transport=tcp",
    trust: "unverified",
  });
  const answers = (...each: { status: number; headers?: Record<string, string> }[]) => {
    bench.srf.answers = (n) => each[Math.min(n, each.length) - 1]!;
  };

  it("is asked by digest, calls our contact with the number in To, and is known by its address", async () => {
    await start({ trunks: [carrier] });
    answers(
      { status: 401, headers: { "WWW-Authenticate": 'Digest realm="tel", nonce="n", qop="auth"' } },
      { status: 200, headers: { Contact: "<sip:other@x>;expires=9, <sip:gw@192.0.2.9;transport=tcp>;expires=120" } },
    );
    bench.registrations.start();
    await until(() => bench.events_("trunk-registered").length === 1, "registered");
    expect(bench.srf.requested.map(({ uri, options }) => [uri, options.proxy, options.headers["CSeq"]])).toEqual([
      ["sip:tel.example", "sip:carrier.example;transport=tcp", "1 REGISTER"],
      ["sip:tel.example", "sip:carrier.example;transport=tcp", "2 REGISTER"],
    ]);
    expect(bench.srf.requested[1]?.options.headers).toMatchObject({
      To: "<sip:gw@tel.example>",
      Contact: "<sip:gw@localhost;transport=tcp>;expires=600",
      Authorization: expect.stringContaining('username="gw"'),
    });
    const view = bench.registrations.view(carrier);
    expect(view).toMatchObject({ state: "registered", error: null });
    expect(Date.parse(view!.expiresAt!) - bench.clock.wall()).toBe(120_000);
    const { call } = await bench.invite("sip:gw@192.0.2.9", { headers: { "X-Source": "203.0.113.1", "X-To": "sip:1000@tel.example" } });
    expect(call.view()).toMatchObject({ trunk: "carrier", meetingId: "1000" });
    expect((await bench.invite("sip:1000@gw", { headers: { "X-Source": "203.0.113.2" } })).sent).toMatchObject([{ status: 403 }]);
    await bench.outbound.dialOut({ uri: "tel:+4930123", meetingId: "1000", trunk: "carrier" });
    expect(bench.srf.placed[0]?.options.headers["From"]).toBe("<sip:gw@tel.example>");
    // a registration that has lapsed vouches for nobody
    bench.clock.advance(121_000);
    expect((await bench.invite("sip:1000@gw", { headers: { "X-Source": "203.0.113.1" } })).sent).toMatchObject([{ status: 403 }]);
  });

  it("is told when we go", async () => {
    await start({ trunks: [carrier] });
    answers({ status: 200, headers: { Expires: "120" } });
    bench.registrations.start();
    await until(() => bench.events_("trunk-registered").length === 1, "registered");
    await bench.registrations.stop();
    expect(bench.srf.requested.at(-1)?.options.headers["Expires"]).toBe("0");
  });

  it("that refuses is shown with its reason, once in the log", async () => {
    await start({ trunks: [carrier] });
    answers({ status: 403, headers: { Warning: '399 carrier.example "account closed"' } });
    bench.registrations.start();
    await until(() => bench.events_("trunk-registration-failed").length === 1, "failed");
    expect(bench.registrations.view(carrier)).toMatchObject({ state: "failed", expiresAt: null, error: "403 x: account closed" });
    bench.registrations.start();
    await settle();
    expect(bench.srf.requested).toHaveLength(1);
    expect(JSON.stringify(bench.lines)).not.toContain('"pw"');
  });
});
