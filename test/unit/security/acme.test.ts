import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AddressInfo, createServer } from "node:net";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type ChallengeKind, listenForChallenges } from "../../../src/security/acme/challenges.ts";
import { AcmeFolder } from "../../../src/security/acme/folder.ts";
import { Renewal } from "../../../src/security/acme/renewal.ts";
import { createAuthority, type Issued, issueCertificate } from "../../../src/security/issue.ts";

const HOUR = 3_600_000;
const kind = "ecdsa-p256" as const;
let authority: Issued;
let issued: Issued;
const folder = mkdtempSync(join(tmpdir(), "crosspoint-acme-unit-"));
beforeAll(async () => {
  authority = await createAuthority({ subject: { commonName: "root" }, kind });
  issued = await issueCertificate(authority, { subject: { commonName: "a.example.com", names: ["b.example.com"] }, kind, days: 90 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("Renewal", () => {
  it("asks at once without a certificate, else at two thirds of its lifetime", () => {
    const renewal = new Renewal(() => 0);
    expect(renewal.nextTimeout()).toBe(0);
    renewal.handle({ type: "certificate", validity: { from: 1_000, to: 91_000 } }, 2_000);
    expect(renewal.nextTimeout()).toBe(61_000);
    renewal.handle({ type: "none" }, 3_000);
    expect(renewal.nextTimeout()).toBe(0);
  });

  it("waits twice as long after each failure, twelve hours at most, and not at all when somebody asks", () => {
    const renewal = new Renewal(() => 0);
    const waits = Array.from({ length: 10 }, (_, i) => {
      renewal.handle({ type: "failed" }, i);
      return (renewal.nextTimeout() - i) / 60_000;
    });
    expect(waits).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 720, 720]);
    renewal.handle({ type: "retry" }, HOUR);
    expect(renewal.nextTimeout()).toBe(0);
    renewal.handle({ type: "certificate", validity: { from: 0, to: 90 } }, HOUR);
    renewal.handle({ type: "failed" }, HOUR);
    expect(renewal.nextTimeout()).toBe(HOUR + 300_000);
  });
});

describe("AcmeFolder", () => {
  const wanted = { directory: "https://ca.example/dir", domains: ["a.example.com", "b.example.com"] };

  it("keeps a certificate for what it was issued for only, and how it stands", () => {
    const acme = new AcmeFolder(join(folder, "kept"));
    expect(acme.usable).toBe(false);
    expect(acme.standing(wanted)).toEqual({ validity: null, due: 0, failure: undefined });
    const { from, to } = acme.keep(issued, wanted);
    expect(acme.usable).toBe(true);
    expect(acme.standing(wanted)).toEqual({ validity: { from, to }, due: from + ((to - from) * 2) / 3, failure: undefined });
    expect(acme.standing({ ...wanted, domains: ["b.example.com", "a.example.com"] }).validity).not.toBeNull();
    expect(acme.standing({ ...wanted, domains: ["a.example.com"] }).validity).toBeNull();
    expect(acme.standing({ ...wanted, directory: "https://other.example/dir" }).validity).toBeNull();
    for (const file of [acme.certificateFile, join(folder, "kept", "state.json")]) expect(statSync(file).mode & 0o777).toBe(0o600);
    acme.failed("no way", 2, to, to + HOUR);
    expect(acme.standing(wanted)).toMatchObject({ due: to + HOUR, failure: { message: "no way", count: 2 } });
    acme.keep(issued, wanted);
    expect(acme.standing(wanted).failure).toBeUndefined();
  });

  it("refuses what the CA must not issue, and takes one that stands in for none that was issued", async () => {
    const acme = new AcmeFolder(join(folder, "refused"));
    const other = await issueCertificate(authority, { subject: { commonName: "a.example.com" }, kind });
    acme.standIn(other);
    const before = readFileSync(acme.certificateFile, "utf8");
    expect(() => acme.keep(other, wanted)).toThrow("does not carry b.example.com");
    expect(() => acme.keep({ chain: issued.chain, key: other.key }, wanted)).toThrow("does not belong to the key");
    expect(readFileSync(acme.certificateFile, "utf8")).toBe(before);
    expect(acme.usable).toBe(true);
    expect(acme.standing(wanted).validity).toBeNull();
    writeFileSync(acme.certificateFile, "cut off");
    expect(acme.usable).toBe(false);
  });
});

describe("challenges", () => {
  const freePort = (): Promise<number> =>
    new Promise((resolve) => {
      const server = createServer().listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo;
        server.close(() => resolve(port));
      });
    });

  async function responder(which: ChallengeKind) {
    const port = await freePort();
    const made = await listenForChallenges(which, "127.0.0.1", port);
    onTestFinished(() => made.close());
    return { made, port };
  }

  it("answers http-01's path by GET, and nothing else", async () => {
    const { made, port } = await responder("http-01");
    await made.add({ domain: "a.example.com", token: "tok", keyAuthorization: "tok.print" });
    const ask = (method: string, path: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const asked = request({ host: "127.0.0.1", port, method, path, agent: false }, (response) => {
          let text = "";
          response.on("data", (data) => (text += data)).on("end", () => resolve(`${response.statusCode} ${text.trim()}`));
        });
        asked.on("error", reject).end();
      });
    expect(await ask("GET", "/.well-known/acme-challenge/tok")).toBe("200 tok.print");
    for (const [method, path] of [
      ["GET", "/.well-known/acme-challenge/other"],
      ["GET", "/.well-known/acme-challenge/../acme-challenge/tok"],
      ["GET", "/"],
      ["POST", "/.well-known/acme-challenge/tok"],
    ] as const)
      expect(await ask(method, path)).toBe("404 not found");
  });

  it("shows the challenge's certificate to acme-tls/1 and the name that is proven only", async () => {
    const { made, port } = await responder("tls-alpn-01");
    await made.add({ domain: "a.example.com", token: "t", keyAuthorization: "t.p", certificate: { cert: issued.cert, key: issued.key } });
    const ask = (servername: string, protocol: string): Promise<string> =>
      new Promise((resolve) => {
        const options = { host: "127.0.0.1", port, servername, ALPNProtocols: [protocol], rejectUnauthorized: false };
        const socket = connect(options, () => {
          resolve(`${String(socket.alpnProtocol)} ${socket.getPeerX509Certificate()?.checkHost("b.example.com")}`);
          socket.destroy();
        });
        socket.on("error", () => resolve("refused"));
      });
    expect(await ask("a.example.com", "acme-tls/1")).toBe("acme-tls/1 b.example.com");
    expect(await ask("A.Example.Com", "acme-tls/1")).toBe("acme-tls/1 b.example.com");
    expect(await ask("a.example.com", "http/1.1")).toBe("refused");
    expect(await ask("other.example.com", "acme-tls/1")).toBe("refused");
  });
});
