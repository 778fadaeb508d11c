import { describe, expect, it } from "vitest";
import * as per from "../../../../src/wire/per/index.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));

function both<T>(type: per.Type<T>, value: T, aligned: string, unaligned?: string) {
  const a = per.encode(type, value);
  expect(hex(a)).toBe(aligned.replaceAll(" ", ""));
  expect(per.decode(type, a)).toEqual(value);
  const u = per.encode(type, value, { aligned: false });
  if (unaligned !== undefined) expect(hex(u)).toBe(unaligned.replaceAll(" ", ""));
  expect(per.decode(type, u, { aligned: false })).toEqual(value);
}

function failure(run: () => unknown): per.PerError {
  try {
    run();
  } catch (error) {
    if (error instanceof per.PerError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("whole numbers", () => {
  it("take bit-fields, one octet, two octets or a length by range (11.5.7)", () => {
    both(per.integer(5, 5), 5, "00");
    both(per.integer(0, 7), 5, "a0");
    both(per.integer(0, 255), 7, "07");
    both(per.integer(0, 256), 7, "0007", "0380");
    both(per.integer(1, 65535), 2, "0001");
    both(per.sequence({ a: per.boolean, b: per.integer(0, 255) }), { a: true, b: 3 }, "8003", "8180");
    both(per.integer(0, 4294967295), 0, "0000");
    both(per.integer(0, 4294967295), 256, "400100");
    both(per.integer(0, 4294967295), 4294967295, "c0ffffffff", "ffffffff");
    both(per.integer(0, 16777215), 0x123456, "80123456", "123456");
  });
  it("without bounds are two's complement behind a length (11.8)", () => {
    for (const [value, text] of [
      [32768, "03008000"],
      [32767, "027fff"],
      [255, "0200ff"],
      [127, "017f"],
      [0, "0100"],
      [-1, "01ff"],
      [-128, "0180"],
      [-129, "02ff7f"],
    ] as const)
      both(per.anyInteger, value, text);
    both(per.anyInteger, 2n ** 70n, "09400000000000000000");
  });
  it("with only a lower bound are offsets behind a length (11.7)", () => {
    both(per.integerFrom(-1), 4096, "021001");
    both(per.integerFrom(1), 128, "017f");
  });
  it("leave their range behind an extension marker (13.1)", () => {
    both(per.integer(0, 10, true), 10, "50");
    both(per.integer(0, 10, true), -1, "8001ff");
  });
  it("outside their range are refused both ways", () => {
    expect(failure(() => per.encode(per.integer(0, 7), 8)).advice.fault).toBe("us");
    expect(failure(() => per.decode(per.integer(0, 4), bytes("e0"))).message).toContain("above 4");
    expect(() => per.encode(per.integer(0, 7), 1.5)).toThrow(/whole/);
  });
});

describe("strings", () => {
  it("of octets align by size (17)", () => {
    const flag = <T>(type: per.Type<T>) => per.sequence({ f: per.boolean, s: type });
    both(flag(per.octetString(per.size(2))), { f: true, s: bytes("1234") }, "891a00");
    both(flag(per.octetString(per.size(3))), { f: true, s: bytes("123456") }, "80123456");
    both(flag(per.octetString(per.size(0, 3))), { f: true, s: bytes("") }, "80");
    both(flag(per.octetString()), { f: true, s: bytes("ff") }, "8001ff");
  });
  it("of octets and characters are fragmented from 16K on (11.9.3.8)", () => {
    for (const length of [16383, 16384, 16385, 65536, 150_000]) {
      const value = new Uint8Array(length).fill(7);
      for (const aligned of [true, false])
        expect(Buffer.compare(per.decode(per.octetString(), per.encode(per.octetString(), value, { aligned }), { aligned }), value)).toBe(
          0,
        );
    }
    const encoded = per.encode(per.octetString(), new Uint8Array(16384 * 5 + 3));
    expect([encoded[0], encoded[1 + 65536], encoded[1 + 65536 + 1 + 16384]]).toEqual([0xc4, 0xc1, 3]);
    const text = "ab".repeat(20_000);
    expect(per.decode(per.ia5String(), per.encode(per.ia5String(), text))).toBe(text);
    const open = per.openType(per.octetString());
    for (const length of [200, 40_000]) {
      const value = new Uint8Array(length).fill(9);
      expect(Buffer.compare(per.decode(open, per.encode(open, value)), value)).toBe(0);
    }
  });
  it("of bits keep their odd length (16)", () => {
    both(per.bitString(), { bytes: bytes("a0"), length: 3 }, "03a0");
    both(per.bitString(per.size(5)), { bytes: bytes("f8"), length: 5 }, "f8");
    both(per.bitString(per.size(0, 511)), { bytes: bytes("a8"), length: 6 }, "0006a8");
    const long = { bytes: new Uint8Array(3000).fill(0x55), length: 24_000 };
    expect(per.decode(per.bitString(), per.encode(per.bitString(), long))).toEqual(long);
  });
  it("with an alphabet take the fewest bits, a power of two when aligned (30.5.2)", () => {
    const digits = per.ia5String(per.size(1, 128), "0123456789#*,");
    both(digits, "602", "04 9350");
    expect(hex(per.encode(digits, "602", { aligned: false }))).toBe("0526a0");
    both(per.ia5String(per.size(1), "0123456789#*ABCD!"), "5", "35");
    both(per.numericString(per.size(3)), "123", "2340");
    expect(() => per.encode(digits, "6x")).toThrow(/"x" is not allowed/);
  });
  it("of 16-bit characters and of Latin-1", () => {
    both(per.bmpString(per.size(1, 256)), "aß€", "02006100df20ac");
    both(per.generalString, "5ü", "0235fc");
  });
});

describe("object identifiers", () => {
  it("are BER contents behind a length (24)", () => {
    both(per.oid, "0.0.8.2250.0.7", "06 00 08 91 4a 00 07");
    both(per.oid, "2.16.840.1.113730", "07 60 86 48 01 86 f8 42");
  });
  it("cut short or padded are refused", () => {
    expect(() => per.decode(per.oid, bytes("020081"))).toThrow(/cut short/);
    expect(() => per.decode(per.oid, bytes("03008001"))).toThrow(/padded/);
    expect(() => per.encode(per.oid, "3.1")).toThrow(/not an object identifier/);
  });
});

describe("extensions", () => {
  const Old = per.sequence({ a: per.integer(0, 7) }, { b: per.optional(per.boolean) });
  const New = per.sequence({ a: per.integer(0, 7) }, { b: per.optional(per.boolean), c: per.optional(per.ia5String()), d: per.nul });

  it("of a later version are kept and encoded again to the same bytes", () => {
    const sent = per.encode(New, { a: 3, c: "later", d: true });
    const value = per.decode(Old, sent);
    expect(value.$more?.count).toBe(3);
    expect(hex(per.encode(Old, value))).toBe(hex(sent));
    expect(hex(per.encode(Old, { ...value, b: true }))).toBe(hex(per.encode(New, { a: 3, b: true, c: "later", d: true })));
  });
  it("of an earlier version keep the length of their bitmap", () => {
    const sent = per.encode(Old, { a: 1, b: true });
    expect(hex(per.encode(New, per.decode(New, sent)))).toBe(hex(sent));
  });
  it("of a choice and of an enumeration likewise", () => {
    const C1 = per.choice({ x: per.nul }, {});
    const C2 = per.choice({ x: per.nul }, { y: per.integer(0, 255) });
    const sent = per.encode(C2, { y: 9 });
    expect(per.decode(C1, sent)).toEqual({ $unknown: { index: 0, bytes: bytes("09") } });
    expect(hex(per.encode(C1, per.decode(C1, sent)))).toBe(hex(sent));
    const E1 = per.enumerated(["a", "b"], []);
    const E2 = per.enumerated(["a", "b"], ["c"]);
    expect(per.decode(E1, per.encode(E2, "c"))).toBe("#0");
    expect(hex(per.encode(E1, "#0"))).toBe(hex(per.encode(E2, "c")));
  });
  it("may be more than 64", () => {
    const many = Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`x${i}`, per.optional(per.boolean)]));
    const Big = per.sequence({}, many);
    const sent = per.encode(Big, { x69: true });
    expect(per.decode(Big, sent)).toEqual({ x69: true });
    expect(hex(per.encode(per.sequence({}, {}), per.decode(per.sequence({}, {}), sent)))).toBe(hex(sent));
  });
});

describe("bounds and errors", () => {
  interface Tree {
    readonly child?: Tree;
  }
  const Tree: per.Type<Tree> = per.lazy(() => per.sequence({ child: per.optional(Tree) }));

  it("nesting is limited", () => {
    expect(per.decode(Tree, bytes("c0"))).toEqual({ child: { child: {} } });
    const error = failure(() => per.decode(Tree, new Uint8Array(2000).fill(0xff)));
    expect(error.message).toContain("nested too deeply");
    expect(error.path).toMatch(/^child\.child/);
  });
  it("elements of no bits cannot make a huge list", () => {
    const nulls = per.sequenceOf(per.sequenceOf(per.nul));
    expect(failure(() => per.decode(nulls, bytes("c4".repeat(200)))).message).toContain("too many elements");
  });
  it("say the component and the bit", () => {
    const type = per.sequence({ list: per.sequenceOf(per.choice({ number: per.integer(0, 255), text: per.ia5String() })) });
    const error = failure(() => per.decode(type, bytes("02 00 07 80 05 41")));
    expect(error.path).toBe("list[1].text");
    expect(error.bit).toBe(40);
    expect(error.message).toBe("truncated: 40 bits wanted, 8 left (in list[1].text, at bit 40)");
    expect(failure(() => per.encode(type, { list: [{}] })).path).toBe("list[0]");
    expect(failure(() => per.encode(type, { list: [{ number: 1, text: "a" }] })).message).toContain("two alternatives");
  });
  it("an open type ends where its length says", () => {
    const type = per.sequence({ a: per.openType(per.octetString()), b: per.integer(0, 255) });
    expect(failure(() => per.decode(type, bytes("02 05 61 07 00 00"))).path).toBe("a");
  });
});
