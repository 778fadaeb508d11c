// What the media server's threads open is closed however they end.
import { readdirSync, readlinkSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, it } from "vitest";
import { startMediaServer } from "../../../src/media-server/index.ts";
import { chooseUdp, type UdpKind } from "../../../src/udp/index.ts";

const kinds: readonly UdpKind[] = chooseUdp().kind === "native" ? ["node", "native"] : ["node"];
const post = Worker.prototype.postMessage;
afterEach(() => {
  Worker.prototype.postMessage = post;
});

/** Sockets this process has open. */
function bound(): number {
  const mine = new Set<string>();
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      mine.add(/^socket:\[(\d+)\]/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? "");
    } catch {
      // closed meanwhile
    }
  }
  return mine.size;
}

describe.skipIf(process.platform !== "linux").each(kinds)("media sockets of kind %s", (sockets) => {
  it.each(["stopped", "killed"])("are closed when the server is %s", async (how) => {
    const logs: unknown[] = [];
    const before = bound();
    let control: Worker | undefined;
    Worker.prototype.postMessage = function (this: Worker, ...values: Parameters<Worker["postMessage"]>) {
      control = this;
      post.apply(this, values);
    } as typeof post;
    const server = await startMediaServer({
      esl: { host: "127.0.0.1", port: 0, password: "secret" },
      sip: { host: "127.0.0.1", port: 0 },
      // large enough for ports to be bound ahead
      rtp: { host: "127.0.0.1", minPort: 22_500, maxPort: 22_699 },
      workers: 2,
      sockets,
      log: ({ message, fields }) => message.includes("sockets") && logs.push(fields),
    });
    await server.stats();
    expect(logs).toEqual([{ sockets }]);
    while (bound() < before + 8) await new Promise((resolve) => setTimeout(resolve, 10));
    if (how === "stopped") await server.stop();
    else await control!.terminate();
    await server.stopped;
    expect(bound()).toBe(before);
  });
});
