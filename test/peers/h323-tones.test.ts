import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Asterisk, startAsterisk } from "../support/asterisk.ts";
import { type Baresip, startBaresip } from "../support/baresip.ts";
import { type Crosspoint, startCrosspoint } from "../support/crosspoint.ts";
import { pcmOf, tonesHeard } from "../support/heard.ts";
import { EVERY_STYLE, ooh323, peerOf } from "../support/ooh323.ts";
import { describeWithPeers } from "../support/peers.ts";
import { tonesIn } from "../support/spectrum.ts";

const ASTERISK = "127.0.0.75";
const US = "127.0.0.76";
const TONES = { fast: 523, slow: 1175, pcmu: 784, opus: 1568 };
const ALL = Object.values(TONES);

/** `tone-523`: says 523 Hz without end, and keeps what it hears. */
const DIALPLAN = `[caller]
exten => _to[n]e-.,1,MixMonitor(/peers/h323tones/files/both.wav,r(/peers/h323tones/files/heard-\${EXTEN:5}.wav))
 same => n,Playtones(\${EXTEN:5})
 same => n,Wait(60)
`;

describeWithPeers("H.323 and SIP in one meeting", ["asterisk", "baresip"], () => {
  let crosspoint: Crosspoint;
  let asterisk: Asterisk;
  const rooms: Baresip[] = [];
  beforeAll(async () => {
    crosspoint = await startCrosspoint({ port: 27_420, mediaPort: 28_000, listen: US, set: ["h323.signalling=1720", "h323.ras=off"] });
    asterisk = await startAsterisk({
      name: "h323tones",
      ip: ASTERISK,
      rtpStart: 17_400,
      ooh323: ooh323({ ip: ASTERISK, peer: US, fastStart: true, tunnelling: true }),
      extensions: DIALPLAN,
    });
    await delay(1500);
  });
  afterAll(async () => {
    for (const room of rooms) await room.stop();
    await asterisk?.stop();
    await crosspoint?.stop();
  });

  it("everybody hears everybody else and not himself: fast start, slow start, PCMU and Opus by SIP", async () => {
    const joined = (count: number) =>
      crosspoint.waitForParticipants("1000", (all) => all.filter((one) => one.state === "joined").length === count, 20_000);
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
      const room = await startBaresip({
        port: 27_440 + index * 10,
        controlPort: 27_445 + index * 10,
        codecs,
        tone,
        rtpStart: 28_300 + index * 100,
      });
      rooms.push(room);
      await room.command("dial", `sip:1000@${crosspoint.sip}`);
      await joined(3 + index);
    }
    const roster = await crosspoint.waitForParticipants("1000", (all) => all.every((one) => one.audio !== null));
    expect(roster.map((one) => one.protocol).sort()).toEqual(["h323", "h323", "sip", "sip"]);
    await delay(5000);
    const others = (own: number) => ALL.filter((tone) => tone !== own);
    for (const tone of [TONES.fast, TONES.slow]) {
      const { pcm, sampleRate } = pcmOf(readFileSync(asterisk.path(`heard-${tone}.wav`)));
      expect(tonesIn(pcm.subarray(Math.max(0, pcm.length - 2 * sampleRate)), sampleRate, ALL), `H.323, ${tone} Hz`).toEqual(others(tone));
    }
    for (const [room, tone] of [
      [rooms[0]!, TONES.pcmu],
      [rooms[1]!, TONES.opus],
    ] as const)
      expect(tonesHeard(room, ALL, 2), `SIP, ${tone} Hz`).toEqual(others(tone));
  });
});
