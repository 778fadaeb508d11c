import { describe, expect, test } from "vitest";
import { noCounts, type SeatLine } from "../../../src/video/index.ts";
import type { FromWorker, ToWorker } from "../../../src/video-relay/messages.ts";
import { settingsOf, type VideoLogRecord } from "../../../src/video-relay/options.ts";
import { Relay } from "../../../src/video-relay/relay.ts";
import { agreement } from "../video/helpers.ts";

/** A stand-in for a thread: answers requests, keeps what it is told, dies on demand. */
interface Stub {
  readonly index: number;
  readonly told: ToWorker[];
  say(message: FromWorker): void;
  die(reason: string): void;
}

function start(workers: number): { relay: Relay; threads: Stub[]; logs: VideoLogRecord[]; clock: { now: number } } {
  const threads: Stub[] = [];
  const logs: VideoLogRecord[] = [];
  const clock = { now: 0 };
  let port = 5000;
  const settings = settingsOf({ rtp: { host: "127.0.0.1", minPort: 5000, maxPort: 6000 }, workers, log: (record) => logs.push(record) });
  const relay = new Relay(
    settings,
    (index, onMessage, onExit) => {
      const told: ToWorker[] = [];
      threads.push({ index, told, say: onMessage, die: onExit });
      return {
        post(message) {
          told.push(message);
          if (message.t === "exit") queueMicrotask(() => onExit("asked"));
          if (!("req" in message)) return;
          const { req } = message;
          port += 2;
          const at = message.t === "open" ? (message.port ?? port) : 0;
          queueMicrotask(() => onMessage(message.t === "open" ? { t: "opened", req, port: at, rtcpPort: at + 1 } : { t: "closed", req }));
        },
        busyMs: () => 250,
        terminate: async () => {},
      };
    },
    () => clock.now,
  );
  return { relay, threads, logs, clock };
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
const camera = (line: SeatLine["line"]): SeatLine => ({ line, brings: "camera", shows: { kind: "speaker", rank: 0 } });
const of = <T extends ToWorker["t"]>(thread: Stub, t: T) =>
  thread.told.filter((message) => message.t === t) as Extract<ToWorker, { t: T }>[];

describe("a thread that dies", () => {
  test("takes its lines with it and is started again; the meeting comes back with new lines", async () => {
    const { relay, threads, logs } = start(1);
    const lines = [await relay.open(), await relay.open()];
    const seats = [relay.join("m", "a"), relay.join("m", "b")];
    for (const [i, seat] of seats.entries()) seat.arrange([camera(lines[i]!)]);
    relay.presenter("m", "b");
    const gone: string[] = [];
    for (const line of lines) line.on("gone", (reason) => gone.push(reason));
    const asked = lines[0]!.stats();
    asked.catch(() => {});
    threads[0]!.told.length = 0;
    threads[0]!.die("out of memory");
    await expect(asked).rejects.toThrow("gone");
    expect(gone).toEqual(["out of memory", "out of memory"]);
    expect(logs[0]).toMatchObject({ level: "error", fields: { worker: 0, reason: "out of memory", lines: 2 } });
    await expect(lines[0]!.stats()).rejects.toThrow("closed");
    expect(threads).toHaveLength(2);

    const line = await relay.open();
    seats[0]!.arrange([camera(line)]);
    expect(of(threads[1]!, "join").map(({ participantId }) => participantId)).toEqual(["a", "b"]);
    expect(of(threads[1]!, "presenter")).toMatchObject([{ participantId: "b" }]);
    expect(of(threads[1]!, "arrange").find(({ lines }) => lines.length > 0)).toMatchObject({
      lines: [{ lineId: line.id, brings: "camera" }],
    });
  });

  test("leaves what it has counted", async () => {
    const { relay, threads } = start(2);
    await relay.open();
    const counted = (index: number, packetsIn: number, lateMs: number) =>
      threads[index]!.say({ t: "counted", counts: { ...noCounts(), packetsIn }, lateMs });
    counted(0, 10, 3);
    counted(1, 5, 0);
    expect(relay.figures().counts.packetsIn).toBe(15);
    expect(relay.figures().threads).toEqual([
      { up: true, lines: 1, deaths: 0, busyMs: 250, lateMs: 3 },
      { up: true, lines: 0, deaths: 0, busyMs: 250, lateMs: 0 },
    ]);
    threads[0]!.die("out of memory");
    counted(2, 1, 1);
    expect(relay.figures().counts.packetsIn).toBe(16);
    expect(relay.figures().threads[0]).toEqual({ up: true, lines: 0, deaths: 1, busyMs: 250, lateMs: 1 });
  });

  test("again and again is given up, and lines are refused", async () => {
    const { relay, threads, clock } = start(1);
    for (let i = 0; i < 6; i++) {
      clock.now += 1000;
      threads.at(-1)!.die("again");
    }
    expect(threads).toHaveLength(6);
    await expect(relay.open()).rejects.toThrow("does not run");
  });

  test("a mistake in one line costs that line", async () => {
    const { relay, threads } = start(1);
    const [a, b] = [await relay.open(), await relay.open()];
    const gone: string[] = [];
    for (const line of [a, b]) line.on("gone", () => gone.push(line.id));
    threads[0]!.say({ t: "broken", id: a.id, reason: "TypeError" });
    expect(gone).toEqual([a.id]);
  });
});

describe("several threads", () => {
  test("lines are spread; whoever joins a meeting elsewhere moves there with his ports, keys and limits", async () => {
    const { relay, threads } = start(2);
    const [a, b] = [await relay.open(), await relay.open()];
    expect(threads.map((thread) => of(thread, "open").length)).toEqual([1, 1]);
    b.configure(agreement(9000));
    b.limit(100_000);
    const [first, second] = [relay.join("m", "a"), relay.join("m", "b")];
    first.arrange([camera(a)]);
    second.arrange([camera(b)]);
    await settled();
    expect(of(threads[1]!, "release")).toMatchObject([{ id: b.id }]);
    expect(of(threads[0]!, "open").at(-1)).toMatchObject({ id: b.id, port: b.local.port });
    expect(of(threads[0]!, "configure")).toMatchObject([{ id: b.id, agreement: { remote: { port: 9000 } } }]);
    expect(of(threads[0]!, "limit")).toMatchObject([{ id: b.id, bitsPerSecond: 100_000 }]);
    expect(of(threads[0]!, "arrange").at(-1)).toMatchObject({ lines: [{ lineId: b.id }] });
    expect(of(threads[1]!, "join")).toEqual([]);
  });

  test("what threads tell comes out where it belongs", async () => {
    const { relay, threads } = start(2);
    const [a, b] = [await relay.open(), await relay.open()];
    const heard: unknown[] = [];
    a.on("keyframe", () => heard.push("keyframe"));
    b.on("bitrate", (bits) => heard.push(bits));
    b.on("silent", () => heard.push("silent"));
    b.on("shown", (participantId) => heard.push(participantId));
    b.on("unsuited", (picture) => heard.push(picture?.codec));
    threads[0]!.say({ t: "keyframe", id: a.id });
    threads[1]!.say({ t: "bitrate", id: b.id, bitsPerSecond: 5 });
    threads[1]!.say({ t: "silent", id: b.id });
    threads[1]!.say({ t: "shown", event: { meetingId: "m", lineId: b.id, participantId: "p", stream: "camera" } });
    threads[1]!.say({ t: "unsuited", id: b.id, picture: { participantId: "p", stream: "camera", codec: "H.264 High" } });
    expect(heard).toEqual(["keyframe", 5, "silent", "p", "H.264 High"]);
    await relay.stop();
    await expect(relay.open()).rejects.toThrow("does not run");
  });

  test("after leaving, a seat's methods do nothing", async () => {
    const { relay, threads } = start(1);
    const line = await relay.open();
    const seat = relay.join("m", "a");
    seat.arrange([camera(line)]);
    seat.leave();
    threads[0]!.told.length = 0;
    seat.arrange([camera(line)]);
    seat.leave();
    relay.speaker("m", "a");
    expect(threads[0]!.told).toEqual([]);
  });
});
