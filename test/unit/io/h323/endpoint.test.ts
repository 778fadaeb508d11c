import { connect } from "node:net";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import type { CallEvent } from "../../../../src/h323/index.ts";
import { type H323Endpoint, type H323EndpointOptions, type H323Session, openH323Endpoint } from "../../../../src/io/index.ts";

const open: H323Endpoint[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((e) => e.close()));
});

async function endpoint(name: string, onSession: (session: H323Session) => void, more: Partial<H323EndpointOptions> = {}) {
  const e = await openH323Endpoint({
    host: "127.0.0.1",
    port: 0,
    identity: { aliases: [{ "h323-ID": name }], displayName: name, product: "test", version: "1" },
    capabilities: { audio: [{ codec: "PCMU", maxPtime: 20 }], telephoneEvent: 101, userInput: ["alphanumeric"] },
    onSession,
    ...more,
  });
  open.push(e);
  return e;
}

/** Collects events and lets a test wait for one. */
function watch(session: H323Session, also: (event: CallEvent, session: H323Session) => void = () => {}) {
  const events: CallEvent[] = [];
  const waiting: { type: CallEvent["type"]; resolve: (e: CallEvent) => void }[] = [];
  session.onEvent = (event) => {
    events.push(event);
    also(event, session);
    for (const w of waiting.filter((x) => x.type === event.type)) {
      waiting.splice(waiting.indexOf(w), 1);
      w.resolve(event);
    }
  };
  const until = (type: CallEvent["type"]) => {
    const seen = events.find((e) => e.type === type);
    return seen === undefined ? new Promise<CallEvent>((resolve) => waiting.push({ type, resolve })) : Promise.resolve(seen);
  };
  return { events, until };
}

const media = { rtp: { host: "127.0.0.1", port: 40_000 }, rtcp: { host: "127.0.0.1", port: 40_001 } };
const answerer = (event: CallEvent, session: H323Session) => {
  if (event.type === "incoming")
    session.act((machine, now) => {
      machine.setMedia(media, now);
      machine.answer(now);
    });
};

describe("H.323 over sockets", () => {
  it.each([
    { fastStart: true, tunnelling: true },
    { fastStart: false, tunnelling: true },
    { fastStart: true, tunnelling: false },
    { fastStart: false, tunnelling: false },
  ])("a call goes through: %o", async (style) => {
    let callee: ReturnType<typeof watch> | undefined;
    const b = await endpoint("b", (session) => (callee = watch(session, answerer)), { style });
    const a = await endpoint("a", () => {}, { style });
    let caller: ReturnType<typeof watch> | undefined;
    const session = await a.call(
      b.address,
      { aliases: [{ "h323-ID": "b" }] },
      {
        prepare: (s) => {
          caller = watch(s);
          s.act((machine, now) => machine.setMedia(media, now));
        },
      },
    );
    for (const end of [caller!, callee!]) {
      await end.until("established");
      expect(await end.until("transmit")).toMatchObject({ rtp: { host: "127.0.0.1", port: 40_000 } });
    }
    session.act((machine, now) => machine.sendDigits("42", now));
    expect(await callee!.until("digits")).toMatchObject({ digits: "42", via: "alphanumeric" });
    session.act((machine) => machine.release(16));
    expect(await callee!.until("released")).toMatchObject({ cause: 16, by: "peer" });
    expect([a.calls, b.calls]).toEqual([0, 0]);
  });

  it("closes connections of strangers that are more a second than may be; a trunk's are taken", async () => {
    const turnedAway = new Map<string, number>();
    const b = await endpoint("b", (session) => void (session.onEvent = () => {}), {
      isTrunk: (address) => address === "127.0.0.50",
      onTurnedAway: ({ host }, limit) => void turnedAway.set(`${host} ${limit}`, (turnedAway.get(`${host} ${limit}`) ?? 0) + 1),
    });
    const from = (localAddress: string) => {
      const socket = connect({ port: b.address.port, host: "127.0.0.1", localAddress }).resume();
      socket.on("error", () => {});
      return once(socket, "connect").then(() => socket);
    };
    const sockets = await Promise.all(Array.from({ length: 160 }, () => from("127.0.0.66")));
    sockets.push(...(await Promise.all(Array.from({ length: 150 }, () => from("127.0.0.50")))));
    await expect.poll(() => b.calls).toBeGreaterThanOrEqual(250);
    expect(b.calls - 150).toBeLessThan(160);
    expect([...turnedAway.keys()]).toEqual(["127.0.0.66 rate"]);
    for (const socket of sockets) socket.destroy();
    await expect.poll(() => b.calls).toBe(0);
  });

  it("closes connections that are no TPKT, and those beyond the limit of a source", async () => {
    const reasons: string[] = [];
    const turnedAway: string[] = [];
    const b = await endpoint(
      "b",
      (session) => {
        session.onEvent = (event) => {
          if (event.type === "released") reasons.push(event.reason);
        };
      },
      { limits: { perSource: 2 }, onTurnedAway: ({ host }, limit) => turnedAway.push(`${host} ${limit}`) },
    );
    const stranger = connect(b.address.port, "127.0.0.1");
    stranger.write("GET / HTTP/1.1\r\n\r\n");
    stranger.resume();
    await once(stranger, "close");
    expect(reasons[0]).toMatch(/TPKT version/);
    const sockets = [1, 2].map(() => connect(b.address.port, "127.0.0.1"));
    await Promise.all(sockets.map((s) => once(s, "connect")));
    const third = connect(b.address.port, "127.0.0.1").resume();
    await once(third, "close");
    expect(b.calls).toBe(2);
    expect(turnedAway).toEqual(["127.0.0.1 source"]);
    for (const s of sockets) s.destroy();
  });

  it("closes a connection that brings no Setup", async () => {
    const b = await endpoint("b", () => {}, { limits: { patience: 30 } });
    const silent = connect(b.address.port, "127.0.0.1").resume();
    await once(silent, "close");
    const slow = connect(b.address.port, "127.0.0.1").resume();
    slow.write(Uint8Array.of(3, 0, 0x40, 0, 1));
    await once(slow, "close");
    expect(b.calls).toBe(0);
  });

  it("says when nobody is there", async () => {
    const a = await endpoint("a", () => {});
    const gone = await endpoint("gone", () => {});
    const { address } = gone;
    await gone.close();
    open.splice(open.indexOf(gone), 1);
    await expect(a.call(address, { aliases: [] }, { prepare: () => {} })).rejects.toThrow(/ECONNREFUSED/);
  });
});
