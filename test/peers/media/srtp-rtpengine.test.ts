import { randomUUID } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { cryptoOf, findSuite, generateKeying, readCrypto, SRTP_SUITES, SrtpReceiver, SrtpSender } from "../../../src/srtp/index.ts";
import { writeRtcp } from "../../../src/wire/rtcp/index.ts";
import { buildRtp } from "../../../src/wire/rtp/index.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { portsOf } from "../../support/ports.ts";
import { type Rtpengine, startRtpengine } from "../../support/rtpengine.ts";

const PORT = portsOf("srtp-rtpengine");
/** Of the neighbouring pairs. */
const PAIRS = PORT + 400;

/** A socket pair on neighbouring ports, RTP's even, with what came in. */
class Endpoint {
  readonly received: Buffer[] = [];
  readonly receivedRtcp: Buffer[] = [];
  rtp!: Socket;
  rtcp!: Socket;

  static async open(): Promise<Endpoint> {
    const endpoint = new Endpoint();
    for (let port = PAIRS + 2 * Math.floor(Math.random() * 25); ; port += 2) {
      endpoint.rtp = createSocket("udp4", (packet) => endpoint.received.push(packet));
      endpoint.rtcp = createSocket("udp4", (packet) => endpoint.receivedRtcp.push(packet));
      try {
        await Promise.all([bind(endpoint.rtp, port), bind(endpoint.rtcp, port + 1)]);
        return endpoint;
      } catch {
        endpoint.close();
      }
    }
  }

  close(): void {
    this.rtp.close();
    this.rtcp.close();
  }
}

async function bind(socket: Socket, port: number): Promise<void> {
  const listening = once(socket, "listening");
  socket.bind(port, "127.0.0.1");
  await listening;
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1500 && !condition(); i++) await sleep(20);
}

/** Hands out the packets a few at a time: rtpengine leaves the last of a long burst lying until the next packet comes. */
async function paced(send: (packet: Buffer) => void): Promise<void> {
  for (const [i, packet] of PACKETS.entries()) {
    send(packet);
    if (i % 10 === 9) await sleep(5);
  }
}

/** All of a packet, in one line. */
function summary(packet: Buffer): string {
  return `${packet.length}: ${packet.subarray(0, 16).toString("hex")}...${packet.subarray(-4).toString("hex")}`;
}

/** Across the sequence number's wrap, so that the rollover counter counts. */
const PACKETS = Array.from({ length: 60 }, (_, i) =>
  buildRtp({ payloadType: 0, sequenceNumber: (65_510 + i) & 0xffff, timestamp: 160 * i, ssrc: 0xabcdef }, Buffer.alloc(160, i)),
);
const REPORT = writeRtcp([
  { kind: "rr", ssrc: 0xabcdef, reports: [] },
  { kind: "sdes", chunks: [{ ssrc: 0xabcdef, items: [{ type: 1, text: "a@b" }] }] },
]);

describeWithPeers("SRTP with rtpengine", ["rtpengine"], () => {
  let engine: Rtpengine;
  beforeAll(async () => {
    engine = await startRtpengine({ ng: PORT, min: PORT + 10, max: PORT + 390 });
  });
  afterAll(() => engine?.stop());

  it.each(Object.values(SRTP_SUITES).map(({ name }) => name))("%s: what either side protects the other reads", async (name) => {
    const [caller, callee] = [await Endpoint.open(), await Endpoint.open()];
    onTestFinished(() => {
      caller.close();
      callee.close();
    });
    const keying = generateKeying(findSuite(name)!);
    const lines = await engine.setUp({
      id: randomUUID(),
      suite: name,
      callerPort: caller.rtp.address().port,
      calleePort: callee.rtp.address().port,
      calleeCrypto: ({ tag }) => cryptoOf(keying, { tag }),
    });
    const theirs = readCrypto(lines.crypto);
    if (!theirs.usable) throw new Error(theirs.reason);
    const [sender, receiver] = [new SrtpSender(keying), new SrtpReceiver(theirs.keying)];
    const out = Buffer.alloc(400);

    await paced((packet) => caller.rtp.send(packet, lines.toCaller.port, "127.0.0.1"));
    await until(() => callee.received.length === PACKETS.length);
    const read = callee.received.map((packet) => Buffer.from(out.subarray(0, Math.max(0, receiver.unprotectRtp(packet, out)))));
    expect(read.map(summary)).toEqual(PACKETS.map(summary));

    await paced((packet) => {
      const length = sender.protectRtp(packet, out);
      callee.rtp.send(Buffer.from(out.subarray(0, length)), lines.toCallee.port, "127.0.0.1");
    });
    await until(() => caller.received.length >= PACKETS.length);
    expect(caller.received.map(summary)).toEqual(PACKETS.map(summary));

    caller.rtcp.send(REPORT, lines.toCaller.port + 1, "127.0.0.1");
    await until(() => callee.receivedRtcp.length > 0);
    const length = receiver.unprotectRtcp(callee.receivedRtcp[0]!, out);
    expect(Buffer.from(out.subarray(0, Math.max(0, length)))).toEqual(REPORT);
    callee.rtcp.send(Buffer.from(out.subarray(0, sender.protectRtcp(REPORT, out))), lines.toCallee.port + 1, "127.0.0.1");
    await until(() => caller.receivedRtcp.length > 0);
    expect(caller.receivedRtcp[0]).toEqual(REPORT);
  });
});
