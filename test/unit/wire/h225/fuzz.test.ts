import { describe, expect, it } from "vitest";
import { ProtocolError } from "../../../../src/base/errors.ts";
import * as h225 from "../../../../src/wire/h225/index.ts";
import * as h245 from "../../../../src/wire/h245/index.ts";
import { capturedControl, capturedPdus, captureNames } from "../../../support/h323-captures.ts";

/** Mulberry32: the same mutations every run. */
function seeded(seed: number): (below: number) => number {
  let a = seed;
  return (below) => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function mutate(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  const out = Buffer.from(bytes);
  switch (random(5)) {
    case 0:
      return out.subarray(0, random(out.length + 1));
    case 1: {
      const at = random(out.length);
      return Buffer.concat([out.subarray(0, at), Buffer.from(Array.from({ length: 1 + random(8) }, () => random(256))), out.subarray(at)]);
    }
    case 2: {
      const at = random(out.length);
      return Buffer.concat([out.subarray(0, at), out.subarray(Math.min(out.length, at + 1 + random(8)))]);
    }
    case 3:
      out[random(out.length)] = 0xff;
      return out;
    default:
      for (let i = 1 + random(6); i > 0; i--) out[random(out.length)]! ^= 1 << random(8);
      return out;
  }
}

describe("bad input", () => {
  const samples = captureNames().flatMap((name) => [
    ...capturedPdus(name)
      .filter((p) => p.kind !== "h245")
      .map((p) => ({ kind: p.kind, bytes: p.bytes })),
    ...capturedControl(name).map((bytes) => ({ kind: "h245" as const, bytes })),
  ]);

  it("10,000 mutated PDUs are decoded or refused by a protocol error, and what is decoded can be encoded", () => {
    const random = seeded(323);
    let refused = 0;
    for (let i = 0; i < 10_000; i++) {
      const sample = samples[random(samples.length)]!;
      const bytes = mutate(sample.bytes, random);
      try {
        if (sample.kind === "q931") h225.encodeSignalling(h225.decodeSignalling(bytes));
        else if (sample.kind === "ras") h225.encodeRas(h225.decodeRas(bytes));
        else h245.encodeControl(h245.decodeControl(bytes));
      } catch (error) {
        if (!(error instanceof ProtocolError))
          throw new Error(`${sample.kind} ${Buffer.from(bytes).toString("hex")}: ${String(error)}`, { cause: error });
        refused++;
      }
    }
    // A mutation inside a string or number goes unnoticed; cuts and wild lengths do not.
    expect(refused).toBeGreaterThan(2000);
    expect(refused).toBeLessThan(9000);
  });
  it("random octets are refused or decoded, never more", () => {
    const random = seeded(1);
    for (let i = 0; i < 3000; i++) {
      const bytes = Buffer.from(Array.from({ length: random(200) }, () => random(256)));
      for (const decode of [h245.decodeControl, h225.decodeRas, h225.decodeUserInformation, h245.decodeFastStart])
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
    }
  });
  it("nesting as deep as 64K octets allow is refused early", () => {
    // genericRequest whose parameters nest: messageContent of one parameter, whose value is a list of one parameter, ...
    let value: { genericParameter: unknown } | { logical: true } = { logical: true };
    for (let i = 0; i < 10; i++) value = { genericParameter: [{ parameterIdentifier: { standard: 1 }, parameterValue: value }] };
    const shallow = {
      request: {
        genericRequest: {
          messageIdentifier: { standard: "0.0.8.239.2" },
          messageContent: [{ parameterIdentifier: { standard: 1 }, parameterValue: value }],
        },
      },
    } as h245.ControlMessage;
    expect(h245.decodeControl(h245.encodeControl(shallow))).toEqual(shallow);
    for (let i = 0; i < 1000; i++) value = { genericParameter: [{ parameterIdentifier: { standard: 1 }, parameterValue: value }] };
    const deep = {
      request: {
        genericRequest: {
          messageIdentifier: { standard: "0.0.8.239.2" },
          messageContent: [{ parameterIdentifier: { standard: 1 }, parameterValue: value }],
        },
      },
    } as h245.ControlMessage;
    expect(() => h245.decodeControl(h245.encodeControl(deep))).toThrow(/nested too deeply/);
  });
});
