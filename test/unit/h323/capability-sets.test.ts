import { describe, expect, it } from "vitest";
import { composeCapabilities, readCapabilities, revised } from "../../../src/h323/control/capabilities.ts";
import { composeH264, type LocalCapabilities, type VideoFormat } from "../../../src/h323/index.ts";
import { type ControlMessage, decodeControl, encodeControl, type TerminalCapabilitySet } from "../../../src/wire/h245/index.ts";
import { callConfig, eventsOf, mediaOf, Pair } from "../../support/h323-pair.ts";

const AUDIO: LocalCapabilities = {
  audio: [
    { codec: "PCMU", maxPtime: 20 },
    { codec: "PCMA", maxPtime: 20 },
  ],
  telephoneEvent: undefined,
  userInput: ["alphanumeric"],
};
const H264: VideoFormat = { codec: "H264", profile: "baseline", level: 31, maxBitrate: 2_000_000, packetization: [0, 1], payloadType: 97 };

/** Gives `b` a message as if `a` had sent it, in a call with tunnelling. */
const tell = (pair: Pair, message: ControlMessage, ms = 1000) =>
  pair.do((p) => p.b.machine.controlMessage(encodeControl(message), p.now), ms);
const setOf = (set: Partial<TerminalCapabilitySet>, sequenceNumber = 77): ControlMessage => ({
  request: { terminalCapabilitySet: { sequenceNumber, protocolIdentifier: "0.0.8.245.0.7", ...set } },
});
const answersOf = (pair: Pair, count: number) =>
  pair.wire
    .filter(({ from }) => from === "b")
    .slice(count)
    .flatMap(({ kind, bytes }) => (kind === "control" ? [decodeControl(bytes)] : []));

const up = (style = { fastStart: false, tunnelling: false }, a = {}, b = {}) =>
  new Pair(callConfig("a", style, { capabilities: AUDIO, ...a }), callConfig("b", style, { capabilities: AUDIO, ...b })).call().run(3000);

describe("capability sets after the first (H.245 7.2.1)", () => {
  it("one that takes away an unused entry is not the empty set of H.323 8.4.6", () => {
    const pair = up();
    const { capabilityTable = [] } = composeCapabilities(AUDIO, 1);
    const unused = capabilityTable.find(({ capability }) => capability?.receiveAudioCapability?.g711Alaw64k !== undefined)!;
    tell(pair, setOf({ capabilityTable: [{ capabilityTableEntryNumber: unused.capabilityTableEntryNumber }] }));
    expect(eventsOf(pair.b.events, "paused")).toEqual([]);
    expect(eventsOf(pair.b.events, "transmit-closed")).toEqual([]);
    expect(
      eventsOf(pair.b.events, "capabilities")
        .at(-1)
        ?.remote.audio.map(({ codec }) => codec),
    ).toEqual(["PCMU"]);
    // the same of the one in use: another is opened
    const used = capabilityTable.find(({ capability }) => capability?.receiveAudioCapability?.g711Ulaw64k !== undefined)!;
    const other = up();
    tell(other, setOf({ capabilityTable: [{ capabilityTableEntryNumber: used.capabilityTableEntryNumber }] }));
    expect(eventsOf(other.b.events, "transmit").at(-1)).toMatchObject({ line: "audio", format: { codec: "PCMA" } });
  });

  it("an addition is an addition, a whole set with descriptors replaces all, descriptors alone choose", () => {
    const first = composeCapabilities(AUDIO, 1);
    const codecs = (set: TerminalCapabilitySet) => readCapabilities(set).audio.map(({ codec }) => codec);
    const g722 = { capabilityTableEntryNumber: 9, capability: { receiveAudioCapability: { "g722-64k": 20 } } };
    expect(codecs(revised(first, { ...first, capabilityTable: [g722], capabilityDescriptors: [] }))).toEqual(["PCMU", "PCMA", "G722"]);
    const whole = [{ capabilityDescriptorNumber: 0, simultaneousCapabilities: [[9]] }];
    expect(codecs(revised(first, { ...first, capabilityTable: [g722], capabilityDescriptors: whole }))).toEqual(["G722"]);
    const chosen = [{ capabilityDescriptorNumber: 0, simultaneousCapabilities: [[2]] }];
    expect(codecs(revised(first, { sequenceNumber: 2, protocolIdentifier: "0.0.8.245.0.7", capabilityDescriptors: chosen }))).toEqual([
      "PCMA",
    ]);
  });

  it.each([true, false])("the empty one first, a full one later: the call comes up then (H.323 8.4.6), tunnelled %s", (tunnelling) => {
    const style = { fastStart: false, tunnelling };
    const pair = new Pair(callConfig("a", style, { capabilities: AUDIO }), callConfig("b", style, { capabilities: AUDIO }));
    pair.a.machine.control((control) => {
      control.start(0);
      control.hold(0);
      control.drain();
    }, 0);
    pair.a.machine.drain();
    pair.call(false).run(20_000);
    pair.do((p) => p.a.machine.control((control) => control.resume(p.now), p.now), 3000);
    expect(pair.b.machine.state).toBe("active");
    expect(eventsOf(pair.b.events, "transmit").map(({ line }) => line)).toEqual(["audio"]);
    expect(eventsOf(pair.a.events, "transmit").map(({ line }) => line)).toEqual(["audio"]);
  });
});

describe("H.264 of several profiles in one capability (H.241 8.3.2.1)", () => {
  const both = (format: VideoFormat) => {
    const composed = composeH264(format);
    const { genericVideoCapability: generic } = composed;
    const [, ...others] = generic.collapsing!;
    const profile = { parameterIdentifier: { standard: 41 }, parameterValue: { booleanArray: 0x48 } };
    return { genericVideoCapability: { ...generic, collapsing: [profile, ...others] } };
  };

  it("is each of them: a picture of the one that both have", () => {
    const set = composeCapabilities({ ...AUDIO, video: [H264] }, 1);
    const table = set.capabilityTable!.map((entry) =>
      entry.capability?.receiveVideoCapability === undefined ? entry : { ...entry, capability: { receiveVideoCapability: both(H264) } },
    );
    expect(readCapabilities({ ...set, capabilityTable: table }).video.map(({ profile }) => profile)).toEqual(["high", "baseline"]);
    const video = { ...AUDIO, video: [H264] };
    const pair = up(undefined, {}, { capabilities: video });
    pair.do((p) => p.b.machine.setMedia({ ...mediaOf(p.b.host, 6004), video: mediaOf(p.b.host, 6006) }, p.now));
    tell(pair, setOf({ ...set, sequenceNumber: 78, capabilityTable: table }), 3000);
    const opened = answersOf(pair, 0)
      .flatMap(({ request }) => request?.openLogicalChannel ?? [])
      .at(-1);
    expect(opened?.forwardLogicalChannelParameters.dataType).toEqual({ videoData: composeH264(H264) });
    const before = pair.wire.filter(({ from }) => from === "b").length;
    const parameters = { h2250LogicalChannelParameters: { sessionID: 2, dynamicRTPPayloadType: 97 } };
    tell(pair, {
      request: {
        openLogicalChannel: {
          forwardLogicalChannelNumber: 55,
          forwardLogicalChannelParameters: { dataType: { videoData: both(H264) }, multiplexParameters: parameters },
        },
      },
    });
    expect(answersOf(pair, before).some(({ response }) => response?.openLogicalChannelAck?.forwardLogicalChannelNumber === 55)).toBe(true);
    expect(eventsOf(pair.b.events, "receive").at(-1)).toMatchObject({ line: "video", format: { profile: "baseline" } });
  });
});

describe("H.245 that fails in a call that is up", () => {
  it("a capability set of ours that is rejected ends nothing (H.245 C.3)", () => {
    const pair = up();
    pair.do((p) => p.b.machine.control((control) => control.changeCapabilities(AUDIO, p.now), p.now), 0);
    tell(pair, { response: { terminalCapabilitySetReject: { sequenceNumber: 2, cause: { unspecified: true } } } }, 30_000);
    expect(pair.b.machine.state).toBe("active");
  });

  it.each([true, false])("a far end without H.245 keeps a call by fast connect (H.323 8.1.7), tunnelled %s", (tunnelling) => {
    const style = { fastStart: true, tunnelling };
    const pair = new Pair(callConfig("a", style, { capabilities: AUDIO }), callConfig("b", style, { capabilities: AUDIO }));
    // no control message ever comes to b
    pair.a.machine.control((control) => control.end(), 0);
    pair.call().run(60_000);
    expect(pair.b.machine.state).toBe("active");
    expect(eventsOf(pair.b.events, "transmit")).toHaveLength(1);
  });
});

describe("H.239", () => {
  it("a request that it has not is answered as any other (functionNotSupported)", () => {
    const pair = up();
    const before = pair.wire.filter(({ from }) => from === "b").length;
    const message = { messageIdentifier: { standard: "0.0.8.239.2" }, subMessageIdentifier: 99, messageContent: [] };
    tell(pair, { request: { genericRequest: message } });
    const [answer] = answersOf(pair, before);
    expect(answer?.indication?.functionNotSupported?.cause).toEqual({ unknownFunction: true });
  });

  it("is spoken only to who has its capability (6.1)", () => {
    const pair = up();
    const before = pair.wire.filter(({ from }) => from === "b").length;
    pair.do((p) => p.b.machine.control((control) => control.requestPresentation(p.now), p.now));
    expect(answersOf(pair, before)).toEqual([]);
    expect(eventsOf(pair.b.events, "presentation-answered")).toEqual([{ type: "presentation-answered", granted: false }]);
  });
});

describe("a far end with pictures of other codecs only", () => {
  it("is known by their names", () => {
    const h263 = { receiveVideoCapability: { h263VideoCapability: { maxBitRate: 3840 } } };
    const set = { ...composeCapabilities(AUDIO, 1), capabilityTable: [{ capabilityTableEntryNumber: 7, capability: h263 }] };
    expect(readCapabilities(set as unknown as TerminalCapabilitySet)).toMatchObject({ video: [], pictures: ["H.263"] });
    expect(readCapabilities(composeCapabilities({ ...AUDIO, video: [H264] }, 1)).pictures).toEqual(["H.264"]);
  });
});
