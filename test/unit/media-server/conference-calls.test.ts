// Conferences on loopback, heard.
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type MediaServer, startMediaServer } from "../../../src/media-server/index.ts";
import { connectEventSocket, type EventSocket } from "../../support/event-socket.ts";
import { Phone, type PhoneOptions } from "../../support/media-phone.ts";
import { tonesIn } from "../../support/spectrum.ts";

let server: MediaServer;
let control: EventSocket;
const phones: Phone[] = [];

beforeAll(async () => {
  server = await startMediaServer({
    esl: { host: "127.0.0.1", port: 0, password: "secret" },
    sip: { host: "127.0.0.1", port: 0 },
    rtp: { host: "127.0.0.1", minPort: 22200, maxPort: 22299 },
  });
  control = await connectEventSocket(server.eslPort, "secret");
});
afterAll(async () => {
  control.close();
  await server.stop();
});
afterEach(async () => {
  await Promise.all(phones.splice(0).map((phone) => phone.hangup()));
});

async function call(options: Omit<PhoneOptions, "sipPort">): Promise<Phone> {
  const phone = await Phone.call({ sipPort: server.sipPort, ...options });
  phones.push(phone);
  return phone;
}
/** Polls until the condition holds; fails by the test's own limit. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}
const all = [440, 800, 1300];
const hears = (phone: Phone) => tonesIn(phone.recent(300), phone.rate, all);

describe("a conference", () => {
  it("lets everybody hear the others and not themselves, and obeys mute, deaf and kick", async () => {
    const [a, b, c] = await Promise.all(all.map((tone) => call({ to: "conf-three", tone })));
    await until(() => hears(a!).join() === "800,1300" && hears(b!).join() === "440,1300" && hears(c!).join() === "440,800");
    const ids = (await control.api("conference three list"))
      .split("\n")
      .flatMap((line) => (line === "" ? [] : [Number(line.split(";")[0])]));
    expect(ids).toHaveLength(3);
    const heardAs = async (id: number) => {
      // Who a member number is: the one nobody hears any more when it is muted.
      await control.api(`conference three mute ${id}`);
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
    await control.api(`conference three unmute ${ids[0]}`);
    await until(() => [a, b, c].every((phone) => hears(phone!).length === 2));

    expect(await control.api(`conference three deaf ${ids[0]}`)).toBe(`+OK deaf ${ids[0]}\n`);
    await until(() => hears(muted).length === 0);
    await control.api(`conference three undeaf ${ids[0]}`);
    await until(() => hears(muted).length === 2);

    expect(await control.api(`conference three kick ${ids[0]}`)).toBe(`+OK kicked ${ids[0]}\n`);
    await until(() => muted.ended === "bye-received");
    const left = await control.event((e) => e.get("Action") === "del-member" && e.get("Member-ID") === String(ids[0]));
    expect(left.get("Conference-Size")).toBe("2");
    expect(await control.api("conference three list count")).toBe("2");
  });

  it("tells who talks and who has the floor", async () => {
    const phone = await call({ to: "conf-talk", tone: 500 });
    await call({ to: "conf-talk" });
    const start = await control.event((e) => e.get("Action") === "start-talking" && e.get("Conference-Name") === "talk");
    expect(start.get("Talking")).toBe("true");
    expect(Number(start.get("Current-Energy"))).toBeGreaterThan(100);
    await control.event((e) => e.get("Action") === "floor-change" && e.get("Conference-Name") === "talk");
    phone.tone = 0;
    await control.event((e) => e.get("Action") === "stop-talking" && e.get("Conference-Name") === "talk");
  });

  it("plays to all and to one, and says when it is done", async () => {
    const a = await call({ to: "conf-play" });
    const b = await call({ to: "conf-play" });
    const id = Number((await control.api("conference play list")).split(";")[0]);
    expect(await control.api("conference play play tone_stream://%(400,0,800)")).toContain("+OK (play) Playing file");
    await until(() => hears(a).includes(800) && hears(b).includes(800));
    const done = await control.event((e) => e.get("Action") === "play-file-done");
    expect(done.get("milliseconds")).toBe("400");
    await control.api(`conference play play tone_stream://%(600,0,1300) ${id}`);
    await until(() => hears(a).includes(1300) || hears(b).includes(1300));
    expect([a, b].filter((phone) => hears(phone).includes(1300))).toHaveLength(1);
    expect(await control.api("conference play play /does/not/exist.wav")).toBe("-ERR (play) File: /does/not/exist.wav not found.\n");
  });
});
