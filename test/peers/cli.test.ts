import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "node:tls";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import type { CallReport } from "../../src/cli/call.ts";
import type { Finding } from "../../src/cli/doctor.ts";
import { type Crosspoint, runCli, startCrosspoint } from "../support/crosspoint.ts";

/** The command line as a user has it: the launcher, on whatever Node.js is first on the path. Ports 17200 to 17299, media 27200 on. */

const folder = mkdtempSync(join(tmpdir(), "crosspoint-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));
const launcher = join(import.meta.dirname, "../../src/cli/crosspoint.mjs");
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

describe("exit codes and output", () => {
  it("0 for help and version, 2 for wrong usage", () => {
    expect(runCli(["--help"])).toMatchObject({ status: 0, stdout: expect.stringContaining("doctor") });
    expect(runCli(["--version"]).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(runCli([]).status).toBe(2);
    expect(runCli(["frobnicate"])).toMatchObject({ status: 2, stderr: expect.stringContaining("unknown command") });
    expect(runCli(["call"]).status).toBe(2);
    expect(runCli(["call", "sip:1@127.0.0.1", "--seconds", "soon"]).status).toBe(2);
    const rot13 = runCli(["call", "sip:1@127.0.0.1", "--srtp", "ROT13", "--json"]);
    expect(rot13).toMatchObject({ status: 2, stdout: expect.stringContaining("no SRTP suite of ours") });
    expect(runCli(["call", "sip:1@127.0.0.1", "--pin", "12a4"]).status).toBe(2);
    expect(runCli(["certs", "issue", "a.example", "--key", "dsa"]).status).toBe(2);
    expect(runCli(["start", "--nonsense"]).status).toBe(2);
  });

  it("check: 0 for the demo, 1 with every mistake in its place", () => {
    expect(runCli(["check"])).toMatchObject({ status: 0, stdout: expect.stringContaining("is good: 5 meetings") });
    const wrong = file("wrong.yaml", "sip:\n  upd: 5060\nweb: { port: high }\n");
    const { status, stderr } = runCli(["check", "--config", wrong]);
    expect(status).toBe(1);
    expect(stderr).toContain(`${wrong}:2:3: sip.upd: unknown key; did you mean "udp"?`);
    expect(stderr).toContain(`${wrong}:3:14: web.port: expected a port`);
    const json = JSON.parse(runCli(["check", "--config", wrong, "--json"]).stdout) as {
      ok: boolean;
      mistakes: { line: number; path: string }[];
    };
    expect(json.ok).toBe(false);
    expect(json.mistakes.map(({ line, path }) => [line, path])).toEqual([
      [2, "sip.upd"],
      // between keys: a TLS listener, which is there by default, without a certificate
      [2, "sip.tls"],
      [3, "web.port"],
    ]);
    expect(runCli(["start", "--config", wrong])).toMatchObject({ status: 1, stderr: expect.stringContaining("sip.upd") });
  });

  it("certs: a CA, certificates and requests that other programs accept", () => {
    const certs = join(folder, "certs");
    const at = (name: string) => join(certs, name);
    expect(runCli(["certs", "init", "--folder", certs]).status).toBe(0);
    expect(runCli(["certs", "init", "--folder", certs])).toMatchObject({ status: 1, stderr: expect.stringContaining("--force") });
    expect(runCli(["certs", "issue", "sip.example.com", "--san", "192.0.2.1", "--san", "sip:example.com", "--folder", certs]).status).toBe(
      0,
    );
    expect(runCli(["certs", "issue", "../escape", "--folder", certs]).status).toBe(0);
    expect(statSync(at("__escape.key")).mode & 0o777).toBe(0o600);
    expect(runCli(["certs", "csr", "gw.example.com", "--folder", certs, "--key", "ecdsa-p256"]).status).toBe(0);
    expect(runCli(["certs", "issue", "x", "--folder", join(folder, "none")])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("certs init"),
    });
    const shown = JSON.parse(runCli(["certs", "show", at("sip.example.com.crt"), "--json"]).stdout);
    expect(shown.files[0].certificates[0]).toMatchObject({
      subject: "CN=sip.example.com",
      names: ["DNS:sip.example.com", "IP:192.0.2.1", "URI:sip:example.com"],
      server: true,
      client: true,
    });
    expect(shown.files[0].problems).toEqual([]);
    const old = file("broken.crt", "nothing");
    expect(runCli(["certs", "show", old])).toMatchObject({ status: 1, stdout: expect.stringContaining("is not PEM") });
  });

  it("doctor: finds a port in use and a dead engine, and says the mend", async () => {
    const blocker = createServer().listen(17260, "127.0.0.1");
    try {
      const ports = ["sip.udp=17261", "sip.tcp=17260", "sip.tls=17262", "web.port=17263", "h323.signalling=17264", "h323.ras=17265"];
      const set = [...ports, "engine.media=freeswitch", "engine.freeswitch.port=17269"].flatMap((setting) => ["--set", setting]);
      const { status, stdout } = await runAside(["doctor", "--json", "--ntp", "127.0.0.1", ...set]);
      expect(status).toBe(1);
      const { findings } = JSON.parse(stdout) as { findings: Finding[] };
      const wrong = findings.filter((finding) => finding.status === "fail");
      expect(wrong.map(({ check }) => check).sort()).toEqual(["engine.media", "sip.tcp"]);
      expect(wrong.every(({ mend }) => mend)).toBe(true);
      expect(findings.find(({ check }) => check === "sip.udp")!.status).toBe("ok");
    } finally {
      blocker.close();
    }
  });
});

/** Runs the command line without stopping this process, whose sockets it may meet. */
async function runAside(args: readonly string[]): Promise<{ status: number | null; stdout: string }> {
  const child = spawn("node", [launcher, ...args], { stdio: ["ignore", "pipe", "ignore"] });
  let stdout = "";
  child.stdout!.on("data", (data: Buffer) => (stdout += data.toString()));
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { status, stdout };
}

describe("the running gateway", () => {
  let crosspoint: Crosspoint | undefined;
  let child: ChildProcess | undefined;
  afterEach(async () => {
    await crosspoint?.stop();
    child?.kill("SIGKILL");
    crosspoint = child = undefined;
  });
  const call = async (...args: string[]): Promise<{ status: number | null; report: CallReport }> => {
    const { status, stdout } = await runAside(["call", "--json", "--seconds", "2", ...args]);
    return { status, report: JSON.parse(stdout) as CallReport };
  };

  it("takes test calls, and ends them at a signal", async () => {
    crosspoint = await startCrosspoint({ port: 17200, mediaPort: 27200 });
    const ca = ["--ca", join(crosspoint.certificates, "ca.crt")];
    const own = ["--cert", join(crosspoint.certificates, "client.crt"), "--key", join(crosspoint.certificates, "client.key")];

    const plain = await call(`sip:1000@${crosspoint.sip}`);
    expect(plain.report).toMatchObject({ ok: true, ended: "us", media: { srtp: null } });
    expect(plain.report.stages.firstPrompt).not.toBeNull();

    const pin = await call(`sips:2000@${crosspoint.tls}`, "--pin", "1234", "--seconds", "6", ...ca, ...own);
    expect(pin.report).toMatchObject({ ok: true, pinSent: true, tls: { clientCertificate: true }, media: { srtp: "AEAD_AES_256_GCM" } });
    // The gateway asks the media server for its last figures before it keeps the record.
    const found = async () => (await crosspoint!.records()).find(({ meetingId }) => meetingId === "2000");
    await eventually(async () => (await found()) !== undefined);
    expect(await found()).toMatchObject({ outcome: "completed", meetingId: "2000", trust: "verified", trunk: "demo-client" });

    const h323 = await call(`h323:2000@127.0.0.1:17203`, "--pin", "1234", "--seconds", "5");
    expect(h323.report).toMatchObject({ ok: true, status: null, pinSent: true, media: { codec: "opus" } });
    await eventually(async () =>
      (await crosspoint!.records()).some(({ meetingId, protocol }) => meetingId === "2000" && protocol === "h323"),
    );
    expect((await call(`h323:4000@127.0.0.1:17203`)).report).toMatchObject({ ok: false, cause: 79 });

    const refused = await call(`sip:4000@${crosspoint.sip}`);
    expect(refused).toMatchObject({
      status: 1,
      report: { ok: false, status: 488, error: expect.stringContaining("end-to-end encrypted") },
    });

    const long = call(`sip:1000@${crosspoint.sip}`, "--seconds", "30");
    await crosspoint.waitForParticipants("1000", (people) => people.some(({ state }) => state === "joined"));
    expect(await crosspoint.stop()).toBe(0);
    const told = await long;
    expect(told.report).toMatchObject({ ok: false, ended: "peer" });
    // The demo's own announcement names its PINs; the log names none.
    const log = crosspoint
      .output()
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .join("\n");
    expect(log).toContain("call-joined");
    expect(log).not.toMatch(/\b1234\b|98765/);
    crosspoint = undefined;
  });

  it("keeps records and API meetings over a restart, with PINs as hashes", async () => {
    const data = join(folder, "kept");
    const set = [`data=${data}`];
    crosspoint = await startCrosspoint({ port: 17210, mediaPort: 27400, set });
    await crosspoint.api("POST", "/meetings", { id: "7777", name: "Kept", guestPin: "4711", lobby: true });
    await call(`sip:9999@${crosspoint.sip}`);
    await crosspoint.stop();
    crosspoint = await startCrosspoint({ port: 17210, mediaPort: 27400, set });
    expect(await crosspoint.meeting("7777")).toMatchObject({ name: "Kept", hasGuestPin: true, lobby: true, source: "api" });
    expect((await crosspoint.records()).map(({ outcome }) => outcome)).toContain("no-such-meeting");
    expect(readFileSync(join(data, "meetings.sqlite")).includes("4711")).toBe(false);
    await crosspoint.api("DELETE", "/meetings/7777");
  });

  it("reloads meetings and certificates at SIGHUP, and keeps the old ones when there are mistakes", async () => {
    const config = file("reload.yaml", "");
    const write = (meetings: string): void => writeFileSync(config, `unknownCallers: {}\nmeetings:\n${meetings}`);
    write("  - { id: 1, name: One }\n");
    const certs = join(folder, "reload-certs");
    const ports = [
      "sip.udp=17220",
      "sip.tcp=17220",
      "sip.tls=17221",
      "web.port=17222",
      "h323.signalling=off",
      "h323.ras=off",
      "media.ports=27600-27799",
    ];
    const args = [
      "start",
      "--config",
      config,
      ...[...ports, `data=${join(folder, "reload-data")}`, `certificates.development=${certs}`, "logging.format=json"].flatMap(
        (setting) => ["--set", setting],
      ),
    ];
    child = spawn("node", [launcher, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, CROSSPOINT_ADMIN_TOKEN: "a-token-for-tests-only" },
    });
    let output = "";
    child.stdout!.on("data", (data: Buffer) => (output += data.toString()));
    const said = async (text: string): Promise<void> => {
      for (let i = 0; !output.includes(text); i++) {
        if (i > 300) throw new Error(`never said "${text}":\n${output}`);
        await delay(50);
      }
    };
    const meetings = async (): Promise<string[]> => {
      const response = await fetch("http://127.0.0.1:17222/api/v1/meetings", {
        headers: { authorization: "Bearer a-token-for-tests-only" },
      });
      return ((await response.json()) as { id: string }[]).map(({ id }) => id).sort();
    };
    await said('"ready"');
    expect(await meetings()).toEqual(["1"]);
    const before = await fingerprint(17221);

    expect(runCli(["certs", "issue", "server", "--san", "127.0.0.1", "--folder", certs, "--force"]).status).toBe(0);
    write("  - { id: 1, name: One }\n  - { id: 2, name: Two }\n");
    const running = runAside(["call", "--json", "--seconds", "3", "sip:1@127.0.0.1:17220"]);
    await delay(1000);
    child.kill("SIGHUP");
    await said("configuration reloaded");
    expect(await meetings()).toEqual(["1", "2"]);
    expect(await fingerprint(17221)).not.toBe(before);
    // The call that was up has not noticed.
    expect(JSON.parse((await running).stdout)).toMatchObject({ ok: true, ended: "us" });

    write("  - { id: 3, nmae: Three }\n");
    child.kill("SIGHUP");
    await said('did you mean \\"name\\"');
    await said("not reloaded");
    expect(await meetings()).toEqual(["1", "2"]);

    const ended = new Promise<number | null>((resolve) => child!.once("exit", resolve));
    child.kill("SIGINT");
    expect(await ended).toBe(0);
  });

  it("says which key a port in use belongs to", async () => {
    const blocker = createServer().listen(17241, "127.0.0.1");
    const ports = ["sip.udp=17240", "sip.tcp=17240", "sip.tls=17241", "web.port=17242", "h323.signalling=off", "h323.ras=off"];
    child = spawn("node", [launcher, "start", ...[...ports, `data=${join(folder, "busy")}`].flatMap((setting) => ["--set", setting])], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let stderr = "";
    child.stderr!.on("data", (data: Buffer) => (stderr += data.toString()));
    const status = await new Promise<number | null>((resolve) => child!.once("close", resolve));
    blocker.close();
    expect(status).toBe(1);
    expect(stderr).toMatch(/^sip\.tls: TCP port 17241 on 127\.0\.0\.1 is in use by another program\. .*--set sip\.tls=PORT\n$/);
  });

  it("goes when its launcher is gone without a word", async () => {
    crosspoint = await startCrosspoint({ port: 17250, mediaPort: 27800 });
    const url = "http://127.0.0.1:17252/api/v1/health";
    crosspoint.process.kill("SIGKILL");
    // On a Node.js that needs no other, the launcher is the gateway itself; either way nothing may be left.
    for (let i = 0; ; i++) {
      if (!(await fetch(url).catch(() => null))) break;
      if (i > 200) throw new Error("still there");
      await delay(50);
    }
  });
});

/** Waits until a condition holds, two seconds at most. */
async function eventually(condition: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 40; i++) {
    if (await condition()) return;
    await delay(50);
  }
  throw new Error("it never came to that");
}

function fingerprint(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
    socket.once("error", reject);
    socket.once("secureConnect", () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
  });
}
