/** The gateway inside a program: both engines and one meeting, 1000. `node examples/embedded-gateway.ts [SIP-PORT] [H.323-PORT]` */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGateway, promptsFolder, SqliteRecordStore } from "crosspoint";
import { startMediaServer } from "crosspoint/media-server";
import { startSipEngine } from "crosspoint/sip-engine";
import { pino } from "pino";

const [sipPort = "5060", h323Port = "1720", mediaPort = "20000"] = process.argv.slice(2);
const host = "127.0.0.1";
const secret = "between the engines and the gateway";
const ports = { min: Number(mediaPort), max: Number(mediaPort) + 199 };
const folder = mkdtempSync(join(tmpdir(), "embedded-gateway-"));
const logger = pino({ level: "warn" });

const sip = await startSipEngine({ drachtio: { host, port: 0, secret }, listeners: [{ transport: "udp", host, port: Number(sipPort) }] });
const media = await startMediaServer({
  esl: { host, port: 0, password: secret },
  sip: { host, port: 0, secret },
  rtp: { host, minPort: ports.min, maxPort: ports.max },
  music: join(promptsFolder, "common"),
});
const records = new SqliteRecordStore({
  file: join(folder, "records.sqlite"),
  retentionDays: 1,
  masking: "none",
  maxRecords: 1000,
  maxBytes: 1_000_000,
  log: logger,
});

const gateway = await createGateway({
  config: {
    meetings: [{ id: "1000", name: "Example" }],
    trunks: [],
    // anybody may call
    defaultTrunk: {
      name: "anybody",
      identity: {},
      trust: "unverified",
      srtp: "preferred",
      privateNetwork: false,
      target: null,
      maxCalls: 0,
      maxCallsPerSecond: 0,
      tenant: null,
      legacyCiphers: false,
    },
    accessNumbers: [],
    language: "en",
  },
  logger,
  drachtio: { host, port: sip.drachtioPort, secret },
  freeswitch: { host, port: media.eslPort, secret, callSecret: secret },
  records,
  promptsRoot: promptsFolder,
  version: "1",
  h323: { host, signalling: Number(h323Port), ras: null, mediaPorts: ports },
});
gateway.onEvent((event) => {
  if (event.type === "participant")
    console.log(`${event.participant.displayName} (${event.participant.protocol}): ${event.participant.state}`);
});
console.log("the gateway is up");

process.once("SIGTERM", async () => {
  await gateway.stop();
  await Promise.all([sip.stop(), media.stop()]);
  records.close();
  rmSync(folder, { recursive: true });
});
