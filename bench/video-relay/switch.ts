import { startVideoRelay } from "../../src/video-relay/index.ts";
import { play, Room } from "./scene.ts";

/** Milliseconds from `speaker()` to the end of the new speaker's first key frame at a viewer, for so many switches among three senders. */
export async function measureSwitches(switches: number): Promise<number[]> {
  const relay = await startVideoRelay({
    rtp: { host: "127.0.0.1", minPort: 34_100, maxPort: 34_300 },
    speaker: { confirmMs: 0, holdMs: 0 },
  });
  const rooms = [0, 1, 2, 3].map((number) => new Room(number, 7));
  for (const room of rooms) await room.join(relay, "switch", { kind: "speaker", rank: 0 });
  const viewer = rooms[3]!;
  const times: number[] = [];
  let wanted = -1;
  let askedAt = 0;
  viewer.onPacket = (packet) => {
    if (packet.length < 100) return;
    const [indicator, head, from] = [packet[12]!, packet[13]!, packet.readUInt32BE(15)];
    if (indicator !== 0x7c || (head & 0x5f) !== 0x45 || from !== wanted) return;
    times.push(performance.now() - askedAt);
    wanted = -1;
  };
  const playing = play(rooms.slice(0, 3), (switches + 2) * 800);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  for (let i = 0; i < switches; i++) {
    wanted = (i + 1) % 3;
    askedAt = performance.now();
    relay.speaker("switch", rooms[wanted]!.id);
    // Not in step with the frames.
    await new Promise((resolve) => setTimeout(resolve, 700 + Math.random() * 66));
  }
  await playing;
  await relay.stop();
  for (const { socket } of rooms) socket.close();
  return times;
}
