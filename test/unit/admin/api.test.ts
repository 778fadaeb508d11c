import { Ajv2020 } from "ajv/dist/2020.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { routes } from "../../../src/admin/routes.ts";
import { type AdminServer, createAdminServer } from "../../../src/admin/server.ts";
import { CallTraces } from "../../../src/trace/index.ts";
import { callRecord, callView, FakeGateway, meetingView, participant } from "./fake-gateway.ts";

const token = "test-token-0123456789";
let gateway: FakeGateway;
let server: AdminServer;
let logged: string[];

beforeEach(() => {
  gateway = new FakeGateway();
  gateway.meetingMap.set("1000", meetingView("1000", { source: "configuration", participants: 2 }));
  gateway.people.push(participant("p1"), participant("p2", { state: "lobby", joinedAt: null, audio: null }));
  gateway.callMap.set("c1", callView("c1"));
  gateway.recordList.push(callRecord("r2"), callRecord("r1", { meetingId: "1000", outcome: "completed" }));
  logged = [];
  const log = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const traces = new CallTraces({ level: "headers", trunks: new Map(), keepMinutes: 1 });
  traces.begin({ id: "c1", trunk: null }, "sip:a");
  const at = { transport: "udp", local: "192.0.2.1:5060", remote: "192.0.2.7:5060", at: 1.5 };
  traces.add({ key: "sip:a", protocol: "sip", direction: "in", ...at, summary: "INVITE", head: "INVITE", body: null });
  server = createAdminServer({
    gateway,
    token,
    traces,
    joinTokens: { issue: (grant) => ({ ...grant, id: "t1", issuedAt: 0, token: "a.b.c" }), revoke: () => {}, rollKey: () => {} },
    version: "1.2.3",
    requestsPerSecond: 1000,
    log: { warn: log, error: log },
  });
});
afterEach(() => server.close());

type Method = "GET" | "POST" | "PUT" | "DELETE";
async function ask(method: Method, path: string, payload?: unknown, headers: Record<string, string> = {}) {
  const response = await server.inject({
    method,
    url: `/api/v1${path}`,
    headers: { authorization: `Bearer ${token}`, ...headers },
    ...(payload === undefined ? {} : { payload: payload as object }),
  });
  return { status: response.statusCode, headers: response.headers, body: response.body === "" ? undefined : JSON.parse(response.body) };
}

describe("who may ask", () => {
  it("needs the token everywhere but for health and the OpenAPI document", async () => {
    for (const route of routes) {
      const url = `/api/v1${route.path.replace(/\{\w+\}/g, "1")}`;
      const response = await server.inject({ method: route.method, url });
      if (route.open) expect(response.statusCode, url).toBe(200);
      else {
        expect(response.statusCode, url).toBe(401);
        expect(response.headers["www-authenticate"]).toMatch(/^Bearer/);
        expect(response.json()).toMatchObject({ status: 401, code: "unauthorized" });
      }
    }
  });

  it.each(["Bearer wrong", "Bearer", `Basic ${token}`, `Bearer ${token} x`, `Bearer ${token}x`, token])(
    "refuses %s",
    async (authorization) => {
      expect((await ask("GET", "/calls", undefined, { authorization })).status).toBe(401);
    },
  );

  it("tells nothing of tokens in the log, and slows guessing", async () => {
    for (let i = 0; i < 12; i++) await ask("GET", "/calls", undefined, { authorization: "Bearer guess-123" });
    expect((await ask("GET", "/calls", undefined, { authorization: "Bearer guess-123" })).status).toBe(429);
    expect(logged).toHaveLength(10);
    expect(logged.join()).not.toContain("guess-123");
  });

  it("answers 429 to a flood", async () => {
    const slow = createAdminServer({ gateway, token, version: "1", requestsPerSecond: 1, log: { warn() {}, error() {} } });
    const statuses = [];
    for (let i = 0; i < 6; i++)
      statuses.push((await slow.inject({ method: "GET", url: "/api/v1/calls", headers: { authorization: `Bearer ${token}` } })).statusCode);
    expect(statuses).toEqual([200, 200, 200, 200, 429, 429]);
    await slow.close();
  });
});

describe("the objects", () => {
  it("health is 503 when calls cannot be taken", async () => {
    expect(await ask("GET", "/health")).toMatchObject({ status: 200, body: { status: "ok", version: "1.2.3" } });
    gateway.status = "draining";
    expect(await ask("GET", "/health")).toMatchObject({ status: 503, body: { status: "draining" } });
  });

  it("calls are listed, shown, placed and ended", async () => {
    expect((await ask("GET", "/calls")).body).toHaveLength(1);
    expect((await ask("GET", "/calls/c1")).body.id).toBe("c1");
    expect((await ask("GET", "/calls/none")).status).toBe(404);
    const placed = await ask("POST", "/calls", { uri: "sip:bob@example.com", meetingId: "1000" });
    expect(placed).toMatchObject({ status: 201, headers: { location: "/api/v1/calls/out-1" }, body: { direction: "out" } });
    expect((await ask("POST", "/calls", { uri: "mailto:bob@example.com", meetingId: "1000" })).body.errors[0].path).toBe("uri");
    expect((await ask("POST", "/calls", { uri: "sip:bob@example.com", meetingId: "9" })).status).toBe(404);
    expect((await ask("DELETE", "/calls/c1")).status).toBe(204);
    expect((await ask("DELETE", "/calls/c1")).status).toBe(404);
  });

  it("meetings are made, changed and removed; PINs go in and never come out", async () => {
    const made = await ask("POST", "/meetings", { id: "77", name: "New", guestPin: "4711", lobby: true });
    expect(made).toMatchObject({
      status: 201,
      headers: { location: "/api/v1/meetings/77" },
      body: { id: "77", hasGuestPin: true, lobby: true },
    });
    expect(JSON.stringify(made.body)).not.toContain("4711");
    expect(gateway.inputs[0]).toEqual({ id: "77", name: "New", guestPin: "4711", lobby: true });
    expect((await ask("POST", "/meetings", { id: "77" })).status).toBe(409);
    expect((await ask("PUT", "/meetings/77", { locked: true, guestPin: null })).body).toMatchObject({ locked: true, hasGuestPin: false });
    expect((await ask("PUT", "/meetings/77", { id: "78" })).status).toBe(409);
    expect((await ask("PUT", "/meetings/none", {})).status).toBe(404);
    expect((await ask("GET", "/meetings")).body).toHaveLength(2);
    expect((await ask("DELETE", "/meetings/77")).status).toBe(204);
    expect((await ask("GET", "/meetings/77")).status).toBe(404);
  });

  it("wrong fields are told, each, without their value", async () => {
    const { status, body } = await ask("POST", "/meetings", { id: "a b", guestPin: "12", hostPin: 98765432, colour: "red" });
    expect(status).toBe(422);
    expect(body.errors.map((error: { path: string }) => error.path).sort()).toEqual(["", "guestPin", "hostPin", "id"]);
    expect(JSON.stringify(body)).not.toContain("98765432");
  });

  it("participants are admitted, muted and removed", async () => {
    const path = "/meetings/1000/participants";
    expect((await ask("GET", path)).body.map((p: { id: string }) => p.id)).toEqual(["p1", "p2"]);
    expect((await ask("POST", `${path}/p2/admit`)).body.state).toBe("joined");
    expect((await ask("POST", `${path}/p2/admit`)).status).toBe(409);
    expect((await ask("POST", `${path}/p1/mute`)).body.muted).toBe(true);
    expect((await ask("POST", `${path}/p1/unmute`)).body.muted).toBe(false);
    expect((await ask("POST", `${path}/p1/remove`)).body.state).toBe("left");
    expect((await ask("POST", `${path}/none/mute`)).status).toBe(404);
    expect((await ask("POST", `${path}/p1/explode`)).status).toBe(404);
    expect((await ask("GET", "/meetings/none/participants")).status).toBe(404);
  });

  it("records are filtered, and a wrong filter is told", async () => {
    expect((await ask("GET", "/records?limit=1")).body.map((r: { id: string }) => r.id)).toEqual(["r2"]);
    expect((await ask("GET", "/records?meetingId=1000")).body.map((r: { id: string }) => r.id)).toEqual(["r1"]);
    expect((await ask("GET", "/records?limit=0")).status).toBe(422);
    expect((await ask("GET", "/records?outcome=odd")).status).toBe(422);
  });
});

describe("bad requests", () => {
  it("are problems, not crashes", async () => {
    const send = (payload: string, type = "application/json") =>
      server.inject({
        method: "POST",
        url: "/api/v1/meetings",
        headers: { authorization: `Bearer ${token}`, "content-type": type },
        payload,
      });
    for (const [response, status] of [
      [await send("{"), 400],
      [await send("[]"), 422],
      [await send("{}", "text/plain"), 415],
      [await send(JSON.stringify({ name: "x".repeat(70_000) })), 413],
      [await send('{"__proto__":{"a":1}}'), 400],
      [await server.inject({ method: "GET", url: "/api/v1/nothing" }), 404],
      [await server.inject({ method: "PATCH", url: "/api/v1/calls" }), 405],
    ] as const) {
      expect(response.statusCode, response.body).toBe(status);
      expect(response.headers["content-type"]).toBe("application/problem+json");
      expect(response.json()).toMatchObject({ status, type: "about:blank" });
    }
  });

  it("a fault inside tells no details outside", async () => {
    gateway.calls = () => {
      throw new Error("secret detail");
    };
    const { status, body } = await ask("GET", "/calls");
    expect(status).toBe(500);
    expect(JSON.stringify(body)).not.toContain("secret detail");
    expect(logged).toHaveLength(1);
  });

  it("serves the console's files, and says when they are the same as before", async () => {
    for (const [url, type] of [
      ["/", "text/html"],
      ["/console.js", "text/javascript"],
      ["/console.css", "text/css"],
      ["/look.css", "text/css"],
    ] as const) {
      const { statusCode, headers, body } = await server.inject({ method: "GET", url });
      expect([statusCode, headers["content-type"], body.length > 0], url).toEqual([200, `${type}; charset=utf-8`, true]);
      const again = await server.inject({ method: "GET", url, headers: { "if-none-match": headers.etag as string } });
      expect([again.statusCode, again.body], url).toEqual([304, ""]);
    }
  });

  it("every answer has the security headers", async () => {
    for (const url of ["/", "/console.js", "/api/v1/health", "/nothing"]) {
      const { headers } = await server.inject({ method: "GET", url });
      expect(headers["content-security-policy"], url).toContain("default-src 'none'");
      expect(headers["x-content-type-options"]).toBe("nosniff");
    }
  });
});

describe("the OpenAPI document", () => {
  it("names every route the server has, and the answers are what it says", async () => {
    await ask("POST", "/meetings", { id: "88" });
    const document = (await ask("GET", "/openapi.json")).body;
    expect(document.openapi).toBe("3.1.0");
    const ajv = new Ajv2020({ strict: false });
    ajv.addSchema(document, "doc");
    const ids = { callId: "c1", meetingId: "1000", participantId: "p2", recordId: "r1", address: "192.0.2.1" } as Record<string, string>;
    const bodies: Record<string, unknown> = {
      setCallTrace: { level: "full" },
      dialOut: { uri: "sip:a@b.example", meetingId: "1000" },
      createBan: { address: "192.0.2.1" },
      createMeeting: { name: "x" },
      updateMeeting: { lobby: true },
      createJoinToken: { role: "host" },
      createToken: { name: "ci", role: "viewer" },
    };
    let checked = 0;
    // What removes things comes last.
    for (const route of [...routes].sort((a, b) => Number(a.method === "DELETE") - Number(b.method === "DELETE"))) {
      const method = route.method.toLowerCase();
      const operation = document.paths[route.path]?.[method];
      expect(operation?.operationId, route.path).toBe(route.id);
      expect(operation.responses[route.status]).toBeDefined();
      if (!route.answer) continue;
      const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) => ids[name]!);
      const { status, body } = await ask(route.method, path, bodies[route.id]);
      expect(status, `${route.method} ${path}: ${JSON.stringify(body)}`).toBe(route.status);
      const pointer = `doc#/paths/${route.path.replaceAll("/", "~1")}/${method}/responses/${route.status}/content/application~1json/schema`;
      const validate = ajv.getSchema(encodeURI(pointer))!;
      expect(validate(body), `${route.id}: ${ajv.errorsText(validate.errors)}`).toBe(true);
      checked++;
    }
    expect(checked).toBeGreaterThanOrEqual(14);
    const operations = Object.values(document.paths).flatMap((item) => Object.keys(item as object));
    expect(operations).toHaveLength(routes.length);
  });
});

describe("join tokens", () => {
  const issued: unknown[] = [];
  const revoked: string[] = [];
  beforeEach(() => {
    issued.length = revoked.length = 0;
  });

  const withTokens = (joinTokens: Parameters<typeof createAdminServer>[0]["joinTokens"]) =>
    createAdminServer({ gateway, token, joinTokens, version: "1", requestsPerSecond: 1000, log: { warn() {}, error() {} } });
  const tokens = {
    issue: (grant: { meeting: string; name: string | null; role: "host" | "guest"; expiresAt: number }) => {
      issued.push(grant);
      return { ...grant, id: "t1", issuedAt: 0, token: "a.b.c" };
    },
    revoke: (meeting: string) => void revoked.push(meeting),
    rollKey: () => void revoked.push("all"),
  };

  it("are signed for meetings that browsers can join, and say what they are", async () => {
    const one = withTokens(tokens);
    const make = (id: string, payload: object) =>
      one.inject({ method: "POST", url: `/api/v1/meetings/${id}/join-tokens`, headers: { authorization: `Bearer ${token}` }, payload });
    const before = Date.now();
    const made = await make("1000", { name: "Ada", role: "host", expiresInSeconds: 60 });
    expect(made.statusCode).toBe(201);
    expect(made.json()).toMatchObject({ id: "t1", token: "a.b.c", meetingId: "1000", name: "Ada", role: "host" });
    expect(made.json().path).toBe("/meeting#meeting=1000&name=Ada&token=a.b.c");
    const left = Date.parse(made.json().expiresAt) - before;
    expect(left).toBeGreaterThanOrEqual(60_000);
    expect(left).toBeLessThan(90_000);
    expect((await make("1000", {})).json()).toMatchObject({ name: null, role: "guest" });
    expect((await make("1000", { expiresAt: new Date(before + 5000).toISOString() })).json().expiresAt).toBe(
      new Date(before + 5000).toISOString(),
    );
    for (const [id, payload, status] of [
      ["none", {}, 404],
      ["1000", { role: "operator" }, 422],
      ["1000", { expiresInSeconds: 0 }, 422],
      ["1000", { expiresAt: "2001-01-01T00:00:00Z" }, 422],
      ["1000", { expiresAt: "2999-01-01T00:00:00Z" }, 422],
      ["1000", { expiresAt: new Date(before + 5000).toISOString(), expiresInSeconds: 5 }, 422],
      ["1000", { name: "a\nb" }, 422],
      ["1000", { meeting: "3000" }, 422],
    ] as const)
      expect((await make(id, payload)).statusCode, JSON.stringify(payload)).toBe(status);
    gateway.meetingMap.set("4000", meetingView("4000", { endToEndEncrypted: true }));
    expect((await make("4000", {})).json()).toMatchObject({ status: 409, code: "end-to-end-encrypted" });
    expect(issued).toHaveLength(3);
    await one.close();
  });

  it("are revoked by meeting and all together, and are not made where there is no page", async () => {
    const one = withTokens(tokens);
    const headers = { authorization: `Bearer ${token}` };
    expect((await one.inject({ method: "DELETE", url: "/api/v1/meetings/1000/join-tokens", headers })).statusCode).toBe(204);
    expect((await one.inject({ method: "DELETE", url: "/api/v1/meetings/none/join-tokens", headers })).statusCode).toBe(404);
    expect((await one.inject({ method: "DELETE", url: "/api/v1/join-tokens", headers })).statusCode).toBe(204);
    expect(revoked).toEqual(["1000", "all"]);
    const none = withTokens(null);
    const refused = await none.inject({ method: "POST", url: "/api/v1/meetings/1000/join-tokens", headers, payload: {} });
    expect(refused.json()).toMatchObject({ status: 409, code: "no-meeting-page" });
    await Promise.all([one.close(), none.close()]);
  });
});
