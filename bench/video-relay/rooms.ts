import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { LineAgreement, RelayLine } from "../../src/video/index.ts";
import { cpuNanoseconds } from "../srtp-relay/relay.ts";
import { play, Room } from "./scene.ts";

/** What a meeting of so many rooms cost. */
export interface RoomsCost {
  readonly rooms: number;
  readonly packetsIn: number;
  readonly packetsOut: number;
  readonly lostShare: number;
  /** Microseconds of CPU a packet received or sent. */
  readonly micros: number;
  /** Share of a core. */
  readonly core: number;
}

/** Every room sends one packet a picture, 30 a second, and sees the speaker. */
export async function measureRooms(count: number, seconds: number): Promise<RoomsCost> {
  const worker = fork(new URL("./rooms-worker.ts", import.meta.url));
  await once(worker, "message");
  execFileSync("taskset", ["-acp", "0", String(worker.pid)]);
  const rooms = Array.from({ length: count }, (_, number) => new Room(number, 1));
  for (const room of rooms) await room.join(remote(worker), "rooms", null);
  await play(rooms, 3000);
  const before = { cpu: cpuNanoseconds(worker.pid!), sent: sum(rooms, "sent"), received: sum(rooms, "received") };
  await play(rooms, seconds * 1000);
  await sleep(300);
  const cpu = cpuNanoseconds(worker.pid!) - before.cpu;
  const packetsIn = sum(rooms, "sent") - before.sent;
  const packetsOut = sum(rooms, "received") - before.received;
  worker.send({ stop: true });
  await once(worker, "exit");
  for (const { socket } of rooms) socket.close();
  const micros = cpu / 1000 / (packetsIn + packetsOut);
  // Each room gets one picture stream: as many packets out as in, but for key frames.
  return { rooms: count, packetsIn, packetsOut, lostShare: 1 - packetsOut / packetsIn, micros, core: cpu / 1e9 / seconds };
}

function sum(rooms: readonly Room[], of: "sent" | "received"): number {
  return rooms.reduce((total, room) => total + room[of], 0);
}

/** As much of the relay's port as a room uses, over there. */
function remote(worker: ReturnType<typeof fork>): Parameters<Room["join"]>[0] {
  let terms: LineAgreement | undefined;
  const local = { address: "127.0.0.1", port: 0, rtcpPort: 0 };
  return {
    open: async () => ({ local, configure: (agreed: LineAgreement) => (terms = agreed) }) as unknown as RelayLine,
    join: (_meeting: string, id: string) => ({
      arrange: () => {
        worker.send({ open: { id, terms } });
        return once(worker, "message").then(([{ port }]) => Object.assign(local, { port }));
      },
    }),
  } as unknown as Parameters<Room["join"]>[0];
}
