import { describe, expect, test } from "vitest";
import { findSuite, generateKeying, SrtpReceiver, SrtpSender } from "../../../src/srtp/index.ts";
import type { VideoSource } from "../../../src/video/index.ts";
import { buildRtp, Vp8Descriptor } from "../../../src/wire/rtp/index.ts";
import { agreement, type Endpoint, h264, SPS, TestRelay, vp8 } from "./helpers.ts";

/** Whose pictures came: the byte that a sender fills its slices with. */
function seen(endpoint: Endpoint): Set<number> {
  return new Set(endpoint.take().flatMap(({ payload }) => (payload.length > 50 ? [payload[50]!] : [])));
}

const mark = (endpoint: Endpoint) => endpoint.port & 0xff;

/** Everybody sends a key frame: whatever is to be switched is. */
function round(...senders: readonly Endpoint[]): void {
  for (const sender of senders) sender.picture("key");
}

describe("what a line shows", () => {
  test("ranks: who spoke last, who spoke before, without oneself", () => {
    const relay = new TestRelay();
    const all = ["a", "b", "c", "d"].map((id) => relay.participant(id));
    const [a, b, c] = all as unknown as [Endpoint, Endpoint, Endpoint];
    const tile = relay.endpoint("tile", { direction: "sendonly" });
    relay.engine.arrange(
      1,
      [
        { lineId: "a", brings: "camera", shows: { kind: "speaker", rank: 0 } },
        { lineId: "tile", brings: null, shows: { kind: "speaker", rank: 1 } },
      ],
      relay.now,
    );
    for (const id of ["b", "c", "a"]) relay.engine.speaker("m", id, relay.now);
    round(...all);
    expect([seen(a), seen(tile)]).toEqual([new Set([mark(c)]), new Set([mark(b)])]);
  });

  test("content goes to who has a line for it, and into the main picture of who has not", () => {
    const relay = new TestRelay();
    const [a, b, c] = [relay.participant("a"), relay.participant("b"), relay.participant("c")];
    const [screenA, screenB, slides] = [relay.endpoint("screenA"), relay.endpoint("screenB"), relay.endpoint("slides")];
    const speaker: VideoSource = { kind: "speaker", rank: 0 };
    relay.engine.arrange(
      1,
      [
        { lineId: "a", brings: "camera", shows: speaker },
        { lineId: "screenA", brings: "screen", shows: null },
      ],
      relay.now,
    );
    relay.engine.arrange(
      2,
      [
        { lineId: "b", brings: "camera", shows: speaker },
        { lineId: "screenB", brings: "screen", shows: null },
        { lineId: "slides", brings: null, shows: { kind: "content" } },
      ],
      relay.now,
    );
    relay.engine.arrange(3, [{ lineId: "c", brings: "camera", shows: { kind: "content-or-speaker" } }], relay.now);
    const everything = () => {
      round(a, b, c, screenA, screenB);
      // The old picture went on until the new one's key frame.
      for (const line of [c, slides]) seen(line);
      round(a, b, c, screenA, screenB);
    };
    everything();
    expect([seen(slides), seen(c)]).toEqual([new Set(), new Set([mark(a)])]);

    relay.engine.presenter("m", "a", relay.now);
    everything();
    expect([seen(slides), seen(c)]).toEqual([new Set([mark(screenA)]), new Set([mark(screenA)])]);
    expect(relay.shown.findLast(({ lineId }) => lineId === "c")).toMatchObject({ participantId: "a", stream: "screen" });

    relay.engine.presenter("m", "b", relay.now);
    everything();
    // The presenter does not get his own screen.
    expect([seen(slides), seen(c)]).toEqual([new Set(), new Set([mark(screenB)])]);

    relay.engine.presenter("m", null, relay.now);
    screenB.picture("key");
    expect(seen(c)).toEqual(new Set());
    everything();
    expect(seen(c)).toEqual(new Set([mark(a)]));
  });

  test("a pinned participant stays, whoever speaks; a tap may be of oneself", () => {
    const relay = new TestRelay();
    const [a, b, c] = [relay.participant("a"), relay.participant("b"), relay.participant("c")];
    relay.engine.arrange(
      3,
      [{ lineId: "c", brings: "camera", shows: { kind: "participant", participantId: "b", stream: "camera" } }],
      relay.now,
    );
    relay.engine.arrange(
      1,
      [{ lineId: "a", brings: "camera", shows: { kind: "participant", participantId: "a", stream: "camera" } }],
      relay.now,
    );
    relay.engine.speaker("m", "a", relay.now);
    round(a, b, c);
    expect([seen(c), seen(a)]).toEqual([new Set([mark(b)]), new Set([mark(a)])]);
  });

  test("a screen is forwarded to nobody before its owner presents, not to a tap either", () => {
    const relay = new TestRelay();
    const screen = relay.endpoint("screen");
    const tap = relay.endpoint("tap");
    relay.engine.join("m", 1, "a");
    relay.engine.join("m", 2, "sfu");
    relay.engine.arrange(1, [{ lineId: "screen", brings: "screen", shows: null }], relay.now);
    relay.engine.arrange(
      2,
      [{ lineId: "tap", brings: null, shows: { kind: "participant", participantId: "a", stream: "screen" } }],
      relay.now,
    );
    round(screen);
    expect(seen(tap)).toEqual(new Set());
    relay.engine.presenter("m", "a", relay.now);
    round(screen);
    expect(seen(tap)).toEqual(new Set([mark(screen)]));
  });

  test("whose camera is brought no more, or who leaves, is gone at once, for everybody", () => {
    const relay = new TestRelay();
    const [a, b, c] = [relay.participant("a"), relay.participant("b"), relay.participant("c")];
    round(a, b, c);
    seen(c);
    const shows = { kind: "speaker", rank: 0 } as const;
    relay.engine.arrange(a.seat, [{ lineId: "a", brings: null, shows }], relay.now);
    expect(relay.shown.findLast(({ lineId }) => lineId === "c")).toMatchObject({ participantId: null });
    a.picture("key");
    expect(seen(c)).toEqual(new Set());
    round(a, b, c);
    expect(seen(c)).toEqual(new Set([mark(b)]));
    relay.engine.arrange(a.seat, [{ lineId: "a", brings: "camera", shows }], relay.now);
    relay.engine.leave(b.seat, relay.now);
    round(a, b, c);
    for (const endpoint of [b, c]) seen(endpoint);
    round(a, b, c);
    expect([seen(c), seen(b)]).toEqual([new Set([mark(a)]), new Set()]);
  });

  test("a camera that sends nothing is none, until it sends again", () => {
    const relay = new TestRelay();
    const [a, b, c] = [relay.participant("a"), relay.participant("b"), relay.participant("c")];
    relay.engine.speaker("m", "a", relay.now);
    round(a, b);
    expect(seen(c)).toEqual(new Set([mark(a)]));
    for (let i = 0; i < 60; i++) {
      relay.advance(100);
      b.picture("delta");
    }
    round(b);
    expect(seen(c)).toEqual(new Set([mark(b)]));
    a.picture("delta");
    relay.advance(20);
    round(a);
    expect(seen(c)).toEqual(new Set([mark(a)]));
  });

  test("a hundred rooms are sent a hundred streams", () => {
    const relay = new TestRelay();
    const rooms = Array.from({ length: 100 }, (_, i) => relay.participant(`room${i}`));
    relay.engine.speaker("m", "room7", relay.now);
    round(...rooms);
    for (const room of rooms) room.take();
    for (const room of rooms) room.picture("delta");
    const streams = rooms.map((room) => room.take());
    expect(streams.map((packets) => packets.length)).toEqual(new Array(100).fill(1));
    const from = streams.map(([packet]) => packet!.payload[50]);
    expect(from.filter((sender) => sender === mark(rooms[7]!)).length).toBeGreaterThanOrEqual(99);
  });

  test("codecs that do not match are passed over", () => {
    const relay = new TestRelay();
    const room = relay.participant("room");
    const [one, two] = ["one", "two"].map((id) => relay.participant(id, { codecs: [vp8(), h264()] })) as unknown as [Endpoint, Endpoint];
    relay.engine.speaker("m", "one", relay.now);
    one.payloadType = 100;
    one.payload(Buffer.from("10b05a009d012a4001f000", "hex"));
    relay.advance(20);
    two.picture("key");
    expect(seen(room)).toEqual(new Set([mark(two)]));
    one.payload(Buffer.from("10b05a009d012a4001f000", "hex"));
    expect(two.take()[0]).toMatchObject({ payloadType: 100 });
    expect(one.line.stats(relay.now)).toMatchObject({ codec: "VP8", width: 320, height: 240 });
  });

  test("a line held takes and brings nothing, and comes back", () => {
    const relay = new TestRelay();
    const [a, b] = [relay.participant("a"), relay.participant("b")];
    round(a);
    seen(b);
    relay.engine.configure("b", agreement(b.port, { direction: "inactive", remote: null }), relay.now);
    round(a, b);
    expect([seen(a), seen(b)]).toEqual([new Set(), new Set()]);
    relay.engine.configure("b", agreement(b.port), relay.now);
    round(a);
    expect(seen(b)).toEqual(new Set([mark(a)]));
  });
});

describe("the active speaker", () => {
  const timing = { confirmMs: 400, holdMs: 2000 };

  test("a cough does not take the picture, a sentence does, and keeps it for a while", () => {
    const relay = new TestRelay(timing);
    const all = ["a", "b", "c", "d"].map((id) => relay.participant(id));
    const viewer = all[3]!;
    const now = () => {
      round(...all);
      relay.advance(20);
      round(...all);
      return relay.shown.findLast(({ lineId }) => lineId === "d")?.participantId;
    };
    relay.engine.speaker("m", "a", relay.now);
    relay.advance(500);
    expect(now()).toBe("a");
    relay.advance(3000);
    relay.engine.speaker("m", "b", relay.now);
    relay.advance(300);
    relay.engine.speaker("m", "a", relay.now);
    relay.advance(1000);
    expect(now()).toBe("a");
    relay.engine.speaker("m", "b", relay.now);
    relay.advance(500);
    expect(now()).toBe("b");
    relay.engine.speaker("m", "c", relay.now);
    relay.advance(1000);
    expect(now()).toBe("b");
    relay.advance(1000);
    expect(now()).toBe("c");
    viewer.take();
  });
});

describe("VP8", () => {
  test("picture ids and layer counters go on over a switch", () => {
    const relay = new TestRelay();
    const codecs = [vp8()];
    const [a, b, c] = ["a", "b", "c"].map((id) => relay.participant(id, { codecs })) as unknown as [Endpoint, Endpoint, Endpoint];
    a.payloadType = b.payloadType = 100;
    const frame = (endpoint: Endpoint, id: number, tl0: number, key: boolean) => {
      endpoint.timestamp += 3000;
      const head = Buffer.from([0x90, 0xc0, 0x80 | (id >> 8), id & 0xff, tl0]);
      endpoint.payload(Buffer.concat([head, Buffer.from(key ? "b05a009d012a4001f000" : "b15a00", "hex")]), true);
    };
    frame(a, 0x7ffe, 254, true);
    frame(a, 0x7fff, 255, false);
    relay.engine.speaker("m", "b", relay.now);
    frame(b, 500, 7, true);
    frame(b, 501, 8, false);
    const read = c.take().map(({ payload }) => {
      const descriptor = new Vp8Descriptor();
      expect(descriptor.read(payload, 0, payload.length)).toBe(true);
      return [descriptor.pictureId, descriptor.tl0PicIdx];
    });
    expect(read).toEqual([
      [0x7ffe, 254],
      [0x7fff, 255],
      [0, 0],
      [1, 1],
    ]);
  });
});

describe("a line's session", () => {
  const suite = findSuite("AEAD_AES_128_GCM")!;

  test("a re-INVITE that repeats the keys loses nothing; new keys are taken", () => {
    const relay = new TestRelay();
    const a = relay.participant("a");
    const keys = () => ({ local: generateKeying(suite), remote: generateKeying(suite) });
    const first = keys();
    const b = relay.participant("b", { srtp: first });
    let receiver = new SrtpReceiver(first.local);
    const opens = () =>
      b.datagrams
        .splice(0)
        .filter((bytes) => (bytes[1]! & 0x7f) === 96)
        .map((bytes) => receiver.unprotectRtp(bytes, bytes) > 0);
    a.picture("key");
    expect(opens()).toEqual([true, true, true]);
    const copy = { local: { ...first.local, masterKey: Buffer.from(first.local.masterKey) }, remote: first.remote };
    relay.engine.configure("b", agreement(b.port, { srtp: copy }), relay.now);
    a.picture("delta");
    expect(opens()).toEqual([true]);
    const second = keys();
    relay.engine.configure("b", agreement(b.port, { srtp: second }), relay.now);
    receiver = new SrtpReceiver(second.local);
    a.picture("delta");
    expect(opens()).toEqual([true]);
  });

  test("what does not authenticate is nothing, also from the right place", () => {
    const relay = new TestRelay();
    const srtp = { local: generateKeying(suite), remote: generateKeying(suite) };
    const a = relay.participant("a", { srtp });
    const b = relay.participant("b");
    a.picture("key");
    expect([a.line.stats(relay.now).packetsIn, b.take().length]).toEqual([0, 0]);
    const sender = new SrtpSender(srtp.remote);
    const out = Buffer.alloc(2000);
    const idr = Buffer.alloc(100, 0x65);
    const packet = buildRtp({ payloadType: 96, ssrc: 3, timestamp: 0, sequenceNumber: 1 }, idr);
    // From another port: proven by its key, it is where the line sends from then on.
    a.datagram(out.subarray(0, sender.protectRtp(packet, out)), 4001);
    expect(b.take()).toHaveLength(0);
    const real = buildRtp(
      { payloadType: 96, ssrc: 3, timestamp: 0, sequenceNumber: 2 },
      Buffer.concat([Buffer.from([0x65, 0x88]), Buffer.alloc(90)]),
    );
    a.datagram(out.subarray(0, sender.protectRtp(real, out)), 4001);
    expect(b.take()).toHaveLength(1);
    relay.engine.speaker("m", "b", relay.now);
    b.picture("key");
    expect(a.sentTo).toBe(4001);
  });

  test("a sender that starts anew is switched to like another", () => {
    const relay = new TestRelay();
    const [a, b] = [relay.participant("a"), relay.participant("b")];
    a.picture("key");
    a.picture("delta");
    const before = b.take().at(-1)!;
    relay.advance(400);
    a.ssrc = 99;
    a.sequence = 5;
    a.timestamp = 12;
    a.picture("delta");
    expect(b.take()).toEqual([]);
    expect(a.takeRtcp("pli")).toMatchObject([{ mediaSsrc: 99 }]);
    a.picture("key");
    const after = b.take();
    expect(after.map(({ payload }) => payload[0]! & 0x1f)).toEqual([7, 8, 5]);
    expect((after[0]!.sequenceNumber - before.sequenceNumber) & 0xffff).toBe(1);
    expect(after[0]!.ssrc).toBe(before.ssrc);
  });

  test("statistics: codec, size, loss, bit rate, key frames, freezes", () => {
    const relay = new TestRelay();
    const [a, b] = [relay.participant("a"), relay.participant("b")];
    for (let i = 0; i < 100; i++) {
      if (i === 50) relay.advance(700);
      relay.advance(40);
      if (i === 20) a.sequence += 2;
      a.picture(i % 50 === 0 ? "key" : "delta", 500);
    }
    const [from, to] = [a.line.stats(relay.now), b.line.stats(relay.now)];
    expect(from).toMatchObject({ codec: "H264", srtp: null, packetsIn: 104, keyFramesIn: 2, width: 1280, height: 720 });
    expect(from.lossPercent).toBeCloseTo((100 * 2) / 106);
    expect(from.bitrateIn).toBeGreaterThan(80_000);
    expect(from.bitrateIn).toBeLessThan(130_000);
    expect(to).toMatchObject({ codec: null, packetsIn: 0, packetsOut: 104, freezes: 1 });
    expect(to.bitrateOut).toBeGreaterThan(80_000);
  });

  test("thirty seconds of nothing are told once, until something comes", () => {
    const relay = new TestRelay();
    const a = relay.participant("a");
    relay.advance(29_000);
    expect(a.events).toEqual([]);
    relay.advance(40_000);
    expect(a.events).toEqual([["silent"]]);
    a.payload(SPS);
    relay.advance(31_000);
    expect(a.events).toHaveLength(2);
  });
});
