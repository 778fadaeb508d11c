/** The embedded media server in a process of its own, so that its cost can be told from the generator's. Prints its SIP port. */
import { startMediaServer } from "../../src/media-server/index.ts";

const server = await startMediaServer({
  esl: { host: "127.0.0.1", port: 0, password: "bench" },
  sip: { host: "127.0.0.1", port: 0 },
  rtp: { host: "127.0.0.1", minPort: 30000, maxPort: 33999 },
  // as the gateway has it by default
  automaticGain: process.env["AUTOMATIC_GAIN"] !== "off",
  workers: Number(process.env["WORKERS"] ?? 1),
  log: ({ level, message, fields }) => {
    if (level !== "debug") console.error(level, message, fields);
  },
});
console.log(`sip ${server.sipPort}`);
process.on("SIGTERM", () => void server.stop().then(() => process.exit(0)));
