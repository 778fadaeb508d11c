import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type Asterisk, startAsterisk } from "../../support/asterisk.ts";
import { type Baresip, startBaresip } from "../../support/baresip.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { pcmOf, tonesHeard } from "../../support/heard.ts";
import { EVERY_STYLE, ooh323, peerOf } from "../../support/ooh323.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { inTurn, portsOf } from "../../support/ports.ts";
import { tonesIn } from "../../support/spectrum.ts";

const PORT = portsOf("h323-tones");
/** Of a room: its SIP ports and its control socket; a hundred for its media. */
const roomPorts = inTurn(PORT + 320, 110, 2);
const ASTERISK = "127.0.0.75";
const US = "127.0.0.76";
const TONES = { fast: 523, slow: 1175, pcmu: 784, opus: 1568 };
const ALL = Object.values(TONES);

/** 1234#, as a telephone without any other way sends it: 100 ms of tones, 120 ms of pause, once. */
const KEYS = ["697+1209", "697+1336", "697+1477", "770+1209", "941+1477"].map((key) => `!${key}/100,!0/120`).join(",");
/** `tone-523`: says 523 Hz without end, and keeps what it hears. */
const DIALPLAN = `[caller]
exten => _to[n]e-.,1,MixMonitor(/peers/h323tones/files/both.wav,r(/peers/h323tones/files/heard-\${EXTEN:5}.wav))
 same => n,Playtones(\${EXTEN:5})
 same => n,Wait(300)
exten => pin,1,Wait(2)
 same => n,Playtones(${KEYS})
 same => n,Wait(300)
`;

describeWithPeers("H.323 and SIP in one meeting", ["asterisk", "baresip"], () => {
  let crosspoint: Crosspoint;
  let asterisk: Asterisk;
  const rooms: Baresip[] = [];
  beforeAll(async () => {
    crosspoint = await startCrosspoint({
      port: PORT,
      mediaPort: PORT + 20,
      listen: US,
      set: ["h323.signalling=1720", "h323.ras=off", "h323.digits=[alphanumeric, signal]"],
    });
    asterisk = await startAsterisk({
      name: "h323tones",
      ip: ASTERISK,
      rtpStart: PORT + 220,
      ooh323: ooh323({ ip: ASTERISK, peer: US, fastStart: true, tunnelling: true }),
      extensions: DIALPLAN,
    });
    await delay(1500);
  });
  afterEach(async () => {
    for (const room of rooms.splice(0)) await room.stop();
    asterisk.cli("channel request hangup all");
    await crosspoint.endCalls();
  });
  afterAll(async () => {
    await asterisk?.stop();
    await crosspoint?.stop();
  });

  it("a caller with whom no telephone events are agreed enters his PIN by tones", async () => {
    asterisk.cli(`channel originate OOH323/2000@${peerOf({ fastStart: true, tunnelling: true })} extension pin@caller`);
    await crosspoint.waitForParticipants("2000", (all) => all.some(({ state, role }) => state === "joined" && role === "guest"));
  });

  it("everybody hears everybody else and not himself: fast start, slow start, PCMU and Opus by SIP", async () => {
    const joined = (count: number) =>
      crosspoint.waitForParticipants("1000", (all) => all.filter((one) => one.state === "joined").length === count);
    const style = (fastStart: boolean) => peerOf(EVERY_STYLE.find((s) => s.fastStart === fastStart && s.tunnelling === fastStart)!);
    asterisk.cli(`channel originate OOH323/1000@${style(true)} extension tone-${TONES.fast}@caller`);
    await joined(1);
    asterisk.cli(`channel originate OOH323/1000@${style(false)} extension tone-${TONES.slow}@caller`);
    await joined(2);
    for (const [index, [codecs, tone]] of (
      [
        ["PCMU/8000", TONES.pcmu],
        ["opus/48000/2", TONES.opus],
      ] as const
    ).entries()) {
      const port = roomPorts();
      const room = await startBaresip({ port, controlPort: port + 5, codecs, tone, rtpStart: port + 10 });
      rooms.push(room);
      await room.command("dial", `sip:1000@${crosspoint.sip}`);
      await joined(3 + index);
    }
    const roster = await crosspoint.waitForParticipants("1000", (all) => all.every((one) => one.audio !== null));
    expect(roster.map((one) => one.protocol).sort()).toEqual(["h323", "h323", "sip", "sip"]);
    await delay(5000);
    const others = (own: number) => ALL.filter((tone) => tone !== own);
    for (const tone of [TONES.fast, TONES.slow]) {
      const heard = () => {
        const { pcm, sampleRate } = pcmOf(readFileSync(asterisk.path(`heard-${tone}.wav`)));
        return tonesIn(pcm.subarray(Math.max(0, pcm.length - 2 * sampleRate)), sampleRate, ALL);
      };
      await expect.poll(heard, { message: `H.323, ${tone} Hz` }).toEqual(others(tone));
    }
    for (const [room, tone] of [
      [rooms[0]!, TONES.pcmu],
      [rooms[1]!, TONES.opus],
    ] as const)
      await expect.poll(() => tonesHeard(room, ALL, 2), { message: `SIP, ${tone} Hz` }).toEqual(others(tone));
  });
});
