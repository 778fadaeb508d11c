import { describe, expect, it } from "vitest";
import type { CallStyle } from "../../../src/h323/index.ts";
import * as h225 from "../../../src/wire/h225/index.ts";
import { callConfig, eventsOf, mediaOf, Pair, seededOctets } from "../../support/h323-pair.ts";

const styles: Partial<CallStyle>[] = [true, false].flatMap((fastStart) =>
  [true, false].flatMap((tunnelling) => [true, false].map((earlyControl) => ({ fastStart, tunnelling, earlyControl }))),
);
const name = (s: Partial<CallStyle>) =>
  `${s.fastStart ? "fast" : "slow"} ${s.tunnelling ? "tunnelled" : "separate"}${s.earlyControl ? " early" : ""}`;
const combinations = styles.flatMap((a) => styles.map((b) => ({ a, b, title: `${name(a)} calls ${name(b)}` })));

function expectMedia(pair: Pair): void {
  for (const [end, other, port] of [
    [pair.a, pair.b, 6004],
    [pair.b, pair.a, 5004],
  ] as const) {
    const transmit = eventsOf(end.events, "transmit");
    expect(transmit, end.name).toHaveLength(1);
    expect(transmit[0]).toMatchObject({ rtp: { host: other.host, port }, format: { codec: "PCMU", maxPtime: 20 } });
    expect(eventsOf(end.events, "receive"), end.name).toMatchObject([{ format: { codec: "PCMU" } }]);
    expect(eventsOf(end.events, "transmit-refused")).toEqual([]);
  }
}

describe("a call between two machines", () => {
  it.each(combinations)("$title: media both ways, control established, hung up clean", ({ a, b }) => {
    const pair = new Pair(callConfig("a", a), callConfig("b", b)).call().run();
    expect([pair.a.machine.state, pair.b.machine.state]).toEqual(["active", "active"]);
    expectMedia(pair);
    for (const end of [pair.a, pair.b]) {
      expect(eventsOf(end.events, "established"), end.name).toHaveLength(1);
      expect(eventsOf(end.events, "capabilities")[0]?.remote).toMatchObject({
        telephoneEvent: 101,
        audio: [{ codec: "PCMU" }, { codec: "PCMA" }],
      });
    }
    const roles = [pair.a, pair.b].map((end) => eventsOf(end.events, "established")[0]?.role).sort();
    expect(roles).toEqual(["master", "slave"]);
    // Fast connect where both have it: no channel is opened by H.245.
    const opened = [...pair.a.sent, ...pair.b.sent].filter((s) => s.includes("openLogicalChannel"));
    if (a.fastStart && b.fastStart) expect(opened).toEqual([]);
    else expect(opened.length).toBeGreaterThan(0);
    // Tunnelled where both have it, a connection of its own otherwise.
    const separate = [...pair.a.sent, ...pair.b.sent].some((s) => s.startsWith("control/"));
    expect(separate).toBe(!(a.tunnelling && b.tunnelling));
    pair.do((p) => p.a.machine.release(16));
    expect(eventsOf(pair.a.events, "released")).toMatchObject([{ cause: 16, by: "us" }]);
    expect(eventsOf(pair.b.events, "released")).toMatchObject([{ cause: 16, by: "peer" }]);
    expect([pair.a.closed, pair.b.closed]).toEqual([true, true]);
    expect([pair.a.machine.nextTimeout(), pair.b.machine.nextTimeout()]).toEqual([undefined, undefined]);
  });

  it.each(styles)("the callee hangs up: %o", (style) => {
    const pair = new Pair(callConfig("a", style), callConfig("b", style)).call().run();
    pair.do((p) => p.b.machine.release(16));
    expect(eventsOf(pair.a.events, "released")).toMatchObject([{ cause: 16, by: "peer" }]);
  });

  it("media set late opens channels late", () => {
    const pair = new Pair(callConfig("a", { fastStart: false }), callConfig("b", { fastStart: false })).call();
    pair.onB = (event, machine, now) => {
      if (event.type === "incoming") machine.answer(now);
    };
    pair.run();
    expect(eventsOf(pair.a.events, "established")).toHaveLength(1);
    expect(eventsOf(pair.a.events, "transmit")).toEqual([]);
    pair.do((p) => p.b.machine.setMedia(mediaOf(p.b.host, 6004), p.now));
    expectMedia(pair);
  });

  it("says who calls whom", () => {
    const pair = new Pair(callConfig("a"), callConfig("b")).call().run();
    expect(eventsOf(pair.b.events, "incoming")[0]?.call).toMatchObject({
      called: [{ dialledDigits: "200" }],
      calledNumber: "200",
      calling: [{ "h323-ID": "a" }, { dialledDigits: "100" }],
      callingNumber: "100",
      displayName: "a",
      product: "test",
      fastStart: true,
      tunnelling: true,
      callIdentifier: pair.a.machine.callIdentifier,
    });
    expect(pair.b.machine.callIdentifier).toBe(pair.a.machine.callIdentifier);
    expect(eventsOf(pair.a.events, "connected")).toMatchObject([{ displayName: "b", product: "test" }]);
  });

  it("early media: fast connect is taken in Alerting, before the answer", () => {
    const pair = new Pair(callConfig("a"), callConfig("b")).call();
    pair.onB = (event, machine, now) => {
      if (event.type !== "incoming") return;
      machine.setMedia(mediaOf("192.0.2.2", 6004), now);
      machine.alert(true, now);
    };
    pair.run();
    expect(pair.a.machine.state).toBe("delivered");
    expect(eventsOf(pair.a.events, "alerting")).toEqual([{ type: "alerting", inband: true }]);
    expectMedia(pair);
  });

  it("without a common codec the channel is refused and nothing else breaks", () => {
    const only = (codec: "PCMA" | "G722") => ({
      capabilities: { audio: [{ codec, maxPtime: 20 }], telephoneEvent: undefined, userInput: [] },
    });
    const pair = new Pair(callConfig("a", {}, only("PCMA")), callConfig("b", {}, only("G722"))).call().run();
    expect(eventsOf(pair.a.events, "transmit-refused")).toMatchObject([{ cause: "no common codec" }]);
    expect(eventsOf(pair.b.events, "transmit-refused")).toMatchObject([{ cause: "no common codec" }]);
    expect(pair.a.machine.state).toBe("active");
  });

  it("both take the master's order when their orders differ", () => {
    const order = (...codecs: ("PCMU" | "PCMA" | "G722")[]) => ({
      capabilities: { audio: codecs.map((codec) => ({ codec, maxPtime: 20 })), telephoneEvent: undefined, userInput: [] },
    });
    const slow = { fastStart: false };
    const pair = new Pair(
      callConfig("a", slow, { ...order("PCMU", "PCMA", "G722"), terminalType: 60 }),
      callConfig("b", slow, order("G722", "PCMA", "PCMU")),
    )
      .call()
      .run();
    expect(eventsOf(pair.a.events, "established")[0]?.role).toBe("master");
    for (const end of [pair.a, pair.b]) expect(eventsOf(end.events, "transmit")).toMatchObject([{ format: { codec: "PCMU" } }]);
  });
});

describe("refusals and ends", () => {
  it.each([1, 16, 17, 21, 34, 42, 79, 88])("cause %i arrives as it was given", (cause) => {
    const pair = new Pair(callConfig("a"), callConfig("b")).call();
    pair.onB = (event, machine) => {
      if (event.type === "incoming") machine.release(cause);
    };
    pair.run();
    expect(eventsOf(pair.a.events, "released")).toMatchObject([{ cause, by: "peer" }]);
    expect(eventsOf(pair.b.events, "released")).toMatchObject([{ cause, by: "us" }]);
  });
  it("nobody answers Setup: T303, cause 102", () => {
    const pair = new Pair(callConfig("a"), callConfig("b")).call();
    pair.latency = 1e9;
    pair.run(9_999);
    expect(pair.a.machine.state).toBe("initiated");
    pair.run(1);
    expect(eventsOf(pair.a.events, "released")).toMatchObject([
      { cause: 102, by: "us", code: "no-response", reason: "the far end never answered our Setup (T303)" },
    ]);
  });
  it("it rings and rings: T301, cause 19", () => {
    const pair = new Pair(callConfig("a"), callConfig("b")).call();
    pair.onB = (event, machine, now) => {
      if (event.type === "incoming") machine.alert(false, now);
    };
    pair.run(179_000);
    expect(pair.a.machine.state).toBe("delivered");
    pair.run(2_000);
    expect(eventsOf(pair.a.events, "released")).toMatchObject([{ cause: 19, code: "no-answer" }]);
    expect(eventsOf(pair.b.events, "released")).toMatchObject([{ cause: 19, by: "peer" }]);
  });
  it("it proceeds and nothing more: T310", () => {
    const pair = new Pair(callConfig("a"), callConfig("b")).call();
    pair.onB = () => {};
    pair.run(31_000);
    expect(eventsOf(pair.a.events, "released")).toMatchObject([{ cause: 102, reason: expect.stringContaining("(T310)") }]);
  });
  it("the connection is lost", () => {
    const pair = new Pair(callConfig("a"), callConfig("b")).call().run();
    pair.do((p) => p.a.machine.signallingClosed("reset"));
    expect(eventsOf(pair.a.events, "released")).toMatchObject([{ cause: 41, by: "network", code: "connection-lost" }]);
    expect(eventsOf(pair.b.events, "released")).toHaveLength(1);
  });
  it("control that cannot be connected ends a call without media", () => {
    const slow = { fastStart: false, tunnelling: false };
    const pair = new Pair(callConfig("a", slow), callConfig("b", slow));
    pair.call();
    pair.run(4);
    // The callee listens elsewhere than it says.
    const listening = pair.b.machine.controlListening.bind(pair.b.machine);
    pair.b.machine.controlListening = (address, now) => listening({ ...address, port: 1 }, now);
    pair.run();
    expect(eventsOf(pair.a.events, "released")).toMatchObject([{ cause: 41, by: "network", reason: "control connection: refused" }]);
  });
  it("a control address of another host is refused", () => {
    const slow = { fastStart: false, tunnelling: false };
    const pair = new Pair(callConfig("a", slow), callConfig("b", slow));
    const listening = pair.b.machine.controlListening.bind(pair.b.machine);
    pair.b.machine.controlListening = (_, now) => listening({ host: "203.0.113.9", port: 9 }, now);
    pair.call().run(100);
    expect(eventsOf(pair.a.events, "ignored")).toHaveLength(1);
    expect(eventsOf(pair.a.events, "released")).toHaveLength(0);
  });
  it("connect and silence: control that is never established is given up", () => {
    const slow = { fastStart: false, tunnelling: false };
    const pair = new Pair(callConfig("a", slow), callConfig("b", slow)).call();
    pair.a.machine.controlListening = () => {};
    pair.onB = () => {};
    pair.run(10);
    const connect: h225.SignallingMessage = {
      type: "connect",
      callReference: pair.a.machine.callReference,
      fromDestination: true,
      elements: [],
      info: undefined,
    };
    pair.do((p) => p.a.machine.signalling(h225.encodeSignalling(connect), p.now), 30_000);
    expect(eventsOf(pair.a.events, "released")).toMatchObject([{ cause: 41, reason: "control was not established" }]);
  });
});

describe("within a call", () => {
  const active = (style: Partial<CallStyle> = {}) => new Pair(callConfig("a", style), callConfig("b", style)).call().run();

  it.each(styles)("digits go every way: %o", (style) => {
    const pair = active(style);
    pair.do((p) => {
      expect(p.a.machine.sendDigits("15", p.now)).toBe("alphanumeric");
      p.a.machine.sendDigits("9", p.now, "signal");
      p.a.machine.sendDigits("*0", p.now, "keypad");
    });
    expect(eventsOf(pair.b.events, "digits")).toEqual(
      expect.arrayContaining([
        { type: "digits", digits: "15", via: "alphanumeric", duration: undefined },
        { type: "digits", digits: "9", via: "signal", duration: 100 },
        { type: "digits", digits: "*0", via: "keypad", duration: undefined },
      ]),
    );
  });
  it("to a peer without user input digits go by keypad", () => {
    const mute = { capabilities: { audio: [{ codec: "PCMU" as const, maxPtime: 20 }], telephoneEvent: undefined, userInput: [] } };
    const pair = new Pair(callConfig("a"), callConfig("b", {}, mute)).call().run();
    pair.do((p) => expect(p.a.machine.sendDigits("7", p.now)).toBe("keypad"));
    expect(eventsOf(pair.b.events, "digits")).toMatchObject([{ digits: "7", via: "keypad" }]);
  });
  it("hold by the empty capability set, and back", () => {
    const pair = active({ fastStart: false });
    pair.do((p) => p.a.machine.control((c) => c.hold(p.now), p.now));
    expect(eventsOf(pair.b.events, "paused")).toHaveLength(1);
    expect(eventsOf(pair.b.events, "transmit-closed")).toHaveLength(1);
    expect(eventsOf(pair.a.events, "receive-closed")).toHaveLength(1);
    expect(pair.b.machine.dump.control.transmit).toBeUndefined();
    pair.do((p) => p.a.machine.control((c) => c.resume(p.now), p.now));
    expect(eventsOf(pair.b.events, "resumed")).toHaveLength(1);
    expect(eventsOf(pair.b.events, "transmit")).toHaveLength(2);
    expect(eventsOf(pair.a.events, "receive")).toHaveLength(2);
  });
  it("round trip is measured, and its loss noticed", () => {
    const pair = active();
    pair.do((p) => p.a.machine.control((c) => c.measureRoundTrip(p.now), p.now));
    expect(eventsOf(pair.a.events, "round-trip")).toEqual([{ type: "round-trip", ms: 10 }]);
    pair.latency = 20_000;
    pair.do((p) => p.a.machine.control((c) => c.measureRoundTrip(p.now), p.now), 7_000);
    expect(eventsOf(pair.a.events, "round-trip").at(-1)).toEqual({ type: "round-trip", ms: undefined });
  });
  it("a mode asked for changes the codec", () => {
    const pair = active({ fastStart: false });
    pair.do((p) => p.a.machine.control((c) => c.requestMode(["PCMA"], p.now), p.now));
    expect(eventsOf(pair.a.events, "mode-answered")).toEqual([{ type: "mode-answered", accepted: true }]);
    expect(eventsOf(pair.b.events, "transmit").at(-1)).toMatchObject({ format: { codec: "PCMA" } });
    pair.do((p) => p.a.machine.control((c) => c.requestMode(["G722"], p.now), p.now));
    expect(eventsOf(pair.a.events, "mode-answered").at(-1)).toEqual({ type: "mode-answered", accepted: false });
  });
  it("a limit is told", () => {
    const pair = active();
    pair.do((p) => p.a.machine.control((c) => c.limitLine("audio", 64_000), p.now));
    expect(eventsOf(pair.b.events, "flow-control")).toEqual([{ type: "flow-control", line: "audio", bitsPerSecond: 64_000 }]);
    pair.do((p) => p.a.machine.control((c) => c.limit(4711, 64_000), p.now));
    expect(eventsOf(pair.b.events, "flow-control")).toHaveLength(1);
  });
  it.each([false, true])(
    "a peer that leaves tunnelling for a connection of its own is followed, unless signalling is encrypted (%s)",
    (tunnelOnly) => {
      const pair = new Pair(callConfig("a", { fastStart: false }, { tunnelOnly }), callConfig("b")).call().run();
      pair.b.listening = { host: pair.b.host, port: 10_000 };
      const body = {
        facility: {
          protocolIdentifier: h225.H225_VERSION,
          reason: { startH245: true as const },
          h245Address: { ipAddress: { ip: Uint8Array.of(192, 0, 2, 2), port: 10_000 } },
          callIdentifier: { guid: new Uint8Array(16) },
          multipleCalls: false,
          maintainConnection: false,
        },
      };
      const facility = h225.encodeSignalling({
        type: "facility",
        callReference: pair.a.machine.callReference,
        fromDestination: true,
        elements: [],
        info: { "h323-uu-pdu": { "h323-message-body": body, h245Tunnelling: false } },
      });
      pair.do((p) => p.a.machine.signalling(facility, p.now));
      expect(pair.a.machine.dump.link).toBe(tunnelOnly ? "tunnel" : "open");
      pair.do((p) => p.a.machine.control((control) => control.measureRoundTrip(p.now), p.now));
      expect(pair.a.sent.at(-1)).toBe(tunnelOnly ? "facility/roundTripDelayRequest" : "control/roundTripDelayRequest");
      expect(eventsOf(pair.a.events, "round-trip")).toMatchObject([{ ms: 10 }]);
    },
  );
  it("an inquiry is answered with the state", () => {
    const pair = active();
    pair.do((p) => p.a.machine.inquire(p.now));
    expect(eventsOf(pair.a.events, "status")).toEqual([{ type: "status", state: 10, display: undefined, cause: 30 }]);
    pair.b.machine.standing = () => "Crosspoint-State: lobby";
    pair.do((p) => p.a.machine.inquire(p.now));
    expect(eventsOf(pair.a.events, "status").at(-1)).toMatchObject({ state: 10, display: "Crosspoint-State: lobby" });
    pair.latency = 1e6;
    pair.do((p) => p.a.machine.inquire(p.now), 5000);
    expect(eventsOf(pair.a.events, "status").at(-1)).toEqual({ type: "status", state: undefined, display: undefined, cause: undefined });
  });
  it("digits come one by one: overlap sending and receiving", () => {
    const pair = new Pair(callConfig("a"), callConfig("b"));
    let dialled = "";
    pair.onB = (event, machine, now) => {
      if (event.type === "incoming") {
        dialled = event.call.calledNumber ?? "";
        machine.wantDigits(now);
      }
      if (event.type === "dialled") {
        dialled += event.digits;
        if (event.complete || dialled.length === 4) {
          machine.proceed();
          machine.setMedia(mediaOf("192.0.2.2", 6004), now);
          machine.answer(now);
        }
      }
    };
    pair.a.machine.setMedia(mediaOf("192.0.2.1"), 0);
    pair.a.machine.start({ aliases: [], digits: "2", incomplete: true }, 0);
    pair.run();
    expect(eventsOf(pair.a.events, "digits-wanted")).toHaveLength(1);
    for (const digit of "000") pair.do((p) => p.a.machine.sendDigits(digit, p.now), 100);
    pair.run();
    expect(dialled).toBe("2000");
    expect(pair.a.machine.state).toBe("active");
    expectMedia(pair);
  });
  it("a message out of place, of another call or not decodable changes nothing", () => {
    const pair = active();
    const before = pair.a.machine.dump;
    const alerting = (callReference: number, fromDestination: boolean): h225.SignallingMessage => ({
      type: "alerting",
      callReference,
      fromDestination,
      elements: [],
      info: undefined,
    });
    pair.do((p) => {
      p.a.machine.signalling(h225.encodeSignalling(alerting(p.a.machine.callReference, true)), p.now);
      p.a.machine.signalling(h225.encodeSignalling({ ...alerting(1, true), type: "releaseComplete" }), p.now);
      p.a.machine.signalling(Uint8Array.of(8, 2, 0), p.now);
    });
    expect(eventsOf(pair.a.events, "ignored")).toHaveLength(3);
    expect(pair.a.machine.dump).toEqual(before);
  });
  it("anything before Setup ends the connection", () => {
    const pair = new Pair(callConfig("a"), callConfig("b"));
    pair.do((p) => p.b.machine.signalling(Uint8Array.of(8, 2, 0, 1, 0x62), p.now));
    expect(eventsOf(pair.b.events, "released")).toMatchObject([{ cause: 101 }]);
    expect(pair.b.closed).toBe(true);
  });
  it("damaged messages of a whole call harm neither side's machine", () => {
    const random = seededOctets(99);
    for (let round = 0; round < 300; round++) {
      const pair = new Pair(callConfig("a", { fastStart: round % 2 === 0 }), callConfig("b", { tunnelling: round % 3 !== 0 }));
      const signalling = pair.b.machine.signalling.bind(pair.b.machine);
      pair.b.machine.signalling = (bytes, now) => {
        const damaged = Uint8Array.from(bytes);
        const [at = 0, what = 0, often = 0] = random(3);
        if (often < 128) damaged[(at * 3) % damaged.length]! ^= what;
        signalling(damaged, now);
      };
      pair.call().run(400_000);
      expect([pair.a.machine.state, pair.b.machine.state]).not.toContain("initiated");
    }
  });
});
