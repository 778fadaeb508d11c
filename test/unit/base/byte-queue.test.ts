import { expect, test, vi } from "vitest";
import { ByteQueue } from "../../../src/base/byte-queue.ts";

test("what was kept comes before what is pushed, in whatever pieces", () => {
  const queue = new ByteQueue();
  const all = Buffer.from(Array.from({ length: 3_000 }, (_, i) => i & 0xff));
  const read: Buffer[] = [];
  for (let at = 0, size = 1; at < all.length; at += size, size = (size * 7) % 31) {
    const data = queue.push(all.subarray(at, at + size));
    const take = data.length - (data.length % 13);
    read.push(data.subarray(0, take));
    queue.keep(data.length - take);
    expect(queue.length).toBe(data.length - take);
  }
  const rest = queue.push(Buffer.alloc(0));
  // Nothing that was handed out has been written over since.
  expect(Buffer.concat([...read, rest])).toEqual(all);
});

test("a kept rest does not change with the chunk it came in, nor keep it alive", () => {
  const queue = new ByteQueue();
  const chunk = Buffer.from("0123456789");
  queue.push(chunk);
  queue.keep(3);
  chunk.fill("x");
  expect(queue.push(Buffer.from("ab")).toString()).toBe("789ab");
});

test("a frame that comes byte by byte is copied a constant number of times", () => {
  let copied = 0;
  const set = vi.spyOn(Uint8Array.prototype, "set").mockImplementation(function (this: Uint8Array, from: ArrayLike<number>, at = 0) {
    copied += from.length;
    for (let i = 0; i < from.length; i++) this[at + i] = from[i]!;
  });
  const copy = vi.spyOn(Buffer.prototype, "copy").mockImplementation(function (this: Buffer, ...args: unknown[]) {
    const [to, at = 0, start = 0, end = this.length] = args as [Uint8Array, number?, number?, number?];
    copied += end - start;
    for (let i = start; i < end; i++) to[at + i - start] = this[i]!;
    return end - start;
  });
  const queue = new ByteQueue();
  for (let i = 0; i < 50_000; i++) queue.keep(queue.push(Buffer.of(1)).length);
  set.mockRestore();
  copy.mockRestore();
  expect(queue.length).toBe(50_000);
  expect(copied).toBeLessThan(4 * 50_000);
});
