import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CallRecord } from "../../../src/records/model.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { canMount, inOwnMounts } from "../../support/namespace.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { portsOf } from "../../support/ports.ts";
import { runSipp, sipp } from "../../support/sipp.ts";

/** The data folder is a small disk of its own (tmpfs, in a mount namespace), and really full. */
const PORT = portsOf("gateway-full-disk");

describeWithPeers("a full disk", ["sipp"], () => {
  describe.skipIf(!canMount())("(root, to mount a small one)", () => {
    let folder: string;
    let gateway: Crosspoint;
    /** The same folder as the gateway sees it. */
    let inside: string;

    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), "crosspoint-disk-"));
      const data = join(folder, "data");
      mkdirSync(data);
      made = 0;
      gateway = await startCrosspoint({
        port: PORT,
        mediaPort: PORT + 20,
        data,
        under: inOwnMounts(`mount -t tmpfs -o size=1m tmpfs ${data}`),
      });
      inside = join("/proc", String(gateway.process.pid), "root", data);
    });
    afterEach(async () => {
      await gateway?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    let made = 0;
    const call = async () => {
      made++;
      const { ok, errors } = await runSipp([sipp.invite(), sipp.expect(200), sipp.ack(), sipp.pause(200), sipp.bye()], {
        target: gateway.sip,
        service: "1000",
        port: PORT + 220,
      });
      expect({ ok, errors }).toEqual({ ok: true, errors: "" });
    };
    const records = () => gateway.api<CallRecord[]>("GET", "/records?limit=100");
    const free = () => statfsSync(inside).bavail;

    test("calls go on, what cannot be kept is said once, and is kept when there is space again", async () => {
      await call();
      await expect.poll(async () => (await records()).length).toBe(1);
      // as much as goes in, to the last block
      const ballast = join(inside, "ballast");
      for (let size = 1 << 20; size >= 512; size /= 2) {
        try {
          writeFileSync(ballast, Buffer.alloc(size), { flag: "a" });
        } catch {
          // that much does not go in any more
        }
      }
      expect(free()).toBe(0);
      for (let i = 0; i < 60 && gateway.logged(/call records cannot be written/).length === 0; i++) await call();
      const [line] = gateway.logged(/call records cannot be written/);
      expect(line).toMatchObject({ level: "warn", error: expect.stringMatching(/full/i) });
      for (let i = 0; i < 3; i++) await call();
      await expect.poll(async () => (await records()).length).toBe(made);
      await expect(gateway.api("POST", "/meetings", { id: "on-a-full-disk", name: "x".repeat(100) })).rejects.toThrow(/507|disk/);
      expect(gateway.logged(/call records cannot be written/)).toHaveLength(1);
      expect(await gateway.api("GET", "/health")).toMatchObject({ status: "ok" });

      rmSync(ballast);
      await expect.poll(() => gateway.logged(/call records are written again/).length).toBe(1);
      expect(await records()).toHaveLength(made);
      await gateway.api("POST", "/meetings", { id: "with-space-again" });
      // the meeting that could not be kept, the revocation of its join tokens as it was taken back, and nothing else
      expect(gateway.logged(/"level":"(error|fatal)"/)).toMatchObject([
        { meeting: "on-a-full-disk", error: expect.stringMatching(/full/i) },
        { event: "revocation-not-kept", meeting: "on-a-full-disk" },
      ]);
    });
  });
});
