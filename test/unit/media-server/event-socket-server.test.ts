// The event socket's listener and the connections of calls: clients that behave badly, many calls.
import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type LogRecord, type MediaServer, startMediaServer } from "../../../src/media-server/index.ts";
import { CallListener, connectEventSocket, type EventSocket } from "../../support/event-socket.ts";
import { Phone } from "../../support/media-phone.ts";

let server: MediaServer;
let control: EventSocket;
let listener: CallListener;
const log: LogRecord[] = [];
const phones: Phone[] = [];

beforeAll(async () => {
  listener = await CallListener.open();
  server = await startMediaServer({
    esl: { host: "127.0.0.1", port: 0, password: "secret" },
    sip: { host: "127.0.0.1", port: 0 },
    rtp: { host: "127.0.0.1", minPort: 22600, maxPort: 22799 },
    log: (record) => log.push(record),
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
});

async function call(): Promise<{ phone: Phone; app: EventSocket }> {
  const phone = await Phone.call({ sipPort: server.sipPort, to: "drachtio", headers: { "X-esl-outbound": listener.address } });
  phones.push(phone);
  return { phone, app: await listener.next() };
}
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe("the event socket", () => {
  it("stands clients that say nonsense, and cuts off one that does not read", async () => {
    for (const nonsense of [
      "\n\n\n\n",
      "auth\n\n",
      "\0\xff\xfe\n\n",
      "api\n\n",
      `${"x".repeat(300_000)}`,
      "auth secret\nContent-Length: 99999999\n\n",
    ]) {
      const socket = connect(server.eslPort, "127.0.0.1");
      await new Promise((resolve) => socket.once("connect", resolve));
      socket.on("error", () => {});
      socket.write(nonsense);
      setTimeout(() => socket.destroy(), 50);
    }
    const stalled = await connectEventSocket(server.eslPort, "secret");
    stalled.stall();
    const before = (await server.stats()).eslConnections;
    const filler = "y".repeat(200_000);
    for (let i = 0; i < 100; i++) await control.command("sendevent CUSTOM", { "Event-Subclass": "filler", text: filler });
    await until(async () => (await server.stats()).eslConnections < before);
    expect(log.some((r) => r.message.includes("does not read"))).toBe(true);
    expect(await control.api("version short")).toBe("1.11.1");
    stalled.close();
  });

  it("ends the call of an application that cannot be reached", async () => {
    const phone = await Phone.call({ sipPort: server.sipPort, to: "drachtio", headers: { "X-esl-outbound": "127.0.0.1:1" } });
    phones.push(phone);
    await until(() => phone.ended === "bye-received");
  });

  it("ends the call of an application that went away", async () => {
    const { phone, app } = await call();
    app.close();
    await until(() => phone.ended === "bye-received");
  });
});

it("carries fifty calls in one conference and leaves nothing behind", async () => {
  const many = await Promise.all(Array.from({ length: 50 }, () => call()));
  expect((await server.stats()).channels).toBe(50);
  for (const { app } of many)
    void app.command("sendmsg", { "call-command": "execute", "execute-app-name": "conference", "execute-app-arg": "crowd" });
  await until(async () => (await control.api("conference crowd list count")) === "50");
  await Promise.all(phones.splice(0).map((phone) => phone.hangup()));
  await until(async () => {
    const { channels, conferences, workers } = await server.stats();
    return channels === 0 && conferences === 0 && workers[0]?.legs === 0;
  });
  expect(log.filter((r) => r.level === "error" && r.message.includes("failed"))).toEqual([]);
});
