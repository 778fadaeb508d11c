import { setPriority } from "node:os";
import { performance } from "node:perf_hooks";
import { parentPort, workerData } from "node:worker_threads";
import { loadOpus } from "../../audio/codecs.ts";
import { systemClock } from "../../base/clock.ts";
import { closePair, PortAllocator, type PortPair } from "../../io/rtp/port-pairs.ts";
import { openUdp, type UdpPlan, type UdpSocket } from "../../udp/index.ts";
import type { FromMedia, ToMedia } from "../messages.ts";
import { MediaEngine } from "./engine.ts";

/** What the control thread starts a media thread with. */
export interface MediaWorkerData {
  readonly rtp: { readonly host: string; readonly minPort: number; readonly maxPort: number };
  /** Where in the range this thread begins, 0 to 1. */
  readonly portStart: number;
  readonly rtpTimeoutMs: number;
  readonly udp: UdpPlan;
}

/** A tick later than this lets the sockets go first. */
const LATE_MS = 5;

/** Nice value of a media thread: sound waits for nobody. Only for who may (root, CAP_SYS_NICE); Linux has one for each thread. */
const NICE = -10;
if (process.platform === "linux") {
  try {
    setPriority(NICE);
  } catch {
    // not ours to ask for: as it is
  }
}

const data = workerData as MediaWorkerData;
const port = parentPort;
if (!port) throw new Error("this file is a worker");

const tell = (message: FromMedia): void => port.postMessage(message);
const udp = openUdp(data.udp);
const allocator = new PortAllocator(udp, data.rtp.host, data.rtp.minPort, data.rtp.maxPort, data.portStart);
allocator.keepReady();
const sockets = new Map<number, PortPair<UdpSocket>>();
const engine = new MediaEngine({
  clock: systemClock,
  aead: udp.aead,
  tell,
  rtpTimeoutMs: data.rtpTimeoutMs,
});
let packetsIn = 0;
let packetsOut = 0;
let utilization = performance.eventLoopUtilization();

async function open(req: number, id: number): Promise<void> {
  try {
    const pair = await allocator.open();
    sockets.set(id, pair);
    engine.add(id, (datagram, toPort, address, rtcp) => {
      packetsOut++;
      (rtcp ? pair.rtcp : pair.rtp).send(datagram, toPort, address);
    });
    pair.rtp.receive((datagram, address, from) => {
      packetsIn++;
      engine.receive(id, datagram, address, from, false);
    });
    pair.rtcp.receive((datagram, address, from) => engine.receive(id, datagram, address, from, true));
    tell({ t: "opened", req, rtpPort: pair.port, rtcpPort: pair.port + 1 });
  } catch (error) {
    tell({ t: "failed", req, message: error instanceof Error ? error.message : String(error) });
  }
}

function close(req: number, id: number): void {
  const session = engine.session(id);
  if (!session) {
    tell({ t: "failed", req, message: "no such leg" });
    return;
  }
  const stats = session.rtp.stats();
  engine.remove(id);
  const pair = sockets.get(id);
  sockets.delete(id);
  // The goodbye must leave before the sockets close.
  if (pair) setImmediate(closePair, pair);
  tell({ t: "closed", req, stats });
}

function load(req: number): void {
  const now = performance.eventLoopUtilization();
  const busy = performance.eventLoopUtilization(now, utilization).utilization;
  utilization = now;
  tell({
    t: "load",
    req,
    load: {
      legs: engine.sessions,
      rooms: engine.rooms,
      busy,
      lateTicks: engine.lateTicks,
      packetsIn,
      packetsOut,
      strangerPackets: engine.strangerPackets,
      heapBytes: process.memoryUsage().heapUsed,
    },
  });
}

port.on("message", (message: ToMedia) => {
  // What came before it goes before it.
  udp.look();
  switch (message.t) {
    case "open":
      void open(message.req, message.id);
      return;
    case "close":
      close(message.req, message.id);
      return;
    case "load":
      load(message.req);
      return;
    case "exit":
      port.close();
      clearTimeout(timer);
      allocator.close();
      udp.close();
      return;
    default:
      engine.handle(message);
  }
});

let timer: ReturnType<typeof setTimeout>;
function run(): void {
  // After a stall the packets that came in it are in the sockets still: timers go before them.
  if (engine.overdue(systemClock.now()) > LATE_MS) setImmediate(tick);
  else tick();
}
function tick(): void {
  udp.look();
  engine.run(systemClock.now());
  timer = setTimeout(run, engine.wait(systemClock.now()));
}
run();
loadOpus().catch((error: unknown) =>
  tell({ t: "log", level: "error", message: "opus cannot be loaded", fields: { error: String(error) } }),
);
tell({ t: "ready" });
