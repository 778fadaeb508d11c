import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { X509Certificate } from "node:crypto";
import { afterAll, beforeAll, describe, expect, onTestFailed, onTestFinished, test } from "vitest";
import { type Crosspoint, runCli, startCrosspoint } from "../../support/crosspoint.ts";
import { type Pebble, startPebble } from "../../support/pebble.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { portsOf } from "../../support/ports.ts";
import { realDrachtio } from "../../support/real-engines.ts";
import { callOverTls, type TlsCall } from "../../support/tls-calls.ts";

/** Certificates by ACME from Let's Encrypt's Pebble: issued once by the command line, and kept new by a running gateway. */
const PORT = portsOf("gateway-acme");
const [HTTP, TLS, CA] = [PORT + 10, PORT + 11, PORT + 12];
/** Calls that stand while the certificate is renewed; more by hand, as CALLS=1000. */
const CALLS = Number(process.env["CALLS"] ?? 30);
/** Of so many calls by hand, on a machine where nothing else listens. */
const MANY_PORTS = [20, 40].map((thousand) => thousand * 1000).join("-");
/** Seconds that a certificate is valid: renewed after two thirds. */
const VALIDITY = Number(process.env["VALIDITY"] ?? 15);

describeWithPeers("ACME", ["pebble"], () => {
  describe.skipIf(realDrachtio !== undefined)("(embedded SIP engine)", () => {
    const folder = mkdtempSync(join(tmpdir(), "crosspoint-acme-"));
    let pebble: Pebble;

    beforeAll(async () => {
      pebble = await startPebble({ port: CA, httpPort: HTTP, tlsPort: TLS, validity: VALIDITY });
    });
    afterAll(async () => {
      await pebble?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    const once = (domains: readonly string[], more: readonly string[]) =>
      runCli([
        "certs",
        "acme",
        ...domains.flatMap((domain) => ["--domain", domain]),
        ...["--directory", pebble.directory, "--ca", pebble.ca, "--folder", folder, "--listen", "127.0.0.1"],
        ...more,
      ]);

    test("certs acme has one issued for two names by http-01, and keeps the keys to itself", () => {
      const { status, stdout, stderr } = once(
        ["one.example.com", "two.example.com"],
        ["--port", String(HTTP), "--email", "ops@example.com"],
      );
      expect(stderr).toBe("");
      expect(status).toBe(0);
      expect(stdout).toContain("one.example.com.crt");
      const leaf = new X509Certificate(readFileSync(join(folder, "one.example.com.crt")));
      expect([leaf.checkHost("one.example.com"), leaf.checkHost("two.example.com")]).not.toContain(undefined);
      for (const file of ["one.example.com.key", "acme-account.key"]) expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
    });

    test("certs acme says why none is issued", () => {
      const { status, stderr } = once(["three.example.com"], ["--port", String(PORT + 19)]);
      expect(status).toBe(1);
      expect(stderr).toMatch(/no certificate was issued: .*connection/i);
    });

    test("the gateway has its own issued by tls-alpn-01 and renews it with a new key, and no call is lost", async () => {
      const data = join(folder, "data");
      const gateway: Crosspoint = await startCrosspoint({
        port: PORT,
        mediaPort: PORT + 20,
        data,
        config: `
sip: { optionsSeconds: 0 }
certificates:
  acme: { directory: "${pebble.directory}", domains: [gw.example.com], challenge: tls-alpn-01, port: ${TLS}, ca: ${pebble.ca} }
unknownCallers: { trust: verified-external, srtp: none }
meetings: [{ id: 1000, name: Open }]
`,
        set: CALLS > 60 ? [`media.ports=${MANY_PORTS}`] : [],
      });
      onTestFinished(async () => void (await gateway.stop()));
      onTestFailed(() => console.log(gateway.output().slice(-4_000)));
      const shown = (): Promise<X509Certificate> =>
        new Promise((resolve, reject) => {
          const socket = connect({ host: "127.0.0.1", port: PORT + 1, rejectUnauthorized: false }, () => {
            resolve(socket.getPeerX509Certificate()!);
            socket.destroy();
          });
          socket.on("error", reject);
        });
      const renewals = () => gateway.logged("certificate-renewed").length;
      await expect.poll(renewals, { timeout: 60_000 }).toBeGreaterThan(0);
      const first = await shown();
      expect(first.checkHost("gw.example.com")).toBe("gw.example.com");
      expect(first.issuer).toContain("Pebble");
      for (const file of ["account.key", "certificate.pem", "state.json"])
        expect(statSync(join(data, "acme", file)).mode & 0o777).toBe(0o600);
      const calls: TlsCall[] = [];
      // as many handshakes at a time as one address may have
      while (calls.length < CALLS) {
        const some = Array.from({ length: Math.min(10, CALLS - calls.length) }, () => callOverTls("127.0.0.1", PORT + 1, "1000"));
        calls.push(...(await Promise.all(some)));
      }
      await gateway.waitForParticipants("1000", (all) => all.length === CALLS, 60_000);

      const before = renewals();
      await expect.poll(renewals, { timeout: 40_000 + VALIDITY * 1_000 }).toBeGreaterThan(before);
      const next = await shown();
      expect(next.fingerprint256).not.toBe(first.fingerprint256);
      expect(next.publicKey.equals(first.publicKey)).toBe(false);
      expect(calls.filter(({ gone }) => gone)).toEqual([]);
      expect(await Promise.all(calls.map((call) => call.request("OPTIONS")))).toEqual(calls.map(() => 200));
      expect(await gateway.participants("1000")).toHaveLength(CALLS);
      expect(await Promise.all(calls.map((call) => call.request("BYE")))).toEqual(calls.map(() => 200));
      for (const call of calls) call.close();
      const told = runCli(["certs", "show", "--config", gateway.configFile, "--set", `data=${data}`]);
      expect(told.stdout).toMatch(/^ACME: valid until .*; renewed /m);
      expect(await gateway.metric('crosspoint_certificate_renewals_total{result="renewed"}')).toBeGreaterThan(1);
      expect(gateway.logged("certificate-renewal-failed")).toEqual([]);
      // open only while a certificate is asked for
      await expect
        .poll(
          () =>
            new Promise((resolve) => {
              const socket = connectTcp(TLS, "127.0.0.1", () => resolve("open"));
              socket.on("error", () => resolve("closed"));
              socket.on("connect", () => socket.destroy());
            }),
        )
        .toBe("closed");
    });
  });
});
