import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import { PortAllocator } from "../../../src/io/rtp/port-pairs.ts";
import { chooseUdp, openUdp, planUdp, type Udp, type UdpKind, type UdpSocket } from "../../../src/udp/index.ts";

const kinds: readonly UdpKind[] = chooseUdp().kind === "native" ? ["node", "native"] : ["node"];
const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0)) await step();
});

interface Got {
  readonly bytes: Buffer;
  readonly address: string;
  readonly port: number;
}

/** What arrives at a socket, as a list that grows, and something to wait for its growth with. */
function collect(socket: UdpSocket): { got: Got[]; until(count: number): Promise<void> } {
  const got: Got[] = [];
  let wake = () => {};
  socket.receive((datagram, address, port) => {
    got.push({ bytes: Buffer.from(datagram), address, port });
    wake();
  });
  return {
    got,
    async until(count) {
      while (got.length < count)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    },
  };
}

async function peer(host = "127.0.0.1"): Promise<Socket> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  socket.bind(0, host);
  await once(socket, "listening");
  cleanUp.push(() => socket.close());
  return socket;
}

describe.each(kinds)("sockets of kind %s", (kind) => {
  function open(): Udp {
    const udp = openUdp(planUdp(kind));
    cleanUp.push(() => udp.close());
    return udp;
  }

  async function bind(udp: Udp, host = "127.0.0.1", port = 0): Promise<UdpSocket> {
    const socket = await udp.bind(host, port, 1 << 20);
    if (!socket) throw new Error("taken");
    return socket;
  }

  test("are of that kind, and bring AES-GCM where they can", () => {
    const udp = open();
    expect(udp.kind).toBe(kind);
    expect(udp.aead !== undefined).toBe(kind === "native");
  });

  test.each(["127.0.0.1", "::1"])("send and receive on %s, with the source's address", async (host) => {
    const udp = open();
    const socket = await bind(udp, host);
    const far = await peer(host);
    const there = collect(socket);
    const answer = once(far, "message") as Promise<[Buffer, { port: number; address: string }]>;
    far.send("question", socket.port, host);
    await there.until(1);
    expect(there.got).toEqual([{ bytes: Buffer.from("question"), address: host, port: far.address().port }]);
    const out = udp.memory(2000);
    out.write("answer", "latin1");
    socket.send(out.subarray(0, 6), far.address().port, host);
    const [bytes, from] = await answer;
    expect(bytes.toString()).toBe("answer");
    expect(from).toMatchObject({ address: host, port: socket.port });
  });

  test("datagrams of every size pass, the longest and the empty one too", async () => {
    const udp = open();
    const [a, b] = [await bind(udp), await bind(udp)];
    const there = collect(b);
    const sizes = [0, 1, 11, 12, 1100, 1472, 1473, 9000, 65_507];
    for (const [i, size] of sizes.entries()) {
      const bytes = i % 2 ? Buffer.alloc(size, i) : udp.memory(size).fill(i);
      const held = a.send(bytes, b.port, "127.0.0.1");
      if (kind === "native") expect(held).toBe(false);
      await there.until(i + 1);
    }
    for (const [i, size] of sizes.entries()) expect(there.got[i]!.bytes.equals(Buffer.alloc(size, i))).toBe(true);
  });

  test("what cannot be sent is lost and breaks nothing", async () => {
    const udp = open();
    const [a, b] = [await bind(udp), await bind(udp)];
    const there = collect(b);
    const nobody = await bind(udp);
    nobody.close();
    const bytes = Buffer.from("x");
    for (let i = 0; i < 20; i++) a.send(bytes, nobody.port, "127.0.0.1");
    for (const port of [0, -1, 65_536, 1.5, Number.NaN]) expect(a.send(bytes, port, "127.0.0.1")).toBe(false);
    if (kind === "native") {
      for (const address of ["::1", "", "localhost", "1.2.3.4.5", "1.2.3", "%", "fe80::1%nonsense", "a\0b", "9".repeat(500)])
        expect(a.send(bytes, b.port, address)).toBe(false);
      expect(a.send(Buffer.alloc(70_000), b.port, "127.0.0.1")).toBe(false);
      expect(a.send(Buffer.alloc(65_520), b.port, "127.0.0.1")).toBe(false);
    }
    a.send(bytes, b.port, "127.0.0.1");
    await there.until(1);
    expect(there.got.map((one) => one.bytes.toString())).toEqual(["x"]);
  });

  test("a burst larger than the kernel keeps loses its end and no more", async () => {
    const udp = open();
    const [a, b] = [await bind(udp), await bind(udp)];
    const bytes = Buffer.alloc(60_000, 7);
    for (let i = 0; i < 200; i++) a.send(bytes, b.port, "127.0.0.1");
    const there = collect(b);
    await there.until(1);
    a.send(Buffer.from("after"), b.port, "127.0.0.1");
    while (there.got.at(-1)!.bytes.length !== 5) await there.until(there.got.length + 1);
    expect(there.got.length).toBeLessThanOrEqual(201);
  });

  test("a taken port is told, and pairs go on to the next", async () => {
    const udp = open();
    const taken = await peer();
    expect(await udp.bind("127.0.0.1", taken.address().port)).toBeUndefined();
    const first = 35_600;
    const one = await bind(udp, "127.0.0.1", first);
    const pair = await new PortAllocator(udp, "127.0.0.1", first, first + 3, 0).open();
    expect([pair.port, pair.rtp.port, pair.rtcp.port]).toEqual([first + 2, first + 2, first + 3]);
    await expect(new PortAllocator(udp, "127.0.0.1", first, first + 3, 0).open()).rejects.toThrow("no free ports");
    await new Promise<void>((resolve) => one.close(resolve));
    await bind(udp, "127.0.0.1", first);
  });

  test("what is no address to bind is refused", async () => {
    const udp = open();
    await expect(udp.bind("192.0.2.1", 0)).rejects.toThrow();
    if (kind === "native") for (const host of ["nowhere", "", "1.2.3.4.5"]) await expect(udp.bind(host, 0)).rejects.toThrow(RangeError);
  });

  test("a socket closed while its datagram waits is not read", async () => {
    const udp = open();
    const [a, b, c] = [await bind(udp), await bind(udp), await bind(udp)];
    const got: string[] = [];
    const done = new Promise<void>((resolve) => {
      for (const [socket, other] of [
        [a, b],
        [b, a],
      ] as const)
        socket.receive((datagram) => {
          got.push(datagram.toString());
          other.close();
          setImmediate(() => setImmediate(resolve));
        });
    });
    for (const socket of [a, b]) c.send(Buffer.from("first"), socket.port, "127.0.0.1");
    await done;
    expect(got).toEqual(["first"]);
    a.close();
    b.close();
    a.send(Buffer.from("x"), c.port, "127.0.0.1");
    await new Promise<void>((resolve) => a.close(resolve));
  });

  test("sockets opened in a receiver's turn work, and closing everything there does", async () => {
    const udp = open();
    const [a, b] = [await bind(udp), await bind(udp)];
    const answered = new Promise<Buffer>((resolve) => {
      b.receive((datagram) => {
        resolve(Buffer.from(datagram));
        udp.close();
      });
    });
    a.receive(async () => {
      const fresh = await bind(udp);
      fresh.send(Buffer.from("fresh"), b.port, "127.0.0.1");
    });
    b.send(Buffer.from("go"), a.port, "127.0.0.1");
    expect((await answered).toString()).toBe("fresh");
  });
});
