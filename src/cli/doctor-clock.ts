import { createSocket } from "node:dgram";

/** Seconds between 1900 (NTP) and 1970. */
const epoch = 2_208_988_800;

/** Offset of our clock against a time server in milliseconds (positive: ours is behind), by SNTP (RFC 4330); null when none answers in time. */
export function clockOffset(host: string, timeoutMs = 1500): Promise<number | null> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    let over = false;
    // The name may be found, or not, when the time is up already.
    const end = (offset: number | null): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on("error", () => {});
      socket.close();
      resolve(offset);
    };
    const timer = setTimeout(() => end(null), timeoutMs);
    const request = Buffer.alloc(48);
    request[0] = 0x23; // version 4, client
    const sent = Date.now();
    socket.once("error", () => end(null));
    socket.once("message", (answer) => {
      const received = Date.now();
      if (answer.length < 48 || (answer[0]! & 7) !== 4 || answer[1] === 0) return end(null);
      const at = (offset: number): number =>
        (answer.readUInt32BE(offset) - epoch) * 1000 + (answer.readUInt32BE(offset + 4) / 2 ** 32) * 1000;
      end((at(32) - sent + (at(40) - received)) / 2);
    });
    socket.send(request, 123, host, (error) => error && end(null));
  });
}

/** How much the wall clock moved against the monotonic one over a moment, in milliseconds: a clock that is being set or stepped shows. */
export async function clockDrift(overMs = 250): Promise<number> {
  const [wall, steady] = [Date.now(), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, overMs));
  return Date.now() - wall - (performance.now() - steady);
}
