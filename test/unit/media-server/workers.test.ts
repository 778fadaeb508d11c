// Two media threads: a conference and a bridge between them, and calls kept together by their key.
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type MediaServer, startMediaServer } from "../../../src/media-server/index.ts";
import { CallListener, connectEventSocket, type EventSocket } from "../../support/event-socket.ts";
import { Phone, type PhoneOptions } from "../../support/media-phone.ts";
import { tonesIn } from "../../support/spectrum.ts";

let server: MediaServer;
let control: EventSocket;
let listener: CallListener;
const phones: Phone[] = [];

beforeAll(async () => {
  listener = await CallListener.open();
  server = await startMediaServer({
    esl: { host: "127.0.0.1", port: 0, password: "secret" },
    sip: { host: "127.0.0.1", port: 0 },
    rtp: { host: "127.0.0.1", minPort: 22800, maxPort: 22899 },
    workers: 2,
  });
  control = await connectEventSocket(server.eslPort, "secret");
});
afterAll(async () => {
  control.close();
  listener.close();
  await server.stop();
});
afterEach(async () => {
  await Promise.all(phones.splice(0).map((phone) => phone.hangup()));
  await until(async () => (await legs()).join() === "0,0");
});

const legs = async () => (await server.stats()).workers.map((worker) => worker.legs);
async function call(options: Partial<PhoneOptions>): Promise<Phone> {
  const phone = await Phone.call({ sipPort: server.sipPort, to: "drachtio", ...options });
  phones.push(phone);
  return phone;
}
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}
const hears = (phone: Phone) => tonesIn(phone.recent(300), phone.rate, [440, 800, 1300]).join();

it("a conference spans threads: everybody hears the others and not themselves", async () => {
  const a = await call({ to: "conf-wide", tone: 440 });
  const b = await call({ to: "conf-wide", tone: 800, codec: "G722" });
  const c = await call({ to: "conf-wide", tone: 1300 });
  expect((await legs()).sort()).toEqual([1, 2]);
  await until(() => hears(a) === "800,1300" && hears(b) === "440,1300" && hears(c) === "440,800");
  const ids = (await control.api("conference wide list")).split("\n").flatMap((line) => (line === "" ? [] : [line.split(";")[0]!]));
  await control.api(`conference wide mute ${ids[1]}`);
  await until(() => hears(a) === "1300" && hears(c) === "440");
});

it("a bridge spans threads", async () => {
  const headers = { "X-esl-outbound": listener.address };
  const a = await call({ tone: 440, headers });
  const b = await call({ tone: 800, codec: "G722", headers });
  expect(await legs()).toEqual([1, 1]);
  const [one, other] = [await listener.next(), await listener.next()];
  await control.api(`uuid_bridge ${one.data.get("Unique-ID")} ${other.data.get("Unique-ID")}`);
  await until(() => hears(a) === "800" && hears(b) === "440");
});

it("calls with one key share a thread", async () => {
  for (let i = 0; i < 3; i++) await call({ to: "conf-near", headers: { "X-Crosspoint-Affinity": "near" } });
  expect((await legs()).sort()).toEqual([0, 3]);
});
