import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type Asterisk, startAsterisk } from "../../support/asterisk.ts";
import { type Capture, startCapture } from "../../support/capture.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { ooh323 } from "../../support/ooh323.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { portsOf } from "../../support/ports.ts";

const PORT = portsOf("h323-keys");
const US = "127.0.0.91";
const ASTERISK = "127.0.0.92";
const OTHER = "127.0.0.93";

describeWithPeers("keys of H.323 calls that the gateway makes", ["asterisk", "tshark"], () => {
  let crosspoint: Crosspoint;
  let capture: Capture;
  beforeAll(async () => {
    // Telephone events are the smallest of packets; FreeSWITCH sends them from an address of its own.
    capture = await startCapture(`(host ${US} and tcp) or (udp and less 64)`);
    crosspoint = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, listen: US, set: ["h323.signalling=1720", "h323.ras=off"] });
  });
  afterAll(async () => {
    await crosspoint?.stop();
    await capture?.stop();
  });
  // a try that failed may have left some
  afterEach(() => crosspoint.endCalls());
  const hangUp = async () => {
    await crosspoint.endCalls();
    await crosspoint.waitForParticipants("1000", (all) => all.length === 0);
  };

  // Other ways are chosen by what chan_ooh323 says it takes; `rfc2833` of it is only tried: it receives none (docs/understand/h323.md).
  it.each(["h245alphanumeric", "h245signal", "q931keypad"])("chan_ooh323 with dtmfmode %s hears them", async (dtmf) => {
    let asterisk: Asterisk | undefined;
    try {
      asterisk = await startAsterisk({
        name: `h323k${dtmf}`,
        ip: ASTERISK,
        rtpStart: PORT + 440,
        ooh323: ooh323({ ip: ASTERISK, peer: US, fastStart: true, tunnelling: true, dtmf }),
      });
      await delay(1500);
      await crosspoint.api("POST", "/calls", { uri: `h323:602@${ASTERISK}`, meetingId: "1000", keys: "14,70*" });
      await asterisk.waitForLog(/GOT-DTMF 1470\*/);
      await hangUp();
    } finally {
      await asterisk?.stop();
    }
  });

  it.each([
    { digits: "[rfc4733]", way: "rtpevent" },
    { digits: "[alphanumeric]", way: "h245.alphanumeric" },
    { digits: "[signal]", way: "h245.signalType" },
    { digits: "[]", way: "q931.keypad_facility" },
  ])("another gateway that asks for $digits hears them as $way", async ({ digits }) => {
    const other = await startCrosspoint({
      port: PORT + 220,
      mediaPort: PORT + 240,
      listen: OTHER,
      set: ["h323.signalling=1720", "h323.ras=off", `h323.digits=${digits}`, "unknownCallers.srtp=none"],
    });
    try {
      await crosspoint.api("POST", "/calls", { uri: `h323:meet@${OTHER}`, meetingId: "1000", keys: "2000#,,,1234#" });
      await other.waitForParticipants("2000", ([one]) => one?.state === "joined", 30_000);
      await hangUp();
      await other.waitForParticipants("2000", (all) => all.length === 0);
    } finally {
      await other.stop();
    }
  });

  it("went all four ways: tshark; and stand in no log of ours", async () => {
    await capture.stop();
    const sent = (field: string) => capture.read(["-Y", `ip.src==${US} && ip.dst==${OTHER} && ${field}`], [field]).flat();
    for (const field of ["h245.alphanumeric", "h245.signalType", "q931.keypad_facility"])
      expect(sent(field).join("").replaceAll(",", ""), field).toContain("2000#1234#");
    // Telephone events are four octets; the second begins with the bit that says the key is let go.
    const payloads = capture.read(["--enable-heuristic", "rtp_udp", "-Y", "rtp"], ["rtp.payload"]).flat();
    const ended = payloads.filter((p) => /^[0-9a-f]{2}[89a-f][0-9a-f]{5}$/.test(p)).map((p) => Number.parseInt(p.slice(0, 2), 16));
    // Other programs of this machine may press keys too.
    expect([...new Set(ended)]).toEqual(expect.arrayContaining([0, 1, 2, 3, 4, 11]));
    expect(crosspoint.output()).not.toMatch(/70\*|2000#|1234#/);
  });
});
