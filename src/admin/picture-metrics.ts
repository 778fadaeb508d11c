import { Counter, Gauge, type Registry } from "prom-client";
import type { RelayFigures, VideoCounts } from "../video/index.ts";
import type { WebRtcFigures } from "../webrtc/index.ts";

type Labels = Readonly<Record<string, string>>;
/** Name, help, and what is counted, by labels. */
type Family = readonly [name: string, help: string, readonly (readonly [labels: Labels, count: keyof VideoCounts])[]];

const inAndOut = (inwards: keyof VideoCounts, outwards: keyof VideoCounts) =>
  [
    [{ direction: "in" }, inwards],
    [{ direction: "out" }, outwards],
  ] as const;
/** Who asked whom. */
const byWhom = (us: keyof VideoCounts, farEnds: keyof VideoCounts) =>
  [
    [{ by: "gateway" }, us],
    [{ by: "far-end" }, farEnds],
  ] as const;

const families: readonly Family[] = [
  ["packets", "Packets of pictures received and sent, retransmissions among them.", inAndOut("packetsIn", "packetsOut")],
  ["bytes", "Their octets, with RTP's and SRTP's.", inAndOut("octetsIn", "octetsOut")],
  ["packets_lost", "Packets lost on the way, before repair: in by our reports, out by far ends'.", inAndOut("lostIn", "lostOut")],
  ["packets_nacked", "Packets asked for again (NACK).", byWhom("nackedIn", "nackedOut")],
  ["packets_repaired", "Packets that came when asked for again, and that we sent again.", inAndOut("repairedIn", "repairedOut")],
  ["key_frame_requests", "Key frames asked for (PLI, FIR, signalling).", byWhom("keyFramesAsked", "keyFramesWanted")],
  ["key_frames", "Key frames received.", [[{}, "keyFrames"]]],
  [
    "switches",
    "Pictures that took another's place: at a key frame, or after ten seconds without one.",
    [
      [{ at: "key-frame" }, "switches"],
      [{ at: "timeout" }, "forcedSwitches"],
    ],
  ],
  ["freezes", "Pictures sent that stood still for more than half a second.", [[{}, "freezes"]]],
  ["lines_cut", "Times a line was cut because far more came than was agreed.", [[{}, "cuts"]]],
  [
    "packets_dropped",
    "Packets not looked at further, by reason.",
    [
      [{ reason: "unauthenticated" }, "unauthenticated"],
      [{ reason: "replayed" }, "replayed"],
      [{ reason: "stranger" }, "strangers"],
      [{ reason: "over-rate" }, "overRate"],
      [{ reason: "rtcp-over-rate" }, "rtcpOverRate"],
      [{ reason: "not-agreed" }, "unexpected"],
    ],
  ],
];

/** The video relay's figures, read when they are asked for. */
export function pictureMetrics(registry: Registry, figures: () => RelayFigures): void {
  for (const [name, help, values] of families)
    counter(registry, `video_${name}`, help, () => {
      const { counts } = figures();
      return values.map(([labels, count]) => [labels, counts[count]]);
    });
  const byThread = (value: (thread: RelayFigures["threads"][number]) => number) => () =>
    figures().threads.map((thread, index) => [{ thread: String(index) }, value(thread)] as const);
  gauge(
    registry,
    "video_thread_up",
    "1 while a thread of the video relay runs.",
    byThread(({ up }) => Number(up)),
  );
  gauge(
    registry,
    "video_thread_lines",
    "Lines of pictures it has.",
    byThread(({ lines }) => lines),
  );
  gauge(
    registry,
    "video_thread_lateness_seconds",
    "How late its clock was at worst within the last second.",
    byThread(({ lateMs }) => lateMs / 1000),
  );
  counter(
    registry,
    "video_thread_deaths",
    "Times it has died.",
    byThread(({ deaths }) => deaths),
  );
  counter(
    registry,
    "video_thread_busy_seconds",
    "Time it has worked.",
    byThread(({ busyMs }) => busyMs / 1000),
  );
}

/** Browsers' connections, read when they are asked for. */
export function browserMetrics(registry: Registry, figures: () => WebRtcFigures): void {
  gauge(registry, "browsers", "Browsers, by how their media come: udp, tcp, relay (TURN); none where they do not.", () =>
    Object.entries(figures().browsers).map(([path, browsers]) => [{ path }, browsers]),
  );
  counter(registry, "browser_connections", "WebRTC connections that came about, and that failed.", () => {
    const { connected, failed } = figures();
    return [
      [{ result: "connected" }, connected],
      [{ result: "failed" }, failed],
    ];
  });
  counter(registry, "webrtc_process_deaths", "Times the process that ends browsers' WebRTC has died.", () => [[{}, figures().deaths]]);
}

type Values = () => readonly (readonly [labels: Labels, value: number])[];

/** A counter that is counted elsewhere. */
function counter(registry: Registry, name: string, help: string, values: Values): void {
  new Counter({
    name: `crosspoint_${name}_total`,
    help,
    labelNames: Object.keys(values()[0]?.[0] ?? {}),
    registers: [registry],
    collect() {
      this.reset();
      for (const [labels, value] of values()) this.inc(labels, value);
    },
  });
}

function gauge(registry: Registry, name: string, help: string, values: Values): void {
  new Gauge({
    name: `crosspoint_${name}`,
    help,
    labelNames: Object.keys(values()[0]?.[0] ?? {}),
    registers: [registry],
    collect() {
      this.reset();
      for (const [labels, value] of values()) this.set(labels, value);
    },
  });
}
