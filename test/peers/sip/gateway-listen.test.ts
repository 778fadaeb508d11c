import { spawn } from "node:child_process";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import type { CallReport } from "../../../src/cli/call.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { ofTest } from "../../support/of-test.ts";
import { portsOf } from "../../support/ports.ts";
import { realDrachtio } from "../../support/real-engines.ts";

/**
 * Listeners other than the demo's: what calls need between the gateway's own engines must be there whatever callers are offered. drachtio-server's listeners are
 * its own configuration.
 */
const PORT = portsOf("gateway-listen");
const launcher = join(import.meta.dirname, "../../../src/cli/crosspoint.mjs");
const outward = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(({ internal, family }) => !internal && family === "IPv4")?.address;
const ipv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === "::1"));

async function call(...args: string[]): Promise<CallReport> {
  const program = [launcher, "call", "--json", "--seconds", "2", ...args];
  const child = ofTest(spawn("node", program, { stdio: ["ignore", "pipe", "inherit"] }));
  let stdout = "";
  child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
  await new Promise((resolve) => child.once("close", resolve));
  return JSON.parse(stdout) as CallReport;
}

describe.skipIf(realDrachtio !== undefined)("(embedded SIP engine) a gateway", () => {
  let gateway: Crosspoint | undefined;
  afterEach(async () => {
    await gateway?.stop();
    gateway = undefined;
  });

  test("with TLS alone takes calls", async () => {
    gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, set: ["sip.udp=off", "sip.tcp=off"] });
    const ca = join(gateway.certificates, "ca.crt");
    const report = await call(`sips:2000**1234@${gateway.tls}`, "--ca", ca);
    expect(report).toMatchObject({ ok: true, error: null, media: { srtp: "AEAD_AES_256_GCM" } });
    const told = /hostports":"([^"]*)"/.exec(gateway.output())?.[1];
    expect(told).toBe(`tls/127.0.0.1:${PORT + 1}`);
  });

  test("that tells the world another address than its own is reached by its media server all the same", async () => {
    gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, set: ["sip.advertise=203.0.113.9"] });
    expect(await call(`sip:1000@${gateway.sip};transport=tcp`)).toMatchObject({ ok: true, ended: "us", error: null });
  });

  test.runIf(ipv6)("on IPv6 takes calls by UDP, TCP and TLS", async () => {
    gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, listen: "::1" });
    for (const transport of ["udp", "tcp"]) {
      const report = await call(`sip:1000@[::1]:${PORT};transport=${transport}`);
      expect(report).toMatchObject({ ok: true, error: null, target: expect.stringContaining("::1") });
    }
    const ca = join(gateway.certificates, "ca.crt");
    expect(await call(`sips:2000**1234@[::1]:${PORT + 1}`, "--ca", ca)).toMatchObject({ ok: true, media: { srtp: "AEAD_AES_256_GCM" } });
    expect((await gateway.records()).map(({ outcome }) => outcome)).toEqual(["completed", "completed", "completed"]);
  });

  test.runIf(outward !== undefined)("on all addresses tells one that media can be sent to", async () => {
    gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, set: ["listen=0.0.0.0"] });
    const report = await call(`sip:1000@127.0.0.1:${PORT}`);
    expect(report).toMatchObject({ ok: true, error: null, media: { remote: expect.stringContaining(`${outward}:`) } });
  });
});
