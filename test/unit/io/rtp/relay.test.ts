import { createSocket, type Socket } from "node:dgram";
import { afterEach, describe, expect, it } from "vitest";
import { demultiplexed, keepAlivePacket, multiplexed } from "../../../../src/h323/index.ts";
import { type MultiplexPort, openMultiplexPort, openRtpRelay, type RtpRelay, type RtpRelayOptions } from "../../../../src/io/index.ts";

const HOST = "127.0.0.1";
const ports = { min: 43_000, max: 43_999 };
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A socket that hands over what it receives, one by one. */
class Phone {
  readonly socket: Socket;
  readonly #got: Buffer[] = [];
  #waiting: ((b: Buffer) => void) | undefined;
  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("message", (m) => {
      if (this.#waiting === undefined) this.#got.push(m);
      else this.#waiting(m);
      this.#waiting = undefined;
    });
    closers.push(() => socket.close());
  }
  static open(host = HOST): Promise<Phone> {
    const socket = createSocket("udp4");
    return new Promise((resolve) => socket.bind(0, host, () => resolve(new Phone(socket))));
  }
  get port(): number {
    return this.socket.address().port;
  }
  send(bytes: Uint8Array, port: number): void {
    this.socket.send(bytes, port, HOST);
  }
  next(): Promise<Buffer> {
    const first = this.#got.shift();
    return first === undefined ? new Promise((resolve) => (this.#waiting = resolve)) : Promise.resolve(first);
  }
}

async function relayed(more: Partial<RtpRelayOptions> = {}) {
  const [server, serverControl, far, farControl] = await Promise.all([Phone.open(), Phone.open(), Phone.open(), Phone.open()]);
  const relay: RtpRelay = await openRtpRelay({
    host: HOST,
    ports,
    server: { rtp: { host: HOST, port: server.port }, rtcp: { host: HOST, port: serverControl.port } },
    ...more,
  });
  closers.push(() => relay.close());
  return { relay, server, serverControl, far, farControl };
}

const packet = (payload: string, payloadType = 0) => Buffer.concat([keepAlivePacket(payloadType, 7), Buffer.from(payload)]);

describe("a relay of RTP", () => {
  it("carries media both ways, RTP and RTCP apart, at even ports and the next", async () => {
    const { relay, server, serverControl, far, farControl } = await relayed();
    expect(relay.outer.rtp.port % 2).toBe(0);
    expect(relay.outer.rtcp.port).toBe(relay.outer.rtp.port + 1);
    relay.far = { rtp: { host: HOST, port: far.port }, rtcp: { host: HOST, port: farControl.port } };
    far.send(packet("heard"), relay.outer.rtp.port);
    expect(await server.next()).toEqual(packet("heard"));
    farControl.send(Buffer.from("report"), relay.outer.rtcp.port);
    expect(String(await serverControl.next())).toBe("report");
    server.send(packet("said"), relay.inner.rtp.port);
    expect(await far.next()).toEqual(packet("said"));
    serverControl.send(Buffer.from("answer"), relay.inner.rtcp.port);
    expect(String(await farControl.next())).toBe("answer");
  });

  it("sends where packets come from when the far end is behind a NAT, not where it says", async () => {
    const { relay, server, far } = await relayed({ learn: true, sources: [HOST] });
    relay.far = { rtp: { host: "10.255.255.1", port: 9 }, rtcp: undefined };
    far.send(keepAlivePacket(127, 1), relay.outer.rtp.port);
    far.send(packet("first"), relay.outer.rtp.port);
    // The keep-alive itself is not media.
    expect(await server.next()).toEqual(packet("first"));
    server.send(packet("found"), relay.inner.rtp.port);
    expect(await far.next()).toEqual(packet("found"));
    // Another port of the same host does not take the call over while the first is heard.
    const thief = await Phone.open();
    thief.send(packet("thief"), relay.outer.rtp.port);
    far.send(packet("second"), relay.outer.rtp.port);
    expect(await server.next()).toEqual(packet("second"));
    expect(relay.stats.dropped).toBe(1);
  });

  it("drops media of strangers", async () => {
    const { relay, server, far } = await relayed({ sources: ["127.0.0.9"] });
    const friend = await Phone.open("127.0.0.9");
    far.send(packet("stranger"), relay.outer.rtp.port);
    friend.send(packet("friend"), relay.outer.rtp.port);
    expect(await server.next()).toEqual(packet("friend"));
    expect(relay.stats).toMatchObject({ dropped: 1, fromFar: 1 });
  });

  it("sends keep-alives at once, with the payload type and number asked for", async () => {
    const { relay, far, farControl } = await relayed();
    const target = { to: { host: HOST, port: far.port }, rtcp: { host: HOST, port: farControl.port } };
    relay.keepAlive({ ...target, interval: 20, payloadType: 127, multiplexId: 77 });
    for (const sequence of [1, 2]) {
      const got = demultiplexed(await far.next());
      expect(got?.id).toBe(77);
      expect(Buffer.from(got!.packet)).toEqual(Buffer.from(keepAlivePacket(127, sequence)));
    }
    expect(demultiplexed(await farControl.next())?.packet[1]).toBe(201);
  });

  it("changes packets on their way, or drops them", async () => {
    const { relay, server, far } = await relayed();
    relay.far = { rtp: { host: HOST, port: far.port }, rtcp: undefined };
    relay.filter = {
      toFar: (p) => Uint8Array.from(p, (b) => b ^ 0xff),
      fromFar: (p) => (p[12] === 0x21 ? undefined : Uint8Array.from(p, (b) => b ^ 0xff)),
    };
    far.send(packet("!dropped"), relay.outer.rtp.port);
    far.send(
      packet("x").map((b) => b ^ 0xff),
      relay.outer.rtp.port,
    );
    expect(await server.next()).toEqual(packet("x"));
    server.send(packet("y"), relay.inner.rtp.port);
    expect((await far.next()).map((b) => b ^ 0xff)).toEqual(packet("y"));
  });

  it("many calls on one pair of ports are told apart by their number; what has none is nobody's", async () => {
    const multiplex: MultiplexPort = await openMultiplexPort(HOST, 0);
    closers.push(() => multiplex.close());
    const calls = await Promise.all([1, 2].map(() => relayed({ learn: true, multiplex })));
    const port = multiplex.media.rtp.port;
    for (const { relay, far, server } of calls) {
      relay.far = { rtp: { host: "10.255.255.1", port: 9 }, rtcp: undefined, multiplexId: 5 };
      far.send(packet("nobody's"), port);
      far.send(multiplexed(packet(`for ${relay.multiplexId}`), relay.multiplexId), port);
      expect(await server.next()).toEqual(packet(`for ${relay.multiplexId}`));
      server.send(packet("back"), relay.inner.rtp.port);
      expect(demultiplexed(await far.next())).toMatchObject({ id: 5 });
    }
    expect(multiplex.strays).toBe(2);
    // The number stands before packets to the call's own port, too; it is the same source.
    const { relay, far, server } = calls[0]!;
    far.send(multiplexed(packet("by its own port"), relay.multiplexId), relay.outer.rtp.port);
    expect(await server.next()).toEqual(packet("by its own port"));
    server.send(packet("and back"), relay.inner.rtp.port);
    expect(demultiplexed(await far.next())).toMatchObject({ id: 5 });
    calls[0]!.relay.close();
    calls[0]!.far.send(multiplexed(packet("late"), calls[0]!.relay.multiplexId), port);
    calls[1]!.far.send(multiplexed(packet("on"), calls[1]!.relay.multiplexId), port);
    expect(await calls[1]!.server.next()).toEqual(packet("on"));
  });
});
