import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HostCheck } from "../../../src/admin/host-check.ts";
import { createMetricsServer } from "../../../src/admin/metrics-server.ts";
import { createAdminServer } from "../../../src/admin/server.ts";
import { FakeClock } from "../../support/standing-clock.ts";
import { ApiTokens } from "../../../src/security/api-tokens.ts";
import { ClientAddresses } from "../../../src/security/client-address.ts";
import { Defence, NO_BANS } from "../../../src/security/defence.ts";
import { isScannersPath } from "../../../src/security/http-request.ts";
import { PageDoor } from "../../../src/web/socket-server.ts";
import type { VisitHost } from "../../../src/web/ports.ts";
import { FakeGateway } from "./fake-gateway.ts";

const TOKEN = "operator-token-12345";
const JOIN = ["Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"];

/** Requests as bytes on a socket: clients that build them do not make such. */
describe("the web port, asked by a socket,", () => {
  const ending: (() => unknown)[] = [];
  let ports: { web: number; metrics: number };
  let offences: string[];

  async function start(trustedProxies: string[] = []) {
    offences = [];
    const log = {
      info: () => {},
      error: () => {},
      warn: ({ event, kind }: { event?: string; kind?: string }) => void (event === "offence" && offences.push(kind!)),
    };
    const defence = new Defence({ clock: new FakeClock(), log: log as never, policy: NO_BANS });
    const clients = new ClientAddresses(trustedProxies);
    const hosts = new HostCheck(["gw.example"]);
    const host = { join: () => undefined, resume: () => undefined } as unknown as VisitHost;
    const door = new PageDoor({ host, tokens: { verify: () => ({ fault: "invalid" }) }, origins: [], clients, hosts, defence, log });
    const admin = createAdminServer({
      ...{ gateway: new FakeGateway(), token: TOKEN, clients, hosts, defence, version: "1", log },
      extend: (app) => door.attach(app.server),
    });
    const metrics = createMetricsServer({
      ...{ metrics: { text: async () => "up 1\n", contentType: "text/plain" }, networks: ["127.0.0.0/8"], clients, hosts, defence, log },
      ...{ tokens: new ApiTokens(null, TOKEN, []), requestsPerSecond: 100 },
    });
    ending.push(
      () => door.close(),
      () => admin.close(),
      () => metrics.close(),
    );
    ports = { web: await admin.listen("127.0.0.1", 0), metrics: await metrics.listen("127.0.0.1", 0) };
  }
  beforeEach(() => start());
  afterEach(async () => {
    for (const end of ending.splice(0)) await end();
  });

  /** The status that is answered; 0 for none. */
  const ask = (port: number, first: string, ...fields: string[]): Promise<number> =>
    new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1");
      let got = "";
      socket.on("error", () => {});
      socket.on("data", (data) => {
        got += String(data);
        socket.end();
      });
      socket.on("close", () => resolve(Number(/^HTTP\/1.1 (\d{3})/.exec(got)?.[1] ?? 0)));
      socket.write(`${[first, ...fields].join("\r\n")}\r\n\r\n`, "latin1");
    });
  const HEALTH = "GET /api/v1/health HTTP/1.1";

  it.each<[string, number, string, ...string[]]>([
    ["two Host fields", 400, HEALTH, "Host: gw.example", "Host: evil.example"],
    ["two Host fields, the good one last", 400, HEALTH, "Host: evil.example", "Host: gw.example"],
    ["the same Host twice, in other letters", 400, HEALTH, "Host: gw.example", "hOST: gw.example"],
    ["a folded Host", 400, HEALTH, "Host: gw.example", " .evil.example"],
    ["a folded field", 400, HEALTH, "Host: gw.example", "X-A: b", "\tc"],
    ["a space before the colon", 400, HEALTH, "Host : gw.example"],
    ["a NUL in Host", 400, HEALTH, "Host: gw\0.example"],
    ["a bare carriage return", 400, HEALTH, "Host: gw.example\rX-A: b"],
    ["length and chunks", 400, "POST /api/v1/meetings HTTP/1.1", "Host: gw.example", "Content-Length: 4", "Transfer-Encoding: chunked"],
    ["chunks and length", 400, "POST /api/v1/meetings HTTP/1.1", "Host: gw.example", "Transfer-Encoding: chunked", "Content-Length: 4"],
    ["two lengths", 400, "POST /api/v1/meetings HTTP/1.1", "Host: gw.example", "Content-Length: 4", "Content-Length: 5"],
    ["another coding behind chunks", 400, "POST /api/v1/meetings HTTP/1.1", "Host: gw.example", "Transfer-Encoding: chunked, identity"],
    ["chunks in HTTP/1.0", 400, "POST /api/v1/meetings HTTP/1.0", "Host: gw.example", "Transfer-Encoding: chunked"],
    ["another version", 505, "GET /api/v1/health HTTP/2.0", "Host: gw.example"],
    ["a target of another host", 400, "GET http://evil.example/api/v1/health HTTP/1.1", "Host: gw.example"],
    ["a good target, and another Host", 400, "GET http://gw.example/api/v1/health HTTP/1.1", "Host: evil.example"],
    ["a target with user information", 400, "GET http://gw.example@evil.example/api/v1/health HTTP/1.1", "Host: gw.example"],
    ["a target of another port", 400, "GET http://gw.example:1/api/v1/health HTTP/1.1", "Host: gw.example"],
    ["a target of another scheme", 400, "GET ftp://gw.example/api/v1/health HTTP/1.1", "Host: gw.example"],
    ["a target without a slash", 400, "GET api/v1/health HTTP/1.1", "Host: gw.example"],
    [
      "a WebSocket with two Host fields",
      400,
      "GET /api/v1/join HTTP/1.1",
      "Host: gw.example",
      "Host: evil.example",
      "Connection: Upgrade",
      ...JOIN,
    ],
    [
      "a WebSocket at another host",
      400,
      "GET http://evil.example/api/v1/join HTTP/1.1",
      "Host: gw.example",
      "Connection: Upgrade",
      ...JOIN,
    ],
    ["a WebSocket without a key", 400, "GET /api/v1/join HTTP/1.1", "Host: gw.example", "Connection: Upgrade", "Upgrade: websocket"],
  ])("answers %s %i, and it is an offence", async (_, status, first, ...fields) => {
    expect(await ask(ports.web, first, ...fields)).toBe(status);
    expect(offences).toEqual(["malformed"]);
    const metrics = first.replace(/\/api\/v1\/[a-z]+/, "/metrics");
    if (!fields.includes("Connection: Upgrade")) expect(await ask(ports.metrics, metrics, ...fields)).toBe(status);
  });

  it.each([
    "gw.example@evil.example",
    "evil.example@gw.example",
    "gw.example:80@evil.example",
    "gw.example:99999",
    "gw.example:80:80",
    "gw.example, evil.example",
    "gw.example/evil.example",
    "gw.example#evil.example",
    "evilgw.example",
    "gw.example.evil.example",
    "",
  ])("is not asked for as %j", async (host) => {
    expect(await ask(ports.web, HEALTH, `Host: ${host}`)).toBe(421);
    expect(await ask(ports.metrics, "GET /metrics HTTP/1.1", `Host: ${host}`)).toBe(421);
    expect(await ask(ports.web, "GET /api/v1/join HTTP/1.1", `Host: ${host}`, "Connection: Upgrade", ...JOIN)).toBe(421);
  });

  it("answers what is as it should be, with the whole target too", async () => {
    expect(await ask(ports.web, HEALTH, "Host: gw.example")).toBe(200);
    expect(await ask(ports.web, "GET http://gw.example:8080/api/v1/health HTTP/1.1", "Host: gw.example:8080")).toBe(200);
    expect(await ask(ports.web, "GET HTTP://GW.EXAMPLE/api/v1/health HTTP/1.1", "Host: gw.example")).toBe(200);
    expect(await ask(ports.web, "GET /api/v1/join HTTP/1.1", "Host: gw.example", "Connection: Upgrade", ...JOIN)).toBe(101);
    expect(offences).toEqual([]);
    // Node.js says so by itself
    expect(await ask(ports.web, HEALTH)).toBe(400);
  });

  it("holds no nonsense against a trusted proxy, whose clients it comes from", async () => {
    await start(["127.0.0.1"]);
    expect(await ask(ports.web, "nonsense")).toBe(400);
    expect(offences).toEqual([]);
    expect(await ask(ports.web, "GET /.git/config HTTP/1.1", "Host: gw.example", "X-Forwarded-For: 192.0.2.7")).toBe(404);
    expect(offences).toEqual(["scanner"]);
  });

  it("takes for scanners' paths what nothing else asks for", () => {
    for (const path of ["/wp-login.php", "/.env", "/%2e%2e/etc/passwd", "/%252e%252e/x", "/cgi-bin/luci", "/x?q=$%7Bjndi:ldap://a}"])
      expect(isScannersPath(path), path).toBe(true);
    for (const path of [
      "/",
      "/favicon.ico",
      "/robots.txt",
      "/.well-known/security.txt",
      "/apple-touch-icon.png",
      "/api/v1/meeting",
      "/meetings",
      "/%zz",
    ])
      expect(isScannersPath(path), path).toBe(false);
  });
});
