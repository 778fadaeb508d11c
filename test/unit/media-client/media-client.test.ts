import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { afterEach, expect, it, vi } from "vitest";
import { FsmrfPort } from "../../../src/media-client/media-client.ts";
import type { Srf } from "../../../src/legs/sip/drachtio.ts";

const STATUS = "  drachtio_mrf\tprofile\t  sip:mod_sofia@127.0.0.1:5080\tRUNNING (0)\n";

let server: Server;
afterEach(async () => {
  await new Promise((done) => server.close(done));
});

/** An event socket that lets everybody in, and of whose connections these, counted from 0, say nothing of the profiles. */
async function mediaServer(silent: readonly number[]): Promise<{ port: number; connections: () => number }> {
  let connections = 0;
  server = createServer((socket) => {
    const mute = silent.includes(connections++);
    let received = "";
    socket.on("error", () => undefined);
    socket.write("Content-Type: auth/request\n\n");
    socket.on("data", (data) => {
      received += data.toString();
      const commands = received.split("\n\n");
      received = commands.pop() ?? "";
      for (const command of commands) {
        if (!command.startsWith("api ")) socket.write("Content-Type: command/reply\nReply-Text: +OK accepted\n\n");
        else if (!mute) {
          const body = command.startsWith("api sofia") ? STATUS : "0";
          socket.write(`Content-Type: api/response\nContent-Length: ${body.length}\n\n${body}`);
        }
      }
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
}

function portTo(port: number): FsmrfPort {
  const options = { address: "127.0.0.1", port, secret: "secret", listenAddress: "127.0.0.1" };
  return new FsmrfPort({} as Srf, options, () => undefined);
}

it("asks a media server that is busy at first once more", async () => {
  vi.spyOn(console, "error").mockReturnValue();
  // the first connection is the probe's
  const { port, connections } = await mediaServer([1]);
  const media = portTo(port);
  await media.connect();
  expect(media.connected).toBe(true);
  expect(connections()).toBe(4);
  await media.close();
});

it("gives up one that never tells of itself, after three", async () => {
  vi.spyOn(console, "error").mockReturnValue();
  const { port, connections } = await mediaServer([1, 3, 5]);
  const media = portTo(port);
  await expect(media.connect()).rejects.toThrow(/not ready/);
  expect(media.connected).toBe(false);
  expect(connections()).toBe(6);
  await media.close();
});
