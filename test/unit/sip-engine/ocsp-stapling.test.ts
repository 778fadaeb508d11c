import { afterEach, beforeAll, expect, it, test } from "vitest";
import { connect, createServer, type Server, type TLSSocket } from "node:tls";
import type { SipEngine } from "../../../src/sip-engine/index.ts";
import type { TlsSettings } from "../../../src/io/index.ts";
import { openH323Endpoint } from "../../../src/io/index.ts";
import { readFault } from "../../../src/security/certificates/faults.ts";
import { TRUNK_HEADER } from "../../../src/wire/sip/index.ts";
import { makeOcspResponse } from "../../support/ocsp-response.ts";
import { type Made, makeCertificate } from "../../support/odd-certificates.ts";
import { LiveApp, portOf, requestText, startEngine, streamPeer } from "./live.ts";

let ca: Made;
let far: Made;
let settings: TlsSettings;
let staples: Record<"good" | "revoked" | "foreign", Buffer>;
const closing: (() => unknown)[] = [];

beforeAll(() => {
  ca = makeCertificate({ subject: [["CN", "ca"]], ca: true });
  const names = [
    { type: 2, value: "localhost" },
    { type: 7, ip: "127.0.0.1" },
  ] as const;
  far = makeCertificate({ subject: [["CN", "far"]], by: ca, san: names });
  const cas = [ca.pem];
  settings = {
    cert: far.pem,
    key: far.key,
    cas,
    trunks: { off: { cas }, "if-present": { cas, ocsp: "if-present" }, required: { cas, ocsp: "required" } },
  };
  const stranger = makeCertificate({ subject: [["CN", "ca"]], ca: true });
  staples = {
    good: makeOcspResponse({ ca, leaf: far }),
    revoked: makeOcspResponse({ ca, leaf: far, status: "revoked" }),
    foreign: makeOcspResponse({ ca, leaf: far, signer: stranger }),
  };
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A far end that staples. `asked` counts the handshakes in which a response was asked for. */
async function server(staple: keyof typeof staples | "none", maxVersion: "TLSv1.2" | "TLSv1.3" = "TLSv1.3") {
  const seen = { asked: 0, port: 0 };
  const listening: Server = createServer({ cert: far.pem, key: far.key, maxVersion }, (socket: TLSSocket) => {
    closing.push(() => socket.destroy());
    const { inbox } = streamPeer(socket);
    void inbox.next().then((request) => {
      if (request === "pong") return;
      const same = ["Via", "From", "To", "Call-ID", "CSeq"].map((name) => `${name}: ${request.get(name.toLowerCase())}\r\n`).join("");
      socket.write(`SIP/2.0 200 OK\r\n${same}Content-Length: 0\r\n\r\n`);
    });
  });
  listening.on("tlsClientError", () => {});
  listening.on("OCSPRequest", (_certificate: Buffer, _issuer: Buffer, done: (error: Error | null, response: Buffer | null) => void) => {
    seen.asked++;
    done(null, staple === "none" ? null : staples[staple]);
  });
  await new Promise<void>((done) => listening.listen(0, "127.0.0.1", done));
  closing.push(() => listening.close());
  seen.port = (listening.address() as { port: number }).port;
  return seen;
}

async function gateway(): Promise<{ engine: SipEngine; app: LiveApp }> {
  const engine = await startEngine({ listeners: [{ transport: "tls", host: "127.0.0.1", port: 0 }], tls: settings });
  closing.push(() => engine.stop());
  const app = await LiveApp.open(engine, ["options"], () => "SIP/2.0 200 OK\r\n");
  closing.push(() => app.close());
  return { engine, app };
}

/** What becomes of an OPTIONS to a trunk: its status, or the code of the fault. */
async function ask(app: LiveApp, trunk: string, port: number): Promise<string | number> {
  app.send(`sip||\r\nOPTIONS sip:x@localhost:${port};transport=tls SIP/2.0\r\n${TRUNK_HEADER}: ${trunk}\r\n\r\n`);
  const { sip } = await app.inbox.find((message) => message.sip.kind === "response");
  if (sip.kind !== "response" || sip.status === 200) return 200;
  const warning = sip.get("warning") ?? "";
  return readFault(warning.slice(warning.indexOf("certificate-")))?.code ?? warning;
}

test.each(["TLSv1.2", "TLSv1.3"] as const)("SIP over %s goes to a trunk by what it asks and what is stapled", async (version) => {
  const { app } = await gateway();
  const found: Record<string, unknown> = {};
  for (const staple of ["good", "revoked", "foreign", "none"] as const)
    for (const trunk of ["off", "if-present", "required"]) {
      const { port } = await server(staple, version);
      found[`${staple}, ${trunk}`] = await ask(app, trunk, port);
    }
  expect(found).toEqual({
    "good, off": 200,
    "good, if-present": 200,
    "good, required": 200,
    "revoked, off": 200,
    "revoked, if-present": "certificate-revoked",
    "revoked, required": "certificate-revoked",
    "foreign, off": 200,
    "foreign, if-present": 200,
    "foreign, required": "certificate-status-missing",
    "none, off": 200,
    "none, if-present": 200,
    "none, required": "certificate-status-missing",
  });
});

it("asks for a response only where a trunk does, and keeps such a trunk's calls off connections that others were opened for", async () => {
  const { app } = await gateway();
  const far = await server("good");
  expect(await ask(app, "off", far.port)).toBe(200);
  expect(far.asked).toBe(0);
  expect(await ask(app, "required", far.port)).toBe(200);
  expect(far.asked).toBe(1);
});

it("a connection that the far end has opened and offered (alias) carries calls to a trunk, but to one that requires a status", async () => {
  const { engine, app } = await gateway();
  const { port } = await server("none");
  const socket = connect({ host: "127.0.0.1", port: portOf(engine, "tls"), ca: [ca.pem], cert: far.pem, key: far.key });
  closing.push(() => socket.destroy());
  const { inbox } = streamPeer(socket);
  await new Promise<void>((done) => socket.once("secureConnect", () => done()));
  const offer = requestText("OPTIONS", { via: "TLS", port });
  socket.write(offer.replace(";rport", ";alias"));
  expect(await inbox.next()).toMatchObject({ status: 200 });
  app.send(`sip||\r\nOPTIONS sip:x@localhost:${port};transport=tls SIP/2.0\r\n${TRUNK_HEADER}: if-present\r\n\r\n`);
  expect(await inbox.next()).toMatchObject({ method: "OPTIONS" });
  expect(await ask(app, "required", port)).toBe("certificate-status-missing");
});

test.each([
  ["good", "another"],
  ["revoked", "certificate-revoked"],
  ["none", "certificate-status-missing"],
] as const)("H.323 to a trunk that requires a status, %s being stapled: %s", async (staple, outcome) => {
  const { port } = await server(staple);
  const identity = { aliases: [{ "h323-ID": "x" }], displayName: "x", product: "test", version: "1" };
  const endpoint = await openH323Endpoint({
    host: "127.0.0.1",
    port: 0,
    identity,
    capabilities: { audio: [{ codec: "PCMU", maxPtime: 20 }], telephoneEvent: undefined, userInput: ["alphanumeric"] },
    tls: { port: null, settings },
    onSession: () => {},
  });
  closing.push(() => endpoint.close());
  const media = { rtp: { host: "127.0.0.1", port: 40_000 }, rtcp: { host: "127.0.0.1", port: 40_001 } };
  const tried = endpoint.call(
    { host: "127.0.0.1", port },
    { aliases: [{ "h323-ID": "x" }] },
    { tls: { trunk: "required" }, prepare: (session) => session.act((machine, now) => machine.setMedia(media, now)) },
  );
  if (outcome === "another") await expect(tried).resolves.toBeDefined();
  else await expect(tried).rejects.toMatchObject({ code: outcome });
});
