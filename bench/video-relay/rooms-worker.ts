/** The relay alone in a process, driven by the bench through messages: `{ open }` answers a line's port, `{ speaker }` and `{ stop }` nothing. */
import type { LineAgreement } from "../../src/video/index.ts";
import { startVideoRelay } from "../../src/video-relay/index.ts";

const relay = await startVideoRelay({ rtp: { host: "127.0.0.1", minPort: 34_400, maxPort: 35_400 }, speaker: { confirmMs: 0, holdMs: 0 } });
process.on("message", async (message: { open?: { id: string; terms: LineAgreement }; stop?: true }) => {
  if (message.stop) process.exit();
  if (!message.open) return;
  const line = await relay.open();
  line.configure(message.open.terms);
  relay.join("rooms", message.open.id).arrange([{ line, brings: "camera", shows: { kind: "speaker", rank: 0 } }]);
  process.send!({ port: line.local.port });
});
process.on("disconnect", () => process.exit());
process.send!({ port: 0 });
