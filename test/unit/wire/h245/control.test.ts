import { describe, expect, it } from "vitest";
import * as h245 from "../../../../src/wire/h245/index.ts";
import { capturedControl, capturedPdus, captureNames, embedded } from "../../../support/h323-captures.ts";
import { decodeSignalling } from "../../../../src/wire/h225/index.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("captured control messages", () => {
  const messages = captureNames().flatMap((name) => capturedControl(name));
  const fastStart = captureNames().flatMap((name) =>
    capturedPdus(name).flatMap((p) => (p.kind === "q931" ? embedded(decodeSignalling(p.bytes)).fastStart : [])),
  );

  it("decode, and encode again to the same bytes", () => {
    expect(messages).toHaveLength(371);
    for (const bytes of messages) expect(hex(h245.encodeControl(h245.decodeControl(bytes)))).toBe(hex(bytes));
    expect(fastStart).toHaveLength(104);
    for (const bytes of fastStart) expect(hex(h245.encodeFastStart(h245.decodeFastStart(bytes)))).toBe(hex(bytes));
  });
  it("say what the peer can do", () => {
    const set = messages.map((m) => h245.decodeControl(m).request?.terminalCapabilitySet).find((s) => s !== undefined);
    expect(set?.protocolIdentifier).toBe("0.0.8.245.0.8");
    expect(set?.capabilityTable?.map((e) => Object.keys(e.capability ?? {})[0])).toContain("receiveAudioCapability");
    expect(set?.capabilityDescriptors?.[0]?.simultaneousCapabilities?.length).toBeGreaterThan(0);
  });
  it("name the codecs of chan_ooh323", () => {
    const pdu = capturedPdus("ast16-allaudio-fs_no-tun_no.pcap").find((p) => p.kind === "h245")!;
    const table = h245.decodeControl(pdu.bytes).request?.terminalCapabilitySet?.capabilityTable ?? [];
    const codecs = table.flatMap((e) =>
      Object.keys(e.capability?.receiveAudioCapability ?? e.capability?.receiveAndTransmitAudioCapability ?? {}),
    );
    expect(codecs).toEqual(expect.arrayContaining(["g711Ulaw64k", "g711Alaw64k", "g729", "gsmFullRate", "g7231"]));
  });
  it("carry digits each in its way", () => {
    const digits = (name: string) =>
      capturedControl(name)
        .map((m) => h245.decodeControl(m).indication?.userInput)
        .map((u) => u?.alphanumeric ?? u?.signal?.signalType ?? "")
        .join("");
    expect(digits("ast16-fs_no-tun_no-h245alphanumeric.pcap")).toBe("159*0");
    expect(digits("ast16-fs_no-tun_yes-h245signal-peer_without_basicString.pcap")).toBe("159*0");
  });
});

describe("messages beyond the captures", () => {
  const roundTrip = (message: h245.ControlMessage) => expect(h245.decodeControl(h245.encodeControl(message))).toEqual(message);

  it("H.264 by H.241: profile, level and bit rate as generic parameters", () =>
    roundTrip({
      request: {
        terminalCapabilitySet: {
          sequenceNumber: 1,
          protocolIdentifier: h245.H245_VERSION,
          capabilityTable: [
            {
              capabilityTableEntryNumber: 1,
              capability: {
                receiveVideoCapability: {
                  genericVideoCapability: {
                    capabilityIdentifier: { standard: "0.0.8.241.0.0.1" },
                    maxBitRate: 15_360,
                    collapsing: [
                      { parameterIdentifier: { standard: 41 }, parameterValue: { booleanArray: 64 } },
                      { parameterIdentifier: { standard: 42 }, parameterValue: { unsignedMin: 64 } },
                      { parameterIdentifier: { standard: 3 }, parameterValue: { unsignedMin: 490 } },
                    ],
                  },
                },
              },
            },
            {
              capabilityTableEntryNumber: 2,
              capability: {
                receiveVideoCapability: {
                  extendedVideoCapability: {
                    videoCapability: [
                      {
                        h261VideoCapability: {
                          qcifMPI: 1,
                          temporalSpatialTradeOffCapability: false,
                          maxBitRate: 3840,
                          stillImageTransmission: false,
                        },
                      },
                    ],
                    videoCapabilityExtension: [
                      {
                        capabilityIdentifier: { standard: "0.0.8.239.1.2" },
                        collapsing: [{ parameterIdentifier: { standard: 1 }, parameterValue: { booleanArray: 1 } }],
                      },
                    ],
                  },
                },
              },
            },
          ],
        },
      },
    }));
  it("H.239: a presentation token asked for", () =>
    roundTrip({
      request: {
        genericRequest: {
          messageIdentifier: { standard: "0.0.8.239.2" },
          subMessageIdentifier: 3,
          messageContent: [
            { parameterIdentifier: { standard: 44 }, parameterValue: { unsignedMin: 1 } },
            { parameterIdentifier: { standard: 42 }, parameterValue: { unsignedMin: 2 } },
          ],
        },
      },
    }));
  it("a key frame asked for, flow control, end of session", () => {
    roundTrip({ command: { miscellaneousCommand: { logicalChannelNumber: 102, type: { videoFastUpdatePicture: true } } } });
    roundTrip({ command: { flowControlCommand: { scope: { logicalChannelNumber: 1 }, restriction: { maximumBitRate: 5120 } } } });
    roundTrip({ command: { endSessionCommand: { disconnect: true } } });
  });
  it("a channel encrypted by H.235.6, its key in the acknowledgement", () => {
    roundTrip({
      request: {
        openLogicalChannel: {
          forwardLogicalChannelNumber: 101,
          forwardLogicalChannelParameters: {
            dataType: {
              h235Media: {
                encryptionAuthenticationAndIntegrity: { encryptionCapability: [{ algorithm: "2.16.840.1.101.3.4.1.2" }] },
                mediaType: { audioData: { "g722-64k": 20 } },
              },
            },
            multiplexParameters: { h2250LogicalChannelParameters: { sessionID: 1, dynamicRTPPayloadType: 98 } },
          },
          encryptionSync: { synchFlag: 98, h235Key: new Uint8Array(48).fill(3) },
        },
      },
    });
  });
  it("a message from the future goes through unharmed", () => {
    // Extension alternative 20 of the request CHOICE, with three octets inside.
    const bytes = Buffer.from("128003010203", "hex");
    const message = h245.decodeControl(bytes);
    expect(message.request?.$unknown).toEqual({ index: 20, bytes: new Uint8Array([1, 2, 3]) });
    expect(hex(h245.encodeControl(message))).toBe(hex(bytes));
  });
});
