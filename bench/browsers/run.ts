/**
 * What a packet costs in the WebRTC process, either way: a stand-in browser (the same library, in this process) and RTP on local sockets. CPU is the whole
 * process's, all its threads, from /proc; so it counts what the kernel takes for the sockets, too.
 * usage: node bench/browsers/run.ts [seconds]
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import nodeDataChannel from "node-datachannel";
import { WebRtc } from "../../src/webrtc/index.ts";

const seconds = Number(process.argv[2] ?? 5);
const TICKS_PER_SECOND = 100;

/** CPU seconds of a process so far. */
function cpu(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function rtp(size: number, payloadType: number): Buffer {
  const packet = Buffer.alloc(size, 0x55);
  packet[0] = 0x80;
  packet[1] = payloadType;
  return packet;
}

interface Row {
  readonly way: string;
  readonly direction: string;
  readonly size: number;
  readonly perSecond: number;
  readonly lostPercent: number;
  readonly microseconds: number;
}

async function measure(way: "straight" | "detour, UDP", size: number, wanted: number): Promise<Row[]> {
  const webrtc = new WebRtc({
    bindAddress: "127.0.0.1",
    bridgeAddress: "127.0.0.1",
    advertise: null,
    portRange: { min: 26_000, max: 26_199 },
    detourPort: 0,
    relayed: way === "straight" ? "never" : "always",
    stun: [],
    log: (_, message) => console.error(message),
  });
  const peer = await webrtc.open([{ mid: "camera", kind: "video" }]);
  const media = createSocket({ type: "udp4", recvBufferSize: 4 << 20 });
  media.bind(0, "127.0.0.1");
  await once(media, "listening");
  const browser = new nodeDataChannel.PeerConnection("browser", {
    iceServers: [],
    bindAddress: "127.0.0.1",
    disableAutoNegotiation: true,
    forceMediaTransport: true,
  });
  const tracks = Promise.withResolvers<InstanceType<typeof nodeDataChannel.Track>>();
  let atBrowser = 0;
  let atMedia = 0;
  media.on("message", () => atMedia++);
  browser.onTrack((track) => {
    track.onMessage(() => atBrowser++);
    tracks.resolve(track as never);
  });
  browser.onLocalDescription((sdp) => peer.answer(peer.generation, sdp));
  peer.on("offer", (_, sdp) => {
    browser.setRemoteDescription(sdp, "offer");
    // a browser names what it sends
    browser.setLocalDescription("answer");
  });
  const candidates: [string, string][] = [];
  peer.on("candidate", (_, candidate, mid) => candidates.push([candidate, mid]));
  const connected = new Promise<void>((resolve) => peer.on("state", (_, state) => state === "connected" && resolve()));
  const target = { address: "127.0.0.1", port: media.address().port, rtcpPort: media.address().port };
  peer.connect([
    { mid: "camera", kind: "video", direction: "SendRecv", codecs: [{ payloadType: 102, name: "H264", clockRate: 90_000 }], target },
  ]);
  const track = await tracks.promise;
  await delay(200);
  for (const [candidate, mid] of candidates) if (!/ tcp /i.test(candidate)) browser.addRemoteCandidate(candidate, mid);
  await connected;
  await delay(300);

  const packet = rtp(size, 102);
  packet.writeUInt32BE(0xcafe, 8);
  let sequence = 0;
  const run = async (direction: string, send: (bytes: Buffer) => void, arrived: () => number): Promise<Row> => {
    const before = { cpu: cpu(webrtc.pid!), arrived: arrived() };
    const started = performance.now();
    let sent = 0;
    while (performance.now() - started < seconds * 1000) {
      const due = ((performance.now() - started) / 1000) * wanted;
      for (; sent < due; sent++) {
        packet.writeUInt16BE(sequence++ & 0xffff, 2);
        packet.writeUInt32BE((sequence * 450) >>> 0, 4);
        // a datagram is sent later, from this very buffer
        send(Buffer.from(packet));
      }
      await delay(1);
    }
    await delay(300);
    const used = cpu(webrtc.pid!) - before.cpu;
    const got = arrived() - before.arrived;
    return {
      way,
      direction,
      size,
      perSecond: Math.round(sent / seconds),
      lostPercent: Math.max(0, (1 - got / sent) * 100),
      microseconds: (used / got) * 1e6,
    };
  };
  const out = await run(
    "to the browser",
    (bytes) => media.send(bytes, peer.ports["camera"]!, "127.0.0.1"),
    () => atBrowser,
  );
  const back = await run(
    "from the browser",
    (bytes) => track.sendMessageBinary(bytes),
    () => atMedia,
  );
  browser.close();
  media.close();
  await webrtc.stop();
  return [out, back];
}

console.log("| way | direction | octets | packets/s | lost | CPU a packet |\n|---|---|---|---|---|---|");
for (const [way, size, wanted] of [
  ["straight", 172, 5_000],
  ["straight", 1_100, 5_000],
  ["detour, UDP", 1_100, 5_000],
] as const) {
  for (const row of await measure(way, size, wanted))
    console.log(
      `| ${row.way} | ${row.direction} | ${row.size} | ${row.perSecond} | ${row.lostPercent.toFixed(1)} % | ${row.microseconds.toFixed(1)} µs |`,
    );
}
// the library's threads do not always end by themselves
process.kill(process.pid, "SIGKILL");
