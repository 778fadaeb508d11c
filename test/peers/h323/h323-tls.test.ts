import { execFile, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Crosspoint, runCli, startCrosspoint } from "../../support/crosspoint.ts";
import { ofTest } from "../../support/of-test.ts";
import { portsOf } from "../../support/ports.ts";

const US = "127.0.0.1";
const PORT = portsOf("h323-tls");
const TLS = PORT + 9;

/** What openssl says of a handshake; the connection is closed at once. */
async function handshake(...options: string[]): Promise<string> {
  const child = promisify(execFile)("openssl", ["s_client", "-connect", `${US}:${TLS}`, "-brief", ...options], { timeout: 60_000 });
  child.child.stdin?.end();
  return child.then(
    ({ stdout, stderr }) => stdout + stderr,
    (error: { stdout?: string; stderr?: string }) => `${error.stdout ?? ""}${error.stderr ?? ""}`,
  );
}

describe("H.323 call signalling over TLS", () => {
  let crosspoint: Crosspoint;
  let files: { ca: string; cert: string; key: string };
  beforeAll(async () => {
    crosspoint = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, listen: US, set: [`h323.tls=${TLS}`] });
    const file = (name: string) => join(crosspoint.certificates, name);
    files = { ca: file("ca.crt"), cert: file("client.crt"), key: file("client.key") };
  });
  // a try that failed may have left some
  afterEach(() => crosspoint.endCalls());
  afterAll(async () => {
    await crosspoint?.stop();
  });

  it("shows openssl its certificate, asks for one, and takes TLS 1.2 and 1.3 only", async () => {
    const known = await handshake("-CAfile", files.ca, "-verify_return_error", "-cert", files.cert, "-key", files.key);
    expect(known).toMatch(/Protocol version: TLSv1\.3/);
    expect(known).toMatch(/Verification: OK/);
    expect(await handshake("-CAfile", files.ca, "-tls1_2")).toMatch(/Ciphersuite: ECDHE-RSA-AES256-GCM-SHA384/);
    expect(await handshake("-CAfile", files.ca, "-tls1_1")).toMatch(/alert protocol version|no protocols available|unsupported protocol/i);
    const asked = await promisify(execFile)("sh", ["-c", `openssl s_client -connect ${US}:${TLS} -tls1_2 </dev/null`], { timeout: 60_000 });
    expect(asked.stdout).toMatch(/Client Certificate Types/);
  });

  const dial = async (...more: string[]) => {
    // With its own process a call can be watched from here while it is up.
    const launcher = join(import.meta.dirname, "../../../src/cli/crosspoint.mjs");
    const uri = `h323:1000@${US}:${TLS};transport=tls`;
    const child = ofTest(spawn("node", [launcher, "call", uri, "--seconds", "6", "--json", "--ca", files.ca, ...more]));
    let output = "";
    child.stdout.on("data", (data: Buffer) => (output += data.toString()));
    const done = new Promise<void>((resolve) => child.once("close", () => resolve()));
    const [participant] = await crosspoint.waitForParticipants("1000", ([one]) => one?.state === "joined");
    await done;
    await crosspoint.waitForParticipants("1000", (all) => all.length === 0);
    return { participant, report: JSON.parse(output) as { ok: boolean; media: { packetsIn?: number } } };
  };

  it("takes a caller with its trunk's certificate as that trunk's", async () => {
    const { participant, report } = await dial("--cert", files.cert, "--key", files.key);
    expect(participant).toMatchObject({ protocol: "h323", trust: "verified" });
    expect(report.ok).toBe(true);
    await expect
      .poll(async () => (await crosspoint.records())[0])
      .toMatchObject({ protocol: "h323", trunk: "demo-client", outcome: "completed" });
  });

  it("takes one without as a stranger", async () => {
    const { participant } = await dial();
    expect(participant).toMatchObject({ protocol: "h323", trust: "unverified" });
  });

  it("is not called by who does not trust its certificate", () => {
    const folder = mkdtempSync(join(tmpdir(), "crosspoint-test-"));
    const strangers = join(folder, "ca.crt");
    const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=somebody"];
    execFileSync("openssl", [...request, "-keyout", join(folder, "ca.key"), "-out", strangers], { stdio: "ignore" });
    const strange = runCli(["call", `h323:1000@${US}:${TLS};transport=tls`, "--seconds", "1", "--json", "--ca", strangers]);
    rmSync(folder, { recursive: true });
    expect(strange.status).toBe(1);
    expect(strange.stdout).toMatch(/certificate-unknown-ca/);
  });

  it("calls out over TLS", async () => {
    // It calls itself, so both ends are seen.
    await crosspoint.api("POST", "/calls", { uri: `h323:1000@localhost:${TLS};transport=tls`, meetingId: "5000" });
    const [out] = await crosspoint.waitForParticipants("5000", ([one]) => one !== undefined && one.state !== "connecting");
    expect(out).toMatchObject({ protocol: "h323", address: `h323:1000@localhost;transport=tls` });
    const [called] = await crosspoint.waitForParticipants("1000", ([one]) => one?.state === "joined" && (one.audio?.packetsIn ?? 0) > 20);
    // Both ends encrypt: between them audio goes as H.235.6 has it, to the media server in clear.
    expect(called?.audio).toMatchObject({ srtp: "H235_AES_256_CBC", lossPercent: 0 });
    const [caller] = await crosspoint.waitForParticipants("5000", ([one]) => (one?.audio?.packetsIn ?? 0) > 20);
    expect(caller?.audio).toMatchObject({ srtp: "H235_AES_256_CBC" });
    await crosspoint.api("DELETE", `/calls/${out!.callId}`);
    await crosspoint.waitForParticipants("1000", (all) => all.length === 0);
  });
});
