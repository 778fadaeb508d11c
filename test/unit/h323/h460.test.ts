import { describe, expect, it } from "vitest";
import {
  composeTraversal,
  demultiplexed,
  feature,
  findFeature,
  hasParameter,
  keepAlivePacket,
  keepAliveReport,
  multiplexed,
  rawParameters,
  readTraversal,
  readTraversalFeature,
  supports,
  traversalFeature,
} from "../../../src/h323/index.ts";
import { decodeRas, encodeRas, H225_VERSION } from "../../../src/wire/h225/index.ts";
import { decodeControl, encodeControl } from "../../../src/wire/h245/index.ts";
import { decodeIncomingCall, decodeLrqKeepAlive, encodeIncomingCall, encodeLrqKeepAlive } from "../../../src/wire/h460/index.ts";
import { parseRtp } from "../../../src/wire/rtp/index.ts";

const at = (host: string, port: number) => ({ host, port });
const guid = Uint8Array.from({ length: 16 }, (_, i) => i);

describe("H.460 features", () => {
  it("are found in a feature set, in generic data and in Setup's lists, with their parameters", () => {
    const eighteen = feature(18, { 1: { raw: Uint8Array.of(1, 2) } });
    for (const message of [
      { genericData: [eighteen] },
      { featureSet: supports(feature(9), eighteen) },
      { supportedFeatures: [eighteen] },
    ]) {
      expect(findFeature(message, 17)).toBeUndefined();
      expect(rawParameters(findFeature(message, 18), 1)).toEqual([Uint8Array.of(1, 2)]);
    }
    expect(hasParameter(feature(19, { 2: null }), 2)).toBe(true);
    expect(hasParameter(feature(19), 2)).toBe(false);
  });

  it("survive the wire: a registration that supports H.460.18", () => {
    const message = decodeRas(
      encodeRas({
        registrationConfirm: {
          requestSeqNum: 1,
          protocolIdentifier: H225_VERSION,
          callSignalAddress: [],
          endpointIdentifier: "1",
          willRespondToIRR: false,
          maintainConnection: false,
          featureSet: supports(feature(18)),
        },
      }),
    );
    expect(findFeature(message.registrationConfirm, 18)).toMatchObject({ id: { standard: 18 } });
  });

  it("H.460.18's call indication and keep-alive interval", () => {
    const call = { callSignallingAddress: { ipAddress: { ip: Uint8Array.of(192, 0, 2, 1), port: 1720 } }, callID: { guid } };
    // No extension, then address (root alternative 0), the identifier without its own extension.
    expect(Buffer.from(encodeIncomingCall(call)).toString("hex")).toBe(`00c000020106b800${Buffer.from(guid).toString("hex")}`);
    expect(decodeIncomingCall(encodeIncomingCall(call))).toEqual(call);
    expect(decodeLrqKeepAlive(encodeLrqKeepAlive({ lrqKeepAliveInterval: 19 }))).toEqual({ lrqKeepAliveInterval: 19 });
  });
});

describe("H.460.19", () => {
  it.each([
    { role: "client", multiplexes: false },
    { role: "client", multiplexes: true },
    { role: "server", multiplexes: true },
  ] as const)("who is what: %o", (side) => expect(readTraversalFeature({ supportedFeatures: [traversalFeature(side)] })).toEqual(side));

  it("parameters of a channel go through the control channel and back", () => {
    const said = {
      multiplex: { id: 0xfedcba98, rtp: at("192.0.2.1", 3000), rtcp: at("192.0.2.1", 3001) },
      keepAlive: { to: at("192.0.2.1", 3000), interval: 19_000 },
      payloadType: 127,
    };
    const genericInformation = composeTraversal(said);
    const message = decodeControl(
      encodeControl({ response: { openLogicalChannelAck: { forwardLogicalChannelNumber: 1, genericInformation } } }),
    );
    expect(readTraversal(message.response?.openLogicalChannelAck?.genericInformation)).toEqual(said);
    expect(composeTraversal({})).toEqual([]);
    expect(readTraversal(composeTraversal({ payloadType: 0 }))).toEqual({ payloadType: 0 });
  });

  it("keep-alives are neither asked for ten times a second nor never, and damaged parameters are none", () => {
    const interval = (ms: number) =>
      readTraversal(composeTraversal({ keepAlive: { to: at("192.0.2.1", 3000), interval: ms } }))?.keepAlive?.interval;
    expect([interval(100), interval(19_000), interval(4_000_000_000)]).toEqual([1_000, 19_000, 300_000]);
    const [message] = composeTraversal({ payloadType: 96 });
    const damaged = [
      {
        ...message!,
        messageContent: [{ parameterIdentifier: { standard: 1 as const }, parameterValue: { octetString: Uint8Array.of(0x7f) } }],
      },
    ];
    expect(readTraversal(damaged)).toBeUndefined();
    expect(readTraversal([])).toBeUndefined();
  });

  it("keep-alives are an RTP header and an empty report; a multiplex number comes before any packet", () => {
    const packet = keepAlivePacket(96, 0x1234);
    expect(parseRtp(packet)).toMatchObject({ payloadType: 96, sequenceNumber: 0x1234, payloadLength: 0 });
    expect([...keepAliveReport()]).toEqual([0x80, 201, 0, 1, 0, 0, 0, 0]);
    expect(multiplexed(packet, undefined)).toBe(packet);
    expect(demultiplexed(multiplexed(packet, 0xfedcba98))).toEqual({ id: 0xfedcba98, packet });
    expect(demultiplexed(packet.subarray(0, 11))).toBeUndefined();
  });
});
