// Conferences on loopback, heard.
import { describe, expect, it } from "vitest";
import { setTimeout as delay } from "node:timers/promises";
import { readPrompt } from "../../support/speech.ts";
import { rmsDb } from "../../support/spectrum.ts";
import type { Phone } from "../../support/media-phone.ts";
import { hears, telephones, TONES, until } from "../../support/telephones.ts";

const phones = telephones(22200, 22299, { automaticGain: true });

describe("a conference", () => {
  it("lets everybody hear the others and not themselves, and obeys mute, deaf and kick", async () => {
    const [a, b, c] = await Promise.all(TONES.map((tone) => phones.call({ to: "conf-three", tone })));
    await until(() => hears(a!).join() === "800,1300" && hears(b!).join() === "440,1300" && hears(c!).join() === "440,800");
    const ids = (await phones.control.api("conference three list"))
      .split("\n")
      .flatMap((line) => (line === "" ? [] : [Number(line.split(";")[0])]));
    expect(ids).toHaveLength(3);
    const heardAs = async (id: number) => {
      // Who a member number is: the one nobody hears any more when it is muted.
      await phones.control.api(`conference three mute ${id}`);
      let found: Phone | undefined;
      await until(() => {
        const [one, ...others] = [a!, b!, c!].filter((phone) => hears(phone).length === 2);
        found = others.length === 0 && [a!, b!, c!].every((phone) => phone === one || hears(phone).length === 1) ? one : undefined;
        return found !== undefined;
      });
      return found!;
    };
    const muted = await heardAs(ids[0]!);
    expect(hears(muted)).toHaveLength(2);
    await phones.control.api(`conference three unmute ${ids[0]}`);
    await until(() => [a, b, c].every((phone) => hears(phone!).length === 2));

    expect(await phones.control.api(`conference three deaf ${ids[0]}`)).toBe(`+OK deaf ${ids[0]}\n`);
    await until(() => hears(muted).length === 0);
    await phones.control.api(`conference three undeaf ${ids[0]}`);
    await until(() => hears(muted).length === 2);

    expect(await phones.control.api(`conference three kick ${ids[0]}`)).toBe(`+OK kicked ${ids[0]}\n`);
    await until(() => muted.ended === "bye-received");
    const left = await phones.control.event((e) => e.get("Action") === "del-member" && e.get("Member-ID") === String(ids[0]));
    expect(left.get("Conference-Size")).toBe("2");
    expect(await phones.control.api("conference three list count")).toBe("2");
  });

  it("tells who talks and who has the floor", async () => {
    const phone = await phones.call({ to: "conf-talk", tone: 500 });
    await phones.call({ to: "conf-talk" });
    const start = await phones.control.event((e) => e.get("Action") === "start-talking" && e.get("Conference-Name") === "talk");
    expect(start.get("Talking")).toBe("true");
    expect(Number(start.get("Current-Energy"))).toBeGreaterThan(100);
    await phones.control.event((e) => e.get("Action") === "floor-change" && e.get("Conference-Name") === "talk");
    phone.tone = 0;
    await phones.control.event((e) => e.get("Action") === "stop-talking" && e.get("Conference-Name") === "talk");
  });

  it("plays to all and to one, and says when it is done", async () => {
    const a = await phones.call({ to: "conf-play" });
    const b = await phones.call({ to: "conf-play" });
    const id = Number((await phones.control.api("conference play list")).split(";")[0]);
    expect(await phones.control.api("conference play play tone_stream://%(400,0,800)")).toContain("+OK (play) Playing file");
    await until(() => hears(a).includes(800) && hears(b).includes(800));
    const done = await phones.control.event((e) => e.get("Action") === "play-file-done");
    expect(done.get("milliseconds")).toBe("400");
    await phones.control.api(`conference play play tone_stream://%(600,0,1300) ${id}`);
    await until(() => hears(a).includes(1300) || hears(b).includes(1300));
    expect([a, b].filter((phone) => hears(phone).includes(1300))).toHaveLength(1);
    expect(await phones.control.api("conference play play /does/not/exist.wav")).toBe("-ERR (play) File: /does/not/exist.wav not found.\n");
  });

  it("brings a quiet talker to the others' level, unless it is told not to", async () => {
    const quiet = readPrompt("en/help-host").map((v) => v / 10);
    const levels: number[] = [];
    for (const agc of ["on", "off"]) {
      const talker = await phones.call({ to: `conf-level-${agc}`, codec: "G722" });
      const listener = await phones.call({ to: `conf-level-${agc}`, codec: "G722" });
      if (agc === "off") expect(await phones.control.api("conference level-off agc off")).toContain("+OK");
      talker.say = quiet;
      await delay(4500);
      levels.push(rmsDb(listener.recent(1500)));
    }
    expect(levels[0]! - levels[1]!).toBeGreaterThan(8);
  });
});
