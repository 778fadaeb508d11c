/** The video relay in a process of its own: a meeting for each flow, plain RTP in, SRTP out. Started by cost.ts with its task as the one argument. */

import { cryptoOf, findSuite, generateKeying } from "../../src/srtp/index.ts";
import type { LineAgreement } from "../../src/video/index.ts";
import { startVideoRelay } from "../../src/video-relay/index.ts";
import { formatCrypto } from "../../src/wire/sdp/index.ts";
import type { RelayTask } from "../srtp-relay/relay.ts";

const task = JSON.parse(process.argv[2]!) as RelayTask;
const relay = await startVideoRelay({ rtp: { host: "127.0.0.1", minPort: 34_100, maxPort: 38_000 } });
const agreement = (port: number, more: Partial<LineAgreement>): LineAgreement => ({
  remote: { address: "127.0.0.1", port, rtcpPort: port },
  rtcpMux: true,
  srtp: null,
  codecs: [{ name: "H264", sendPayloadType: 0, receivePayloadType: 0, packetizationMode: 1 }],
  direction: "sendrecv",
  feedback: { nack: false, pli: true, fir: false, tmmbr: false, remb: false },
  maxBitrate: null,
  ...more,
});

const flows = [];
for (const [i, sourcePort] of task.sourcePorts.entries()) {
  const [entry, exit] = [await relay.open(), await relay.open()];
  const [local, remote] = [generateKeying(findSuite(task.suite)!), generateKeying(findSuite(task.suite)!)];
  entry.configure(agreement(sourcePort, { direction: "recvonly" }));
  exit.configure(agreement(task.sinkPort, { direction: "sendonly", srtp: { local, remote } }));
  relay.join(`m${i}`, "sender").arrange([{ line: entry, brings: "camera", shows: null }]);
  relay.join(`m${i}`, "viewer").arrange([{ line: exit, brings: null, shows: { kind: "speaker", rank: 0 } }]);
  flows.push({ port: entry.local.port, crypto: formatCrypto(cryptoOf(local, { tag: 1 })) });
  await exit.stats();
}
process.send!(flows);
process.on("disconnect", () => process.exit());
