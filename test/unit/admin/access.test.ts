import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HostCheck } from "../../../src/admin/host-check.ts";
import { routes } from "../../../src/admin/routes.ts";
import { type AdminServer, createAdminServer } from "../../../src/admin/server.ts";
import { ApiTokens } from "../../../src/security/api-tokens.ts";
import { ClientAddresses } from "../../../src/security/client-address.ts";
import { callRecord, callView, FakeGateway, meetingView, participant } from "./fake-gateway.ts";

const token = "operator-token-12345";
const viewer = "viewer-token-1234567";
const scoped = "scoped-token-1234567";
let gateway: FakeGateway;
let server: AdminServer;
let logged: object[];

beforeEach(() => {
  gateway = new FakeGateway();
  for (const id of ["1000", "3000"]) {
    gateway.meetingMap.set(id, meetingView(id));
    gateway.callMap.set(`c-${id}`, callView(`c-${id}`, { meetingId: id }));
    gateway.recordList.push(callRecord(`r-${id}`, { meetingId: id }));
    gateway.people.push(participant(`p-${id}`, { meetingId: id }));
  }
  logged = [];
  server = createAdminServer({
    gateway,
    token,
    tokens: new ApiTokens(null, token, [
      { name: "viewer", token: viewer, role: "viewer" },
      { name: "scoped", token: scoped, role: "operator", meetings: ["3000"] },
      { name: "late", token: "late-token-123456789", role: "operator", expires: "2001-01-01" },
    ]),
    clients: new ClientAddresses(["10.0.0.1"]),
    hosts: new HostCheck(["gw.example", "*.lab.example"]),
    joinTokens: { issue: (grant) => ({ ...grant, id: "t1", issuedAt: 0, token: "a.b.c" }), revoke: () => {}, rollKey: () => {} },
    metrics: { text: async () => "crosspoint_up 1\n", contentType: "text/plain" },
    version: "1",
    requestsPerSecond: 1000,
    log: { warn: (fields) => void logged.push(fields), error: (fields) => void logged.push(fields) },
  });
});
afterEach(() => server.close());

interface Ask {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE" | "PATCH" | "OPTIONS" | "HEAD";
  readonly bearer?: string | null;
  readonly payload?: object | string;
  readonly from?: string;
  readonly headers?: Record<string, string>;
}
async function ask(url: string, { method = "GET", bearer = token, payload, from = "192.0.2.1", headers = {} }: Ask = {}) {
  const response = await server.inject({
    method,
    url,
    remoteAddress: from,
    headers: { ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }), ...headers },
    ...(payload === undefined ? {} : { payload }),
  });
  const json = response.headers["content-type"]?.toString().includes("json") && response.body !== "";
  return { status: response.statusCode, headers: response.headers, body: json ? JSON.parse(response.body) : response.body };
}

describe("roles", () => {
  it("a viewer reads everything and changes nothing", async () => {
    for (const route of routes) {
      if (route.open || route.id === "events") continue;
      const url = `/api/v1${route.path
        .replace("{callId}", "c-1000")
        .replace("{meetingId}", "1000")
        .replace(/\{\w+\}/g, "x")}`;
      const { status, body } = await ask(url, { method: route.method, bearer: viewer, payload: route.body ? {} : undefined });
      if (route.method === "GET") expect([200, 404], `${route.method} ${url}`).toContain(status);
      else expect(body, `${route.method} ${url}`).toMatchObject({ status: 403, code: "role-not-allowed" });
    }
    expect(gateway.callMap.size).toBe(2);
    expect(gateway.inputs).toEqual([]);
  });

  it("a token for some meetings sees these, and may do nothing to the gateway or to others", async () => {
    const get = async (path: string) => (await ask(`/api/v1${path}`, { bearer: scoped })).body;
    const ids = (list: { id: string }[]) => list.map(({ id }) => id);
    expect(ids(await get("/meetings"))).toEqual(["3000"]);
    expect(ids(await get("/calls"))).toEqual(["c-3000"]);
    expect(ids(await get("/records"))).toEqual(["r-3000"]);
    expect(await get("/records?meetingId=1000")).toEqual([]);
    expect(ids(await get("/meetings/3000/participants"))).toEqual(["p-3000"]);
    expect(ids(await get("/participants"))).toEqual(["p-3000"]);
    expect(await get("/calls/c-1000")).toMatchObject({ status: 404 });
    for (const [method, path, payload] of [
      ["GET", "/meetings/1000", undefined],
      ["GET", "/meetings/1000/participants", undefined],
      ["PUT", "/meetings/1000", { locked: true }],
      ["POST", "/meetings/1000/join-tokens", {}],
      ["POST", "/meetings/1000/participants/p-1000/mute", undefined],
      ["POST", "/calls", { uri: "sip:a@b.example", meetingId: "1000" }],
      ["POST", "/meetings", {}],
      ["GET", "/trunks", undefined],
      ["GET", "/numbers", undefined],
      ["GET", "/tokens", undefined],
      ["POST", "/tokens", { name: "mine", role: "operator" }],
      ["DELETE", "/join-tokens", undefined],
    ] as const)
      expect((await ask(`/api/v1${path}`, { method, payload, bearer: scoped })).body, `${method} ${path}`).toMatchObject({
        status: 403,
        code: "out-of-scope",
      });
    expect((await ask("/api/v1/calls/c-1000", { method: "DELETE", bearer: scoped })).status).toBe(404);
    expect((await ask("/api/v1/meetings/3000/join-tokens", { method: "POST", bearer: scoped, payload: {} })).status).toBe(201);
    expect((await ask("/metrics", { bearer: scoped })).status).toBe(403);
    expect(gateway.callMap.size).toBe(2);
  });

  it("tokens are made, work at once, and end when they are deleted; an expired one says so", async () => {
    const made = (await ask("/api/v1/tokens", { method: "POST", payload: { name: "ci", role: "viewer", expiresInSeconds: 60 } })).body;
    expect(made).toMatchObject({ name: "ci", role: "viewer", meetings: null, source: "api" });
    expect((await ask("/api/v1/calls", { bearer: made.token })).status).toBe(200);
    const listed = (await ask("/api/v1/tokens")).body;
    expect(listed.map(({ name }: { name: string }) => name)).toEqual(["admin", "viewer", "scoped", "late", "ci"]);
    for (const secret of [token, viewer, scoped, made.token]) expect(JSON.stringify(listed)).not.toContain(secret);
    expect((await ask(`/api/v1/tokens/${made.id}`, { method: "DELETE" })).status).toBe(204);
    expect((await ask("/api/v1/calls", { bearer: made.token })).body).toMatchObject({ status: 401, code: "unauthorized" });
    expect((await ask(`/api/v1/tokens/${made.id}`, { method: "DELETE" })).body).toMatchObject({ status: 404, code: "no-such-token" });
    expect((await ask("/api/v1/tokens/admin", { method: "DELETE" })).body).toMatchObject({ status: 409, code: "token-of-configuration" });
    expect((await ask("/api/v1/calls", { bearer: "late-token-123456789" })).body).toMatchObject({ status: 401, code: "token-expired" });
    for (const payload of [{ name: "x" }, { name: "x", role: "root" }, { name: "x", role: "viewer", expiresAt: "2001-01-01T00:00:00Z" }])
      expect((await ask("/api/v1/tokens", { method: "POST", payload })).status).toBe(422);
  });
});

describe("wrong tokens", () => {
  const wrong = (more: Ask = {}) => ask("/api/v1/calls", { bearer: "guess-guess-guess", ...more });

  it("never lock out the right one, from the same address or behind the same proxy", async () => {
    const statuses = [];
    for (let i = 0; i < 12; i++) statuses.push((await wrong()).status);
    expect(statuses).toEqual([...Array(10).fill(401), 429, 429]);
    expect((await ask("/api/v1/calls")).status).toBe(200);
    expect((await ask("/api/v1/calls", { bearer: viewer })).status).toBe(200);
    expect(JSON.stringify(logged)).not.toContain("guess-guess");
    expect(logged).toHaveLength(10);
  });

  it("count by the client behind a trusted proxy, and by /64", async () => {
    const behind = (address: string) => ({ from: "10.0.0.1", headers: { "x-forwarded-for": `6.6.6.6, ${address}` } });
    for (let i = 0; i < 10; i++) await wrong(behind("198.51.100.7"));
    expect((await wrong(behind("198.51.100.7"))).status).toBe(429);
    expect((await wrong(behind("198.51.100.8"))).status).toBe(401);
    for (let i = 0; i < 10; i++) await wrong({ from: `2001:db8:1:2::${i}` });
    expect((await wrong({ from: "2001:db8:1:2:ffff::1" })).status).toBe(429);
    expect((await wrong({ from: "2001:db8:1:3::1" })).status).toBe(401);
    // nobody's word but the proxy's
    for (let i = 0; i < 10; i++) await wrong({ from: "203.0.113.5", headers: { "x-forwarded-for": `1.1.1.${i}` } });
    expect((await wrong({ from: "203.0.113.5", headers: { "x-forwarded-for": "1.1.1.99" } })).status).toBe(429);
  });

  it("in whatever form are refused with 401, a challenge and a stable code", async () => {
    for (const authorization of ["Bearer", "Bearer ", `Basic ${token}`, `Bearer ${token} x`, `Bearer  ${token}`, token]) {
      const { status, headers, body } = await ask("/api/v1/calls", { bearer: null, headers: { authorization } });
      expect([status, body.code], authorization).toEqual([401, "unauthorized"]);
      expect(headers["www-authenticate"]).toMatch(/^Bearer realm=/);
    }
  });
});

describe("/metrics", () => {
  it("is open to this machine, to tokens of either role, and to nobody else", async () => {
    expect((await ask("/metrics", { bearer: null, from: "127.0.0.1" })).status).toBe(200);
    expect((await ask("/metrics", { bearer: null, from: "::1" })).status).toBe(200);
    expect((await ask("/metrics", { bearer: null })).body).toMatchObject({ status: 401, code: "unauthorized" });
    for (const bearer of [token, viewer]) expect((await ask("/metrics", { bearer })).status).toBe(200);
    // a proxy that nobody has named, on this machine or not
    for (const [name, value] of [
      ["x-forwarded-for", "198.51.100.7"],
      ["forwarded", "for=198.51.100.7"],
      ["via", "1.1 proxy"],
    ] as const)
      expect((await ask("/metrics", { bearer: null, from: "127.0.0.1", headers: { [name]: value } })).status).toBe(401);
    const claimed = { "x-forwarded-for": "127.0.0.1" };
    expect((await ask("/metrics", { bearer: null, from: "203.0.113.5", headers: claimed })).status).toBe(401);
  });
});

describe("Host", () => {
  it.each([
    "gw.example",
    "GW.example:8080",
    "gw.example.",
    "a.lab.example",
    "localhost:8080",
    "192.0.2.1",
    "[2001:db8::1]:80",
    "127.0.0.1:1",
  ])("%s is one of ours", async (host) => {
    expect((await ask("/api/v1/health", { headers: { host } })).status).toBe(200);
  });

  it.each([
    "evil.example",
    "gw.example.evil.example",
    "lab.example",
    "a.b.lab.example",
    "localhost.evil.example",
    "evil.example:127.0.0.1",
    "user@gw.example",
    "127.0.0.1.nip.io",
    "[evil]",
    "gw.example:8080:1",
  ])("%s is not, whatever is asked for", async (host) => {
    for (const url of ["/", "/api/v1/health", "/api/v1/calls", "/metrics", "/nothing"])
      expect((await ask(url, { headers: { host }, from: "127.0.0.1" })).body, url).toMatchObject({ status: 421, code: "host-not-allowed" });
  });
});

describe("methods and bodies", () => {
  it("a wrong method is 405 with Allow, a wrong path 404, whatever body comes along", async () => {
    for (const [method, url, allow] of [
      ["PATCH", "/api/v1/calls", "GET, HEAD, POST"],
      ["DELETE", "/api/v1/meetings", "GET, HEAD, POST"],
      ["POST", "/api/v1/health", "GET, HEAD"],
      ["PUT", "/api/v1/meetings/1000/participants/p-1000/mute", "POST"],
      ["OPTIONS", "/api/v1/meetings/1000", "DELETE, GET, HEAD, PUT"],
      ["POST", "/", "GET, HEAD"],
      ["DELETE", "/metrics", "GET, HEAD"],
    ] as const) {
      for (const more of [{}, { payload: "nonsense", headers: { "content-type": "text/plain" } }, { bearer: null }]) {
        const { status, headers, body } = await ask(url, { method, ...more });
        expect([status, headers["allow"], body.code], `${method} ${url}`).toEqual([405, allow, "method-not-allowed"]);
      }
    }
    for (const url of ["/api/v1/", "/api/v1/nothing", "/api/v1/meetings/1000/", "/api/v1/meetings//participants", "/api/v2/calls"])
      expect((await ask(url, { method: "POST", payload: {} })).body, url).toMatchObject({ status: 404, code: "not-found" });
  });

  it("DELETE works with a JSON type, with a body, and with any other type", async () => {
    for (const [id, more] of [
      ["a", { headers: { "content-type": "application/json" } }],
      ["b", { payload: "{}", headers: { "content-type": "application/json" } }],
      ["c", { payload: "nonsense", headers: { "content-type": "application/json" } }],
      ["d", { payload: "x", headers: { "content-type": "text/plain" } }],
    ] as const) {
      gateway.callMap.set(id, callView(id));
      expect((await ask(`/api/v1/calls/${id}`, { method: "DELETE", ...more })).status, id).toBe(204);
    }
  });

  it("POST and PUT without a body are 400 and make nothing; actions need none", async () => {
    for (const headers of [{}, { "content-type": "application/json" }] as Record<string, string>[]) {
      for (const [method, url] of [
        ["POST", "/api/v1/meetings"],
        ["PUT", "/api/v1/meetings/1000"],
        ["POST", "/api/v1/calls"],
        ["POST", "/api/v1/tokens"],
        ["POST", "/api/v1/meetings/1000/join-tokens"],
      ] as const)
        expect((await ask(url, { method, headers })).body, url).toMatchObject({ status: 400, code: "body-required" });
      expect((await ask("/api/v1/meetings/1000/participants/p-1000/mute", { method: "POST", headers })).status).toBe(200);
    }
    expect(gateway.inputs).toEqual([]);
  });

  it("what is no HTTP path is a problem, too", async () => {
    const { status, headers, body } = await ask("/api/v1/meetings/%zz");
    expect([status, body.status, headers["x-content-type-options"]]).toEqual([400, 400, "nosniff"]);
  });
});

describe("headers", () => {
  it("tell browsers to stay on TLS where they are, at a trusted proxy too", async () => {
    const proto = { "x-forwarded-proto": "https" };
    expect((await ask("/", { from: "10.0.0.1", headers: proto })).headers["strict-transport-security"]).toBe("max-age=31536000");
    expect((await ask("/", { from: "192.0.2.1", headers: proto })).headers["strict-transport-security"]).toBeUndefined();
  });

  it("are on every answer", async () => {
    for (const [url, more] of [
      ["/", {}],
      ["/api/v1/health", {}],
      ["/api/v1/calls", { bearer: "wrong-wrong-wrong" }],
      ["/metrics", {}],
      ["/nothing", {}],
      ["/api/v1/calls", { method: "PATCH" }],
      ["/", { headers: { host: "evil.example" } }],
    ] as const) {
      const { headers } = await ask(url, more as Ask);
      expect(headers, url).toMatchObject({
        "content-security-policy": expect.stringMatching(/^default-src 'none';.*frame-ancestors 'none'/),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": expect.stringContaining("camera=()"),
      });
    }
  });
});
