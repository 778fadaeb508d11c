import { describe, expect, it } from "vitest";
import {
  ATTRIBUTE,
  bfcpLength,
  groupAttribute,
  membersOf,
  numberAttribute,
  numberOf,
  PRIMITIVE,
  parseBfcp,
  REQUEST_STATUS,
  statusAttribute,
  writeBfcp,
} from "../../../../src/wire/bfcp/index.ts";
import { random as seeded } from "../../../support/mutate.ts";

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));

/** RFC 8855 section 5.1 and 5.2, laid out by hand: a FloorRequest for floor 1. */
const FLOOR_REQUEST = hex("40 01 0001 0000002a 0007 0102  05 04 0001");

describe("a BFCP message", () => {
  it("is read as the RFC lays it out", () => {
    expect(parseBfcp(FLOOR_REQUEST)).toEqual({
      version: 2,
      response: false,
      primitive: PRIMITIVE.floorRequest,
      conferenceId: 42,
      transactionId: 7,
      userId: 0x102,
      attributes: [{ type: ATTRIBUTE.floorId, mandatory: true, value: Uint8Array.of(0, 1) }],
    });
    expect(bfcpLength(FLOOR_REQUEST.subarray(0, 4))).toBe(16);
    expect(bfcpLength(FLOOR_REQUEST.subarray(0, 3))).toBeUndefined();
  });

  it("is written as it is read, groups and padding too", () => {
    const message = {
      version: 2,
      response: true,
      primitive: PRIMITIVE.floorRequestStatus,
      conferenceId: 4_000_000_000,
      transactionId: 65_535,
      userId: 1,
      attributes: [
        groupAttribute(ATTRIBUTE.floorRequestInformation, 9, [
          groupAttribute(ATTRIBUTE.overallRequestStatus, 9, [statusAttribute(REQUEST_STATUS.granted)]),
          groupAttribute(ATTRIBUTE.floorRequestStatus, 1, []),
        ]),
        { type: ATTRIBUTE.statusInfo, mandatory: false, value: new TextEncoder().encode("soon") },
        numberAttribute(ATTRIBUTE.floorId, 300),
      ],
    };
    const bytes = writeBfcp(message);
    expect(bytes.length % 4).toBe(0);
    expect(parseBfcp(bytes)).toEqual(message);
    const [group] = parseBfcp(bytes)!.attributes;
    const members = membersOf(group!);
    expect(members.map(({ type }) => type)).toEqual([ATTRIBUTE.overallRequestStatus, ATTRIBUTE.floorRequestStatus]);
    expect(membersOf(members[0]!)).toEqual([statusAttribute(REQUEST_STATUS.granted)]);
    expect(numberOf(message, ATTRIBUTE.floorId)).toBe(300);
    expect(numberOf(message, ATTRIBUTE.beneficiaryId)).toBeUndefined();
  });

  it.each([
    ["too short", hex("40 01 0000 0000002a 0007 01")],
    ["longer than it says", hex("40 01 0000 0000002a 0007 0102 05040001")],
    ["shorter than it says", hex("40 01 0002 0000002a 0007 0102 05040001")],
    ["of an unknown version", hex("60 01 0001 0000002a 0007 0102 05040001")],
    ["a fragment", hex("48 01 0001 0000002a 0007 0102 00000001")],
    ["with an attribute of no length", hex("40 01 0001 0000002a 0007 0102 05000001")],
    ["with an attribute beyond its end", hex("40 01 0001 0000002a 0007 0102 05080001")],
  ])("%s is none", (_, bytes) => expect(parseBfcp(bytes)).toBeUndefined());

  it("survives 10,000 mutations", () => {
    const random = seeded(8855);
    for (let round = 0; round < 10_000; round++) {
      const bytes = Uint8Array.from(
        { length: 12 + 4 * Math.floor(random() * 12) },
        (_, at) => FLOOR_REQUEST[at] ?? Math.floor(random() * 256),
      );
      for (let change = 0; change < 3; change++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      bytes[2] = 0;
      bytes[3] = bytes.length / 4 - 3;
      const message = parseBfcp(bytes);
      if (!message) continue;
      for (const attribute of message.attributes) membersOf(attribute);
      expect(parseBfcp(writeBfcp(message))).toEqual(message);
    }
  });
});
