import { createCipheriv, createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { findSuite, generateKeying, SrtpReceiver, SrtpSender } from "../../../src/srtp/index.ts";
import { Keystream } from "../../../src/srtp/keystream.ts";
import { laneTables } from "../../../src/srtp/wasm/ghash-lanes.ts";
import { hashLanes, instantiate, kernels, LAYOUT, laneGroups, memory, memoryWords } from "../../../src/srtp/wasm/kernels.ts";
import { buildRtp } from "../../../src/wire/rtp/index.ts";
import { seeded } from "../wire/rtp/random.ts";

const random = seeded(4);
const bytes = (length: number) => Buffer.from(Array.from({ length }, () => random(256)));
const ecb = (key: Buffer, block: Buffer) => createCipheriv("aes-128-ecb", key, null).update(block);

describe("the WebAssembly kernels agree with node:crypto", () => {
  test("GHASH, for associated data and texts of every length", () => {
    for (let length = 0; length < 200; length++) {
      const [key, iv, associated, text] = [bytes(16), bytes(12), bytes(random(50)), bytes(length)];
      const cipher = createCipheriv("aes-128-gcm", key, iv).setAAD(associated);
      const ciphertext = Buffer.concat([cipher.update(text), cipher.final()]);
      const h = ecb(key, Buffer.alloc(16));
      memory.set(associated, LAYOUT.associated);
      memory.set(ciphertext, LAYOUT.packet);
      const words = [0, 4, 8, 12].map((at) => h.readInt32BE(at)) as [number, number, number, number];
      kernels.ghash(...words, LAYOUT.associated, associated.length, LAYOUT.packet, length, LAYOUT.scratch, LAYOUT.result, 0);
      const mask = ecb(key, Buffer.concat([iv, Buffer.from([0, 0, 0, 1])]));
      const tag = mask.map((byte, i) => byte ^ memory[LAYOUT.result + i]!);
      expect(Buffer.from(tag)).toEqual(cipher.getAuthTag());
    }
  });

  test("GHASH side by side, for long texts of every length, with and without relaxed instructions", () => {
    const strict = instantiate(false);
    for (let length = 330; length < 2000; length += 1 + random(20)) {
      const [key, iv, associated, text] = [bytes(16), bytes(12), bytes(random(50)), bytes(length)];
      const cipher = createCipheriv("aes-128-gcm", key, iv).setAAD(associated);
      const ciphertext = Buffer.concat([cipher.update(text), cipher.final()]);
      const h = ecb(key, Buffer.alloc(16));
      memory.set(associated, LAYOUT.associated);
      memory.set(ciphertext, LAYOUT.packet);
      const words = [0, 4, 8, 12].map((at) => h.readInt32BE(at)) as [number, number, number, number];
      const groups = laneGroups(associated.length, length);
      expect(groups).toBeGreaterThan(1);
      const last = hashLanes(laneTables(words), LAYOUT.associated, associated.length, LAYOUT.packet, length, groups);
      const others = new Uint8Array(strict.memory.buffer);
      others.set(memory);
      strict.ghashLanes(LAYOUT.lanes, LAYOUT.associated, associated.length, LAYOUT.packet, length, groups);
      expect(Buffer.compare(others.subarray(last, last + 64), memory.subarray(last, last + 64))).toBe(0);
      kernels.ghash(...words, 0, 0, last, 64, LAYOUT.scratch, LAYOUT.result, 1);
      const mask = ecb(key, Buffer.concat([iv, Buffer.from([0, 0, 0, 1])]));
      const tag = mask.map((byte, i) => byte ^ memory[LAYOUT.result + i]!);
      expect(Buffer.from(tag)).toEqual(cipher.getAuthTag());
    }
  });

  test("HMAC-SHA1, for messages of every length", () => {
    const key = bytes(20);
    const state = (pad: number) => {
      memory.fill(pad, LAYOUT.associated, LAYOUT.associated + 64);
      for (const [i, byte] of key.entries()) memory[LAYOUT.associated + i]! ^= byte;
      memoryWords.set([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0], LAYOUT.result / 4);
      kernels.sha1Block(LAYOUT.associated, LAYOUT.result);
      return [...memoryWords.subarray(LAYOUT.result / 4, LAYOUT.result / 4 + 5)] as [number, number, number, number, number];
    };
    const [inner, outer] = [state(0x36), state(0x5c)];
    for (let length = 0; length < 200; length++) {
      const message = bytes(length);
      memory.set(message, LAYOUT.packet);
      kernels.hmacSha1(...inner, ...outer, LAYOUT.packet, length, LAYOUT.result);
      expect(Buffer.from(memory.subarray(LAYOUT.result, LAYOUT.result + 20))).toEqual(createHmac("sha1", key).update(message).digest());
    }
  });
});

describe("key streams made ahead", () => {
  test("are the same however they are asked for", () => {
    const key = bytes(32);
    const make = () =>
      new Keystream(key, 1, (out, ssrc, index) => {
        out.set([ssrc, Math.floor(index / 65536), index % 65536, 0]);
      });
    const [used, fresh] = [make(), make()];
    for (let i = 0; i < 2000; i++) {
      const [ssrc, blocks] = [random(3) === 0 ? random(40) : 1, 1 + random(random(10) === 0 ? 300 : 12)];
      const index = 65500 + i + random(60) - 30;
      if (random(4) === 0) used.prepare(ssrc, index, blocks);
      const at = used.locate(ssrc, index, blocks, random(2) === 0);
      const stream = used.words.slice(at, at + 4 * blocks);
      const start = fresh.locate(ssrc, index, blocks, false);
      expect(stream).toEqual(fresh.words.slice(start, start + 4 * blocks));
    }
  });

  test("packets of changing sizes and sources, reordered and lost, come through", () => {
    for (const name of ["AEAD_AES_256_GCM", "AES_CM_128_HMAC_SHA1_80"]) {
      const keying = generateKeying(findSuite(name)!);
      const [sender, receiver] = [new SrtpSender(keying), new SrtpReceiver(keying)];
      const [wire, plain] = [Buffer.alloc(5000), Buffer.alloc(5000)];
      const sequences = new Map<number, number>();
      let held: Buffer | undefined;
      for (let i = 0; i < 3000; i++) {
        const ssrc = random(20);
        const sequenceNumber = (sequences.get(ssrc) ?? random(65536)) & 0xffff;
        sequences.set(ssrc, sequenceNumber + 1 + (random(50) === 0 ? random(100) : 0));
        const packet = buildRtp({ payloadType: 1, sequenceNumber, timestamp: i, ssrc }, bytes(random(random(20) === 0 ? 4500 : 300)));
        const length = sender.protectRtp(packet, wire);
        const sealed = Buffer.from(wire.subarray(0, length));
        const arrived = random(10) === 0 && held ? [sealed, held] : [sealed];
        if (arrived.length === 2) held = undefined;
        else if (random(10) === 0 && !held) {
          held = sealed;
          continue;
        }
        expect(receiver.unprotectRtp(arrived[0]!, plain)).toBe(packet.length);
        expect(plain.subarray(0, packet.length).equals(packet)).toBe(true);
        if (arrived[1]) expect(receiver.unprotectRtp(arrived[1], plain)).toBeGreaterThanOrEqual(12);
      }
    }
  });

  test("a packet larger than any datagram is refused", () => {
    const keying = generateKeying(findSuite("AEAD_AES_128_GCM")!);
    const huge = buildRtp({ payloadType: 1, sequenceNumber: 1, timestamp: 1, ssrc: 1 }, Buffer.alloc(65_530));
    expect(new SrtpSender(keying).protectRtp(huge, Buffer.alloc(70_000))).toBeLessThan(0);
    expect(new SrtpReceiver(keying).unprotectRtp(huge, Buffer.alloc(70_000))).toBeLessThan(0);
  });
});
