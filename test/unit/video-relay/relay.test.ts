import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, test } from "vitest";
import { findSuite, generateKeying, SrtpReceiver } from "../../../src/srtp/index.ts";
import type { LineAgreement, VideoRelay } from "../../../src/video/index.ts";
import { chooseUdp, type UdpKind } from "../../../src/udp/index.ts";
import { startVideoRelay, type VideoRelayOptions } from "../../../src/video-relay/index.ts";
import { buildRtp, isRtcp, parseRtp } from "../../../src/wire/rtp/index.ts";
import { PPS, SPS } from "../video/helpers.ts";

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0)) await step();
});

async function start(more: Partial<VideoRelayOptions> = {}): Promise<VideoRelay> {
  const relay = await startVideoRelay({
    rtp: { host: "127.0.0.1", minPort: 33_000, maxPort: 33_399 },
    speaker: { confirmMs: 0, holdMs: 0 },
    ...more,
  });
  cleanUp.push(() => relay.stop());
  return relay;
}

async function socket(): Promise<Socket> {
  const bound = createSocket("udp4");
  bound.bind(0, "127.0.0.1");
  await once(bound, "listening");
  cleanUp.push(() => bound.close());
  return bound;
}

function agreement(port: number, more: Partial<LineAgreement> = {}): LineAgreement {
  return {
    remote: { address: "127.0.0.1", port, rtcpPort: port },
    rtcpMux: true,
    srtp: null,
    codecs: [{ name: "H264", sendPayloadType: 97, receivePayloadType: 96, packetizationMode: 1 }],
    direction: "sendrecv",
    feedback: { nack: false, pli: true, fir: false, tmmbr: false, remb: false },
    maxBitrate: null,
    ...more,
  };
}

/** The next RTP packet, RTCP left out. */
async function nextRtp(from: Socket): Promise<Buffer> {
  for (;;) {
    const [datagram] = (await once(from, "message")) as [Buffer];
    if (!isRtcp(datagram)) return datagram;
  }
}

const kinds: readonly UdpKind[] = chooseUdp().kind === "native" ? ["node", "native"] : ["node"];

/** Two participants on plain RTP; resolves when the first's picture has reached the second. */
async function picturePasses(relay: VideoRelay, meeting: string): Promise<void> {
  const [a, b] = [await socket(), await socket()];
  const [from, to] = [await relay.open(), await relay.open()];
  from.configure(agreement(a.address().port));
  to.configure(agreement(b.address().port));
  relay.join(meeting, "a").arrange([{ line: from, brings: "camera", shows: null }]);
  relay.join(meeting, "b").arrange([{ line: to, brings: null, shows: { kind: "speaker", rank: 0 } }]);
  await to.stats();
  a.send(
    buildRtp({ payloadType: 96, ssrc: 5, timestamp: 1, sequenceNumber: 1 }, Buffer.from([0x65, 0x88, 1])),
    from.local.port,
    "127.0.0.1",
  );
  expect(parseRtp(await nextRtp(b))!.payload[0]).toBe(0x65);
}

describe.each(kinds)("with sockets of kind %s", (sockets) => {
  test("a picture goes from plain RTP to SRTP through a thread", async () => {
    const relay = await start({ sockets });
    const [a, b] = [await socket(), await socket()];
    const [lineA, lineB] = [await relay.open(), await relay.open()];
    const suite = findSuite("AEAD_AES_256_GCM")!;
    const srtp = { local: generateKeying(suite), remote: generateKeying(suite) };
    lineA.configure(agreement(a.address().port));
    lineB.configure(agreement(b.address().port, { srtp }));
    relay.join("m", "a").arrange([{ line: lineA, brings: "camera", shows: { kind: "speaker", rank: 0 } }]);
    relay.join("m", "b").arrange([{ line: lineB, brings: "camera", shows: { kind: "speaker", rank: 0 } }]);
    const shown = new Promise((resolve) => lineB.once("shown", (...event) => resolve(event)));
    await lineB.stats();
    let sequenceNumber = 100;
    for (const payload of [SPS, PPS, Buffer.concat([Buffer.from([0x65, 0x88]), Buffer.alloc(1000, 7)])])
      a.send(
        buildRtp({ payloadType: 96, ssrc: 5, timestamp: 1, sequenceNumber: sequenceNumber++ }, payload),
        lineA.local.port,
        "127.0.0.1",
      );
    const receiver = new SrtpReceiver(srtp.local);
    for (const first of [0x67, 0x68, 0x65]) {
      const datagram = await nextRtp(b);
      const length = receiver.unprotectRtp(datagram, datagram);
      const packet = parseRtp(datagram, length)!;
      expect([packet.payloadType, packet.payload[0]]).toEqual([97, first]);
    }
    expect(await shown).toEqual(["a", "camera"]);
    const stats = await lineA.stats();
    expect(stats).toMatchObject({ codec: "H264", packetsIn: 3, keyFramesIn: 1, width: 1280, height: 720, srtp: null });
    await lineA.close();
    await expect(lineA.stats()).rejects.toThrow("closed");
  });

  test("a thread that dies is told of by its lines, and another takes its place", async () => {
    const threads = new Set<Worker>();
    const post = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (this: Worker, ...values: Parameters<Worker["postMessage"]>) {
      threads.add(this);
      post.apply(this, values);
    } as typeof post;
    cleanUp.push(() => {
      Worker.prototype.postMessage = post;
    });
    const relay = await start({ sockets });
    await picturePasses(relay, "before");
    const line = await relay.open();
    const gone = new Promise((resolve) => line.once("gone", resolve));
    for (const thread of threads) await thread.terminate();
    expect(await gone).toContain("exit code");
    await picturePasses(relay, "after");
  });

  test("an agreement that cannot be costs its line only", async () => {
    const logs: string[] = [];
    const relay = await start({ sockets, log: ({ level, message }) => level === "error" && logs.push(message) });
    const [good, bad] = [await relay.open(), await relay.open()];
    const keying = { ...generateKeying(findSuite("AEAD_AES_256_GCM")!), masterKey: Buffer.alloc(5) };
    const gone = new Promise((resolve) => bad.once("gone", resolve));
    bad.configure(agreement(9, { srtp: { local: keying, remote: keying } }));
    await gone;
    expect(logs).toHaveLength(1);
    expect((await good.stats()).packetsIn).toBe(0);
    await expect(bad.stats()).rejects.toThrow("closed");
  });
});

test("without free ports a line is refused", async () => {
  const relay = await start({ rtp: { host: "127.0.0.1", minPort: 33_400, maxPort: 33_401 } });
  await relay.open();
  await expect(relay.open()).rejects.toThrow("no free ports");
});

test("options that make no sense are refused", async () => {
  await expect(startVideoRelay({ rtp: { host: "127.0.0.1", minPort: 9, maxPort: 10 } })).rejects.toThrow(RangeError);
});
