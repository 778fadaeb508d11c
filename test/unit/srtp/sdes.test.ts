import { describe, expect, test } from "vitest";
import { cryptoOf, readCrypto, sameKeying } from "../../../src/srtp/index.ts";
import { formatCrypto, parseCrypto } from "../../../src/wire/sdp/index.ts";
import { keyingOf, suites } from "./helpers.ts";

const read = (value: string) => readCrypto(parseCrypto(value)!);
const KEY = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw";

describe("keys in SDP, RFC 4568", () => {
  test.each(suites)("$name comes back, with base64 padding and without", (suite) => {
    const keying = keyingOf(suite.name);
    for (const padded of [true, false]) {
      const text = formatCrypto(cryptoOf(keying, { tag: 7, padded }));
      expect(text.endsWith("=")).toBe(padded && (suite.keyLength + suite.saltLength) % 3 !== 0);
      const back = read(text);
      expect(back).toMatchObject({
        usable: true,
        tag: 7,
        suiteName: suite.name,
        padded: padded || (suite.keyLength + suite.saltLength) % 3 === 0,
      });
      if (back.usable) expect(sameKeying(back.keying, keying)).toBe(true);
    }
  });

  test("an MKI is carried as bytes", () => {
    const back = read(`1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|2^20|513:4`);
    expect(back).toMatchObject({ usable: true, keying: { mki: Buffer.from([0, 0, 2, 1]) } });
    if (back.usable) expect(formatCrypto(cryptoOf(back.keying, { tag: 1 }))).toBe(`1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|513:4`);
  });

  test("the answer can repeat a peer's spelling", () => {
    const keying = keyingOf("AES_256_CM_HMAC_SHA1_80");
    const back = readCrypto(cryptoOf(keying, { tag: 1, suiteName: "AES_CM_256_HMAC_SHA1_80" }));
    expect(back).toMatchObject({
      usable: true,
      suiteName: "AES_CM_256_HMAC_SHA1_80",
      keying: { suite: { name: "AES_256_CM_HMAC_SHA1_80" } },
    });
  });

  test.each(["KDR=0", "WSH=64", "WSH=1024", "-SOMETHING_OPTIONAL", "KDR=0 WSH=64"])("session parameter %s is accepted", (params) => {
    expect(read(`1 AES_CM_128_HMAC_SHA1_80 inline:${KEY} ${params}`).usable).toBe(true);
  });

  test.each([
    "KDR=1",
    "UNENCRYPTED_SRTP",
    "UNENCRYPTED_SRTCP",
    "UNAUTHENTICATED_SRTP",
    "FEC_ORDER=FEC_SRTP",
    "FEC_KEY=inline:AAAA",
    "SOMETHING_NEW",
    "WSH=64 SOMETHING_NEW",
  ])("session parameter %s is not", (params) => {
    expect(read(`1 AES_CM_128_HMAC_SHA1_80 inline:${KEY} ${params}`)).toMatchObject({ usable: false });
  });

  test.each([
    [`1 AEAD_AES_256_GCM_8 inline:${KEY}`, "suite"],
    [`1 AEAD_AES_256_GCM inline:${KEY}`, "30 bytes"],
    [`1 AES_CM_128_HMAC_SHA1_80 inline:${KEY.slice(1)}!`, "base64"],
    [`1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}=`, "base64"],
    [`1 AES_CM_128_HMAC_SHA1_80 inline:${KEY};inline:${KEY}`, "more than one"],
    [`1 AES_CM_128_HMAC_SHA1_80 uri:${KEY}`, "inline"],
    [`1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|2^49`, "lifetime"],
    [`1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|0`, "lifetime"],
    [`1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|256:1`, "MKI"],
    [`1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|1:129`, "MKI"],
  ])("%s is refused: %s", (value, reason) => {
    const result = read(value);
    expect(result).toMatchObject({ usable: false, reason: expect.stringContaining(reason) });
    expect(JSON.stringify(result)).not.toContain(KEY.slice(0, 8));
  });
});
