import { describe, expect, test } from "vitest";
import { AeadTransform } from "../../../src/srtp/aead.ts";
import { CounterTransform } from "../../../src/srtp/counter.ts";
import { deriveSessionKeys } from "../../../src/srtp/derivation.ts";
import { GcmTransform } from "../../../src/srtp/gcm.ts";
import { SRTP_SUITES, SrtpFailure, SrtpReceiver, SrtpSender } from "../../../src/srtp/index.ts";
import { ciphers, hex } from "./helpers.ts";

const NO_MKI = Buffer.alloc(0);

describe("RFC 3711 appendix B.2: AES-CM key stream", () => {
  test("AES-128", () => {
    expect(keystream("2B7E151628AED2A6ABF7158809CF4F3C", 48)).toEqual(
      hex("E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0"),
    );
  });
  test("RFC 6188 section 7.2: AES-256", () => {
    expect(keystream("57f82fe3613fd170a85ec93c40b1f092 2ec4cb0dc025b58272147cc438944a98", 32)).toEqual(
      hex("92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac"),
    );
  });

  /** What a packet of zeros with SSRC 0 and index 0 becomes. */
  function keystream(key: string, length: number): Buffer {
    const encryption = hex(key);
    const keys = { encryption, authentication: Buffer.alloc(20), salt: hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD") };
    const suite = encryption.length === 32 ? SRTP_SUITES.AES_256_CM_HMAC_SHA1_80 : SRTP_SUITES.AES_CM_128_HMAC_SHA1_80;
    const packet = Buffer.alloc(12 + length + 10);
    packet[0] = 0x80;
    new CounterTransform(suite, keys, keys, NO_MKI).sealRtp(packet, 12, 12 + length, 0, packet);
    return packet.subarray(12, 12 + length);
  }
});

describe("key derivation", () => {
  test("RFC 3711 appendix B.3: AES-128", () => {
    const { rtp } = deriveSessionKeys({
      suite: SRTP_SUITES.AES_CM_128_HMAC_SHA1_80,
      masterKey: hex("E1F97A0D3E018BE0D64FA32C06DE4139"),
      masterSalt: hex("0EC675AD498AFEEBB6960B3AABE6"),
    });
    expect(rtp.encryption).toEqual(hex("C61E7A93744F39EE10734AFE3FF7A087"));
    expect(rtp.salt).toEqual(hex("30CBBC08863D8C85D49DB34A9AE1"));
    expect(rtp.authentication).toEqual(hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
  });
  test("RFC 6188 section 7.4: AES-256", () => {
    const { rtp } = deriveSessionKeys(aes256);
    expect(rtp.encryption).toEqual(hex("5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4"));
    expect(rtp.salt).toEqual(hex("fa31791685ca444a9e07c6c64e93"));
    expect(rtp.authentication).toEqual(hex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"));
  });
});

const aes256 = {
  suite: SRTP_SUITES.AES_256_CM_HMAC_SHA1_80,
  masterKey: hex("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6"),
  masterSalt: hex("3b04803de51ee7c96423ab5b78d2"),
};

describe.each(ciphers)("RFC 7714 sections 16 and 17, AES-GCM by %s", (_name, aead) => {
  const salt = hex("517569642070726f2071756f");
  const key = hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  const rtp = hex("8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e6973206469766973612069 6e20706172746573207472 6573");
  const rtcp = hex("81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef");
  const cases = [
    {
      name: "16.1, 17.1, 17.3: AEAD_AES_128_GCM",
      keyLength: 16,
      srtp: hex(`8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb1
        6a9152cf765ee4390cce`),
      srtcp: hex(`81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275bc84aa458
        96cf4d2fc5abf87245d9eade800005d4`),
      tagged: "841dd9683dd78ec92ae58790125f62b3000005d4",
    },
    {
      name: "16.2, 17.2, 17.4: AEAD_AES_256_GCM",
      keyLength: 32,
      srtp: hex(`8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfff
        d6b0f9bb7878d7a76c13`),
      srtcp: hex(`81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad1d1eb30c
        4446839f57ff6f6cb26ac3be800005d4`),
      tagged: "91db4afbfeee5a978fab4393ed2615fe000005d4",
    },
  ];
  for (const { name, keyLength, srtp, srtcp, tagged } of cases) {
    const keys = { encryption: key.subarray(0, keyLength), authentication: NO_MKI, salt };
    const provided = aead?.key(keys.encryption);
    const transform = provided ? new AeadTransform(provided, salt, keys, NO_MKI) : new GcmTransform(keys, keys, NO_MKI);
    test(`${name}: RTP`, () => {
      const out = Buffer.concat([rtp, Buffer.alloc(16)]);
      expect(transform.sealRtp(rtp, 12, rtp.length, 0xf17b, out)).toBe(srtp.length);
      expect(out).toEqual(srtp);
      const back = Buffer.alloc(srtp.length);
      expect(transform.openRtp(srtp, 12, srtp.length, 0xf17b, back)).toBe(rtp.length);
      expect(back.subarray(0, rtp.length)).toEqual(rtp);
    });
    test(`${name}: RTCP`, () => {
      const out = Buffer.concat([rtcp, Buffer.alloc(20)]);
      expect(transform.sealRtcp(rtcp, rtcp.length, 0x5d4, out)).toBe(srtcp.length);
      expect(out).toEqual(srtcp);
      const back = Buffer.alloc(srtcp.length);
      expect(transform.openRtcp(srtcp, srtcp.length, back)).toBe(rtcp.length);
      expect(back.subarray(0, rtcp.length)).toEqual(rtcp);
    });
    test(`${name}: RTCP authenticated only`, () => {
      const packet = Buffer.concat([rtcp, hex(tagged)]);
      const back = Buffer.alloc(packet.length);
      expect(transform.openRtcp(packet, packet.length, back)).toBe(rtcp.length);
      expect(back.subarray(0, rtcp.length)).toEqual(rtcp);
      packet[20]! ^= 1;
      expect(transform.openRtcp(packet, packet.length, back)).toBe(SrtpFailure.Unauthentic);
    });
  }
});

/** Whole packets of another implementation (libsrtp's self test), so that layout and derivation are checked together. */
describe.each(ciphers)("packets another implementation made, AES-GCM by %s", (_name, aead) => {
  const rtp = hex("800f1234decafbadcafebabeabababababababababababababababab");
  const rtcp = hex("81c8000bcafebabeabababababababababababababababab");
  const cases = [
    {
      keying: {
        suite: SRTP_SUITES.AES_CM_128_HMAC_SHA1_80,
        masterKey: hex("e1f97a0d3e018be0d64fa32c06de4139"),
        masterSalt: hex("0ec675ad498afeebb6960b3aabe6"),
      },
      srtp: "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb",
      srtcp: "81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798",
    },
    {
      keying: {
        suite: SRTP_SUITES.AEAD_AES_128_GCM,
        masterKey: hex("000102030405060708090a0b0c0d0e0f"),
        masterSalt: hex("a0a1a2a3a4a5a6a7a8a9aaab"),
      },
      srtp: "800f1234decafbadcafebabec5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392",
      srtcp: "81c8000bcafebabec98b8b5df0392a55852b6c21ac8e7025c52c6fbea2b3b446ea31123ba88ce61e80000001",
    },
    { keying: aes256, srtp: "800f1234decafbadcafebabef1d9de17ff251ff1aa007774b0b4b40da08d9d9a5b3a55d8873b", srtcp: undefined },
  ];
  for (const { keying, srtp, srtcp } of cases) {
    test(keying.suite.name, () => {
      const out = Buffer.alloc(200);
      const length = new SrtpSender(keying, aead).protectRtp(rtp, out);
      expect(out.subarray(0, length).toString("hex")).toBe(srtp);
      const receiver = new SrtpReceiver(keying, aead);
      expect(receiver.unprotectRtp(hex(srtp), out)).toBe(rtp.length);
      expect(out.subarray(0, rtp.length)).toEqual(rtp);
      if (!srtcp) return;
      expect(receiver.unprotectRtcp(hex(srtcp), out)).toBe(rtcp.length);
      expect(out.subarray(0, rtcp.length)).toEqual(rtcp);
      // That implementation's first index is 1, ours is 0 as RFC 3711 section 3.2.1 has it: our second packet is its first.
      const sender = new SrtpSender(keying, aead);
      sender.protectRtcp(rtcp, out);
      expect(out.subarray(0, sender.protectRtcp(rtcp, out)).toString("hex")).toBe(srtcp);
    });
  }
});
