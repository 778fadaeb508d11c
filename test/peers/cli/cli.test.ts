import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "node:tls";
import { afterAll, afterEach, describe, expect, it, onTestFinished } from "vitest";
import type { CallReport } from "../../../src/cli/call.ts";
import type { Finding } from "../../../src/cli/doctor.ts";
import { type Crosspoint, runCli, startCrosspoint } from "../../support/crosspoint.ts";
import { ofTest } from "../../support/of-test.ts";
import { portsOf } from "../../support/ports.ts";
import { withoutIdentifiers } from "../../support/identifiers.ts";

/** The command line as a user has it: the launcher, on whatever Node.js is first on the path. */
const PORT = portsOf("cli");
const MEDIA = PORT + 100;

const folder = mkdtempSync(join(tmpdir(), "crosspoint-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));
const launcher = join(import.meta.dirname, "../../../src/cli/crosspoint.mjs");
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

  it("check --explain: each trunk's keys, and which of them its kind has made", () => {
    const kinds = file(
      "kinds.yaml",
      "meetings: [{ id: 1000 }]\ntrunks: [{ name: a, kind: carrier-ip, identity: { networks: [192.0.2.0/28] } }]\n",
    );
    const { status, stdout } = runCli(["check", "--config", kinds, "--set", "sip.tls=off", "--explain"]);
    expect(status).toBe(0);
    expect(stdout).toContain("trunk a, carrier-ip: a carrier known by the addresses it calls from");
    expect(stdout).toMatch(/trust +"unverified" +kind +anybody with a telephone/);
    expect(stdout).toMatch(/identity\.networks +\["192\.0\.2\.0\/28"\] +set/);
    const json = JSON.parse(runCli(["check", "--config", kinds, "--set", "sip.tls=off", "--explain", "--json"]).stdout);
    expect(json.trunks[0]).toMatchObject({ name: "a", kind: "carrier-ip" });
  });

  it("route: each step of a number, and no PIN", () => {
    const routed = runCli(["route", "2000**1234"]);
    expect(routed).toMatchObject({ status: 0, stdout: expect.stringContaining("meeting 2000") });
    expect(routed.stdout).not.toContain("1234");
    expect(runCli(["route", "1", "--trunk", "nobody"])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("there is no trunk nobody"),
    });
    const nowhere = runCli(["route", "99", "--json"]);
    expect(nowhere.status).toBe(1);
    expect(JSON.parse(nowhere.stdout)).toMatchObject({ number: "99", trunk: null, in: { leads: false }, out: { leads: false } });
  });

  it("certs: a CA, certificates and requests that other programs accept", () => {
    const certs = mkdtempSync(join(folder, "certs-"));
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
    const blocker = createServer().listen(PORT + 60, "127.0.0.1");
    try {
      const listeners = ["sip.tcp", "sip.udp", "sip.tls", "web.port", "h323.signalling", "h323.ras"];
      const ports = listeners.map((key, i) => `${key}=${PORT + 60 + i}`);
      const set = [...ports, "engine.media=freeswitch", `engine.freeswitch.port=${PORT + 69}`].flatMap((setting) => ["--set", setting]);
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
  const child = ofTest(spawn("node", [launcher, ...args], { stdio: ["ignore", "pipe", "ignore"] }));
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
    crosspoint = await startCrosspoint({ port: PORT, mediaPort: MEDIA });
    const ca = ["--ca", join(crosspoint.certificates, "ca.crt")];
    const own = ["--cert", join(crosspoint.certificates, "client.crt"), "--key", join(crosspoint.certificates, "client.key")];

    const plain = await call(`sip:1000@${crosspoint.sip}`, "--seconds", "4");
    expect(plain.report).toMatchObject({ ok: true, state: "joined", ended: "us", media: { srtp: null } });
    expect(plain.report.stages.firstPrompt).not.toBeNull();

    const pin = await call(`sips:2000@${crosspoint.tls}`, "--pin", "1234", "--seconds", "6", ...ca, ...own);
    expect(pin.report).toMatchObject({
      ok: true,
      state: "joined",
      pinSent: true,
      tls: { clientCertificate: true },
      media: { srtp: "AEAD_AES_256_GCM" },
    });
    // The gateway asks the media server for its last figures before it keeps the record.
    const found = async () => (await crosspoint!.records()).find(({ meetingId }) => meetingId === "2000");
    await eventually(async () => (await found()) !== undefined);
    expect(await found()).toMatchObject({ outcome: "completed", meetingId: "2000", trust: "verified", trunk: "demo-client" });

    const h323 = await call(`h323:2000@127.0.0.1:${PORT + 3}`, "--pin", "1234", "--seconds", "6");
    expect(h323).toMatchObject({ status: 0, report: { ok: true, state: "joined", status: null, pinSent: true, media: { codec: "opus" } } });
    await eventually(async () =>
      (await crosspoint!.records()).some(({ meetingId, protocol }) => meetingId === "2000" && protocol === "h323"),
    );
    expect((await call(`h323:4000@127.0.0.1:${PORT + 3}`)).report).toMatchObject({ ok: false, cause: 79 });

    // by SIP and H.323 alike: good is who has joined, and nobody else
    await crosspoint.api("PUT", "/meetings/1000", { locked: true });
    const by = [`sip:%@${crosspoint.sip}`, `h323:%@127.0.0.1:${PORT + 3}`];
    const ends = [
      ["2000", "9999", "wrong-pin"],
      ["2000", undefined, "dialogue"],
      ["3000", undefined, "lobby"],
      ["1000", undefined, "refused"],
      ["9999", undefined, "refused"],
    ] as const;
    for (const address of by) {
      const calls = ends.map(([number, pin]) =>
        call(address.replace("%", number), ...(pin === undefined ? [] : ["--pin", pin, "--seconds", "6"])),
      );
      for (const [at, one] of (await Promise.all(calls)).entries())
        expect(one).toMatchObject({ status: 1, report: { ok: false, state: ends[at]![2], error: expect.any(String) } });
    }
    await crosspoint.api("PUT", "/meetings/1000", { locked: false });

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
    expect(withoutIdentifiers(log)).not.toMatch(/1234|98765/);
    crosspoint = undefined;
  });

  it("keeps records and API meetings over a restart, with PINs as hashes", async () => {
    const data = mkdtempSync(join(folder, "kept-"));
    const set = [`data=${data}`];
    crosspoint = await startCrosspoint({ port: PORT + 10, mediaPort: MEDIA + 200, set });
    await crosspoint.api("POST", "/meetings", { id: "7777", name: "Kept", guestPin: "4711", lobby: true });
    await call(`sip:9999@${crosspoint.sip}`);
    await crosspoint.stop();
    crosspoint = await startCrosspoint({ port: PORT + 10, mediaPort: MEDIA + 200, set });
    expect(await crosspoint.meeting("7777")).toMatchObject({ name: "Kept", hasGuestPin: true, lobby: true, source: "api" });
    expect((await crosspoint.records()).map(({ outcome }) => outcome)).toContain("no-such-meeting");
    expect(readFileSync(join(data, "meetings.sqlite")).includes("4711")).toBe(false);
    await crosspoint.api("DELETE", "/meetings/7777");
  });

  it("reloads meetings and certificates at SIGHUP, and keeps the old ones when there are mistakes", async () => {
    const config = file("reload.yaml", "");
    const write = (meetings: string): void => writeFileSync(config, `unknownCallers: {}\nmeetings:\n${meetings}`);
    write("  - { id: 1, name: One }\n");
    const certs = mkdtempSync(join(folder, "reload-certs-"));
    const ports = [
      `sip.udp=${PORT + 20}`,
      `sip.tcp=${PORT + 20}`,
      `sip.tls=${PORT + 21}`,
      `web.port=${PORT + 22}`,
      "h323.signalling=off",
      "h323.ras=off",
      `media.ports=${MEDIA}-${MEDIA + 199}`,
    ];
    const args = [
      "start",
      "--config",
      config,
      ...[
        ...ports,
        `data=${mkdtempSync(join(folder, "reload-data-"))}`,
        `certificates.development=${certs}`,
        "logging.format=json",
      ].flatMap((setting) => ["--set", setting]),
    ];
    child = ofTest(
      spawn("node", [launcher, ...args], {
        stdio: ["ignore", "pipe", "inherit"],
        env: { ...process.env, CROSSPOINT_ADMIN_TOKEN: "a-token-for-tests-only" },
      }),
    );
    let output = "";
    child.stdout!.on("data", (data: Buffer) => (output += data.toString()));
    const said = async (text: string): Promise<void> => {
      for (let i = 0; !output.includes(text); i++) {
        if (i > 600) throw new Error(`never said "${text}":\n${output}`);
        await delay(50);
      }
    };
    const get = async <T>(path: string): Promise<T> => {
      const headers = { authorization: "Bearer a-token-for-tests-only" };
      return (await fetch(`http://127.0.0.1:${PORT + 22}/api/v1/${path}`, { headers })).json() as Promise<T>;
    };
    const meetings = async (): Promise<string[]> => {
      return (await get<{ id: string }[]>("meetings")).map(({ id }) => id).sort();
    };
    await said('"ready"');
    expect(await meetings()).toEqual(["1"]);
    const before = await fingerprint(PORT + 21);

    expect(runCli(["certs", "issue", "server", "--san", "127.0.0.1", "--folder", certs, "--force"]).status).toBe(0);
    write("  - { id: 1, name: One }\n  - { id: 2, name: Two }\n");
    const running = runAside(["call", "--json", "--seconds", "4", `sip:1@127.0.0.1:${PORT + 20}`]);
    await eventually(async () => (await get<{ state: string }[]>("calls")).some(({ state }) => state === "joined"));
    child.kill("SIGHUP");
    await said("configuration reloaded");
    expect(await meetings()).toEqual(["1", "2"]);
    expect(await fingerprint(PORT + 21)).not.toBe(before);
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
    const blocker = createServer().listen(PORT + 41, "127.0.0.1");
    onTestFinished(() => void blocker.close());
    const own = [`sip.udp=${PORT + 40}`, `sip.tcp=${PORT + 40}`, `sip.tls=${PORT + 41}`, `web.port=${PORT + 42}`];
    const ports = [...own, "h323.signalling=off", "h323.ras=off"];
    child = spawn("node", [launcher, "start", ...[...ports, `data=${join(folder, "busy")}`].flatMap((setting) => ["--set", setting])], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let stderr = "";
    child.stderr!.on("data", (data: Buffer) => (stderr += data.toString()));
    const status = await new Promise<number | null>((resolve) => child!.once("close", resolve));
    expect(status).toBe(1);
    expect(stderr).toMatch(
      new RegExp(`^sip\\.tls: TCP port ${PORT + 41} on 127\\.0\\.0\\.1 is in use by another program\\. .*--set sip\\.tls=PORT\\n$`),
    );
  });

  it("goes when its launcher is gone without a word", async () => {
    crosspoint = await startCrosspoint({ port: PORT + 50, mediaPort: MEDIA + 200 });
    const url = `http://127.0.0.1:${PORT + 52}/api/v1/health`;
    crosspoint.process.kill("SIGKILL");
    // On a Node.js that needs no other, the launcher is the gateway itself; either way nothing may be left.
    for (let i = 0; ; i++) {
      if (!(await fetch(url).catch(() => null))) break;
      if (i > 600) throw new Error("still there");
      await delay(50);
    }
  });
});

/** Waits until a condition holds, half a minute at most. */
async function eventually(condition: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 600; i++) {
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
