import { type ChildProcess, spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { type H323Session, openH323Endpoint } from "../../../src/io/index.ts";
import { createAuthority, type Issued, issueCertificate } from "../../../src/security/issue.ts";
import { portsOf } from "../../support/ports.ts";
import { owned } from "../../support/processes.ts";
import { realDrachtio } from "../../support/real-engines.ts";

/** What stands on every TLS listener when certificates change under a running gateway, web.tls included. */
const PORT = portsOf("gateway-reload");
const [TLS, WSS, H323_TLS, WEB, METRICS] = [1, 2, 5, 6, 7].map((n) => PORT + n) as [number, number, number, number, number];
const HOST = "127.0.0.1";
const kind = "ecdsa-p256" as const;

describe.skipIf(realDrachtio !== undefined)("a reload of certificates", () => {
  const folder = mkdtempSync(join(tmpdir(), "crosspoint-reload-"));
  const file = (name: string) => join(folder, name);
  let root: Issued;
  let former: Issued;
  let gateway: ChildProcess;
  const serverCertificate = async () => {
    const own = await issueCertificate(root, { subject: { commonName: "gateway.test", names: ["gateway.test", HOST] }, kind });
    writeFileSync(file("server.crt"), own.chain);
    writeFileSync(file("server.key"), own.key, { mode: 0o600 });
    return new X509Certificate(own.cert).serialNumber;
  };
  const shownAt = (port: number) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect({ host: HOST, port, ca: [root.cert], checkServerIdentity: () => undefined }, () => {
        resolve(socket.getPeerX509Certificate()!.serialNumber);
        socket.destroy();
      });
      socket.once("error", reject);
    });

  beforeAll(async () => {
    root = await createAuthority({ subject: { commonName: "trusted root" }, kind });
    former = await createAuthority({ subject: { commonName: "former root" }, kind });
    await serverCertificate();
    writeFileSync(file("ca.crt"), root.cert + former.cert);
    writeFileSync(
      file("crosspoint.yaml"),
      `
listen: ${HOST}
sip: { udp: ${PORT}, tcp: ${PORT}, tls: ${TLS}, wss: ${WSS} }
h323: { signalling: ${PORT + 3}, ras: off, tls: ${H323_TLS} }
media: { ports: ${PORT + 20}-${PORT + 219} }
web: { port: ${WEB}, tls: true, metrics: { port: ${METRICS} } }
data: ${file("data")}
certificates: { cert: ${file("server.crt")}, key: ${file("server.key")}, ca: [${file("ca.crt")}] }
trunks: [{ name: room, identity: { certificateNames: [room.test] }, trust: verified }]
meetings: [{ id: 1000, name: Open }]
`,
    );
    const launcher = join(import.meta.dirname, "../../../src/cli/crosspoint.mjs");
    gateway = owned(spawn("node", [launcher, "start", "--config", file("crosspoint.yaml")], { stdio: ["ignore", "ignore", "inherit"] }));
    for (let tries = 0; tries < 300; tries++) {
      if (await shownAt(METRICS).catch(() => undefined)) return;
      await delay(200);
    }
    throw new Error("the gateway does not come up");
  }, 90_000);
  afterAll(async () => {
    gateway?.kill("SIGTERM");
    await once(gateway, "exit");
    rmSync(folder, { recursive: true, force: true });
  });

  it("is shown on every port, that of the metrics too", async () => {
    const serial = await serverCertificate();
    gateway.kill("SIGHUP");
    for (const port of [TLS, WSS, H323_TLS, WEB, METRICS]) await expect.poll(() => shownAt(port), { message: String(port) }).toBe(serial);
  });

  it("that takes away an authority ends what it has verified, over TLS, WebSocket and H.323, and nothing else", async () => {
    const of = (by: Issued) => issueCertificate(by, { subject: { commonName: "room.test", names: ["room.test"] }, kind });
    const sip = async ({ chain, key }: Issued) => {
      const socket = connect({ host: HOST, port: TLS, ca: [root.cert], checkServerIdentity: () => undefined, cert: chain, key });
      socket.on("error", () => {});
      await once(socket, "secureConnect");
      return () => socket.destroyed;
    };
    const web = async ({ chain, key }: Issued) => {
      const socket = new WebSocket(`wss://${HOST}:${WSS}`, ["sip"], { ca: [root.cert], cert: chain, key });
      await once(socket, "open");
      return () => socket.readyState !== WebSocket.OPEN;
    };
    const h323 = async ({ chain, key }: Issued) => {
      const endpoint = await openH323Endpoint({
        host: HOST,
        port: 0,
        identity: { aliases: [{ "h323-ID": "room" }], displayName: "room", product: "test", version: "1" },
        capabilities: { audio: [{ codec: "PCMU", maxPtime: 20 }], telephoneEvent: undefined, userInput: ["alphanumeric"] },
        tls: { port: null, settings: { cert: chain, key, cas: [root.cert] } },
        onSession: () => {},
      });
      const session = await new Promise<H323Session>((resolve, reject) => {
        const media = { rtp: { host: HOST, port: PORT + 230 }, rtcp: { host: HOST, port: PORT + 231 } };
        endpoint
          .call(
            { host: HOST, port: H323_TLS },
            { aliases: [{ dialledDigits: "1000" }] },
            {
              tls: {},
              prepare: (s) => {
                s.onEvent = ({ type }) => {
                  if (type === "transmit") resolve(s);
                  else if (type === "released") reject(new Error("released"));
                };
                s.act((machine, now) => machine.setMedia(media, now));
              },
            },
          )
          .catch(reject);
      });
      return () => session.closed;
    };
    const [gone, stays] = [await of(former), await of(root)];
    const all: (() => boolean)[] = [];
    for (const who of [gone, stays]) for (const by of [sip, web, h323]) all.push(await by(who));
    expect(all.map((closed) => closed())).toEqual([false, false, false, false, false, false]);
    writeFileSync(file("ca.crt"), root.cert);
    gateway.kill("SIGHUP");
    await expect.poll(() => all.map((closed) => closed())).toEqual([true, true, true, false, false, false]);
  });
});
