import { randomInt } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../base/clock.ts";
import { closePair, PortAllocator, type PortPair } from "../io/rtp/port-pairs.ts";
import { openUdp, type UdpPlan, type UdpSocket } from "../udp/index.ts";
import {
  type LineOutput,
  noCounts,
  OutBuffer,
  type SpeakerTiming,
  TICK_MS,
  takeCounts,
  type UnsuitedPicture,
  VideoEngine,
} from "../video/index.ts";
import { type FromWorker, type ToWorker, unpackAgreement } from "./messages.ts";

/** What the relay starts a thread with. */
export interface VideoWorkerData {
  readonly rtp: { readonly host: string; readonly minPort: number; readonly maxPort: number };
  /** Where in the range this thread begins, 0 to 1. */
  readonly portStart: number;
  readonly speaker: SpeakerTiming;
  readonly udp: UdpPlan;
}

/** A key frame is a burst of a hundred packets, and several senders may send one at once. */
const RECEIVE_BUFFER = 1 << 20;
/** Counts are told so often. */
const COUNTED_MS = 1000;

const data = workerData as VideoWorkerData;
const port = parentPort;
if (!port) throw new Error("this file is a worker");

const tell = (message: FromWorker): void => port.postMessage(message);
const now = () => systemClock.now();
const engine = new VideoEngine((event) => tell({ t: "shown", event }), data.speaker);
const udp = openUdp(data.udp);
const allocator = new PortAllocator(udp, data.rtp.host, data.rtp.minPort, data.rtp.maxPort, data.portStart, RECEIVE_BUFFER);
const sockets = new Map<string, PortPair<UdpSocket>>();
const out = new OutBuffer((size) => udp.memory(size));
const counts = noCounts();
let timer: ReturnType<typeof setTimeout> | undefined;
let dueAt = 0;
let lateMs = 0;
let countedAt = 0;

async function open(req: number, id: string, at: number | undefined): Promise<void> {
  try {
    const pair = at === undefined ? await allocator.open() : await allocator.openAt(at);
    if (!pair) throw new Error(`port ${at} was taken meanwhile`);
    sockets.set(id, pair);
    const line = engine.open(id, outputOf(id, pair), now());
    const listen = (socket: UdpSocket, rtcp: boolean) =>
      socket.receive((datagram, address, from) => {
        try {
          line.receive(datagram, address, from, rtcp, now());
        } catch (error) {
          fail(id, error);
        }
      });
    listen(pair.rtp, false);
    listen(pair.rtcp, true);
    if (!timer) expectTick();
    tell({ t: "opened", req, port: pair.port, rtcpPort: pair.port + 1 });
  } catch (error) {
    tell({ t: "failed", req, message: error instanceof Error ? error.message : String(error) });
  }
}

function outputOf(id: string, pair: PortPair<UdpSocket>): LineOutput {
  return {
    out,
    counts,
    aead: udp.aead,
    transmit: (datagram, toPort, address, rtcp) => (rtcp ? pair.rtcp : pair.rtp).send(datagram, toPort, address),
    event(event, ...values) {
      if (event === "bitrate") tell({ t: "bitrate", id, bitsPerSecond: values[0] as number });
      else if (event === "keyframe") tell({ t: "keyframe", id });
      else if (event === "unsuited") tell({ t: "unsuited", id, picture: values[0] as UnsuitedPicture | null });
      else tell({ t: "silent", id });
    },
    wall: () => systemClock.wall(),
    // Drawn for each report: out of a pool, unlike four bytes.
    random: () => randomInt(2 ** 32),
  };
}

function close(id: string): void {
  engine.close(id, now());
  const pair = sockets.get(id);
  sockets.delete(id);
  // The goodbye must leave before the sockets close.
  if (pair) setImmediate(closePair, pair);
}

function release(req: number, id: string): void {
  const pair = sockets.get(id);
  engine.close(id, now(), true);
  sockets.delete(id);
  let left = pair ? 2 : 0;
  const closed = () => {
    if (--left <= 0) tell({ t: "closed", req });
  };
  if (!pair) closed();
  pair?.rtp.close(closed);
  pair?.rtcp.close(closed);
}

/** A mistake costs the line it happens in, not the thread. */
function fail(id: string, error: unknown): void {
  tell({ t: "broken", id, reason: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  close(id);
}

function tick(): void {
  const at = now();
  lateMs = Math.max(lateMs, at - dueAt);
  engine.tick(at, fail);
  if (at - countedAt >= COUNTED_MS || sockets.size === 0) {
    tell({ t: "counted", counts: takeCounts(counts), lateMs });
    countedAt = at;
    lateMs = 0;
  }
  if (sockets.size > 0) expectTick();
  else timer = undefined;
}

function expectTick(): void {
  dueAt = now() + TICK_MS;
  timer = setTimeout(tick, TICK_MS);
}

port.on("message", (message: ToWorker) => {
  // What came before it goes before it.
  udp.look();
  try {
    handle(message);
  } catch (error) {
    if ("id" in message) fail(message.id, error);
    else tell({ t: "trouble", reason: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    if ("req" in message) tell({ t: "failed", req: message.req, message: "an error in the video relay" });
  }
});

function handle(message: ToWorker): void {
  switch (message.t) {
    case "open":
      void open(message.req, message.id, message.port);
      return;
    case "configure":
      engine.configure(message.id, unpackAgreement(message.agreement), now());
      return;
    case "keyframe":
      engine.line(message.id)?.viewer.requestKeyFrame(now());
      return;
    case "limit":
      engine.line(message.id)?.limit(message.bitsPerSecond);
      return;
    case "stats": {
      const line = engine.line(message.id);
      if (line) tell({ t: "stats", req: message.req, stats: line.stats(now()) });
      else tell({ t: "failed", req: message.req, message: "no such line" });
      return;
    }
    case "close":
      close(message.id);
      tell({ t: "closed", req: message.req });
      return;
    case "release":
      release(message.req, message.id);
      return;
    case "join":
      engine.join(message.meetingId, message.seat, message.participantId);
      return;
    case "arrange":
      engine.arrange(message.seat, message.lines, now());
      return;
    case "leave":
      engine.leave(message.seat, now());
      return;
    case "speaker":
      engine.speaker(message.meetingId, message.participantId, now());
      return;
    case "presenter":
      engine.presenter(message.meetingId, message.participantId, now());
      return;
    case "exit":
      for (const id of [...sockets.keys()]) close(id);
      clearTimeout(timer);
      // after the lines' own sockets, which close when their goodbyes have left
      setImmediate(() => udp.close());
      port?.close();
  }
}
