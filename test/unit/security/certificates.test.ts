import type { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { developmentNames, ensureDevelopmentCertificates } from "../../../src/security/development.ts";
import { readIfThere } from "../../../src/security/files.ts";
import { checkChain, describeCertificate, readCertificates } from "../../../src/security/inspect.ts";
import { createAuthority, createRequest, type Issued, issueCertificate } from "../../../src/security/issue.ts";

const day = 86_400_000;

describe.each(["rsa-2048", "ecdsa-p256"] as const)("certificates with %s keys", (kind) => {
  let ca: Issued;
  let leaf: Issued;
  beforeAll(async () => {
    ca = await createAuthority({ subject: { commonName: "Test CA", organization: "Test" }, kind });
    leaf = await issueCertificate(ca, {
      subject: { commonName: "sip.example.com", names: ["192.0.2.1", "2001:db8::1", "sip:example.com"] },
      kind,
    });
  });

  it("have names, both usages and their issuer's signature", () => {
    const [cert, root] = readCertificates(leaf.chain) as [X509Certificate, X509Certificate];
    const info = describeCertificate(cert);
    expect(info).toMatchObject({ subject: "CN=sip.example.com", authority: false, server: true, client: true, selfSigned: false });
    expect(info.names).toEqual(["DNS:sip.example.com", "IP:192.0.2.1", "IP:2001:DB8:0:0:0:0:0:1", "URI:sip:example.com"]);
    expect(info.issuer).toBe("CN=Test CA, O=Test");
    expect(cert.verify(root.publicKey)).toBe(true);
    expect(cert.checkIssued(root)).toBe(true);
    expect(describeCertificate(root)).toMatchObject({ authority: true, selfSigned: true });
    expect(checkChain({ chain: [cert, root], key: leaf.key })).toEqual([]);
  });

  it("serve mutual TLS, each side checking the other", async () => {
    const server = createServer({
      cert: leaf.chain,
      key: leaf.key,
      ca: ca.cert,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: "TLSv1.2",
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const seen = new Promise<string>((resolve) =>
        server.once("secureConnection", (socket: TLSSocket) => resolve(String(socket.getPeerCertificate().subjectaltname))),
      );
      const socket = connect({
        port: (server.address() as AddressInfo).port,
        host: "127.0.0.1",
        servername: "sip.example.com",
        ca: ca.cert,
        cert: leaf.chain,
        key: leaf.key,
      });
      await new Promise<void>((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
      expect(socket.authorized).toBe(true);
      expect(await seen).toContain("DNS:sip.example.com");
      socket.destroy();
    } finally {
      server.close();
    }
  });
});

describe("requests", () => {
  it.each(["rsa-2048", "ecdsa-p384"] as const)("are signed by their own %s key and ask for names and usages", async (kind) => {
    const { csr, key } = await createRequest({ commonName: "gw.example.com", names: ["sip.example.com"] }, kind);
    expect(csr).toMatch(/^-----BEGIN CERTIFICATE REQUEST-----\n/);
    expect(key).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    const der = Buffer.from(csr.replace(/-----[^-]+-----|\n/g, ""), "base64").toString("latin1");
    expect(der).toContain("gw.example.com");
    expect(der).toContain("sip.example.com");
    // 1.3.6.1.5.5.7.3.1 and .2: serverAuth and clientAuth.
    expect(der).toContain("\x2b\x06\x01\x05\x05\x07\x03\x01");
    expect(der).toContain("\x2b\x06\x01\x05\x05\x07\x03\x02");
  });
});

describe("checking a chain", () => {
  let ca: Issued;
  beforeAll(async () => {
    ca = await createAuthority({ subject: { commonName: "CA" }, kind: "ecdsa-p256" });
  });

  it("tells of expiry before and after, and of a clock that is wrong", async () => {
    const from = new Date();
    const { cert, key } = await issueCertificate(ca, { subject: { commonName: "a.example" }, kind: "ecdsa-p256", days: 40, from });
    const chain = [...readCertificates(cert), ...readCertificates(ca.cert)];
    const at = (days: number) => checkChain({ chain, key, now: from.getTime() + days * day }).map((problem) => problem.message);
    expect(at(5)).toEqual([]);
    expect(at(15)).toEqual([expect.stringMatching(/^CN=a\.example: expires in 2[45] days/)]);
    expect(at(41)).toEqual([expect.stringMatching(/^CN=a\.example: expired on /)]);
    expect(at(-2)[0]).toMatch(/not valid before .* is the clock right/);
  });

  it("tells of a foreign key, a missing issuer and a chain in disorder", async () => {
    const other = await createAuthority({ subject: { commonName: "Other CA" }, kind: "ecdsa-p256" });
    const leaf = await issueCertificate(ca, { subject: { commonName: "a.example" }, kind: "ecdsa-p256" });
    const cert = readCertificates(leaf.cert);
    const messages = (problems: ReturnType<typeof checkChain>) => problems.map((problem) => problem.message).join("\n");
    expect(messages(checkChain({ chain: cert, key: other.key }))).toMatch(/does not belong to the private key\n.*chain ends/);
    expect(messages(checkChain({ chain: [...cert, ...readCertificates(other.cert)] }))).toMatch(
      /certificate 2 in the file did not sign certificate 1/,
    );
    expect(checkChain({ chain: cert, authorities: readCertificates(ca.cert) })).toEqual([]);
  });

  it("says what is no certificate", () => {
    expect(() => readCertificates("hello")).toThrow("is not PEM");
    expect(() => readCertificates("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")).toThrow("holds no certificate");
  });
});

describe("development certificates", () => {
  const folder = mkdtempSync(join(tmpdir(), "crosspoint-certs-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  it("are made once, with private keys for nobody else, and again when expired or broken", async () => {
    const first = await ensureDevelopmentCertificates(folder);
    expect(first.made).toBe(true);
    for (const file of [first.files.caKey, first.files.serverKey, first.files.clientKey]) expect(statSync(file).mode & 0o777).toBe(0o600);
    const server = describeCertificate(readCertificates(readIfThere(first.files.serverCert)!)[0]!);
    expect(server.names).toEqual(expect.arrayContaining([`DNS:${developmentNames.server}`, "DNS:localhost", "IP:127.0.0.1"]));

    expect((await ensureDevelopmentCertificates(folder)).made).toBe(false);
    expect((await ensureDevelopmentCertificates(folder, new Date(Date.now() + 400 * day))).made).toBe(true);
    writeFileSync(first.files.serverKey, "broken");
    expect((await ensureDevelopmentCertificates(folder)).made).toBe(true);
    expect((await ensureDevelopmentCertificates(folder)).made).toBe(false);
  });
});
