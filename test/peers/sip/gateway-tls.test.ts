import { type ChildProcess, spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFailed, onTestFinished, test } from "vitest";
import type { CallRecord } from "../../../src/records/model.ts";
import { createAuthority, type Issued, issueCertificate } from "../../../src/security/issue.ts";
import type { TrunkView } from "../../../src/trunks/model.ts";
import { type Baresip, startBaresip } from "../../support/baresip.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { makeOcspResponse } from "../../support/ocsp-response.ts";
import { ofTest } from "../../support/of-test.ts";
import { sClient, tlsRequest } from "../../support/openssl.ts";
import { type Made, makeCertificate, makeRevocationList } from "../../support/odd-certificates.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { inTurn, portsOf } from "../../support/ports.ts";
import { realDrachtio } from "../../support/real-engines.ts";

/** SIP over TLS and mutual TLS with OpenSSL and baresip at the other end: whose certificate is believed, what is spoken, how long a handshake may take. */
const PORT = portsOf("gateway-tls");
const FAR = PORT + 220;
/** Of a room: its SIP ports and its control socket; a hundred for its media. */
const roomPorts = inTurn(PORT + 230, 110, 3);
const DAY = 86_400_000;

describeWithPeers("TLS", ["openssl", "baresip"], () => {
  describe.skipIf(realDrachtio !== undefined)("(embedded SIP engine)", () => {
    const folder = mkdtempSync(join(tmpdir(), "crosspoint-tls-"));
    const rooms: Baresip[] = [];
    const file = (name: string) => join(folder, name);
    let gateway: Crosspoint;
    let root: Issued;

    /** Writes NAME.crt (with its chain), NAME.key, and both in NAME.pem. */
    function keep(name: string, { chain, key }: Issued): void {
      writeFileSync(file(`${name}.crt`), chain);
      writeFileSync(file(`${name}.key`), key);
      writeFileSync(file(`${name}.pem`), key + chain);
    }
    const own = (name: string, from?: Date) =>
      issueCertificate(root, { subject: { commonName: name, names: [name, "127.0.0.1"] }, ...(from ? { from, days: 5 } : {}) });
    const config = (legacy: boolean) => `
sip: { optionsSeconds: 0 }
certificates: { cert: ${file("server.crt")}, key: ${file("server.key")}, ca: [${file("ca.crt")}], crl: [${file("ca.crl")}] }
trunks:
  - { name: room, identity: { certificateNames: [room.test], ca: ${file("ca.crt")} }, trust: verified, legacyCiphers: ${legacy} }
  - { name: pbx, identity: { certificateNames: [pbx.test], networks: [127.0.0.0/8] }, trust: verified }
  - { name: out, identity: { networks: [192.0.2.0/24] }, target: "sip:127.0.0.1:${FAR};transport=tls" }
  - { name: bank, identity: { certificateNames: [bank.test], ca: ${file("bank-ca.crt")} }, target: "sip:127.0.0.1:${FAR};transport=tls",
      clientCertificate: { certificate: ${file("caller.crt")}, key: ${file("caller.key")} } }
  - { name: stapled, identity: { networks: [192.0.2.0/24], ocsp: required }, target: "sip:127.0.0.1:${FAR};transport=tls" }
  - { name: edge, identity: { certificateNames: [edge.test, edge2.test], certificatePurpose: server-allowed }, trust: verified }
  - { name: strict, identity: { certificateNames: [strict.test, deep.test] } }
meetings: [{ id: 1000, name: Open }]
`;

    beforeAll(async () => {
      root = await createAuthority({ subject: { commonName: "trusted root" } });
      const stranger = await createAuthority({ subject: { commonName: "somebody's root" }, kind: "ecdsa-p256" });
      const bank = await createAuthority({ subject: { commonName: "bank root" } });
      const by = (issuer: Issued): Made => ({ pem: issuer.cert, key: issuer.key, certificate: new X509Certificate(issuer.cert) });
      const odd = (name: string, issuer: Issued, more: Partial<Parameters<typeof makeCertificate>[0]> = {}): Made => {
        const made = makeCertificate({ subject: [["CN", name]], by: by(issuer), san: [{ type: 2, value: name }], ...more });
        keep(name, { cert: made.pem, chain: made.pem, key: made.key });
        return made;
      };
      keep("bank-ca", bank);
      keep("bank", await issueCertificate(bank, { subject: { commonName: "bank.test", names: ["bank.test", "127.0.0.1"] } }));
      keep("forged", await issueCertificate(bank, { subject: { commonName: "strict.test", names: ["strict.test"] } }));
      keep("caller", await own("caller.test"));
      odd("edge.test", root, { usages: ["serverAuth"] });
      odd("edge2.test", root, { usages: ["serverAuth"], from: -10, to: -5 });
      odd("strict.test", root, { usages: ["serverAuth"] });
      odd("inside", root, { subject: [["O", "CN=strict.test"]], san: undefined as never });
      // ours allow no CA below them
      const top = makeCertificate({ subject: [["CN", "top"]], ca: true });
      const middle = makeCertificate({ subject: [["CN", "middle"]], by: top, ca: true });
      const deep = makeCertificate({ subject: [["CN", "deep.test"]], by: middle, san: [{ type: 2, value: "deep.test" }] });
      keep("deep.test", { cert: deep.pem, chain: deep.pem, key: deep.key });
      writeFileSync(file("middle.crt"), middle.pem);
      const revoked = odd("revoked", root, { san: [{ type: 2, value: "strict.test" }] });
      writeFileSync(file("ca.crl"), makeRevocationList(by(root), [revoked]));
      keep("ca", { ...root, chain: root.chain + top.pem });
      keep("stranger-ca", stranger);
      keep("server", await own("gateway.test"));
      keep("room", await own("room.test"));
      keep("other-name", await own("other.test"));
      keep("expired", await own("room.test", new Date(Date.now() - 10 * DAY)));
      keep("other-ca", await issueCertificate(stranger, { subject: { commonName: "room.test", names: ["room.test", "127.0.0.1"] } }));
      gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, config: config(false) });
    });
    afterEach(async () => {
      for (const room of rooms.splice(0)) await room.stop();
      await gateway.endCalls();
    });
    afterAll(async () => {
      await gateway?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    const shown = (name: string) => ["-cert", file(`${name}.crt`), "-key", file(`${name}.key`), "-CAfile", file("ca.crt")];
    // s_client prints between what it gets: not always at a line's start
    const final = /SIP\/2\.0 ([2-6]\d\d)/;
    /** An INVITE for a number that is nobody's, so that 404 is for those who are believed. */
    async function asks(args: readonly string[]): Promise<{ status: string; record: CallRecord | undefined }> {
      const before = (await gateway.records())[0]?.id;
      const { output } = await sClient(gateway.tls, args, tlsRequest("INVITE", "9999", gateway.tls), final);
      const status = final.exec(output)?.[1] ?? output.slice(-1500);
      await expect.poll(async () => (await gateway.records())[0]?.id).not.toBe(before);
      return { status, record: (await gateway.records())[0] };
    }

    test.each(["-tls1_3", "-tls1_2"])("a trunk's own certificate is believed (openssl s_client %s)", async (version) => {
      const { status, record } = await asks([version, ...shown("room")]);
      expect(status).toBe("404");
      expect(record).toMatchObject({ trunk: "room", trust: "verified", transport: "tls", outcome: "no-such-meeting" });
    });

    test.each([
      ["another name's", () => shown("other-name"), "certificate-name", /other\.test/],
      ["an expired", () => shown("expired"), "certificate-expired", /expired on .*our clock says/],
      ["another authority's", () => shown("other-ca"), "certificate-unknown-ca", /issued by 'somebody's root'/],
      ["no", () => ["-CAfile", file("ca.crt")], "certificate-absent", /no certificate was shown/],
    ])("%s certificate is not, and the record says so", async (_, args, code, reason) => {
      const { status, record } = await asks(args());
      expect(status).toBe("403");
      expect(record).toMatchObject({
        trust: "unverified",
        outcome: code,
        sipStatus: 403,
        cause: 21,
        reason: expect.stringMatching(reason),
      });
    });

    test.each([
      ["strict", "forged", "certificate-unknown-ca", /another CA than certificates\.ca/],
      ["strict", "inside", "certificate-name", /none of trunk strict's names|belongs to no trunk|none of trunk/],
      ["strict", "revoked", "certificate-revoked", /revoked/],
      ["strict", "strict.test", "certificate-purpose", /servers only.*server-allowed/],
      ["edge", "edge2.test", "certificate-expired", /expired/],
    ])("trunk %s is not recognised by the certificate %s: %s", async (_, name, code, reason) => {
      // from an address of no trunk's network
      const { status, record } = await asks([...shown(name), "-bind", "127.0.0.1:0"]);
      expect(status).toBe("403");
      expect(record).toMatchObject({ outcome: code, sipStatus: 403, cause: 21, reason: expect.stringMatching(reason) });
    });

    test("a trunk's own CA vouches for it; a server's certificate is taken where the trunk allows that, and the log says so", async () => {
      expect((await asks(shown("bank"))).record).toMatchObject({ trunk: "bank", outcome: "no-such-meeting" });
      const before = gateway.logged(/for servers only/).length;
      expect((await asks(shown("edge.test"))).record).toMatchObject({ trunk: "edge", trust: "verified", outcome: "no-such-meeting" });
      expect(gateway.logged(/for servers only/).length).toBe(before + 1);
    });

    test("a session that is taken up again brings the chain of the first handshake", async () => {
      const session = file("session.pem");
      const deep = [...shown("deep.test"), "-cert_chain", file("middle.crt"), "-tls1_2"];
      await sClient(gateway.tls, [...deep, "-sess_out", session], tlsRequest("OPTIONS", "x", gateway.tls), final);
      const again = ["-tls1_2", "-sess_in", session, "-CAfile", file("ca.crt")];
      const { output } = await sClient(gateway.tls, again, tlsRequest("INVITE", "9999", gateway.tls), final);
      expect(output).toMatch(/^Reused/m);
      expect(final.exec(output)?.[1]).toBe("404");
    });

    /** A room with that certificate calls the meeting. */
    async function dials(name: string): Promise<Baresip> {
      const port = roomPorts();
      const room = await startBaresip({
        port,
        controlPort: port + 3,
        rtpStart: port + 10,
        transport: "tls",
        account: "mediaenc=srtp-mand",
        certificate: file(`${name}.pem`),
        ca: file("ca.crt"),
      });
      rooms.push(room);
      await room.command("dial", `sip:1000@${gateway.tls};transport=tls`);
      return room;
    }
    const joined = () => gateway.waitForParticipants("1000", (all) => all.some(({ state }) => state === "joined"));

    test.each([
      ["room", true],
      ["expired", false],
      ["other-ca", false],
    ])("baresip with the certificate %s: let in %s", async (name, letIn) => {
      const room = await dials(name);
      if (letIn) {
        const [one] = await joined();
        expect(one).toMatchObject({ trust: "verified" });
      } else expect((await room.waitForEvent("CALL_CLOSED")).param).toContain("403");
    });

    test("certificates are reloaded on SIGHUP, with a call up", async () => {
      const serial = async () => {
        const { output } = await sClient(gateway.tls, [], tlsRequest("OPTIONS", "x", gateway.tls), final);
        const pem = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/.exec(output)?.[0];
        return pem === undefined ? output : new X509Certificate(pem).serialNumber;
      };
      const serialOf = () => new X509Certificate(readFileSync(file("server.crt"))).serialNumber;
      const room = await dials("room");
      const [called] = await joined();
      const before = serialOf();
      expect(await serial()).toBe(before);
      keep("server", await own("gateway.test"));
      gateway.process.kill("SIGHUP");
      await expect.poll(serial).toBe(serialOf());
      expect(serialOf()).not.toBe(before);
      const [one] = await gateway.participants("1000");
      expect(one).toMatchObject({ id: called!.id, state: "joined" });
      await room.command("hangup");
      await gateway.waitForParticipants("1000", (all) => all.length === 0);
      await expect.poll(async () => (await gateway.records()).map(({ outcome }) => outcome)).toContain("completed");
    });

    test("a certificate that ends within 30 days is told of in log and metric as soon as it is put in place", async () => {
      const before = gateway.logged(/certificate expires soon/).length;
      const told = () => gateway.logged(/certificate expires soon/).slice(before);
      const daysLeft = async () => {
        const metrics = await (await fetch(`${gateway.web}/metrics`)).text();
        return Number(/^crosspoint_certificate_expiry_days\{file="server\.crt"\} (\S+)$/m.exec(metrics)?.[1]);
      };
      const longLived = async () => {
        keep("server", await own("gateway.test"));
        gateway.process.kill("SIGHUP");
        await expect.poll(daysLeft).toBeGreaterThan(30);
      };
      onTestFailed(longLived);
      expect(told()).toEqual([]);
      expect(await daysLeft()).toBeGreaterThan(30);
      keep("server", await own("gateway.test", new Date()));
      gateway.process.kill("SIGHUP");
      await expect.poll(told).not.toEqual([]);
      expect(told()[0]).toMatchObject({ level: "warn", file: "server.crt" });
      // of its five days, four are whole by now
      await expect.poll(daysLeft).toBe(4);
      await longLived();
    });

    const suite = async (...args: string[]) => {
      const { output } = await sClient(
        gateway.tls,
        args,
        "\r\n\r\n",
        /^ {4}Verify return code|^Verify return code|alert|:error:|no protocols available/m,
      );
      return /alert|:error:|no protocols available/.test(output) ? "refused" : (/Cipher is (\S+)/.exec(output)?.[1] ?? output.slice(-500));
    };
    test("suites without forward secrecy, or with SHA-1, are off until a trunk turns them on; ours is the order", async () => {
      // a try that failed may have turned them on
      writeFileSync(gateway.configFile, config(false));
      gateway.process.kill("SIGHUP");
      await expect.poll(() => suite("-tls1_2", "-cipher", "AES256-GCM-SHA384")).toBe("refused");
      expect(await suite("-tls1_2")).toBe("ECDHE-RSA-AES256-GCM-SHA384");
      expect(await suite("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384")).toBe(
        "ECDHE-RSA-AES256-GCM-SHA384",
      );
      expect(await suite("-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0")).toBe("refused");
      const legacy = ["AES256-GCM-SHA384", "AES128-GCM-SHA256", "ECDHE-RSA-AES256-SHA", "ECDHE-RSA-AES128-SHA"];
      for (const one of legacy) expect(await suite("-tls1_2", "-cipher", one), one).toBe("refused");
      writeFileSync(gateway.configFile, config(true));
      gateway.process.kill("SIGHUP");
      await expect.poll(() => suite("-tls1_2", "-cipher", legacy[0]!)).toBe(legacy[0]);
      for (const one of legacy) expect(await suite("-tls1_2", "-cipher", one), one).toBe(one);
      expect(await suite("-tls1_2", "-cipher", [...legacy, "ECDHE-RSA-AES128-GCM-SHA256"].join(":"))).toBe("ECDHE-RSA-AES128-GCM-SHA256");
    });

    test("handshakes that are begun and left end after 3 s, and keep nobody else out", async () => {
      const began = performance.now();
      const flood: Socket[] = [];
      const closed: number[] = [];
      const before = gateway.logged(/refused connection/).length;
      for (let i = 0; i < 600; i++) {
        const socket = connect({ host: "127.0.0.1", port: PORT + 1, localAddress: "127.0.0.5" });
        socket.on("error", () => {});
        socket.on("close", () => closed.push(performance.now() - began));
        flood.push(socket);
      }
      onTestFinished(() => {
        for (const socket of flood) socket.destroy();
      });
      const open = () => flood.length - closed.length;
      await expect.poll(open).toBeLessThanOrEqual(64);
      expect(open()).toBeGreaterThan(0);
      const { output } = await sClient(gateway.tls, shown("room"), tlsRequest("OPTIONS", "x", gateway.tls), final);
      expect(output).toMatch(/SIP\/2\.0 200 OK/);
      await expect.poll(() => closed.length).toBe(600);
      expect(Math.max(...closed)).toBeGreaterThan(2900);
      await expect.poll(async () => (await gateway.engineStats())["sip.halfOpen"]).toBe(0);
      expect(gateway.logged(/refused connection/).length - before).toBeLessThanOrEqual(3);
    });

    describe("a far end that we call, openssl s_server,", () => {
      let server: ChildProcess | undefined;
      let said = "";
      async function serve(name: string, ...more: string[]): Promise<void> {
        said = "";
        const args = [
          "s_server",
          "-accept",
          `127.0.0.1:${FAR}`,
          "-cert",
          file(`${name}.crt`),
          "-key",
          file(`${name}.key`),
          "-CAfile",
          file("ca.crt"),
          "-Verify",
          "2",
          "-naccept",
          "1",
          ...more,
        ];
        server = ofTest(spawn("openssl", args, { stdio: ["pipe", "pipe", "pipe"] }));
        const take = (data: Buffer) => (said += data.toString("latin1"));
        server.stdout?.on("data", take);
        server.stderr?.on("data", take);
        await expect.poll(() => said).toMatch(/ACCEPT/);
      }
      const dial = (trunk = "out") =>
        gateway.api<{ id: string }>("POST", "/calls", { uri: "sip:callee@127.0.0.1", meetingId: "1000", trunk });

      test.each([
        ["another-host", "out", "certificate-name", /elsewhere\.test, and not 127\.0\.0\.1/],
        ["expired", "out", "certificate-expired", /expired on/],
        ["other-ca", "out", "certificate-unknown-ca", /issued by 'somebody's root'/],
        ["bank", "out", "certificate-unknown-ca", /issued by 'bank root'/],
        ["room", "bank", "certificate-unknown-ca", /issued by 'trusted root'/],
        ["room", "stapled", "certificate-status-missing", /'room\.test' comes without an OCSP response/],
      ])("that shows the certificate %s is not spoken to for trunk %s", async (name, trunk, outcome, reason) => {
        if (name === "another-host")
          keep(name, await issueCertificate(root, { subject: { commonName: "elsewhere.test", names: ["elsewhere.test"] } }));
        await serve(name);
        const before = (await gateway.records())[0]?.id;
        await expect(dial(trunk)).rejects.toThrow(/502.*was not reached/s);
        await expect.poll(async () => (await gateway.records())[0]?.id).not.toBe(before);
        expect((await gateway.records())[0]).toMatchObject({ outcome });
        expect((await gateway.records())[0]?.reason).toMatch(reason);
        expect(said).not.toContain("INVITE");
      });

      test("that does not fit is shown with its trunk, in words", async () => {
        await serve("expired");
        writeFileSync(gateway.configFile, config(false).replace("optionsSeconds: 0", "optionsSeconds: 60"));
        gateway.process.kill("SIGHUP");
        const trunks = () => gateway.api<TrunkView[]>("GET", "/trunks");
        // two trunks lead there, and the far end takes one connection
        const reasons = async () => (await trunks()).map(({ unreachableReason }) => unreachableReason).join();
        await expect.poll(reasons).toMatch(/certificate-(expired|unknown-ca): the certificate 'room\.test'/);
        expect((await trunks()).find(({ name }) => name === "edge")).toMatchObject({ certificatePurpose: "server-allowed" });
        writeFileSync(gateway.configFile, config(false));
        gateway.process.kill("SIGHUP");
        await expect.poll(reasons).not.toMatch(/certificate/);
      });

      test("that staples its certificate's status is called, or not, by what that says", async () => {
        const made = (pem: string, key: string): Made => ({ pem, key, certificate: new X509Certificate(pem) });
        const [ca, leaf] = [made(root.cert, root.key), made(readFileSync(file("room.crt"), "utf8"), "")];
        for (const status of ["revoked", "good"] as const) {
          writeFileSync(file("status.der"), makeOcspResponse({ ca, leaf, status }));
          await serve("room", "-status_file", file("status.der"));
          const ended = once(server!, "exit");
          const ringing = dial("stapled").catch(() => undefined);
          if (status === "good") await expect.poll(() => said).toMatch(/INVITE sip:callee@127\.0\.0\.1/);
          else {
            await ringing;
            await expect.poll(async () => (await gateway.records())[0]?.outcome).toBe("certificate-revoked");
            expect(said).not.toContain("INVITE");
          }
          server?.kill();
          await Promise.all([ringing, ended]);
        }
      });

      test("with the right one gets ours, and the INVITE", async () => {
        await serve("room");
        const ringing = dial().catch(() => undefined);
        await expect.poll(() => said).toMatch(/INVITE sip:callee@127\.0\.0\.1/);
        expect(said).toMatch(/subject=CN ?= ?gateway\.test/);
        expect(said).not.toMatch(/verify error/);
        server?.kill();
        await ringing;
      });

      test("of a trunk with a CA and a client certificate of its own gets that one", async () => {
        await serve("bank");
        const ringing = dial("bank").catch(() => undefined);
        await expect.poll(() => said).toMatch(/INVITE sip:callee@127\.0\.0\.1/);
        expect(said).toMatch(/subject=CN ?= ?caller\.test/);
        expect(said).not.toContain("X-Crosspoint");
        server?.kill();
        await ringing;
      });
    });
  });
});
