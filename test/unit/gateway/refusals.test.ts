import { afterEach, describe, expect, it } from "vitest";
import type { GatewayConfig } from "../../../src/gateway/options.ts";
import { Bench, message, OPEN, sdp, until } from "./harness.ts";

let bench: Bench;
const start = async (config: Partial<GatewayConfig> = {}, peerStamps = true) => {
  bench = await Bench.create(config, peerStamps);
  return bench;
};
afterEach(() => bench.stop());

describe("refusals", () => {
  it("no such meeting", async () => {
    await start();
    expect((await bench.invite("sip:9999@gw")).sent).toMatchObject([{ status: 404 }]);
  });

  it("full and locked; a host's PIN in the dial string passes the lock", async () => {
    await start({
      meetings: [
        { id: "1", maxParticipants: 1 },
        { id: "2", locked: true, hostPin: "77" },
      ],
    });
    await bench.invite("sip:1@gw");
    expect((await bench.invite("sip:1@gw")).sent).toMatchObject([{ status: 486 }]);
    expect((await bench.invite("sip:2@gw")).sent).toMatchObject([{ status: 603 }]);
    const wrong = await bench.invite("sip:2**1@gw");
    await until(() => wrong.sent.length > 0, "refused");
    expect(wrong.sent).toMatchObject([{ status: 603 }]);
    const host = await bench.invite("sip:2**77@gw");
    await until(() => host.call.state === "joined", "joined");
  });

  it.each([
    ["udp", 0],
    ["tls", 1],
  ] as const)(
    "a wrong PIN dialled by %s to a locked meeting counts, and as an offence only where the sender cannot be forged",
    async (transport, offences) => {
      await start({ meetings: [{ id: "2", locked: true, hostPin: "77" }] });
      const { sent } = await bench.invite("sip:2**1@gw", { headers: { "X-Transport": transport } });
      await until(() => sent.length > 0, "refused");
      expect(JSON.stringify(bench.lines)).toContain("pin-wrong");
      expect(JSON.stringify(bench.lines).split("offence wrong-pin from").length - 1).toBe(offences);
    },
  );

  it.each([
    ["required", "tls", "RTP/AVP", "srtp-required"],
    ["required", "udp", "RTP/SAVP", "srtp-not-acceptable"],
    ["preferred", "udp", "RTP/SAVP", "srtp-not-acceptable"],
    ["none", "tls", "RTP/SAVP", "srtp-not-acceptable"],
  ] as const)("SRTP %s over %s with %s", async (srtp, transport, protocol, outcome) => {
    await start({ defaultTrunk: { ...OPEN, srtp } });
    const key = `a=crypto:1 AEAD_AES_256_GCM inline:${Buffer.alloc(44, 1).toString("base64")}`;
    const { sent } = await bench.invite("sip:1000@gw", {
      headers: { "X-Transport": transport },
      body: sdp(protocol, protocol === "RTP/SAVP" ? [key] : []),
    });
    expect(sent).toMatchObject([{ status: 488, headers: { Warning: expect.stringMatching(/^(304|399) /) } }]);
    expect(bench.records).toMatchObject([{ outcome, cause: 79 }]);
    expect(bench.port.sessions).toEqual([]);
    expect(JSON.stringify([sent, bench.lines, bench.records])).not.toContain(Buffer.alloc(44, 1).toString("base64"));
  });

  it("takes SRTP over TLS, and says which suite", async () => {
    await start();
    const key = `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${Buffer.alloc(30, 1).toString("base64")}`;
    const { call, dialog } = await bench.invite("sip:1000@gw", { headers: { "X-Transport": "tls" }, body: sdp("RTP/SAVP", [key]) });
    expect(call.media?.suite).toBe("AES_CM_128_HMAC_SHA1_80");
    expect(dialog.local.sdp).toMatch(/m=audio \d+ RTP\/SAVP/);
  });

  it("an offer without audio, none of our codecs, and no description at all", async () => {
    await start();
    expect((await bench.invite("sip:1000@gw", { body: sdp().replace("m=audio", "m=video") })).sent).toMatchObject([
      { status: 488, headers: { Warning: expect.stringMatching(/^304/) } },
    ]);
    bench.port.failure = Object.assign(new Error("488"), { status: 488 });
    expect((await bench.invite("sip:1000@gw")).sent).toMatchObject([{ status: 488, headers: { Warning: expect.stringMatching(/^304/) } }]);
    expect((await bench.invite("sip:1000@gw", { body: "hello" })).sent).toMatchObject([{ status: 400 }]);
    expect((await bench.invite("sip:1000@gw", { headers: { "Content-Type": "text/plain" } })).sent).toMatchObject([
      { status: 415, headers: { Accept: expect.stringContaining("application/sdp") } },
    ]);
  });

  it("a media server that is gone, draining, and too many calls", async () => {
    await start({ overload: { maxCalls: 1 } });
    bench.port.connected = false;
    expect((await bench.invite("sip:1000@gw")).sent).toMatchObject([{ status: 503, headers: { "Retry-After": "10" } }]);
    bench.port.connected = true;
    await bench.invite("sip:1000@gw");
    expect((await bench.invite("sip:1000@gw")).sent).toMatchObject([{ status: 503, headers: { "Retry-After": "10" } }]);
    bench.context.settings.draining = true;
    expect((await bench.invite("sip:1000@gw")).sent).toMatchObject([{ status: 503 }]);
    expect(bench.records.map(({ outcome }) => outcome)).toEqual(["media-server-lost", "overload", "draining"]);
  });

  it("what the request demands and we do not have", async () => {
    await start();
    expect((await bench.invite("sip:1000@gw", { headers: { Require: "timer, gruu" } })).sent).toMatchObject([
      { status: 420, headers: { Unsupported: "gruu" } },
    ]);
    expect((await bench.invite("sip:1000@gw", { headers: { "Session-Expires": "60", Supported: "timer" } })).sent).toMatchObject([
      { status: 422, headers: { "Min-SE": "90" } },
    ]);
    expect((await bench.invite("sip:1000@gw", { headers: { "X-To-Tag": "x" } })).sent).toMatchObject([{ status: 481 }]);
    const noContact = await bench.invite("sip:1000@gw", { headers: { Contact: undefined as unknown as string } });
    expect(noContact.sent).toMatchObject([{ status: 400 }]);
    for (const method of ["options", "register", "message", "publish", "subscribe", "info", "notify", "refer"]) {
      const { request, response, sent } = message(method.toUpperCase(), "sip:gw", { Require: "nothere" }, "");
      bench.srf.routes.get(method)!(request, response);
      expect(sent).toMatchObject([{ status: 420, headers: { Unsupported: "nothere" } }]);
    }
  });
});
