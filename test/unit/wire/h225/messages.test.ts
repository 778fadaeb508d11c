import { describe, expect, it } from "vitest";
import * as h225 from "../../../../src/wire/h225/index.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("TPKT", () => {
  it("frames arrive whole, cut and together", () => {
    const stream = Buffer.concat([
      h225.tpkt(Buffer.from("one")),
      h225.tpkt(new Uint8Array(0)),
      h225.tpkt(Buffer.from("second")),
      h225.tpkt(Buffer.alloc(3000, 7)),
    ]);
    for (const step of [1, 2, 5, 7, 1000, stream.length]) {
      const reader = new h225.TpktReader();
      const got: string[] = [];
      for (let at = 0; at < stream.length; at += step) for (const p of reader.push(stream.subarray(at, at + step))) got.push(hex(p));
      expect(got).toEqual([hex(Buffer.from("one")), hex(Buffer.from("second")), "07".repeat(3000)]);
      expect(reader.pending).toBe(0);
    }
  });
  it("one of 65,535 octets that never ends keeps no more than itself", () => {
    const reader = new h225.TpktReader();
    expect(reader.push(Uint8Array.of(3, 0, 0xff, 0xff))).toEqual([]);
    for (let i = 0; i < 65; i++) expect(reader.push(new Uint8Array(1000))).toEqual([]);
    expect(reader.pending).toBe(65_004);
    expect(reader.push(new Uint8Array(531))[0]?.length).toBe(65_531);
    expect(reader.pending).toBe(0);
  });
  it("refuses what is no TPKT, shorter than its header, or longer than allowed", () => {
    expect(() => new h225.TpktReader().push(Buffer.from("GET / HTTP/1.1"))).toThrow(/version 71/);
    expect(() => new h225.TpktReader().push(Uint8Array.of(3, 0, 0, 3))).toThrow(/length 3/);
    expect(() => new h225.TpktReader(1000).push(Uint8Array.of(3, 0, 4, 0))).toThrow(/at most 1000/);
    expect(() => h225.tpkt(new Uint8Array(65_532))).toThrow(RangeError);
  });
});

describe("Q.931", () => {
  it("keeps elements in order, unknown ones and those of one octet too", () => {
    const bytes = Buffer.from("080212345" + "a" + "a1" + "08028090" + "960201" + "7e0003050102", "hex");
    const message = h225.decodeQ931(bytes.subarray(0, 5 + 1 + 4));
    expect(message).toMatchObject({ type: "releaseComplete", callReference: 0x1234, fromDestination: false });
    expect(message.elements.map((e) => e.id)).toEqual([0xa1, 0x08]);
    expect(h225.readCause(h225.element(message, h225.IE.cause))).toBe(16);
    expect(hex(h225.encodeQ931(message))).toBe(hex(bytes.subarray(0, 10)));
  });
  it("keeps a message type it does not know, and the reference's flag", () => {
    const bytes = Buffer.from("0802800199", "hex");
    expect(h225.decodeQ931(bytes)).toMatchObject({ type: 0x99, callReference: 1, fromDestination: true });
    expect(hex(h225.encodeQ931(h225.decodeQ931(bytes)))).toBe("0802800199");
  });
  it("refuses other discriminators, references of another length and elements cut short", () => {
    for (const [text, why] of [
      ["0902000105", /discriminator 9/],
      ["0801000105", /of 1 octets/],
      ["08020001", /of 4 octets/],
      ["08020001050405", /4 of 5 octets/],
      ["080200010504", /cut short/],
      ["08020001057e0010", /126 of 16 octets/],
    ] as const)
      expect(() => h225.decodeQ931(Buffer.from(text, "hex")), text).toThrow(why);
    expect(() => h225.decodeQ931(Buffer.from("0802000105" + "a1".repeat(100), "hex"))).toThrow(/too many/);
  });
  it("writes the elements it reads", () => {
    const elements = [
      h225.calledElement("2000"),
      h225.callingElement("100"),
      h225.displayElement("Room"),
      h225.keypadElement("5"),
      h225.causeElement(34, 1),
    ];
    const message = h225.decodeQ931(h225.encodeQ931({ type: "setup", callReference: 9, fromDestination: false, elements }));
    expect(h225.readNumber(h225.element(message, h225.IE.calledPartyNumber))).toBe("2000");
    expect(h225.readNumber(h225.element(message, h225.IE.callingPartyNumber))).toBe("100");
    expect(h225.readDisplay(h225.element(message, h225.IE.display))).toBe("Room");
    expect(h225.readText(h225.element(message, h225.IE.keypad))).toBe("5");
    expect(h225.readCause(h225.element(message, h225.IE.cause))).toBe(34);
    expect(h225.readCause(Uint8Array.of(0x00, 0x80, 0x91))).toBe(17);
  });
});

describe("user information", () => {
  it("keeps generic data that nests (H.460)", () => {
    const genericData = [
      {
        id: { standard: 18 },
        parameters: [
          { id: { standard: 1 }, content: { compound: [{ id: { oid: "0.0.8.460.18.0.1" }, content: { number16: 7 } }] } },
          { id: { standard: 2 } },
        ],
      },
    ];
    const info = { "h323-uu-pdu": { "h323-message-body": { empty: true as const }, h245Tunnelling: true, genericData } };
    const bytes = h225.encodeUserInformation(info);
    expect(h225.decodeUserInformation(bytes)).toEqual(info);
    expect(hex(h225.encodeUserInformation(h225.decodeUserInformation(bytes)))).toBe(hex(bytes));
  });
  it("refuses another protocol discriminator than X.680's", () => {
    const bytes = h225.encodeQ931({
      type: "facility",
      callReference: 1,
      fromDestination: false,
      elements: [{ id: h225.IE.userUser, contents: Uint8Array.of(4, 1) }],
    });
    expect(() => h225.decodeSignalling(bytes)).toThrow(/discriminator 4/);
  });
  it("carries a registration with a hashed password (H.235.1 style tokens)", () => {
    const message: h225.RasMessage = {
      registrationRequest: {
        requestSeqNum: 7,
        protocolIdentifier: h225.H225_VERSION,
        discoveryComplete: true,
        callSignalAddress: [{ ipAddress: { ip: Uint8Array.of(192, 0, 2, 1), port: 1720 } }],
        rasAddress: [{ ip6Address: { ip: new Uint8Array(16).fill(1), port: 1719 } }],
        terminalType: { terminal: {}, mc: false, undefinedNode: false },
        terminalAlias: [{ dialledDigits: "2000" }, { "h323-ID": "room" }, { "url-ID": "h323:room@example.net" }],
        endpointVendor: { vendor: { t35CountryCode: 181, t35Extension: 0, manufacturerCode: 18 } },
        timeToLive: 300,
        keepAlive: false,
        cryptoTokens: [
          {
            cryptoEPPwdHash: {
              alias: { "h323-ID": "room" },
              timeStamp: 1_700_000_000,
              token: { algorithmOID: "1.2.840.113549.2.5", paramS: {}, hash: { bytes: new Uint8Array(16).fill(9), length: 128 } },
            },
          },
        ],
        willSupplyUUIEs: false,
        maintainConnection: false,
        supportsAssignedGK: false,
      },
    };
    expect(h225.decodeRas(h225.encodeRas(message))).toEqual(message);
  });
});

describe("Display (Q.931 4.5.16)", () => {
  it.each([
    ["UTF-8", Buffer.from("Zoë Müller 東京")],
    ["UTF-8 that ends in NUL", Buffer.from("Zoë Müller 東京\0")],
    ["UCS-2, as a BMPString", Buffer.from("Zoë Müller 東京", "utf16le").swap16()],
    ["UTF-8 behind the octet of a character set", Buffer.concat([Buffer.of(0xb1), Buffer.from("Zoë Müller 東京")])],
  ])("is read as %s", (_, contents) => {
    expect(h225.readDisplay(contents)).toBe("Zoë Müller 東京");
  });

  it("is Latin-1 where it is neither", () => {
    expect(h225.readDisplay(Buffer.from("Zoë Müller", "latin1"))).toBe("Zoë Müller");
    expect(h225.readDisplay(Buffer.from("Room 1\0", "latin1"))).toBe("Room 1");
    expect(h225.readDisplay(Buffer.alloc(0))).toBe("");
  });
});
