/** The relay under test: a socket pair a flow, plain RTP in, SRTP out. Started by ours.ts with its task as the one argument. */
import { cryptoOf, findSuite, generateKeying, SRTP_MAX_OVERHEAD, SrtpSender } from "../../src/srtp/index.ts";
import { openUdp, planUdp } from "../../src/udp/index.ts";
import { formatCrypto } from "../../src/wire/sdp/index.ts";
import type { RelayTask } from "./relay.ts";

const task = JSON.parse(process.argv[2]!) as RelayTask;
const suite = findSuite(task.suite)!;
const udp = openUdp(planUdp());
const out = udp.memory(2048 + SRTP_MAX_OVERHEAD);
/** Views of `out` by length: making one for each packet costs more than one might think. */
const views: Buffer[] = [];

const flows = [];
for (let i = 0; i < task.flows; i++) {
  const [entry, exit] = [await udp.bind("127.0.0.1", 0), await udp.bind("127.0.0.1", 0)];
  if (!entry || !exit) throw new Error("no port");
  const keying = generateKeying(suite);
  const sender = new SrtpSender(keying, udp.aead);
  entry.receive((packet) => {
    const length = sender.protectRtp(packet, out);
    if (length > 0) exit.send((views[length] ??= out.subarray(0, length)), task.sinkPort, "127.0.0.1");
  });
  flows.push({ port: entry.port, crypto: formatCrypto(cryptoOf(keying, { tag: 1 })) });
}
process.send!(flows);
process.on("disconnect", () => process.exit());
