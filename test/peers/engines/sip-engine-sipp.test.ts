import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Srf from "drachtio-srf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type SipEngine, startSipEngine } from "../../../src/sip-engine/index.ts";
import { ofTest } from "../../support/of-test.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { portsOf } from "../../support/ports.ts";
import { UNWATCHED } from "../../support/sipp.ts";

const SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";

interface Outcome {
  readonly successful: number;
  readonly failed: number;
  readonly retransmissions: number;
}

describeWithPeers("SIPp calls an application on the embedded engine", ["sipp"], () => {
  let folder: string;
  let engine: SipEngine;
  let srf: Srf;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "sip-engine-sipp-"));
    engine = await startSipEngine({
      drachtio: { host: "127.0.0.1", port: 0, secret: "x" },
      listeners: (["udp", "tcp"] as const).map((transport) => ({ transport, host: "127.0.0.1", port: 0 })),
    });
    srf = new Srf();
    srf.connect({ host: "127.0.0.1", port: engine.drachtioPort, secret: "x" });
    await new Promise((done) => srf.once("connect", done));
    srf.invite((request, response) => {
      srf.createUAS(request, response, { localSdp: SDP }).then(
        (dialog) => dialog.on("destroy", () => {}),
        () => {},
      );
    });
  });
  afterAll(async () => {
    srf.disconnect();
    await engine.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** SIPp's own UAC scenario; figures from the last line of its statistics. */
  async function calls(transport: "udp" | "tcp", count: number, more: string[] = []): Promise<Outcome> {
    const file = join(folder, `${transport}-${more.length}.csv`);
    const { port } = engine.listeners.find((l) => l.transport === transport)!;
    const mode = { udp: "u1", tcp: "t1" }[transport];
    const args = [
      "-sn",
      "uac",
      `127.0.0.1:${port}`,
      "-i",
      "127.0.0.1",
      "-p",
      String(portsOf("sip-engine-sipp")),
      "-t",
      mode,
      "-r",
      "50",
      "-m",
      String(count),
      "-d",
      "200",
    ];
    await new Promise<void>((done) => {
      const all = [...args, "-nostdin", "-timeout", "120", "-trace_stat", "-stf", file, "-fd", "1", ...UNWATCHED, ...more];
      ofTest(execFile("sipp", all, { cwd: folder }, () => done()));
    });
    const [header, ...rows] = readFileSync(file, "utf8").trim().split("\n");
    const last = rows.at(-1)!.split(";");
    const read = (name: string) => Number(last[header!.split(";").indexOf(name)]);
    return { successful: read("SuccessfulCall(C)"), failed: read("FailedCall(C)"), retransmissions: read("Retransmissions(C)") };
  }

  test.each(["udp", "tcp"] as const)("200 calls over %s", async (transport) => {
    expect(await calls(transport, 200)).toMatchObject({ successful: 200, failed: 0 });
  });
  test("200 calls of which a twentieth of all messages is lost", async () => {
    const outcome = await calls("udp", 200, ["-lost", "5"]);
    // SIPp's own scenario sends its ACK once and gives a BYE up after some tries: the few it fails by itself are not the engine's.
    expect(outcome.successful).toBeGreaterThanOrEqual(195);
    expect(outcome.retransmissions).toBeGreaterThan(0);
  });
  test("nothing is left behind", async () => {
    await expect.poll(async () => (await engine.stats())["dialogs"], { timeout: 120_000 }).toBe(0);
  });
});
