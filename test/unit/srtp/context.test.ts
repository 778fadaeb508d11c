import { describe, expect, test } from "vitest";
import { findSuite, generateKeying, SrtpFailure, SrtpReceiver, SrtpSender, sameKeying, srtpFailureName } from "../../../src/srtp/index.ts";
import { writeRtcp } from "../../../src/wire/rtcp/index.ts";
import { ciphers, keyingOf, rtp, suites } from "./helpers.ts";

/** Protects into a buffer of its own. Throws where protection is refused. */
function protect(sender: SrtpSender, packet: Buffer): Buffer {
  const out = Buffer.alloc(packet.length + sender.rtpOverhead);
  const length = sender.protectRtp(packet, out);
  if (length < 0) throw new Error(srtpFailureName(length));
  return out.subarray(0, length);
}

const scratch = Buffer.alloc(2048);

describe.each(ciphers)("AES-GCM by %s", (_name, aead) => {
  describe.each(suites)("$name", (suite) => {
    const keying = generateKeying(suite);

    test("brings packets of any size through, in place and apart, with and without MKI", () => {
      for (const mki of [undefined, Buffer.from([0, 0, 0, 1])]) {
        const key = mki ? { ...keying, mki } : keying;
        const sender = new SrtpSender(key, aead);
        const receiver = new SrtpReceiver(key, aead);
        for (let size = 0; size < 200; size++) {
          const plain = rtp(size, 7, size);
          const wire = protect(sender, plain);
          expect(wire.length).toBe(plain.length + sender.rtpOverhead);
          if (size > 16) expect(wire.includes(plain.subarray(12))).toBe(false);
          const length = receiver.unprotectRtp(wire, wire);
          expect(wire.subarray(0, length)).toEqual(plain);
        }
        const rtcp = writeRtcp([{ kind: "bye", ssrcs: [7, 8], reason: "over" }]);
        for (let i = 0; i < 3; i++) {
          const length = sender.protectRtcp(rtcp, scratch);
          expect(length).toBe(rtcp.length + sender.rtcpOverhead);
          const wire = Buffer.from(scratch.subarray(0, length));
          expect(scratch.subarray(0, receiver.unprotectRtcp(wire, scratch))).toEqual(rtcp);
          expect(receiver.unprotectRtcp(wire, scratch)).toBe(SrtpFailure.Replayed);
        }
      }
    });

    test("any changed bit fails to authenticate, writes nothing and changes nothing", () => {
      const wire = protect(new SrtpSender(keying, aead), rtp(1, 1, 20));
      const receiver = new SrtpReceiver(keying, aead);
      const out = Buffer.alloc(200);
      for (let bit = 0; bit < wire.length * 8; bit++) {
        const broken = Buffer.from(wire);
        broken[bit >> 3]! ^= 1 << (bit & 7);
        expect(receiver.unprotectRtp(broken, out)).toBeLessThan(0);
      }
      expect(out.equals(Buffer.alloc(200))).toBe(true);
      expect(receiver.unprotectRtp(wire, out)).toBe(32);
    });

    test("every truncation is refused without an exception", () => {
      const sender = new SrtpSender(keying, aead);
      const wire = protect(sender, rtp(1));
      const rtcp = Buffer.from(scratch.subarray(0, sender.protectRtcp(writeRtcp([{ kind: "rr", ssrc: 1, reports: [] }]), scratch)));
      const receiver = new SrtpReceiver(keying, aead);
      for (let length = 0; length < wire.length; length++) expect(receiver.unprotectRtp(wire, scratch, length)).toBeLessThan(0);
      for (let length = 0; length < rtcp.length; length++) expect(receiver.unprotectRtcp(rtcp, scratch, length)).toBeLessThan(0);
    });
  });

  describe("rollover counter", () => {
    const keying = keyingOf("AEAD_AES_256_GCM");

    test("follows the sequence number round, through loss and reordering at the wrap", () => {
      const sender = new SrtpSender(keying, aead);
      const receiver = new SrtpReceiver(keying, aead);
      const wires = new Map<number, Buffer>();
      for (let i = 65000; i < 3 * 65536 + 100; i += 97) wires.set(i, protect(sender, rtp(i)));
      expect(sender.hasRolledOver(0x1234)).toBe(true);
      const order = [...wires.keys()];
      for (let i = 0; i + 1 < order.length; i += 2) [order[i], order[i + 1]] = [order[i + 1]!, order[i]!];
      for (const i of order) {
        expect(receiver.unprotectRtp(wires.get(i)!, scratch)).toBe(172);
        expect(scratch[12]).toBe(i & 0xff);
      }
    });

    test("a first packet after the sender's wrap is found", () => {
      const sender = new SrtpSender(keying, aead);
      protect(sender, rtp(65535));
      const wire = protect(sender, rtp(65536));
      expect(new SrtpReceiver(keying, aead).unprotectRtp(wire, scratch)).toBe(172);
    });

    test("a forged packet half the circle ahead does not move it", () => {
      const sender = new SrtpSender(keying, aead);
      const receiver = new SrtpReceiver(keying, aead);
      receiver.unprotectRtp(protect(sender, rtp(10)), scratch);
      const forged = Buffer.concat([rtp(32000), Buffer.alloc(16)]);
      expect(receiver.unprotectRtp(forged, scratch)).toBe(SrtpFailure.Unauthentic);
      expect(receiver.unprotectRtp(protect(sender, rtp(11)), scratch)).toBe(172);
    });
  });

  describe("replay", () => {
    const keying = keyingOf("AES_CM_128_HMAC_SHA1_80");

    test("each packet once, in any order within the window, none older than it", () => {
      const sender = new SrtpSender(keying, aead);
      const receiver = new SrtpReceiver(keying, aead);
      const wires = Array.from({ length: 3072 }, (_, i) => protect(sender, rtp(i)));
      const order = wires.map((_, i) => (i % 2 ? i : i ^ 256)).filter((i) => i < wires.length);
      for (const i of new Set(order)) expect(receiver.unprotectRtp(wires[i]!, scratch), `packet ${i}`).toBe(172);
      for (const wire of wires) expect(receiver.unprotectRtp(wire, scratch)).toBe(SrtpFailure.Replayed);
    });

    test("a jump clears only what it leaves behind", () => {
      const sender = new SrtpSender(keying, aead);
      const receiver = new SrtpReceiver(keying, aead);
      for (const i of [0, 5, 1500, 20000]) expect(receiver.unprotectRtp(protect(sender, rtp(i)), scratch)).toBe(172);
      expect(receiver.unprotectRtp(protect(sender, rtp(19999)), scratch)).toBe(172);
      expect(sender.protectRtp(rtp(1499), scratch)).toBe(SrtpFailure.Replayed);
    });

    test("the sender refuses to use a key stream twice", () => {
      const sender = new SrtpSender(keying, aead);
      protect(sender, rtp(1));
      expect(sender.protectRtp(rtp(1), scratch)).toBe(SrtpFailure.Replayed);
    });
  });

  describe("sources", () => {
    const keying = keyingOf("AEAD_AES_128_GCM");

    test("each SSRC has its own counter and window", () => {
      const sender = new SrtpSender(keying, aead);
      const receiver = new SrtpReceiver(keying, aead);
      const packets = [rtp(65535, 1), rtp(4, 2), rtp(65536, 1), rtp(4, 3), rtp(5, 2)];
      for (const packet of packets) expect(receiver.unprotectRtp(protect(sender, packet), scratch)).toBe(172);
      expect([1, 2, 3].map((ssrc) => sender.hasRolledOver(ssrc))).toEqual([true, false, false]);
    });

    test("forged SSRCs take no room; authenticated ones are bounded", () => {
      const sender = new SrtpSender(keying, aead);
      const receiver = new SrtpReceiver(keying, aead);
      for (let ssrc = 1000; ssrc < 2000; ssrc++) {
        const forged = Buffer.concat([rtp(1, ssrc), Buffer.alloc(16)]);
        expect(receiver.unprotectRtp(forged, scratch)).toBe(SrtpFailure.Unauthentic);
      }
      for (let ssrc = 0; ssrc < 256; ssrc++) expect(receiver.unprotectRtp(protect(sender, rtp(1, ssrc)), scratch)).toBe(172);
      expect(sender.protectRtp(rtp(1, 256), scratch)).toBe(SrtpFailure.TooManySources);
      expect(receiver.unprotectRtp(protect(new SrtpSender(keying, aead), rtp(1, 256)), scratch)).toBe(SrtpFailure.TooManySources);
    });
  });

  describe("re-key", () => {
    const [old, fresh] = [keyingOf("AEAD_AES_256_GCM"), keyingOf("AES_CM_128_HMAC_SHA1_32")];

    test("packets of both keys pass during the overlap, then only the new one's", () => {
      const [a, b] = [new SrtpSender(old, aead), new SrtpSender(fresh, aead)];
      const receiver = new SrtpReceiver(old, aead);
      expect(receiver.unprotectRtp(protect(a, rtp(1)), scratch)).toBe(172);
      receiver.rekey(fresh);
      expect(receiver.keying).toBe(fresh);
      const late = [protect(a, rtp(2)), protect(a, rtp(3))];
      expect(receiver.unprotectRtp(late[0]!, scratch)).toBe(172);
      for (let i = 10; i < 74; i++) expect(receiver.unprotectRtp(protect(b, rtp(i)), scratch)).toBe(172);
      expect(receiver.unprotectRtp(late[1]!, scratch)).toBeLessThan(0);
    });

    test("works whether the peer keeps its rollover counter or restarts it", () => {
      for (const keeps of [true, false]) {
        const [a, b] = [new SrtpSender(old, aead), new SrtpSender(fresh, aead)];
        const receiver = new SrtpReceiver(old, aead);
        for (const i of [60000, 80000, 100000, 130000, 140000]) expect(receiver.unprotectRtp(protect(a, rtp(i)), scratch)).toBe(172);
        receiver.rekey(fresh);
        if (keeps) for (const i of [60000, 80000, 100000, 130000, 140000]) protect(b, rtp(i));
        expect(receiver.unprotectRtp(protect(b, rtp(140001)), scratch)).toBe(172);
        expect(receiver.unprotectRtp(protect(b, rtp(140002)), scratch)).toBe(172);
      }
    });

    test("the same key again changes nothing: a replay is still one", () => {
      const wire = protect(new SrtpSender(old, aead), rtp(1));
      const receiver = new SrtpReceiver(old, aead);
      receiver.unprotectRtp(wire, scratch);
      receiver.rekey({ ...old, masterKey: Buffer.from(old.masterKey) });
      expect(receiver.unprotectRtp(wire, scratch)).toBe(SrtpFailure.Replayed);
      expect(sameKeying(old, fresh)).toBe(false);
    });
  });

  test("nothing passes once it is closed", () => {
    const key = keyingOf("AEAD_AES_256_GCM");
    const [sender, receiver] = [new SrtpSender(key, aead), new SrtpReceiver(key, aead)];
    const wire = protect(sender, rtp(1));
    receiver.rekey(keyingOf("AEAD_AES_128_GCM"));
    for (const one of [sender, receiver, sender, receiver]) one.close();
    if (aead) expect(sender.protectRtp(rtp(2), scratch)).toBeLessThan(0);
    if (aead) expect(receiver.unprotectRtp(wire, scratch)).toBeLessThan(0);
  });

  test("suites are found by their whole name and the drafts' spellings", () => {
    expect(findSuite("AEAD_AES_256_GCM_8")).toBeUndefined();
    expect(findSuite("AES_CM_256_HMAC_SHA1_80")?.name).toBe("AES_256_CM_HMAC_SHA1_80");
    expect(findSuite("toString")).toBeUndefined();
  });

  test("keys of the wrong length are refused", () => {
    const keying = keyingOf("AEAD_AES_256_GCM");
    expect(() => new SrtpSender({ ...keying, masterSalt: Buffer.alloc(14) }, aead)).toThrow(RangeError);
    expect(() => new SrtpReceiver({ ...keying, masterKey: Buffer.alloc(16) }, aead)).toThrow(RangeError);
  });
});
