/** The relay under test: a socket pair a flow, plain RTP in, SRTP out. Started by ours.ts with its task as the one argument. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { cryptoOf, findSuite, generateKeying, SRTP_MAX_OVERHEAD, SrtpSender } from "../../src/srtp/index.ts";
import { formatCrypto } from "../../src/wire/sdp/index.ts";
import type { RelayTask } from "./relay.ts";

const task = JSON.parse(process.argv[2]!) as RelayTask;
const suite = findSuite(task.suite)!;
const out = Buffer.alloc(2048 + SRTP_MAX_OVERHEAD);
/** Views of `out` by length: making one for each packet costs more than one might think. */
const views: Buffer[] = [];

async function bound(): Promise<Socket> {
  // Addresses are numbers already: an asynchronous look-up would cost more than the cipher.
  const socket = createSocket({ type: "udp4", lookup: (host, _, callback) => callback(null, host, 4) });
  // A synchronous look-up makes binding synchronous too: listen for its end first.
  const listening = once(socket, "listening");
  socket.bind(0, "127.0.0.1");
  await listening;
  return socket;
}

const flows = [];
for (let i = 0; i < task.flows; i++) {
  const [entry, exit] = [await bound(), await bound()];
  const keying = generateKeying(suite);
  const sender = new SrtpSender(keying);
  entry.on("message", (packet) => {
    const length = sender.protectRtp(packet, out);
    if (length < 0) return;
    exit.send((views[length] ??= out.subarray(0, length)), task.sinkPort, "127.0.0.1");
  });
  flows.push({ port: entry.address().port, crypto: formatCrypto(cryptoOf(keying, { tag: 1 })) });
}
process.send!(flows);
process.on("disconnect", () => process.exit());
