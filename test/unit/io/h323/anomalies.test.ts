import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CallEvent } from "../../../../src/h323/index.ts";
import { type H323Endpoint, type H323Session, openH323Endpoint } from "../../../../src/io/index.ts";
import { type Anomaly, anomalies, setup } from "../../../support/h225-anomalies.ts";
import { tpkt } from "../../../../src/wire/h225/index.ts";

const media = { rtp: { host: "127.0.0.1", port: 40_000 }, rtcp: { host: "127.0.0.1", port: 40_001 } };

let endpoint: H323Endpoint;
let caller: H323Endpoint;
let call: H323Session;
const heard: string[] = [];
const ends: CallEvent[] = [];
const sessions: H323Session[] = [];
let rang = 0;

const open = (name: string, onSession: (session: H323Session) => void) =>
  openH323Endpoint({
    host: "127.0.0.1",
    port: 0,
    identity: { aliases: [{ "h323-ID": name }], displayName: name, product: "test", version: "1" },
    capabilities: { audio: [{ codec: "PCMU", maxPtime: 20 }], telephoneEvent: 101, userInput: ["alphanumeric"] },
    limits: { patience: 500 },
    onSession,
  });

beforeAll(async () => {
  endpoint = await open("gateway", (session) => {
    sessions.push(session);
    session.onEvent = (event) => {
      if (event.type === "incoming") {
        rang++;
        session.act((machine, now) => {
          machine.setMedia(media, now);
          machine.alert(false, now);
          machine.answer(now);
        });
      } else if (event.type === "digits") heard.push(event.digits);
    };
  });
  caller = await open("caller", () => {});
  const established = Promise.withResolvers<void>();
  call = await caller.call(
    endpoint.address,
    { aliases: [] },
    {
      prepare: (session) => {
        session.onEvent = (event) => {
          if (event.type === "established") established.resolve();
          if (event.type === "released") ends.push(event);
        };
        session.act((machine, now) => machine.setMedia(media, now));
      },
    },
  );
  await established.promise;
});
afterAll(async () => {
  await caller.close();
  await endpoint.close();
});

/** Writes it, says that it is all, and waits until the other side has closed. */
async function feed({ stream }: Anomaly): Promise<void> {
  const socket = connect(endpoint.address.port, "127.0.0.1");
  socket.on("error", () => {}); // a reset is an answer too
  socket.resume();
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.end(stream);
  await closed;
}

const listeners = () => process.getActiveResourcesInfo().filter((r) => r === "TCPServerWrap").length;

describe("anomalies on the live listener", () => {
  it("the Setup they are made of rings", async () => {
    await feed({ name: "good", stream: tpkt(setup()) });
    expect(rang).toBe(2);
  });

  it("none of some thousands harms the gateway or another call, and nothing is left of them", async () => {
    const all = anomalies(process.env["ANOMALIES"] === "all" ? "all" : "some");
    expect(all.length).toBeGreaterThan(1_500);
    const before = listeners();
    const queue = [...all];
    const worker = async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) await feed(next);
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    // Many of them are good enough to ring, many are not.
    expect(rang).toBeGreaterThan(200);
    expect(rang).toBeLessThan(all.length);
    expect(endpoint.calls).toBe(1);
    expect(sessions.filter((s) => !s.closed)).toHaveLength(1);
    expect(sessions.filter((s) => s.closed && s.machine.nextTimeout() !== undefined)).toEqual([]);
    await expect.poll(listeners).toBe(before);
    call.act((machine, now) => machine.sendDigits("42", now));
    await expect.poll(() => heard).toEqual(["42"]);
    expect(ends).toEqual([]);
  }, 120_000);
});
