import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AdminServer, createAdminServer } from "../../../src/admin/server.ts";
import { callRecord, callView, FakeGateway, meetingView, participant } from "./fake-gateway.ts";

const token = "test-token-0123456789";
let gateway: FakeGateway;
let server: AdminServer;

beforeEach(() => {
  gateway = new FakeGateway();
  for (let i = 0; i < 7; i++) {
    gateway.meetingMap.set(`m${i}`, meetingView(`m${i}`));
    gateway.callMap.set(`c${i}`, callView(`c${i}`));
    gateway.people.push(participant(`p${i}`, { meetingId: "m0" }));
    gateway.recordList.push(callRecord(`r${i}`));
  }
  server = createAdminServer({ gateway, token, version: "1", requestsPerSecond: 1000, log: { warn() {}, error() {} } });
});
afterEach(() => server.close());

async function ask(method: "GET" | "POST" | "DELETE" | "PUT", path: string, payload?: object, headers: Record<string, string> = {}) {
  const url = path.startsWith("/api/") ? path : `/api/v1${path}`;
  const all = { authorization: `Bearer ${token}`, ...headers };
  const response = await server.inject({ method, url, headers: all, ...(payload === undefined ? {} : { payload }) });
  return { status: response.statusCode, headers: response.headers, body: response.body === "" ? undefined : JSON.parse(response.body) };
}
const ids = (list: { id: string }[]) => list.map(({ id }) => id);

describe("lists", () => {
  it.each([
    ["/calls", "c"],
    ["/meetings", "m"],
    ["/meetings/m0/participants", "p"],
    ["/participants", "p"],
    ["/records", "r"],
  ])("%s is paged with a cursor and a total, and whole without", async (path, letter) => {
    const all = Array.from({ length: 7 }, (_, i) => `${letter}${i}`);
    const whole = await ask("GET", path);
    expect([ids(whole.body), whole.headers["x-total-count"], whole.headers["link"]]).toEqual([all, "7", undefined]);
    const seen: string[][] = [];
    let next: string | undefined = `${path}?limit=3`;
    while (next !== undefined) {
      const { body, headers } = await ask("GET", next);
      seen.push(ids(body));
      expect(headers["x-total-count"]).toBe("7");
      next = /^<(.*)>; rel="next"$/.exec((headers["link"] as string | undefined) ?? "")?.[1];
      expect(next === undefined).toBe(headers["x-next-cursor"] === undefined);
    }
    expect(seen).toEqual([all.slice(0, 3), all.slice(3, 6), all.slice(6)]);
    for (const cursor of ["nonsense", "%00", "MTI"])
      expect((await ask("GET", `${path}?cursor=${cursor}`)).body).toMatchObject({ status: 400, code: "invalid-cursor" });
    for (const limit of ["0", "-1", "1001", "x"]) expect((await ask("GET", `${path}?limit=${limit}`)).status, limit).toBe(422);
  });

  it("goes on where it was when the last entry of the page before has gone", async () => {
    const { headers } = await ask("GET", "/calls?limit=3");
    gateway.callMap.delete("c2");
    expect(ids((await ask("GET", `/calls?limit=2&cursor=${headers["x-next-cursor"]}`)).body)).toEqual(["c3", "c4"]);
  });

  it("records: before is a record or a time, anything else is 400", async () => {
    expect(ids((await ask("GET", "/records?before=r4")).body)).toEqual(["r5", "r6"]);
    expect((await ask("GET", "/records?before=2026-01-01T00:00:00Z")).status).toBe(200);
    for (const before of ["nonsense", "2026-13-45T99:00:00Z", "r99", "8", "2026"])
      expect((await ask("GET", `/records?before=${before}`)).body, before).toMatchObject({ status: 400, code: "invalid-cursor" });
    expect((await ask("GET", "/records/r3")).body.id).toBe("r3");
    expect((await ask("GET", "/records/none")).body).toMatchObject({ status: 404, code: "no-such-record" });
  });
});

describe("codes", () => {
  it("of what is not there are the same whatever the method", async () => {
    for (const [method, path] of [
      ["GET", "/calls/none"],
      ["DELETE", "/calls/none"],
    ] as const)
      expect((await ask(method, path)).body, `${method} ${path}`).toMatchObject({ status: 404, code: "no-such-call" });
    for (const path of ["/meetings/none", "/meetings/none/participants"])
      expect((await ask("GET", path)).body, path).toMatchObject({ status: 404, code: "no-such-meeting" });
    for (const [method, path] of [
      ["POST", "/meetings/none/join-tokens"],
      ["DELETE", "/meetings/none/join-tokens"],
    ] as const)
      expect((await ask(method, path, method === "POST" ? {} : undefined)).body, path).toMatchObject({
        status: 404,
        code: "no-such-meeting",
      });
  });
});

describe("Idempotency-Key", () => {
  const make = (key: string, payload: object) => ask("POST", "/meetings", payload, { "idempotency-key": key });

  it("carries a repeated request out once, at the same time too", async () => {
    const [first, second] = await Promise.all([make("k1", { id: "new" }), make("k1", { id: "new" })]);
    const third = await make("k1", { id: "new" });
    expect([first.status, second.status, third.status]).toEqual([201, 201, 201]);
    expect(third.body).toEqual(first.body);
    expect([first, second, third].map(({ headers }) => [headers["location"], headers["idempotency-replayed"]])).toEqual([
      ["/api/v1/meetings/new", undefined],
      ["/api/v1/meetings/new", "true"],
      ["/api/v1/meetings/new", "true"],
    ]);
    expect(gateway.inputs).toHaveLength(1);
    expect((await make("k2", { id: "new" })).status).toBe(409);
  });

  it("is of one request: another with the same key is refused", async () => {
    await make("k1", { id: "new" });
    expect((await make("k1", { id: "other" })).body).toMatchObject({ status: 422, code: "idempotency-key-reused" });
    expect((await make("x".repeat(256), { id: "other" })).body).toMatchObject({ status: 400, code: "invalid-idempotency-key" });
    expect(gateway.meetingMap.has("other")).toBe(false);
  });

  it("keeps no failure, and gives a token once more to who lost its answer", async () => {
    gateway.meetingMap.set("taken", meetingView("taken"));
    expect((await make("k1", { id: "taken" })).status).toBe(409);
    gateway.meetingMap.delete("taken");
    expect((await make("k1", { id: "taken" })).status).toBe(201);
    const token = () => ask("POST", "/tokens", { name: "ci", role: "viewer" }, { "idempotency-key": "k3" });
    expect((await token()).body.token).toBe((await token()).body.token);
    expect((await ask("GET", "/tokens")).body).toHaveLength(2);
  });
});
