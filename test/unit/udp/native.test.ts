import { readdirSync, readlinkSync } from "node:fs";
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { Worker } from "node:worker_threads";
import { describe, expect, test, vi } from "vitest";
import { chooseUdp, openUdp, planUdp, reclaimUdp, type UdpPlan } from "../../../src/udp/index.ts";

/** Sockets and epoll descriptors this process has open. */
function descriptors(): number {
  let count = 0;
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      if (/^socket:|eventpoll/.test(readlinkSync(`/proc/self/fd/${fd}`))) count++;
    } catch {
      // the directory's own
    }
  }
  return count;
}

const THREAD = new URL("./native-thread.ts", import.meta.url);

describe.skipIf(chooseUdp().kind !== "native")("native sockets", () => {
  test.each(["terminated", "thrown", "spinning", "closed"])("a thread that ends leaves nothing open: %s", async (how) => {
    const left = (await run(how)).left;
    expect(left).toEqual({ descriptors: 0, contexts: 0 });
  });

  test("what a dead thread left is closed, and only that", async () => {
    const before = descriptors();
    const plan = planUdp("native");
    const worker = new Worker(THREAD, { workerData: { plan, how: "terminated" } });
    await new Promise((resolve) => worker.once("message", resolve));
    expect(open(plan)).toEqual({ descriptors: 9, contexts: 4 });
    await worker.terminate();
    expect(open(plan)).toEqual({ descriptors: 9, contexts: 4 });
    reclaimUdp(plan);
    expect(open(plan)).toEqual({ descriptors: 0, contexts: 0 });
    expect(descriptors()).toBe(before);
    reclaimUdp(plan);
    expect(descriptors()).toBe(before);
  });

  test("one timer looks at all sockets, also at one that begins to receive in another's turn", async () => {
    const { setTimeout: set, clearTimeout: clear } = globalThis;
    const pending = new Set<unknown>();
    vi.spyOn(globalThis, "setTimeout").mockImplementation(((act: () => void, ms: number) => {
      const timer = set(() => {
        pending.delete(timer);
        act();
      }, ms);
      pending.add(timer);
      return timer;
    }) as typeof setTimeout);
    vi.spyOn(globalThis, "clearTimeout").mockImplementation((timer) => {
      pending.delete(timer);
      clear(timer);
    });
    const udp = openUdp(planUdp("native"));
    try {
      const [a, b, c] = [await udp.bind("127.0.0.1", 0), await udp.bind("127.0.0.1", 0), await udp.bind("127.0.0.1", 0)];
      await new Promise<void>((resolve) => {
        a!.receive(() => {
          b!.receive(() => resolve());
          c!.send(Buffer.from("b"), b!.port, "127.0.0.1");
        });
        c!.send(Buffer.from("a"), a!.port, "127.0.0.1");
      });
      expect(pending.size).toBe(1);
      udp.close();
      expect(pending.size).toBe(0);
    } finally {
      udp.close();
      vi.restoreAllMocks();
    }
  });

  test("opening and closing many leaves nothing", async () => {
    const plan = planUdp("native");
    const before = descriptors();
    const udp = openUdp(plan);
    for (let round = 0; round < 50; round++) {
      const sockets = [await udp.bind("127.0.0.1", 0), await udp.bind("127.0.0.1", 0)];
      const key = udp.aead!.key(randomBytes(32))!;
      for (const socket of sockets) {
        socket?.receive(() => {});
        socket?.close();
        socket?.close();
      }
      key.free();
      key.free();
    }
    udp.close();
    udp.close();
    await expect(udp.bind("127.0.0.1", 0)).rejects.toThrow("no more");
    expect(open(plan)).toEqual({ descriptors: 0, contexts: 0 });
    expect(descriptors()).toBe(before);
  });
});

describe.skipIf(chooseUdp().kind !== "native")("OpenSSL's AES-GCM", () => {
  // where there is none this is never used
  const udp = openUdp(planUdp());
  const aead = udp.aead!;

  /** What node:crypto makes of it. */
  function reference(key: Buffer, nonce: Buffer, packet: Buffer, header: number): Buffer {
    const cipher = createCipheriv(key.length === 32 ? "aes-256-gcm" : "aes-128-gcm", key, nonce);
    cipher.setAAD(packet.subarray(0, header));
    return Buffer.concat([packet.subarray(0, header), cipher.update(packet.subarray(header)), cipher.final(), cipher.getAuthTag()]);
  }

  const words = (nonce: Buffer) => Int32Array.from([0, 4, 8], (at) => nonce.readInt32BE(at));

  test.each([16, 32])("agrees with node:crypto whatever the memory, %i-byte keys", (length) => {
    const secret = randomBytes(length);
    const key = aead.key(secret)!;
    const fast = udp.memory(6000);
    expect(fast.buffer).toBe(udp.memory(16).buffer);
    for (let size = 12; size < 1500; size += 37) {
      const nonce = randomBytes(12);
      const packet = randomBytes(size);
      const expected = reference(secret, nonce, packet, 12);
      const places: readonly [packet: Buffer, out: Buffer][] = [
        [packet, Buffer.alloc(size + 16)],
        [packet, fast.subarray(0, size + 16)],
        [fast.subarray(100, 100 + size), Buffer.alloc(size + 16)],
        // in place, apart, and halfway over each other in either direction
        [fast.subarray(100, 100 + size), fast.subarray(100, 100 + size + 16)],
        [fast.subarray(100, 100 + size), fast.subarray(3000, 3000 + size + 16)],
        [fast.subarray(100, 100 + size), fast.subarray(107, 107 + size + 16)],
        [fast.subarray(107, 107 + size), fast.subarray(100, 100 + size + 16)],
      ];
      for (const [from, out] of places) {
        packet.copy(from);
        expect(key.seal(words(nonce), from, 12, size, out)).toBe(true);
        expect(out.equals(expected)).toBe(true);
        expect(key.open(words(nonce), out, 12, size, out)).toBe(true);
        expect(out.subarray(0, size).equals(packet)).toBe(true);
      }
    }
    key.free();
  });

  test("forged packets fail, write nothing, and leave node:crypto no errors of theirs", () => {
    const key = aead.key(randomBytes(32))!;
    const nonce = words(randomBytes(12));
    for (const make of [Buffer.alloc, (size: number) => udp.memory(size)]) {
      const out = make(400).fill(9);
      for (let i = 0; i < 100; i++) expect(key.open(nonce, randomBytes(316), 12, 300, out)).toBe(false);
      expect(out.equals(Buffer.alloc(400, 9))).toBe(true);
    }
    const decipher = createDecipheriv("aes-256-gcm", randomBytes(32), randomBytes(12)).setAuthTag(randomBytes(16));
    expect(() => decipher.final()).toThrow("unable to authenticate");
  });

  test("lengths that do not fit are refused before anything is read", () => {
    const key = aead.key(randomBytes(16))!;
    const nonce = new Int32Array(3);
    const cases: readonly [header: number, length: number, packet: number, out: number][] = [
      [12, 100, 100, 115],
      [12, 100, 99, 200],
      [101, 100, 200, 200],
      [12, 70_000, 70_000, 80_000],
      [0, -1, 100, 100],
      [12, Number.NaN, 100, 200],
    ];
    for (const [header, length, packet, out] of cases) {
      expect(key.seal(nonce, Buffer.alloc(packet), header, length, Buffer.alloc(out))).toBe(false);
      expect(key.seal(nonce, udp.memory(1000).subarray(0, Math.min(packet, 1000)), header, length, Buffer.alloc(out))).toBe(false);
    }
    expect(key.open(nonce, Buffer.alloc(115), 12, 100, Buffer.alloc(200))).toBe(false);
    expect(key.open(nonce, Buffer.alloc(116), 12, 100, Buffer.alloc(99))).toBe(false);
    for (const size of [0, 15, 24, 33]) expect(aead.key(Buffer.alloc(size))).toBeUndefined();
  });
});

function open({ ledger }: UdpPlan): { descriptors: number; contexts: number } {
  const count = (entries: ArrayLike<number>) => Array.from(entries).filter((entry) => entry !== 0).length;
  return { descriptors: count(ledger!.descriptors), contexts: count(ledger!.contexts) };
}

async function run(how: string): Promise<{ left: ReturnType<typeof open> }> {
  const before = descriptors();
  const plan = planUdp("native");
  const worker = new Worker(THREAD, { workerData: { plan, how } });
  worker.on("error", () => {});
  const exited = new Promise((resolve) => worker.once("exit", resolve));
  await new Promise((resolve) => worker.once("message", resolve));
  if (how === "terminated" || how === "spinning") await worker.terminate();
  else worker.postMessage("go");
  await exited;
  reclaimUdp(plan);
  expect(descriptors()).toBe(before);
  return { left: open(plan) };
}
