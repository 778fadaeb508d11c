import { toldOfEnd } from "../../../src/gateway/call/refusals.ts";
import { afterEach, describe, expect, it } from "vitest";
import type { GatewayConfig } from "../../../src/gateway/options.ts";
import { peerToken } from "../../../src/wire/sip/index.ts";
import { trunk } from "../trunks/fixtures.ts";
import { Bench, sdp, settle, type } from "./harness.ts";

let bench: Bench;
const start = async (config: Partial<GatewayConfig> = {}, peerStamps = true) => {
  bench = await Bench.create(config, peerStamps);
  return bench;
};
afterEach(() => bench.stop());

describe("trunks", () => {
  const office = trunk("office", { identity: { networks: ["198.51.100.0/24"] }, siteUuids: ["AA"], maxCalls: 1, tenant: "A" });
  const from = { "X-Source": "198.51.100.9" };
  const meetings = [
    { id: "a", aliases: ["10"], tenant: "A" },
    { id: "b", aliases: ["20"], tenant: "B" },
  ];

  it("reach their own tenant's meetings only", async () => {
    await start({ trunks: [office], defaultTrunk: null, meetings });
    expect((await bench.invite("sip:20@gw", { headers: from })).sent).toMatchObject([{ status: 404 }]);
    expect((await bench.invite("sip:10@gw", { headers: from })).call.view()).toMatchObject({
      trunk: "office",
      trust: "verified",
      meetingId: "a",
    });
  });

  it("also through the number they enter", async () => {
    await start({ trunks: [office], defaultTrunk: null, meetings });
    const { session } = await bench.invite("sip:meet@gw", { headers: from });
    type(session, "20#");
    await settle();
    expect(session.done.at(-1)).toBe("play en/number-unknown en/enter-number");
  });

  it("name a site that is known, or none", async () => {
    await start({ trunks: [office], defaultTrunk: null, meetings });
    expect((await bench.invite("sip:10@gw;x-cisco-site-uuid=bb", { headers: from })).sent).toMatchObject([{ status: 404 }]);
    expect(bench.records.at(-1)?.outcome).toBe("unknown-site");
    expect((await bench.invite("sip:10@gw;x-cisco-site-uuid=aa", { headers: from })).sent).toEqual([]);
  });

  it("keep to their calls", async () => {
    await start({ trunks: [office], defaultTrunk: null, meetings });
    await bench.invite("sip:10@gw", { headers: from });
    expect((await bench.invite("sip:10@gw", { headers: from })).sent).toMatchObject([{ status: 503, headers: { "Retry-After": "10" } }]);
  });

  it("that are none are told so a few times, then get no answer; scanners never get one", async () => {
    await start({ trunks: [office], defaultTrunk: null });
    const stranger = () => bench.invite("sip:1000@gw");
    expect((await stranger()).sent).toMatchObject([{ status: 403 }]);
    expect((await stranger()).sent[0]?.headers["X-Crosspoint-Action"]).toBeUndefined();
    for (let i = 0; i < 3; i++) await stranger();
    expect((await stranger()).sent[0]?.headers["X-Crosspoint-Action"]).toBe("discard");
    const lines = bench.records.length;
    await stranger();
    expect(bench.records.length).toBe(lines);
    const scanner = await bench.invite("sip:1000@gw", { headers: { "User-Agent": "friendly-scanner", "X-Source": "203.0.113.5" } });
    expect(scanner.sent[0]?.headers["X-Crosspoint-Action"]).toBe("discard");
    expect(bench.records.at(-1)?.outcome).toBe("scanner");
  });

  it("are recognised by the stamp of the embedded engine only", async () => {
    const named = trunk("named", { identity: { certificateNames: ["edge.example"] } });
    const stamp = {
      "X-Session-Token": peerToken({
        verified: true,
        subject: "CN=x",
        issuer: "CN=y",
        san: ["DNS:edge.example"],
        commonName: "",
        roots: ["aa"],
        serverRoots: [],
        fingerprint: "bb",
      }),
      "X-Transport": "tls",
    };
    await start({ trunks: [named], defaultTrunk: null });
    expect((await bench.invite("sip:1000@gw", { headers: stamp })).call.view()).toMatchObject({ trunk: "named", trust: "verified" });
    bench.stop();
    await start({ trunks: [named], defaultTrunk: null }, false);
    expect((await bench.invite("sip:1000@gw", { headers: stamp })).sent).toMatchObject([{ status: 403 }]);
  });

  it("with digest are challenged before anything else is told", async () => {
    await start({ trunks: [trunk("pbx", { identity: { digest: { username: "u", password: "p" } } })], defaultTrunk: null });
    const { sent } = await bench.invite("sip:1000@gw");
    expect(sent).toMatchObject([
      { status: 401, headers: { "WWW-Authenticate": expect.stringMatching(/SHA-256.*\r\nWWW-Authenticate: .*MD5/) } },
    ]);
    expect(bench.records).toEqual([]);
  });
});

describe("other requests", () => {
  it("OPTIONS is answered, REGISTER is not ours, stray in-dialog requests have no dialog", async () => {
    await start();
    expect(bench.request("options")).toMatchObject([{ status: 200, headers: { Allow: expect.stringContaining("INVITE") } }]);
    expect(bench.request("register")).toMatchObject([{ status: 405 }]);
    expect(bench.request("info")).toMatchObject([{ status: 481 }]);
    expect(bench.request("options", { "User-Agent": "sipvicious" })[0]?.headers["X-Crosspoint-Action"]).toBe("discard");
    bench.port.connected = false;
    expect(bench.request("options")).toMatchObject([{ status: 503 }]);
  });
});

describe("codecs", () => {
  const offering = sdp().replace("m=audio 4000 RTP/AVP 0 101", "m=audio 4000 RTP/AVP 0 8 9 101");

  it("shows the media server the configured ones in their order, or the trunk's", async () => {
    await start({
      codecs: ["G722", "PCMU"],
      trunks: [trunk("carrier", { identity: { networks: ["198.51.100.0/24"] }, codecs: ["PCMA"], trust: "unverified" })],
    });
    const open = bench.port.open.bind(bench.port);
    const shown: string[] = [];
    bench.port.open = (offer) => {
      shown.push(/m=audio.*/.exec(offer)![0]);
      return open(offer);
    };
    await bench.invite("sip:1000@gw", { body: offering });
    await bench.invite("sip:1000@gw", { body: offering, headers: { "X-Source": "198.51.100.7" } });
    expect(shown).toEqual(["m=audio 4000 RTP/AVP 9 0 101", "m=audio 4000 RTP/AVP 8 101"]);
  });

  it("refuses a caller who has none of them, and says which there are", async () => {
    await start({ codecs: ["opus", "G722"] });
    const { sent } = await bench.invite("sip:1000@gw", { body: sdp() });
    expect(sent).toMatchObject([{ status: 488, headers: { Warning: expect.stringContaining("PCMU offered, opus, G722 taken") } }]);
    expect(bench.records).toMatchObject([{ outcome: "media-not-acceptable" }]);
    expect(bench.port.sessions).toEqual([]);
  });
});

it.each(["pin-locked-out", "no-such-meeting"] as const)(
  "a call that ends as %s is told nothing but that there is no such meeting",
  (outcome) => {
    expect(toldOfEnd(outcome, "the meeting takes no PINs now: too many were wrong")).toBe("No such meeting");
    expect(toldOfEnd("removed", "removed by a host")).toBe("removed by a host");
  },
);
