import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect as connectTcp, createServer } from "node:net";
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
/** Of a CA that looks at the gateway's own listeners, and of its own four. */
const [SIP_TLS, WEB, OTHER_CA] = [PORT + 1, PORT + 2, PORT + 220];
/** Calls that stand while the certificate is renewed; more by hand, as CALLS=1000. */
const CALLS = Number(process.env["CALLS"] ?? 30);
/** Meetings that they are in, fifty in each. */
const MEETINGS = Array.from({ length: Math.ceil(CALLS / 50) }, (_, i) => String(1000 + i));
/** Of so many calls by hand, on a machine where nothing else listens. */
const MANY_PORTS = [20, 40].map((thousand) => thousand * 1000).join("-");
/** Seconds that a certificate is valid: renewed after two thirds. */
const VALIDITY = Number(process.env["VALIDITY"] ?? 15);

/** What a listener shows to a peer that offers a protocol of which it has none. */
function shownAt(port: number): Promise<X509Certificate> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, rejectUnauthorized: false };
    const socket = connect(port === SIP_TLS ? { ...options, ALPNProtocols: ["sip/2"] } : options, () => {
      resolve(socket.getPeerX509Certificate()!);
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

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
trunks: [{ name: phones, identity: { networks: [127.0.0.0/8] }, trust: verified-external, srtp: none }]
meetings: [${MEETINGS.map((id) => `{ id: ${id}, name: Open }`).join(", ")}]
`,
        set: CALLS > 60 ? [`media.ports=${MANY_PORTS}`] : [],
      });
      onTestFinished(async () => void (await gateway.stop()));
      onTestFailed(() => console.log(gateway.output().slice(-4_000)));
      const shown = () => shownAt(SIP_TLS);
      const renewals = () => gateway.logged("certificate-renewed").length;
      await expect.poll(renewals, { timeout: 60_000 }).toBeGreaterThan(0);
      const first = await shown();
      expect(first.checkHost("gw.example.com")).toBe("gw.example.com");
      expect(first.issuer).toContain("Pebble");
      for (const file of ["account.key", "certificate.pem", "state.json"])
        expect(statSync(join(data, "acme", file)).mode & 0o777).toBe(0o600);
      const calls: TlsCall[] = [];
      // as many handshakes at a time as one address may have, and no more connections than that (SIP engine: 1,000)
      while (calls.length < CALLS) {
        const source = `127.0.0.${2 + (((calls.length / 10) % 4) | 0)}`;
        const meeting = MEETINGS[((calls.length / 10) % MEETINGS.length) | 0]!;
        const some = Array.from({ length: Math.min(10, CALLS - calls.length) }, () => callOverTls("127.0.0.1", SIP_TLS, meeting, source));
        calls.push(...(await Promise.all(some)));
      }
      const joined = async () => (await Promise.all(MEETINGS.map((id) => gateway.participants(id)))).flat().length;
      await expect.poll(joined, { timeout: 60_000, interval: 1_000 }).toBe(CALLS);

      const before = renewals();
      await expect.poll(renewals, { timeout: 40_000 + VALIDITY * 1_000 }).toBeGreaterThan(before);
      const next = await shown();
      expect(next.fingerprint256).not.toBe(first.fingerprint256);
      expect(next.publicKey.equals(first.publicKey)).toBe(false);
      const late = await callOverTls("127.0.0.1", SIP_TLS, "1000");
      expect(late.fingerprint).toBe(next.fingerprint256);
      expect(await late.request("BYE")).toBe(200);
      late.close();
      expect(calls.filter(({ gone }) => gone)).toEqual([]);
      expect(await Promise.all(calls.map((call) => call.request("OPTIONS")))).toEqual(calls.map(() => 200));
      await expect.poll(joined, { timeout: 60_000, interval: 1_000 }).toBe(CALLS);
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

    test("the listeners that are there answer as well: the web port http-01 by whatever name, SIP over TLS tls-alpn-01, while calls come", async () => {
      const ca = await startPebble({ port: OTHER_CA, httpPort: WEB, tlsPort: SIP_TLS, validity: 600 });
      onTestFinished(() => ca.stop());
      const acme = (challenge: string, domain: string): string => `
sip: { optionsSeconds: 0 }
certificates: { acme: { directory: "${ca.directory}", domains: [${domain}], challenge: ${challenge}, port: off, ca: ${ca.ca} } }
unknownCallers: { trust: verified-external, srtp: none }
meetings: [{ id: 1000, name: Open }]
`;
      const gateway = await startCrosspoint({
        port: PORT,
        mediaPort: PORT + 20,
        data: join(folder, "own-listeners"),
        config: acme("http-01", "web.example.com"),
      });
      onTestFinished(async () => void (await gateway.stop()));
      onTestFailed(() => console.log(gateway.output().slice(-4_000)));
      await expect.poll(() => gateway.logged("certificate-renewed").length, { timeout: 60_000 }).toBe(1);
      expect((await shownAt(SIP_TLS)).checkHost("web.example.com")).toBe("web.example.com");
      // nothing is left of it
      expect((await fetch(`${gateway.web}/.well-known/acme-challenge/x`)).status).toBe(404);

      const first = await callOverTls("127.0.0.1", SIP_TLS, "1000");
      const [view] = await gateway.api<{ readonly tls: string | null }[]>("GET", "/calls");
      expect(view?.tls).toBe("TLSv1.3, TLS_AES_256_GCM_SHA384, X25519MLKEM768");
      expect(gateway.logged("call-started").at(-1)).toMatchObject({ tls: view?.tls });
      writeFileSync(gateway.configFile, acme("tls-alpn-01", "sip.example.com"));
      gateway.process.kill("SIGHUP");
      const during: TlsCall[] = [];
      await expect
        .poll(
          async () => {
            if (during.length < 20) during.push(await callOverTls("127.0.0.1", SIP_TLS, "1000"));
            return gateway.logged("certificate-renewed").length;
          },
          { timeout: 60_000, interval: 50 },
        )
        .toBe(2);
      expect((await shownAt(SIP_TLS)).checkHost("sip.example.com")).toBe("sip.example.com");
      const calls = [first, ...during];
      expect(await Promise.all(calls.map((call) => call.request("BYE")))).toEqual(calls.map(() => 200));
      for (const call of calls) call.close();
      expect(gateway.logged("certificate-renewal-failed")).toEqual([]);
    });

    test("the HTTPS web port answers tls-alpn-01; where its own port is taken the gateway says so and has the certificate all the same", async () => {
      const ca = await startPebble({ port: OTHER_CA, httpPort: HTTP, tlsPort: WEB, validity: 600 });
      onTestFinished(() => ca.stop());
      const taken = createServer().listen(TLS, "127.0.0.1");
      onTestFinished(() => void taken.close());
      const gateway = await startCrosspoint({
        port: PORT,
        mediaPort: PORT + 20,
        data: join(folder, "https"),
        set: ["web.tls=true"],
        config: `
certificates:
  acme: { directory: "${ca.directory}", domains: [gw.example.com], challenge: tls-alpn-01, port: ${TLS}, ca: ${ca.ca} }
unknownCallers: { trust: verified-external, srtp: none }
meetings: [{ id: 1000, name: Open }]
`,
      });
      onTestFinished(async () => void (await gateway.stop()));
      onTestFailed(() => console.log(gateway.output().slice(-4_000)));
      await expect.poll(() => gateway.logged("certificate-renewed").length, { timeout: 60_000 }).toBe(1);
      expect(gateway.logged("certificate-port-closed")).toHaveLength(1);
      expect((await shownAt(WEB)).checkHost("gw.example.com")).toBe("gw.example.com");
    });
  });
});
