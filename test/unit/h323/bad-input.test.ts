import { describe, expect, it } from "vitest";
import type { CallEvent, CallOutput } from "../../../src/h323/index.ts";
import { CallMachine, ControlMachine, DURATIONS } from "../../../src/h323/index.ts";
import { encodeSignalling, H225_VERSION } from "../../../src/wire/h225/index.ts";
import { type ControlMessage, encodeControl, type OpenLogicalChannel } from "../../../src/wire/h245/index.ts";
import { callConfig, eventsOf, mediaOf, Pair, seededOctets } from "../../support/h323-pair.ts";
import { TIMEOUT } from "../../../src/base/machine.ts";
import type { ControlEvent } from "../../../src/h323/control/types.ts";

/** A peer that says what it likes to a control machine of ours. */
class Peer {
  readonly #events: ControlEvent[] = [];
  readonly machine: ControlMachine;
  now = 0;
  constructor(draw: () => number = () => 0x100000) {
    this.machine = new ControlMachine({
      capabilities: callConfig("b").capabilities,
      terminalType: 50,
      draw,
      durations: DURATIONS,
    });
    this.machine.setMedia(mediaOf("192.0.2.2", 6004), 0);
  }
  say(...messages: readonly ControlMessage[]): ControlMessage[] {
    for (const message of messages) this.machine.handle(message, this.now);
    return this.messages();
  }
  messages(): ControlMessage[] {
    const outputs = this.machine.drain();
    this.#events.push(...outputs.flatMap((output) => (output.type === "event" ? [output.event] : [])));
    return outputs.flatMap((output) => (output.type === "message" ? [output.message] : []));
  }
  events(): ControlEvent[] {
    return this.#events.splice(0);
  }
}

const channel = (number: number, dataType: OpenLogicalChannel["forwardLogicalChannelParameters"]["dataType"], more: object = {}) => ({
  request: {
    openLogicalChannel: {
      forwardLogicalChannelNumber: number,
      forwardLogicalChannelParameters: {
        dataType,
        multiplexParameters: { h2250LogicalChannelParameters: { sessionID: 1, ...more } },
      },
    },
  },
});
const PCMU = { audioData: { g711Ulaw64k: 20 } };

describe("channels that were never offered", () => {
  const video = {
    videoData: {
      h261VideoCapability: { qcifMPI: 1, temporalSpatialTradeOffCapability: false, maxBitRate: 100, stillImageTransmission: false },
    },
  };
  it.each([
    ["a codec of nobody's", channel(5, { audioData: { g728: 1 } }), "dataTypeNotSupported"],
    ["a codec we know but did not offer", channel(5, { audioData: { g729: 2 } }), "dataTypeNotSupported"],
    ["video", channel(5, video), "dataTypeNotSupported"],
    ["nothing at all", channel(5, { nullData: true }), "dataTypeNotSupported"],
    [
      "encrypted media",
      channel(5, { h235Media: { encryptionAuthenticationAndIntegrity: {}, mediaType: PCMU } } as never),
      "securityDenied",
    ],
    ["another session", channel(5, PCMU, { sessionID: 7 }), "invalidSessionID"],
    [
      "a group's address",
      channel(5, PCMU, {
        mediaChannel: { multicastAddress: { iPAddress: { network: Uint8Array.of(224, 0, 1, 41), tsapIdentifier: 5004 } } },
      }),
      "multicastChannelNotAllowed",
    ],
  ] as const)("%s is refused", (_what, message, cause) => {
    const peer = new Peer();
    const [answer] = peer.say(message as ControlMessage);
    expect(answer?.response?.openLogicalChannelReject).toMatchObject({ forwardLogicalChannelNumber: 5, cause: { [cause]: true } });
    expect(peer.events()).toEqual([]);
    expect(peer.machine.state.receive).toBeUndefined();
  });

  it("without parameters of an IP network, and both ways at once", () => {
    const olc = channel(5, PCMU).request.openLogicalChannel;
    const forward = olc.forwardLogicalChannelParameters;
    const bare = { ...olc, forwardLogicalChannelParameters: { ...forward, multiplexParameters: { none: true as const } } };
    const both = { ...olc, reverseLogicalChannelParameters: { dataType: PCMU } };
    const answers = [bare, both].map((openLogicalChannel) => new Peer().say({ request: { openLogicalChannel } })[0]);
    expect(answers.map((a) => Object.keys(a?.response?.openLogicalChannelReject?.cause ?? {})[0])).toEqual([
      "dataTypeALCombinationNotSupported",
      "unsuitableReverseParameters",
    ]);
  });

  it("a thousand channels are one channel and 999 refusals; closing what is not open is acknowledged, no more", () => {
    const peer = new Peer();
    const answers = Array.from({ length: 1000 }, (_, i) => peer.say(channel(i + 1, PCMU) as ControlMessage)[0]);
    expect(answers.filter((a) => a?.response?.openLogicalChannelAck)).toHaveLength(1);
    expect(answers.filter((a) => a?.response?.openLogicalChannelReject?.cause.dataTypeNotAvailable)).toHaveLength(999);
    expect(peer.events().map((e) => e.type)).toEqual(["receive"]);
    const close = { request: { closeLogicalChannel: { forwardLogicalChannelNumber: 4711, source: { user: true as const } } } };
    expect(peer.say(close)).toMatchObject([{ response: { closeLogicalChannelAck: { forwardLogicalChannelNumber: 4711 } } }]);
    expect(peer.events()).toEqual([]);
  });

  it("before our media are known only a few wait", () => {
    const machine = new ControlMachine({
      capabilities: callConfig("b").capabilities,
      terminalType: 50,
      draw: () => 1,
      durations: DURATIONS,
    });
    for (let i = 1; i <= 500; i++) machine.handle(channel(i, PCMU) as ControlMessage, 0);
    machine.setMedia(mediaOf("192.0.2.2", 6004), 0);
    expect(machine.drain().filter(({ type }) => type === "message")).toHaveLength(8);
  });

  it("acknowledgements, refusals and closes of channels that are not ours change nothing", () => {
    const pair = new Pair(callConfig("a"), callConfig("b", { fastStart: false })).call().run();
    const before = pair.a.machine.dump;
    const strange: ControlMessage[] = [
      { response: { openLogicalChannelAck: { forwardLogicalChannelNumber: 999 } } },
      { response: { openLogicalChannelReject: { forwardLogicalChannelNumber: 999, cause: { unspecified: true } } } },
      { response: { closeLogicalChannelAck: { forwardLogicalChannelNumber: 999 } } },
      { request: { requestChannelClose: { forwardLogicalChannelNumber: 999 } } },
      { response: { masterSlaveDeterminationAck: { decision: { master: true } } } },
      { response: { terminalCapabilitySetAck: { sequenceNumber: 200 } } },
      { response: { roundTripDelayResponse: { sequenceNumber: 9 } } },
    ];
    pair.do((p) =>
      p.a.machine.control((control) => {
        for (const message of strange) control.handle(message, p.now);
      }, p.now),
    );
    expect(pair.a.machine.dump).toEqual(before);
    expect(eventsOf(pair.a.events, "released")).toEqual([]);
  });
});

describe("master and slave in conflict", () => {
  const request = (statusDeterminationNumber: number, terminalType = 50) => ({
    request: { masterSlaveDetermination: { terminalType, statusDeterminationNumber } },
  });
  const ack = (decision: "master" | "slave") =>
    ({ response: { masterSlaveDeterminationAck: { decision: { [decision]: true as const } } } }) as ControlMessage;

  it("a peer that says the contrary of what the numbers say ends control, not more", () => {
    const peer = new Peer();
    peer.machine.start(0);
    peer.messages();
    // We are slave by type, and it is told that we are; it then says that we are master.
    expect(peer.say(request(1, 190))).toMatchObject([{ response: { masterSlaveDeterminationAck: { decision: { master: true } } } }]);
    peer.say(ack("master"));
    expect(peer.events()).toMatchObject([{ type: "control-failed", reason: expect.stringMatching(/says master/) }]);
  });

  it("numbers that are always equal are given up after ten draws", () => {
    const peer = new Peer();
    peer.machine.start(0);
    let requests = peer.messages().filter((m) => m.request?.masterSlaveDetermination).length;
    for (let i = 0; i < 50; i++) requests += peer.say(request(0x100000)).filter((m) => m.request?.masterSlaveDetermination).length;
    expect(requests).toBe(10);
    expect(peer.events().filter((e) => e.type === "control-failed")).toHaveLength(1);
  });

  it("a peer that rejects for ever is given up too", () => {
    const peer = new Peer();
    peer.machine.start(0);
    peer.messages();
    const reject = { response: { masterSlaveDeterminationReject: { cause: { identicalNumbers: true as const } } } };
    let answers = 0;
    for (let i = 0; i < 50; i++) answers += peer.say(reject).length;
    expect(answers).toBe(9);
    expect(peer.events()).toMatchObject([{ type: "control-failed" }]);
  });

  it("a determination once more in mid-call is answered and changes no channel", () => {
    const pair = new Pair(callConfig("a"), callConfig("b")).call().run();
    const { transmit, receive } = pair.b.machine.dump.control;
    pair.do((p) => p.b.machine.control((control) => control.handle(request(5, 190), p.now), p.now), 60_000);
    expect(pair.b.machine.dump.control).toMatchObject({ transmit, receive });
    expect(pair.b.machine.state).toBe("active");
  });

  it("capability sets without end are each answered, and nothing more is sent", () => {
    const pair = new Pair(callConfig("a"), callConfig("b")).call().run();
    const before = pair.b.sent.length;
    pair.do((p) =>
      p.b.machine.control((control) => {
        for (let i = 0; i < 300; i++)
          control.handle({ request: { terminalCapabilitySet: { sequenceNumber: i & 0xff, protocolIdentifier: "0.0.8.245.0.7" } } }, p.now);
      }, p.now),
    );
    const answers = pair.b.sent.slice(before).join("+");
    expect(answers.match(/terminalCapabilitySetAck/g)).toHaveLength(300);
    expect(answers).not.toContain("openLogicalChannel");
  });
});

describe("both sides at once", () => {
  it.each([true, false])("tunnelled %s: both open channels with the same number, both are right", (tunnelling) => {
    const style = { fastStart: false, tunnelling, earlyControl: true };
    const pair = new Pair(callConfig("a", style), callConfig("b", style)).call().run();
    for (const end of [pair.a, pair.b]) {
      expect(eventsOf(end.events, "transmit"), end.name).toMatchObject([{ channel: 1 }]);
      expect(eventsOf(end.events, "receive"), end.name).toMatchObject([{ channel: 1 }]);
    }
  });

  it("both ask for a round trip, both hold, both hang up", () => {
    const pair = new Pair(callConfig("a"), callConfig("b")).call().run();
    pair.do((p) => {
      for (const { machine } of [p.a, p.b]) machine.control((control) => control.measureRoundTrip(p.now), p.now);
    });
    for (const end of [pair.a, pair.b]) expect(eventsOf(end.events, "round-trip")).toMatchObject([{ ms: 10 }]);
    pair.do((p) => {
      for (const { machine } of [p.a, p.b]) machine.control((control) => control.hold(p.now), p.now);
    });
    pair.do((p) => {
      for (const { machine } of [p.a, p.b]) machine.control((control) => control.resume(p.now), p.now);
    });
    for (const end of [pair.a, pair.b]) {
      expect(eventsOf(end.events, "paused")).toHaveLength(1);
      expect(eventsOf(end.events, "resumed")).toHaveLength(1);
      expect(end.machine.state).toBe("active");
    }
    pair.do((p) => {
      for (const { machine } of [p.a, p.b]) machine.release(16);
    });
    for (const end of [pair.a, pair.b]) expect(eventsOf(end.events, "released")).toMatchObject([{ by: "us", cause: 16 }]);
  });
});

describe("addresses and silence", () => {
  /** A callee that says what it likes to a calling machine of ours without tunnelling. */
  function called(host: readonly number[]) {
    const machine = new CallMachine(callConfig("a", { tunnelling: false, fastStart: false }));
    machine.start({ aliases: [{ dialledDigits: "200" }] }, 0);
    machine.drain();
    const destinationInfo = { terminal: {}, mc: false, undefinedNode: false };
    const guid = new Uint8Array(16);
    machine.signalling(
      encodeSignalling({
        type: "connect",
        callReference: machine.callReference,
        fromDestination: true,
        elements: [],
        info: {
          "h323-uu-pdu": {
            "h323-message-body": {
              connect: {
                protocolIdentifier: H225_VERSION,
                destinationInfo,
                conferenceID: guid,
                callIdentifier: { guid },
                h245Address: { ipAddress: { ip: Uint8Array.from(host), port: 22 } },
                multipleCalls: false,
                maintainConnection: false,
              },
            },
          },
        },
      }),
      0,
    );
    return { machine, outputs: machine.drain() };
  }
  const connects = (outputs: readonly CallOutput[]) => outputs.filter((o) => o.type === "connect-control");
  const ignored = (outputs: readonly CallOutput[]) =>
    outputs.flatMap((o) => (o.type === "event" ? [o.event] : [])).filter((e: CallEvent) => e.type === "ignored");

  it.each([
    [127, 0, 0, 1],
    [10, 0, 0, 1],
    [169, 254, 169, 254],
    [224, 0, 1, 41],
    [255, 255, 255, 255],
    [0, 0, 0, 0],
  ])("control at %i.%i.%i.%i is not connected to, and the call is given up in time", (...host) => {
    const { machine, outputs } = called(host);
    expect(connects(outputs)).toEqual([]);
    expect(ignored(outputs)).toHaveLength(1);
    machine.handle(TIMEOUT, DURATIONS.control + DURATIONS.T303);
    expect(machine.state).toBe("released");
  });

  it("at the callee's own address it is", () => {
    expect(connects(called([192, 0, 2, 2]).outputs)).toMatchObject([{ to: { host: "192.0.2.2", port: 22 } }]);
  });

  it.each([true, false])("connected and silent (tunnelling %s): nothing runs for ever", (tunnelling) => {
    const random = seededOctets(5);
    for (const stop of ["callProceeding", "alerting", "connect"] as const) {
      const pair = new Pair(callConfig("a", { tunnelling, fastStart: false }, { random }), callConfig("b", { tunnelling }, { random }));
      let silent = false;
      const deaf = pair.a.machine.signalling.bind(pair.a.machine);
      pair.a.machine.signalling = (bytes, now) => {
        if (!silent) deaf(bytes, now);
        const said = pair.b.sent.some((s) => s.startsWith(stop));
        silent ||= said;
      };
      pair.a.machine.controlMessage = () => {};
      pair.call().run(1_000_000);
      expect([stop, pair.a.machine.state]).toEqual([stop, "released"]);
      expect(pair.a.machine.nextTimeout()).toBeUndefined();
    }
  });

  it("control messages of rubbish, tunnelled and not, are passed over", () => {
    const random = seededOctets(8);
    for (const tunnelling of [true, false]) {
      const pair = new Pair(callConfig("a", { tunnelling }), callConfig("b", { tunnelling })).call().run();
      pair.do((p) => {
        for (let i = 0; i < 500; i++) p.b.machine.controlMessage(random(i % 90), p.now);
        p.b.machine.controlMessage(encodeControl({ indication: { userInput: { alphanumeric: "5" } } }), p.now);
      });
      expect(eventsOf(pair.b.events, "digits")).toMatchObject([{ digits: "5" }]);
      expect(pair.b.machine.state).toBe("active");
    }
  });
});
